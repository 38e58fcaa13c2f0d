"""Prodigy finds its own step: whatever the scale of the problem, with nothing set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from daemon.trainers.keras.runtime import load_tensorflow


@pytest.fixture(autouse=True)
def _tensorflow() -> None:
    load_tensorflow(1, 3)


def descend(gradient: Callable[[Any], Any], start: list[float], steps: int) -> tuple[list[Any], Any]:
    """Weights after each step, and the optimizer."""
    import tensorflow as tf

    from daemon.trainers.keras.prodigy import Prodigy

    weight, optimizer = tf.Variable(start, dtype=tf.float32), Prodigy()
    optimizer.build([weight])

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> None:
        optimizer.apply_gradients([(gradient(weight), weight)])

    seen = []
    for _ in range(steps):
        step()
        seen.append(weight.numpy())
    return seen, optimizer


@pytest.mark.parametrize("distance", [0.01, 1.0, 1000.0])
def test_it_finds_the_valley_however_far_away(distance: float) -> None:
    """The size of the step is found by itself over five powers of ten: no Adam with one rate does that."""
    goal = np.array([distance, -distance], np.float32)
    seen, _ = descend(lambda weight: weight - goal, [0.0, 0.0], 1000)
    assert np.abs(seen[-1] - goal).max() < 0.05 * distance


def test_the_scale_of_the_loss_does_not_matter() -> None:
    """To the rounding of float32: powers of two are exact, and the epsilon is far below the gradients."""
    goal = np.array([3.0, -1.0], np.float32)
    paths = [
        descend(lambda weight, by=by: by * (weight - goal), [0.0, 0.0], 60)[0]  # type: ignore[misc]
        for by in (1.0, 1024.0)
    ]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-3, atol=1e-5)


def test_all_that_it_remembers_lies_in_its_variables() -> None:
    """So an interrupted training can go on: variables of the optimizer and the weights are enough."""
    import tensorflow as tf

    from daemon.trainers.keras.prodigy import Prodigy

    goal = np.array([2.0, 5.0], np.float32)
    undisturbed, _ = descend(lambda weight: weight - goal, [0.0, 0.0], 40)
    half, optimizer = descend(lambda weight: weight - goal, [0.0, 0.0], 20)
    kept = [variable.numpy() for variable in optimizer.variables]
    weight, resumed = tf.Variable([0.0, 0.0]), Prodigy()
    resumed.build([weight])
    weight.assign(half[-1])
    for variable, value in zip(resumed.variables, kept, strict=True):
        variable.assign(value)
    for expected in undisturbed[20:]:
        resumed.apply_gradients([(weight - goal, weight)])
        np.testing.assert_allclose(weight, expected, rtol=1e-6)
