"""An Arduino library as a zip file that the IDE installs, with the self-test as its example sketch."""

from __future__ import annotations

import io
import zipfile

from firmware_export.packages.model import PackagedModel, facts


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
sentence=An int8 neural network as C, equal bit for bit to TensorFlow Lite Micro.
paragraph={model.figures.macs} multiplications an inference, {model.figures.scratch} bytes of scratch.
category=Data Processing
url=https://github.com/
architectures=*
includes={name}.h
"""
    functions = "\n".join(
        f"{name}_{what}\tKEYWORD2" for what in ("invoke", "quantize", "dequantize", "label")
    )
    return {
        "library.properties": properties,
        "keywords.txt": functions + "\n",
        "README.md": facts(model),
        f"src/{name}.h": model.header,
        f"src/{name}.c": model.source,
        f"examples/SelfTest/{name}_test_vectors.h": model.vectors,
        "examples/SelfTest/SelfTest.ino": _sketch(name),
    }


def _sketch(name: str) -> str:
    upper = name.upper()
    return f"""// Runs the test vectors of {name}: every output must be right, bit for bit.
#include <{name}.h>

#include "{name}_test_vectors.h"

static int8_t output[{upper}_OUTPUT_LEN];
static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];

void setup() {{
  Serial.begin(115200);
  int failures = 0;
  for (int row = 0; row < {upper}_TEST_VECTORS; row++) {{
    int wrong = {name}_invoke({name}_test_inputs[row], output, scratch) != 0;
    for (size_t i = 0; i < {upper}_OUTPUT_LEN; i++) wrong |= output[i] != {name}_test_outputs[row][i];
    failures += wrong;
  }}
  Serial.print(failures);
  Serial.println(" test vectors failed");
}}

void loop() {{}}
"""
