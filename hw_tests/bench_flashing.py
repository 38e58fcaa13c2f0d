"""Firmware through real tools into bootloaders: whether what was flashed then runs.

``python -m hw_tests.bench_flashing`` prints one table. Seconds are those of this machine, not of a board:
emulated lines have no rate but that of the Arduino's bootloader.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.deploy.flashers.kmeans import kmeans
from tests.deploy.flashers.scenes import SCENES


def main() -> None:
    """Print the table."""
    print(f"{'tool':10} {'into':32} {'bytes':>7} {'seconds':>8}  what then runs")
    for scene in SCENES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            played = scene(kmeans(folder, 3), folder)
        figures = f"{played.size:7,} {played.seconds:8.1f}"
        verdict = "right" if played.right else "WRONG"
        print(f"{played.tool:10} {played.into:32} {figures}  {verdict}: {played.shown}")


if __name__ == "__main__":
    main()
