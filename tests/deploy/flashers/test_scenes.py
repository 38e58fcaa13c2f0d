"""Programs through real tools: they run, and the reference firmware scores with its K-means as it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.flashers.kmeans import KMeans, kmeans
from tests.deploy.flashers.scenes import SCENES, Scene


@pytest.mark.parametrize("scene", SCENES, ids=lambda each: each.__name__)
def test_what_is_flashed_runs(scene: Callable[[KMeans, Path], Scene], tmp_path: Path) -> None:
    played = scene(kmeans(tmp_path, 3), tmp_path)
    assert played.right, played
    played.heard.check()
