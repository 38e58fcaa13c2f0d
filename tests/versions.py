"""What must be true of the versions in a state directory at any moment, whatever was killed when."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def visible_versions(state_dir: Path) -> dict[tuple[int, int], list[int]]:
    """Project and learn block to the numbers of their versions."""
    found: dict[tuple[int, int], list[int]] = {}
    for path in state_dir.glob("projects/*/models/*/[0-9]*"):
        found.setdefault((int(path.parts[-4]), int(path.parts[-2])), []).append(int(path.name))
    return {block: sorted(numbers) for block, numbers in found.items()}


def half_written(state_dir: Path) -> list[str]:
    """Everything that is wrong with the versions that can be seen: missing, cut or foreign files."""
    problems = []
    for directory in state_dir.glob("projects/*/models/*/[0-9]*"):
        try:
            manifest = json.loads((directory / "manifest.json").read_bytes())
        except (OSError, ValueError) as error:
            problems.append(f"{directory}: {error}")
            continue
        present = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()} - {
            "manifest.json"
        }
        if present != set(manifest["files"]):
            problems.append(f"{directory} holds {sorted(present)}, not {sorted(manifest['files'])}")
            continue
        for name, stated in manifest["files"].items():
            content = (directory / name).read_bytes()
            if (len(content), hashlib.sha256(content).hexdigest()) != (stated["size"], stated["sha256"]):
                problems.append(f"{directory / name} is not what the manifest says")
    links = state_dir.glob("projects/*/models/*/current")
    return problems + [f"{link} leads nowhere" for link in links if not (link / "manifest.json").is_file()]
