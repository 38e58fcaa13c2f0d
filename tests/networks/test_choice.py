"""int8 networks that lose too much are trained for int8, and given up where that does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from daemon.errors import TrainingError
from daemon.networks.choice import Choice, choose_int8
from daemon.networks.gate import Bounds
from daemon.networks.scores import Answers
from daemon.quantize.network import FloatRows
from daemon.quantize.qat import fake_quantized
from daemon.quantize.retrainable import retrainable
from daemon.wire.compression import Compression
from firmware_export.networks.read_tflite import read
from tests.quantize.networks import build, digits, keras, trained

NAMES = tuple("0123456789")


def _ask(predict: Callable[[FloatRows], FloatRows]) -> dict[str, Answers]:
    rows = digits()
    return {"validation": Answers(predict(rows.unseen), np.eye(10, dtype=np.float32)[rows.unseen_labels])}


def _choose(
    model: Any, compression: Compression, *, epochs: int = 6, floats: dict[str, Answers] | None = None
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
        floats or _ask(lambda given: np.asarray(model(given, training=False))),
        _ask,
        NAMES,
        rows.unseen[:200],
        compression=compression,
        bounds=Bounds(),
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


def test_a_network_that_cannot_be_trained_for_int8_says_so() -> None:
    layers, rows = keras().layers, digits()
    source = layers.Input((64,))
    grid = layers.Reshape((8, 8))(source)
    branches = [layers.Conv1D(4, 3, padding="same", name=f"branch_{number}")(grid) for number in range(2)]
    answer = layers.Dense(10, activation="softmax")(layers.Flatten()(layers.Add(name="sum")(branches)))
    model = keras().Model(source, answer)

    all_right = np.eye(10, dtype=np.float32)[rows.unseen_labels]
    chosen, purposes = _choose(model, Compression(), floats=_ask(lambda _: all_right))
    assert not chosen.passed
    assert chosen.problem == "layer sum is no link of a chain of layers"
    assert "quantized after training (layer sum is no link" in chosen.failure()
    assert purposes == []
    with pytest.raises(TrainingError, match="layer sum is no link of a chain"):
        _choose(model, Compression(qat=True))


@pytest.mark.parametrize("body", ["dense", "conv1d"])
def test_the_form_that_is_trained_on_is_the_same_network(body: str) -> None:
    model, rows = trained(body), digits().unseen[:100]
    form = retrainable(model)
    assert not any("1D" in type(layer).__name__ for layer in form.layers)
    # The same sums in another order.
    np.testing.assert_allclose(form(rows), model(rows), atol=1e-5)


def test_fake_quantization_begins_where_quantization_after_training_ends() -> None:
    model, rows = trained("conv1d"), digits()
    aware = fake_quantized(retrainable(model), rows.unseen[:200])
    answers = np.asarray(aware(rows.unseen, training=False)).argmax(axis=1)
    wanted = np.asarray(model(rows.unseen, training=False)).argmax(axis=1)
    assert np.mean(answers == wanted) > 0.95
