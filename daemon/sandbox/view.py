"""What code behind the walls sees of the file system: an interpreter with its libraries, and a scratch."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

#: Where the system keeps programs and libraries; links on newer systems.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
#: Without these libraries are not found, and times have no zone.
_SINGLE_FILES = ("/etc/ld.so.cache", "/etc/localtime")

_PACKAGES = ("daemon", "firmware_export")

#: Devices that give nothing away.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

#: Where the scratch directory appears behind walls that hide the real one.
SCRATCH = Path("/tmp")  # noqa: S108


def readable_paths(more: Iterable[Path] = ()) -> list[Path]:
    """Everything that may be read, outermost first, each once.

    Parameters
    ----------
    more : iterable of Path
        Further directories and files.
    """
    wanted = [
        *map(Path, (*_SYSTEM, *_SINGLE_FILES, sys.base_prefix, sys.prefix)),
        *(place for name in _PACKAGES for place in _package(name)),
        *more,
    ]
    kept: list[Path] = []
    for path in sorted(set(wanted), key=lambda path: len(path.parts)):
        if path.exists() and not any(outer == path or outer in path.parents for outer in kept):
            kept.append(path)
    return kept


def _package(name: str) -> list[Path]:
    found = find_spec(name)
    return [Path(place) for place in (found and found.submodule_search_locations) or ()]


def environment(scratch: Path, threads: int) -> dict[str, str]:
    """All that the code behind the walls finds in its environment.

    Parameters
    ----------
    scratch : Path
        Its home and the place for its files.
    threads : int
        Threads of numeric libraries.
    """
    caps = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # Each further arena of glibc reserves address space that is counted.
        "MALLOC_ARENA_MAX": "2",
        # Keras 2 is what the tools that quantize understand; TensorFlow's chatter is nobody's business.
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **dict.fromkeys(caps, str(threads)),
    }
