"""The bare files, without a build."""

from __future__ import annotations

from firmware_export.errors import UnsupportedModel
from firmware_export.packages.model import PackagedModel


def files(model: PackagedModel) -> dict[str, bytes]:
    """Header, source, test vectors."""
    return {
        f"{model.name}.h": model.header.encode(),
        f"{model.name}.c": model.source.encode(),
        f"{model.name}_test_vectors.h": model.vectors.encode(),
    }


def tflm_files(model: PackagedModel) -> dict[str, bytes]:
    """The .tflite file as an array.

    Raises
    ------
    UnsupportedModel
        The model is no .tflite file.
    """
    if model.tflite is None:
        raise UnsupportedModel("tflm takes .tflite files, and this model is none: use another format")
    header, text = model.tflite
    return {f"{model.name}_tflite.h": header.encode(), f"{model.name}_tflite.c": text.encode()}
