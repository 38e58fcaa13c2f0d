"""An Arduino library as a zip file that the IDE installs, with the self-test as its example sketch."""

from __future__ import annotations

from firmware_export.packages.archive import archive
from firmware_export.packages.model import PackagedModel, readme, self_test


def files(model: PackagedModel) -> dict[str, bytes]:
    """One zip file."""
    library = {f"{model.name}/{path}": text.encode() for path, text in library_files(model).items()}
    return {f"{model.name}.zip": archive(library)}


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
