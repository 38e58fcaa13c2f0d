"""A version in short: what is published and listed of it."""

from __future__ import annotations

from typing import Any

#: Members of the manifest that a summary has.
_MEMBERS = ("version", "jobId", "projectId", "learnId", "type", "name", "created", "threshold", "metrics")


def model_summary(manifest: dict[str, Any]) -> dict[str, Any]:
    """The members of a manifest that a list or a topic shows, and the names and sizes of its files."""
    short = {name: manifest[name] for name in _MEMBERS if name in manifest}
    return {**short, "files": {name: file["size"] for name, file in manifest["files"].items()}}
