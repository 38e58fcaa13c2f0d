"""Scores of the exported C, compiled for this machine."""

from __future__ import annotations

import ctypes
import re
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
    library = _compile(source, build_dir)
    if library is None:
        return None
    score = getattr(library, f"{source.stem}_score")
    score.restype = ctypes.c_float
    pointer = ctypes.POINTER(ctypes.c_float)
    score.argtypes = [pointer]
    rows = np.ascontiguousarray(rows, np.float32)
    return np.array([score(row.ctypes.data_as(pointer)) for row in rows], np.float32)


def compile_and_classify(
    source: Path, build_dir: Path, rows: npt.NDArray[np.float32], outputs: int
) -> npt.NDArray[np.int8] | None:
    """Compile ``<name>.c`` of a network and put rows through ``<name>_quantize`` and ``<name>_invoke``.

    Parameters
    ----------
    source : Path
        The exported C file, its header beside it.
    build_dir : Path
        Where the compiled files go.
    rows : ndarray of float32, shape (n, inputs)
        Inputs of the network.
    outputs : int
        How many it has.

    Returns
    -------
    ndarray of int8, shape (n, outputs), or None
        What it answers; None where this machine has no C compiler.
    """
    library = _compile(source, build_dir)
    if library is None:
        return None
    name = source.stem
    macro = rf"^#define {name.upper()}_SCRATCH_BYTES (\d+)"
    found = re.search(macro, source.with_suffix(".h").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    scratch = (ctypes.c_int64 * (int(found[1]) // 8 + 1))()
    floats, integers = ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_int8)
    quantize, invoke = getattr(library, f"{name}_quantize"), getattr(library, f"{name}_invoke")
    quantize.argtypes, quantize.restype = [floats, integers], None
    invoke.argtypes, invoke.restype = [integers, integers, ctypes.c_void_p], ctypes.c_int
    rows = np.ascontiguousarray(rows, np.float32)
    inputs, answers = np.empty(rows.shape, np.int8), np.empty((len(rows), outputs), np.int8)
    for row, values, answer in zip(rows, inputs, answers, strict=True):
        quantize(row.ctypes.data_as(floats), values.ctypes.data_as(integers))
        if status := invoke(values.ctypes.data_as(integers), answer.ctypes.data_as(integers), scratch):
            raise RuntimeError(f"{name}_invoke() gave {status}")
    return answers


def _compile(source: Path, build_dir: Path) -> ctypes.CDLL | None:
    """A C file as a library of this process; None where this machine has no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    build_dir.mkdir(exist_ok=True)
    library = build_dir / f"{source.stem}.so"
    command = [compiler, "-std=c99", "-O2", "-fPIC", "-shared", str(source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))
