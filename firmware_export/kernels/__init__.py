"""Hand-written C99, one operator a file; ``model_`` and ``MODEL_`` stand for a model's own prefix."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parent


def kernel(operator: str, prefix: str) -> str:
    """The C of an operator.

    Parameters
    ----------
    operator : str
        Name of the file, without its suffix.
    prefix : str
        The model's identifier; every symbol and macro of the operator begins with it.
    """
    text = (_FOLDER / f"{operator}.c").read_text(encoding="utf-8")
    text = re.sub(r"\bMODEL_", f"{prefix.upper()}_", text)
    return re.sub(r"\bmodel_", f"{prefix}_", text)
