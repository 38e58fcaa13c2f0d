"""int8 networks that lose too much are trained for int8, and given up where that does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from daemon.networks.choice import Choice, choose_int8
from daemon.networks.gate import Bounds
from daemon.networks.scores import Answers
from daemon.quantize.network import FloatRows
from daemon.wire.compression import Compression
from firmware_export.networks.read_tflite import read
from tests.quantize.networks import build, digits, keras

NAMES = tuple("0123456789")


def _ask(predict: Callable[[FloatRows], FloatRows]) -> dict[str, Answers]:
    rows = digits()
    return {"validation": Answers(predict(rows.unseen), np.eye(10, dtype=np.float32)[rows.unseen_labels])}


def _choose(
    model: Any, compression: Compression, *, epochs: int = 6, bounds: Bounds | None = None
) -> tuple[Choice, list[str]]:
    """What is chosen, and what the network was trained on for."""
    k, rows = keras(), digits()
    purposes = []

    def retrain(network: Any, purpose: str) -> None:
        purposes.append(purpose)
        network.compile(k.optimizers.legacy.Adam(0.002), "sparse_categorical_crossentropy")
        network.fit(rows.train, rows.train_labels, epochs=epochs, batch_size=32, verbose=0)

    chosen = choose_int8(
        model,
        _ask(lambda given: np.asarray(model(given, training=False))),
        _ask,
        NAMES,
        rows.unseen[:200],
        compression=compression,
        bounds=bounds or Bounds(),
        retrain=retrain,
    )
    return chosen, purposes


def _of_wide_ranges(spread: float) -> Any:
    """The trained dense network with units of very different sizes: it answers the same, in floats."""
    k = keras()
    layers = [k.layers.Dense(20, activation="relu"), k.layers.Dense(10, activation="relu")]
    model = build(layers, k.layers.Dense(10, activation="softmax"))
    rows = digits()
    k.utils.set_random_seed(3)
    model.set_weights([np.random.default_rng(3).normal(0, 0.3, w.shape) for w in model.get_weights()])
    model.fit(rows.train, rows.train_labels, epochs=5, batch_size=32, verbose=0)
    first, bias, second, *others = model.get_weights()
    sizes = np.geomspace(1, spread, len(bias)).astype(np.float32)
    model.set_weights([first * sizes, bias * sizes, second / sizes[:, None], *others])
    return model


def test_a_network_of_wide_ranges_is_trained_for_int8_and_passes() -> None:
    chosen, purposes = _choose(_of_wide_ranges(100), Compression(), epochs=4)
    assert [attempt.method for attempt in chosen.attempts] == ["post-training", "qat"]
    lost, rescued = (attempt.report.comparisons[0].loss for attempt in chosen.attempts)
    assert lost > 0.01
    assert rescued <= 0.01
    assert chosen.passed
    assert purposes == ["int8"]
    assert read(chosen.data).operators == ("FULLY_CONNECTED", "SOFTMAX")
