"""Scores of the exported C, compiled for this machine."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class CompiledC:
    """The exported C of one model, compiled.

    Parameters
    ----------
    code_bytes : int
        Code, constants and data of the object file, compiled with ``-Os``.
    scores : ndarray of float32, shape (rows,)
        What it gives for the rows.
    """

    code_bytes: int
    scores: npt.NDArray[np.float32]


def compile_and_score(source: Path, build_dir: Path, rows: npt.NDArray[np.float32]) -> CompiledC | None:
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
    CompiledC or None
        None where this machine has no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    name = source.stem
    build_dir.mkdir(exist_ok=True)
    library = build_dir / f"{name}.so"
    flags = [compiler, "-std=c99", "-Os", "-fPIC"]
    subprocess.run([*flags, "-shared", str(source), "-o", str(library), "-lm"], check=True)
    score = getattr(ctypes.CDLL(str(library)), f"{name}_score")
    score.restype = ctypes.c_float
    pointer = ctypes.POINTER(ctypes.c_float)
    score.argtypes = [pointer]
    rows = np.ascontiguousarray(rows, np.float32)
    scores = np.array([score(row.ctypes.data_as(pointer)) for row in rows], np.float32)
    return CompiledC(_code_bytes(flags, source, library.with_suffix(".o")), scores)


def _code_bytes(flags: list[str], source: Path, target: Path) -> int:
    """Bytes that the object file puts into memory."""
    subprocess.run([*flags, "-c", str(source), "-o", str(target)], check=True)
    size = shutil.which("size")
    if size is None:
        return target.stat().st_size
    listing = subprocess.run([size, str(target)], check=True, capture_output=True, text=True).stdout
    text, data, bss = map(int, re.findall(r"\d+", listing.splitlines()[1])[:3])
    return text + data + bss
