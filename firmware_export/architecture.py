"""What a firmware's code depends on, in sixteen bytes: slots take parameters of their own architecture."""

from __future__ import annotations

import hashlib
import re

from firmware_export.blob import ARCHITECTURE_SIZE
from firmware_export.layout import without_parameters


def architecture(source: str, name: str) -> bytes:
    """Digest of a model's code.

    It is that of the text without comments, the parameters' values, the model's own name, its labels and the
    breaks of lines: two trainings whose code is the same have the same digest, and only they.

    Parameters
    ----------
    source : str
        The text of ``<name>.c``.
    name : str
        The model's identifier.
    """
    text = without_parameters(source, name)
    text = re.sub(rf"\b{name}_", "model_", re.sub(rf"\b{name.upper()}_", "MODEL_", text))
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    # Only spaces that part two words tell anything.
    text = re.sub(r"\s*(\W)\s*", r"\1", re.sub(r"[ \t]+", " ", text))
    return hashlib.sha256(text.encode()).digest()[:ARCHITECTURE_SIZE]
