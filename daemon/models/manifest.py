"""The manifest of a version, written last: with it the directory is complete. Without numpy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from daemon.durable import sync
from daemon.models.registry import MANIFEST

#: Rises when a member of the manifest changes its meaning or goes away.
SCHEMA_VERSION = 1


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object as UTF-8 JSON, in the order of its members; the same object gives the same bytes."""
    path.write_text(
        json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote."""
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def list_files(directory: Path) -> dict[str, dict[str, Any]]:
    """Size in bytes and SHA-256 of every file below a directory, by its path from there, sorted."""
    files = {}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        files[path.relative_to(directory).as_posix()] = {
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    return files


def complete_version(directory: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of a directory of artefacts, and bring all of it to the disk.

    Parameters
    ----------
    directory : Path
        Holds every other file of the version, and nothing else.
    manifest : dict
        Everything to say of the version but its files.

    Returns
    -------
    dict
        The manifest as written: ``schemaVersion`` first, ``files`` (name to size and SHA-256) last.
    """
    written = {"schemaVersion": SCHEMA_VERSION, **manifest, "files": list_files(directory)}
    write_json(directory / MANIFEST, written)
    for path in [*directory.rglob("*"), directory]:
        sync(path)
    return written
