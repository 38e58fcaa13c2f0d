"""Runs `trainerd` as a person would: as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: An impulse for a feature table, with one learn block of each kind.
IMPULSE = {
    "inputBlocks": [{"id": 1, "type": "features", "name": "table", "title": "Table"}],
    "dspBlocks": [{"id": 2, "type": "raw", "name": "raw", "title": "Raw", "input": 1}],
    "learnBlocks": [
        {"id": 7, "type": "anomaly", "name": "kmeans", "title": "K-means", "dsp": [2]},
        {"id": 8, "type": "anomaly-gmm", "name": "gmm", "title": "GMM", "dsp": [2]},
    ],
}


def trainerd(
    *arguments: str | Path,
    config: Path | None = None,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command and wait for its end; `config` becomes its ``--config``."""
    given = [str(argument) for argument in arguments]
    if config is not None:
        given += ["--config", str(config)]
    return subprocess.run(
        [sys.executable, "-m", "daemon", *given],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


def result_of(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a command with ``--json`` printed; it must have succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_table(path: Path, rows: int = 300) -> Path:
    """A feature table of three columns, the same each time."""
    lines = [f"{row % 7},{row * 3 % 11},{row % 5 + row / 1000}" for row in range(rows)]
    path.write_text("a,b,c\n" + "\n".join(lines) + "\n")
    return path
