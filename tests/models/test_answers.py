"""What the integers mean that models answer with on boards."""

from __future__ import annotations

import math
from typing import Any

import pytest

from daemon.models.answers import meaning

ANOMALY = {"quantization": {"scoreScale": 0.25, "thresholdQ": 4}}
SOFTMAX = {"quantization": {"outputScale": 1 / 256, "outputZeroPoint": -128}, "classes": ["off", "on"]}
REGRESSION = {"quantization": {"outputScale": 0.5, "outputZeroPoint": 10}, "classes": []}


@pytest.mark.parametrize(
    ("manifest", "outputs", "said"),
    [
        (ANOMALY, [3], {"score": 0.75, "anomaly": False}),
        (ANOMALY, [4], {"score": 1.0, "anomaly": True}),
        (SOFTMAX, [-128, 127], {"classification": {"off": 0.0, "on": 255 / 256}}),
        (REGRESSION, [14], {"values": [2.0]}),
        # Versions that do not say it, and answers that are not theirs.
        ({}, [1, 2], {"outputs": [1, 2]}),
        ({"quantization": None}, [1], {"outputs": [1]}),
        (ANOMALY, [1, 2], {"outputs": [1, 2]}),
    ],
)
def test_integers_become_what_python_would_say(
    manifest: dict[str, Any], outputs: list[int], said: dict[str, Any]
) -> None:
    assert meaning(manifest, [1.0, 2.0], outputs) == said


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_row_that_is_no_row_scores_as_the_cap(value: float) -> None:
    assert meaning(ANOMALY, [1.0, value], [0]) == {"score": 1000.0, "anomaly": True}
