"""An Arduino library as a zip file that the IDE installs, with the self-test as its example sketch."""

from __future__ import annotations

import io
import zipfile

from firmware_export.packages.model import PackagedModel, readme, self_test


def files(model: PackagedModel) -> dict[str, bytes]:
    """One zip file, the same bytes each time."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(library_files(model).items()):
            entry = zipfile.ZipInfo(f"{model.name}/{path}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return {f"{model.name}.zip": memory.getvalue()}


def library_files(model: PackagedModel) -> dict[str, str]:
    """The library's files by their relative names."""
    name = model.name
    properties = f"""name={name}
version=1.0.0
author=trainerd
maintainer=trainerd
sentence={model.sentence}.
paragraph={model.figures.macs} multiplications an inference, {model.figures.scratch} bytes of scratch.
category=Data Processing
url=https://github.com/
architectures=*
includes={name}.h
"""
    functions = "".join(f"{function}\tKEYWORD2\n" for function in model.functions)
    sketch = f"""void setup() {{
  Serial.begin(115200);
  Serial.print({name}_self_test());
  Serial.println(" test vectors failed");
}}

void loop() {{}}
"""
    return {
        "library.properties": properties,
        "keywords.txt": functions,
        "README.md": readme(model),
        f"src/{name}.h": model.header,
        f"src/{name}.c": model.source,
        f"examples/SelfTest/{name}_test_vectors.h": model.vectors,
        "examples/SelfTest/SelfTest.ino": self_test(model, report=f"#include <{name}.h>\n", main=sketch),
    }
