"""What a request amounts to: each member works or is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import InvalidMember
from daemon.trainers.settings import AnomalySettings, anomaly_settings
from daemon.trainers.table import TRAINERS
from daemon.wire.edge_impulse import LearnBlock, SetAnomalyParameterRequest, StartTrainingRequestAnomaly
from daemon.wire.members import convert


def settle(
    kind: str = "anomaly",
    stored: dict[str, Any] | None = None,
    block: dict[str, Any] | None = None,
    **request: Any,
) -> AnomalySettings:
    body = {"axes": [0, 1], "minimumConfidenceRating": 0.3, **request}
    return anomaly_settings(
        TRAINERS[kind],
        convert(body, StartTrainingRequestAnomaly),
        convert({"id": 7, "type": kind, "dsp": [2], **(block or {})}, LearnBlock),
        convert(stored or {}, SetAnomalyParameterRequest),
        5,
    )


def threshold(value: float | str, key: str = "min_anomaly_score") -> list[dict[str, Any]]:
    return [{"key": key, "value": value}]


def test_axes_are_sorted() -> None:
    assert settle(axes=[4, 0, 2]).axes == (0, 2, 4)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([0, 5], r"^axes\[1\]: 5 is out of range: the DSP blocks give 5 outputs, 0 to 4$"),
        ([3, 1, 3], r"^axes\[2\]: 3 is already named by axes\[0\]$"),
    ],
)
def test_axes_that_mean_nothing_are_refused(axes: list[int], message: str) -> None:
    with pytest.raises(InvalidMember, match=message):
        settle(axes=axes)


def test_the_threshold_for_kmeans_is_found_in_order() -> None:
    stored = {"thresholds": threshold(0.7)}
    first = settle(stored=stored, thresholds=threshold(0.9))
    second = settle(stored=stored)
    third = settle()
    assert [(item.threshold, item.threshold_source) for item in (first, second, third)] == [
        (0.9, "request"),
        (0.7, "learn block"),
        (0.3, "minimumConfidenceRating"),
    ]
    assert "minimumConfidenceRating" in first.ignored
    assert "minimumConfidenceRating" in second.ignored
    assert third.ignored == {}


def test_the_rating_is_no_threshold_for_gmm() -> None:
    settings = settle("anomaly-gmm")
    assert (settings.threshold, settings.threshold_source) == (None, "suggested")
    assert "use thresholds" in settings.ignored["minimumConfidenceRating"]
    assert settle("anomaly-gmm", stored={"thresholds": threshold(2)}).threshold == 2.0


def test_the_rating_is_no_threshold_for_plain_distance() -> None:
    settings = settle(block={"score": "distance"})
    assert (settings.threshold, settings.threshold_source) == (None, "suggested")
    assert "plain distance" in settings.ignored["minimumConfidenceRating"]


def test_a_threshold_may_be_a_number_in_text() -> None:
    assert settle(thresholds=threshold("1.5")).threshold == 1.5


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"thresholds": threshold(1, "min_score")}, r"^thresholds\[0\].key: 'min_score' is unknown here"),
        ({"thresholds": threshold("high")}, r"^thresholds\[0\].value: 'high' is not a number$"),
        ({"thresholds": threshold("nan")}, r"^thresholds\[0\].value: nan is off the scale"),
        ({"thresholds": threshold(1001)}, r"^thresholds\[0\].value: 1001 is off the scale"),
        ({"thresholds": threshold(1) * 2}, r"^thresholds\[1\].key: .* already given by thresholds\[0\]"),
        ({"minimumConfidenceRating": 1e9}, r"^minimumConfidenceRating: 1e\+09 is off the scale"),
    ],
)
def test_thresholds_that_mean_nothing_are_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidMember, match=message):
        settle(**request_)


def test_cluster_count_comes_from_the_request_then_from_the_block() -> None:
    assert settle(clusterCount=5, stored={"clusterCount": 6}).cluster_count == 5
    assert settle(stored={"clusterCount": 6}).cluster_count == 6
    assert settle().cluster_count is None


def test_options_of_the_learn_block() -> None:
    assert settle().options == {"score": "edge"}
    assert settle(block={"score": "distance"}).options == {"score": "distance"}
    assert settle("anomaly-gmm").options == {"scaling": "standard"}
    assert settle("anomaly-gmm", block={"scaling": "none"}).options == {"scaling": "none"}
    with pytest.raises(InvalidMember, match="gmm has no such option; it has: scaling"):
        settle("anomaly-gmm", block={"score": "edge"})


@pytest.mark.parametrize(("skip", "wanted"), [(None, True), (False, True), (True, False)])
def test_embeddings_and_memory_can_be_skipped(skip: bool | None, wanted: bool) -> None:
    assert settle(skipEmbeddingsAndMemory=skip).embeddings_and_memory is wanted


def test_what_newer_clients_send_is_reported_as_ignored() -> None:
    ignored = settle(kFoldsValidationConfig={"numFolds": 5}, assertGpuUsagePercentage=50).ignored
    assert {"kFoldsValidationConfig", "assertGpuUsagePercentage"} <= set(ignored)
    assert not {"kFoldsValidationConfig", "assertGpuUsagePercentage"} & set(settle().ignored)
