"""Scores of the exported C, compiled for this machine."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt


def compile_and_score(
    source: Path, build_dir: Path, rows: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    """Compile ``<name>.c`` and score rows through ``<name>_score``.

    Parameters
    ----------
    source : Path
        The exported C file.
    build_dir : Path
        Where the compiled files go.
    rows : ndarray of float32, shape (n, inputs)
        Features in the order of the model's axes.

    Returns
    -------
    ndarray of float32, shape (n,), or None
        The scores; None where this machine has no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    name = source.stem
    build_dir.mkdir(exist_ok=True)
    library = build_dir / f"{name}.so"
    command = [compiler, "-std=c99", "-O2", "-fPIC", "-shared", str(source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    score = getattr(ctypes.CDLL(str(library)), f"{name}_score")
    score.restype = ctypes.c_float
    pointer = ctypes.POINTER(ctypes.c_float)
    score.argtypes = [pointer]
    rows = np.ascontiguousarray(rows, np.float32)
    return np.array([score(row.ctypes.data_as(pointer)) for row in rows], np.float32)
