"""Integer models of every shape against the float models that they stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daemon.models.anomaly import GmmModel
from daemon.quantize.anomaly import load, quantize
from daemon.quantize.gmm import IntegerGmm
from daemon.quantize.kmeans import IntegerKMeans
from tests.quantize.models import gmm_model, hard_rows, kmeans_model, model_of

SHAPES = ((1, 1), (1, 5), (3, 2), (4, 8), (7, 13), (32, 30), (256, 3), (2, 256))


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize(("count", "inputs"), SHAPES)
def test_sixteen_bits_give_the_float_score(kind: str, count: int, inputs: int) -> None:
    model, rows = model_of(kind, count, inputs)
    integer = quantize(model, rows, bits=16, headroom=4.0)
    difference = np.abs(integer.score(rows) - model.score(rows))
    # Of many components several overlap everywhere, and each adds a little of the logarithm's approximation.
    bound = 0.05 if kind == "kmeans" or count < 50 else 0.3
    assert np.median(difference) < bound


@pytest.mark.parametrize(("count", "inputs"), SHAPES)
def test_eight_bits_give_the_float_distance_to_within_a_few_steps(count: int, inputs: int) -> None:
    model, rows = kmeans_model(count, inputs)
    integer = quantize(model, rows, bits=8, headroom=2.0)
    step = float(np.max(integer.inputs.step / model.scale))
    assert np.median(np.abs(integer.score(rows) - model.score(rows))) < step


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize("bits", [8, 16])
def test_rows_far_outside_saturate_and_still_are_anomalies(kind: str, bits: int) -> None:
    model, rows = model_of(kind, 4, 8)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    for distance in (100.0, -100.0, 1000.0, -1000.0, 1e30, -1e30):
        far = np.repeat(rows[:1], 8, axis=0)
        far[np.arange(8), np.arange(8)] += distance * model.scale
        assert integer.is_anomaly(far).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize("bits", [8, 16])
def test_one_saturated_input_is_an_anomaly_even_to_the_integer_part_alone(kind: str, bits: int) -> None:
    model, rows = model_of(kind, 4, 8)
    integer = quantize(model, rows, bits=bits, headroom=1.0)
    q = np.repeat(integer.quantize(rows[:1]), 16, axis=0)
    q[np.arange(16), np.arange(16) % 8] = np.where(np.arange(16) < 8, integer.inputs.low, integer.inputs.high)
    assert (integer.score_q(q) >= integer.threshold_q).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_not_finite_scores_the_cap_and_is_an_anomaly(kind: str, bits: int) -> None:
    model, rows = model_of(kind, 4, 3)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    for bad in (np.nan, np.inf, -np.inf):
        row = np.array([[rows[0, 0], bad, rows[0, 2]]])
        assert integer.score(row).tolist() == [1000.0] == model.score(row).tolist()
        assert integer.is_anomaly(row).all()
        assert (integer.score_q(integer.quantize(row)) >= integer.threshold_q).all()
        assert replace(integer, threshold=5000.0).is_anomaly(row).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_the_decision_is_the_score_against_the_threshold(kind: str) -> None:
    model, rows = model_of(kind, 4, 8)
    integer = quantize(model, rows, bits=8, headroom=2.0)
    for threshold in (-0.5, 0.0, 0.1, 0.7, 3.0, 1e12):
        other = integer.with_threshold(threshold)
        assert (other.is_anomaly(rows) == (other.score(rows) >= threshold)).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize(("count", "inputs"), SHAPES)
@pytest.mark.parametrize("bits", [8, 16])
def test_no_number_on_the_way_leaves_32_bits(kind: str, count: int, inputs: int, bits: int) -> None:
    model, rows = model_of(kind, count, inputs)
    integer = quantize(model, rows, bits=bits, headroom=1.0)
    q = integer.quantize(hard_rows(rows, 300)).astype(np.int64)
    ends = np.random.default_rng(1).choice([integer.inputs.low, integer.inputs.high], (300, inputs))
    for block in (q, ends):
        if isinstance(integer, IntegerKMeans):
            centroids = integer.centroids / 2.0**integer.centroid_fraction
            squared = ((block[:, None, :] - centroids) ** 2).sum(axis=2) * 4.0**integer.distance_fraction
            assert squared.max() + 1.5 < 2**32
            assert np.abs(integer.centroids).max() < 2**15
            products = np.abs(block).max() * np.abs(integer.centroids.astype(np.int64)).sum(axis=1)
            assert products.max() < 2**31
        else:
            assert isinstance(integer, IntegerGmm)
            products = np.abs(block) @ np.abs(integer.factors).astype(np.int64)
            assert (products.max(axis=1) + np.abs(integer.biases)).max() < 2**31
            assert np.abs(integer.log_likelihood_q(block.astype(np.int32))).max() < 2**31
        scores = np.abs(integer.score_q(block.astype(np.int32)).astype(np.int64))
        assert scores.max() < 2**24  # an exact float32


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_file_gives_the_same_model_back(kind: str, bits: int, tmp_path: Path) -> None:
    model, rows = model_of(kind, 3, 4)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    integer.save(tmp_path / "a.npz")
    integer.save(tmp_path / "b.npz")
    again = load(tmp_path / "a.npz")
    assert type(again) is type(integer)
    assert (again.score_q(again.quantize(rows)) == integer.score_q(integer.quantize(rows))).all()
    assert again.threshold_q == integer.threshold_q
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", format=1, kind="forest")
    with pytest.raises(ValueError, match="forest"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", format=99, kind="kmeans")
    with pytest.raises(ValueError, match="format 1"):
        load(tmp_path / "b.npz")


@pytest.mark.parametrize("bits", [8, 16])
def test_plain_distance_can_be_the_score(bits: int) -> None:
    model, rows = kmeans_model(4, 8)
    model = replace(model, scoring="distance", threshold=2.0)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    assert not integer.radii.any() if isinstance(integer, IntegerKMeans) else False
    assert np.abs(integer.score(rows) - model.score(rows)).max() < 0.2
    assert (integer.score(rows) >= 0.0).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_a_feature_that_never_moved_is_watched(kind: str) -> None:
    model, rows = model_of(kind, 3, 4)
    # Scale 1 and no spread, as a fit leaves it.
    mean, scale = model.mean.copy(), model.scale.copy()
    mean[1], scale[1] = 20.0, 1.0
    rows[:, 1] = 20.0
    if isinstance(model, GmmModel):
        means, covariances = model.means.copy(), model.covariances.copy()
        means[:, 1] = 0.0
        covariances[:, 1, :] = covariances[:, :, 1] = 0.0
        covariances[:, 1, 1] = 1e-3
        model = replace(model, mean=mean, scale=scale, means=means, covariances=covariances)
        likelihood = model.log_likelihood(rows)
        model = replace(model, ll_mean=float(likelihood.mean()), ll_std=float(likelihood.std()))
    else:
        centroids = model.centroids.copy()
        centroids[:, 1] = 0.0
        model = replace(model, mean=mean, scale=scale, centroids=centroids)
    integer = quantize(model, rows, bits=16, headroom=4.0)
    assert (integer.is_anomaly(rows) == (model.score(rows) >= model.threshold)).mean() > 0.99
    moved = rows.copy()
    moved[:, 1] += 8.0
    assert model.score(moved).min() >= model.threshold
    assert integer.is_anomaly(moved).all()


def test_raw_axes_of_very_different_size_suit_a_mixture() -> None:
    model, rows = gmm_model(3, 4)
    means, covariances = model.folded()
    raw = replace(model, mean=np.zeros(4), scale=np.ones(4), means=means, covariances=covariances)
    assert np.allclose(raw.score(rows), model.score(rows))
    integer = quantize(raw, rows, bits=16, headroom=4.0)
    assert np.median(np.abs(integer.score(rows) - model.score(rows))) < 0.05


def test_identical_rows_have_no_spread_and_still_make_a_model() -> None:
    model, rows = kmeans_model(1, 3)
    same = np.repeat(rows[:1], 5, axis=0)
    model = replace(
        model, mean=same[0], scale=np.ones(3), centroids=np.zeros((1, 3)), radii=np.zeros(1), threshold=0.1
    )
    integer = quantize(model, same, bits=8, headroom=2.0)
    assert not integer.is_anomaly(same).any()
    assert integer.is_anomaly(same + 1.0).all()


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
@pytest.mark.parametrize("ratio", [1e3, 3e4, 1e5])
def test_a_feature_far_from_zero_for_its_spread_keeps_its_weight(kind: str, ratio: float) -> None:
    model, rows = model_of(kind, 3, 4)
    mean = model.mean.copy()
    mean[2] = ratio * model.scale[2]
    moved = rows.copy()
    moved[:, 2] += mean[2] - model.mean[2]
    moved = moved.astype(np.float32).astype(np.float64)
    model = replace(model, mean=mean)
    integer = quantize(model, moved, bits=16, headroom=4.0)
    assert np.median(np.abs(integer.score(moved) - model.score(moved))) < 0.05
