"""The whole text of a tiny model's C: a change of a template shows here, word for word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_export.anomaly import export
from firmware_export.errors import UnreadableModel, UnsupportedModel
from firmware_export.ir import TestVectors

GOLDEN = Path(__file__).parent / "golden"


def tiny_kmeans(path: Path) -> Path:
    np.savez(
        path,
        format=1,
        kind="kmeans",
        axes=np.array([2, 5], np.uint16),
        reciprocal=np.array([10.0, 0.125], np.float32),
        zero_point=np.array([-3, 40], np.int32),
        bits=8,
        width=8,
        centroids=np.array([[-20, 7], [33, -1]], np.int32) * 128,
        centroid_fraction=7,
        distance_fraction=7,
        radii=np.array([1200, 900], np.int32),
        cap=65535,
        multiplier=20480,
        score_scale=2.0**-11,
        threshold=0.3,
    )
    return path


def tiny_gmm(path: Path) -> Path:
    np.savez(
        path,
        format=1,
        kind="gmm",
        axes=np.array([0, 1, 2], np.uint16),
        reciprocal=np.array([100.0, 3.5, 1e-3], np.float32),
        zero_point=np.array([0, -1000, 12], np.int32),
        bits=16,
        width=15,
        factors=np.triu(np.arange(1, 10).reshape(1, 3, 3) * 1000).astype(np.int32),
        biases=np.array([[100, -200, 300]], np.int32),
        shifts=np.array([12], np.int32),
        offsets=np.array([5000], np.int32),
        y_width=15,
        cap=8192000,
        multiplier=3000000000,
        score_scale=2.0**-13,
        threshold=2.5,
    )
    return path


def tiny_vectors() -> TestVectors:
    return TestVectors(
        np.array([[0.25, -8.0], [1e30, 3.0]], np.float32),
        np.array([[0, 39], [127, 40]], np.int8),
        np.array([-300, 4000], np.int32),
        np.array([False, True]),
    )


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_the_text_is_the_golden_text(kind: str, tmp_path: Path) -> None:
    model = (tiny_kmeans if kind == "kmeans" else tiny_gmm)(tmp_path / "model.npz")
    written = export(model, f"tiny_{kind}", tmp_path / "c", tiny_vectors() if kind == "kmeans" else None)
    for path in written:
        assert path.read_text() == (GOLDEN / path.name).read_text(), path.name
    assert len(written) == (3 if kind == "kmeans" else 2)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = tiny_kmeans(tmp_path / "model.npz")
    once = export(model, "tiny", tmp_path / "a", tiny_vectors())
    again = export(model, "tiny", tmp_path / "b", tiny_vectors())
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a zip")
    np.savez(tmp_path / "old.npz", format=0, kind="kmeans")
    np.savez(tmp_path / "part.npz", format=1, kind="kmeans")
    for name in ("text", "old", "part", "missing"):
        with pytest.raises(UnreadableModel):
            export(tmp_path / f"{name}.npz", "tiny", tmp_path)
    np.savez(tmp_path / "forest.npz", format=1, kind="forest")
    with pytest.raises(UnsupportedModel, match="forest"):
        export(tmp_path / "forest.npz", "tiny", tmp_path)
