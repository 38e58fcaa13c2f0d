"""The accept gate, and the figures that it goes by."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from daemon.quantize.agreement import roc_auc, spearman
from daemon.quantize.gate import Bounds, choose
from daemon.quantize.synthetic import far_rows, synthetic_anomalies
from tests.quantize.models import gmm_model, kmeans_model


def test_figures_are_those_of_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=500), 1)  # many ties
    other = np.round(scores + rng.normal(size=500), 1)
    labels = rng.random(500) < 0.3
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    assert spearman(scores, other) == pytest.approx(spearmanr(scores, other).statistic)


def test_figures_of_rows_that_nothing_tells_apart() -> None:
    assert spearman([1.0, 1.0], [2.0, 2.0]) == 1.0
    assert spearman([1.0, 2.0], [2.0, 2.0]) == 0.0
    assert np.isnan(roc_auc([1.0, 2.0], np.array([True, True])))


def test_eight_bits_do_for_kmeans() -> None:
    model, rows = kmeans_model(4, 8)
    integer, report = choose(model, rows[:300], holdout=rows[300:], bounds=Bounds(agreement=0.99))
    assert report.passed
    assert report.chosen.bits == integer.inputs.bits == 8
    assert report.chosen.agreement >= 0.99
    assert report.chosen.spearman >= 0.99
    assert report.chosen.far_missed == 0


def test_sixteen_bits_follow_where_eight_are_too_coarse() -> None:
    model, rows = gmm_model(4, 8)
    integer, report = choose(model, rows)
    assert report.passed
    assert integer.inputs.bits == 16
    assert {attempt.bits for attempt in report.attempts[:-1]} == {8}
    assert all(attempt.failed for attempt in report.attempts[:-1])
    assert report.chosen.likelihood_error is not None
    assert report.chosen.likelihood_error < 0.3


def test_a_wider_range_is_tried_only_where_rows_saturate() -> None:
    model, rows = kmeans_model(4, 8)
    _, report = choose(model, rows, bounds=Bounds(spearman=1.1))
    eights = [attempt for attempt in report.attempts if attempt.bits == 8]
    assert all(attempt.saturated > 0.01 for attempt in eights[:-1])
    assert len(eights) == 3 or eights[-1].saturated <= 0.01


def test_bounds_that_nothing_keeps_are_reported_with_the_figures() -> None:
    model, rows = kmeans_model(4, 8)
    _, report = choose(model, rows, bounds=Bounds(spearman=1.1))
    assert not report.passed
    assert report.chosen.failed == ("spearman",)
    assert [attempt.bits for attempt in report.attempts[-3:]] == [16, 16, 16]
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["chosen"]["failed"] == ["spearman"]
    assert plain["attempts"][0]["bits"] == 8


def test_labelled_rows_count() -> None:
    model, rows = kmeans_model(4, 8)
    odd = synthetic_anomalies(rows, 50, np.random.default_rng(1))
    labelled, labels = np.concatenate([rows[:50], odd]), np.arange(100) >= 50
    _, report = choose(model, rows, labelled=labelled, labels=labels)
    assert report.labelled_rows == 100
    assert report.chosen.auc_float == pytest.approx(roc_auc_score(labels, model.score(labelled)))


def test_the_same_rows_give_the_same_verdict() -> None:
    model, rows = gmm_model(2, 3)
    assert choose(model, rows)[1] == choose(model, rows)[1]


def test_few_rows_are_enough() -> None:
    model, rows = kmeans_model(1, 2)
    assert choose(model, rows[:2])[1].normal_rows == 2


def test_synthetic_rows_are_off_and_far_rows_are_far() -> None:
    model, rows = kmeans_model(4, 8)
    rng = np.random.default_rng(0)
    made = synthetic_anomalies(rows, 300, rng)
    assert made.shape == (300, 8)
    assert np.median(model.score(made)) > np.median(model.score(rows))
    spread = rows.std(axis=0)
    distance = np.abs((far_rows(rows, 64, rng) - rows.mean(axis=0)) / spread).max(axis=1)
    assert distance.min() > 90.0


def test_the_width_of_an_earlier_version_is_tried_first() -> None:
    model, rows = kmeans_model(2, 3)
    narrow, report = choose(model, rows)
    assert (narrow.inputs.bits, report.passed) == (8, True)
    wide, report = choose(model, rows, bits_first=16)
    assert (wide.inputs.bits, report.passed, len(report.attempts)) == (16, True, 1)
    # Where no width keeps to the bounds, all were tried.
    _, report = choose(model, rows, bits_first=16, bounds=Bounds(spearman=1.1))
    assert {attempt.bits for attempt in report.attempts} == {8, 16}
