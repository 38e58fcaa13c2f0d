"""The fit computes what Keras' own computes, can be interrupted anywhere, and keeps the best epoch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.errors import JobCanceled, TrainingError
from daemon.trainers.keras.checkpoint import Checkpoints
from daemon.trainers.keras.data import Examples
from daemon.trainers.keras.epoch import Objective, gains_by_xla
from daemon.trainers.keras.fit import Epoch, History, Phase, fit
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.network import build_model, build_optimizer
from daemon.trainers.keras.runtime import load_tensorflow
from daemon.trainers.keras.shapes import Placed, place_layers
from daemon.wire.keras import KerasVisualLayer as Layer

DENSE = [Layer("dense", neurons=12), Layer("dense", neurons=6)]
NORMALIZED = [Layer("dense", neurons=8), Layer("batchNormalization"), Layer("dense", neurons=6)]
CONV1D = [Layer("reshape", columns=3), Layer("conv1d", neurons=4, kernel_size=3, stack=2), Layer("flatten")]
CONV2D = [Layer("reshape", columns=6), Layer("conv2d", neurons=5, kernel_size=3), Layer("flatten")]
DROPOUT = [Layer("dense", neurons=16), Layer("dropout", dropout_rate=0.3), Layer("dense", neurons=8)]
NETWORKS = pytest.mark.parametrize(
    "layers", [DENSE, NORMALIZED, CONV1D, CONV2D], ids=["dense", "batchNormalization", "conv1d", "conv2d"]
)


@pytest.fixture(scope="module", autouse=True)
def tensorflow() -> None:
    load_tensorflow(threads=1, seed=3)


def placed(layers: list[Layer]) -> list[Placed]:
    return place_layers(settle_layers(layers)[0], (24,))


def model_of(layers: list[Layer], outputs: int = 3, *, classifies: bool = True, seed: int = 3) -> Any:
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    return build_model(placed(layers), (24,), outputs, classifies=classifies)


def examples(count: int, seed: int = 0) -> Examples:
    """Rows of three classes around three centres."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 3, count)
    centres = np.random.default_rng(9).normal(size=(3, 24))
    rows = (centres[kinds] + random.normal(size=(count, 24))).astype(np.float32)
    return Examples(rows, np.eye(3, dtype=np.float32)[kinds])


def fitted(
    model: Any,
    *,
    epochs: int = 4,
    batch_size: int = 16,
    rate: float = 0.01,
    objective: dict[str, Any] | None = None,
    training: Examples | None = None,
    **options: Any,
) -> History:
    return fit(
        model,
        options.pop("phases", [Phase(epochs, partial(build_optimizer, rate))]),
        examples(100) if training is None else training,
        examples(30, seed=1),
        Objective(**{"classifies": True, "batch_size": batch_size, **(objective or {})}),
        seed=3,
        **options,
    )


def assert_alike(model: Any, other: Any) -> None:
    """Weights that come of the same float32 sums, added up in another order."""
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-3, atol=2e-5)


@NETWORKS
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_an_epoch_is_that_of_keras(layers: list[Layer], weighted: bool) -> None:
    """All rows in one batch: their order, which Keras draws otherwise, has no say."""
    weights = np.array([0.5, 1.0, 2.0], np.float32) if weighted else None
    ours, theirs = model_of(layers), model_of(layers)
    history = fitted(ours, epochs=3, batch_size=100, objective={"class_weights": weights})
    theirs.compile(build_optimizer(0.01), "categorical_crossentropy", metrics=["accuracy"])
    training, validation = examples(100), examples(30, seed=1)
    said = theirs.fit(
        training.rows,
        training.targets,
        batch_size=100,
        epochs=3,
        validation_data=(validation.rows, validation.targets),
        class_weight=None if weights is None else dict(enumerate(weights.tolist())),
        verbose=0,
    ).history
    for name, figures in said.items():
        np.testing.assert_allclose(
            [epoch[name] for epoch in history.epochs], figures, rtol=1e-4, err_msg=name
        )
    assert history.best == 3
    assert_alike(ours, theirs)


def test_the_last_batch_takes_what_is_left() -> None:
    """Ten equal rows in batches of four: in whatever order, Keras takes three steps, the last of two rows."""
    equal = Examples(np.repeat(examples(1).rows, 10, axis=0), np.repeat(examples(1).targets, 10, axis=0))
    ours, theirs = model_of(DENSE), model_of(DENSE)
    fitted(ours, epochs=2, batch_size=4, training=equal)
    theirs.compile(build_optimizer(0.01), "categorical_crossentropy")
    theirs.fit(equal.rows, equal.targets, batch_size=4, epochs=2, verbose=0)
    assert_alike(ours, theirs)


def test_a_regression_minimises_the_squared_error() -> None:
    def sums(one: Examples) -> Examples:
        return Examples(one.rows, one.rows.sum(axis=1, keepdims=True))

    training, validation = sums(examples(100)), sums(examples(30, seed=1))
    ours, theirs = model_of(DENSE, 1, classifies=False), model_of(DENSE, 1, classifies=False)
    objective = Objective(classifies=False, batch_size=100)
    history = fit(ours, [Phase(3, partial(build_optimizer, 0.01))], training, validation, objective, seed=3)
    theirs.compile(build_optimizer(0.01), "mse")
    said = theirs.fit(
        training.rows,
        training.targets,
        batch_size=100,
        epochs=3,
        validation_data=(validation.rows, validation.targets),
        verbose=0,
    ).history
    assert history.epochs[0].keys() == {"loss", "val_loss"}
    np.testing.assert_allclose([one["val_loss"] for one in history.epochs], said["val_loss"], rtol=1e-4)


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    """Augmentation sees the rows of each step."""
    import tensorflow as tf

    seen: list[float] = []

    def watch(rows: Any, _: Any) -> Any:
        def note(values: Any) -> None:
            seen.extend(values.numpy()[:, 0].tolist())

        tf.py_function(note, [rows], [])
        return rows

    training = examples(50)
    fitted(model_of(DENSE), epochs=2, training=training, objective={"augment": watch})
    first, second = seen[:50], seen[50:]
    values = sorted(training.rows[:, 0].tolist())
    assert sorted(first) == sorted(second) == values
    assert first != second and first != training.rows[:, 0].tolist()


class Interrupted(Exception):
    """The fit is cut off."""


def interrupt_after(number: int) -> Callable[[Epoch], None]:
    def hear(epoch: Epoch) -> None:
        if epoch.number == number:
            raise Interrupted

    return hear


@pytest.mark.parametrize(("at", "xla"), [(2, False), (4, True), (6, False)], ids=["2", "4-xla", "6"])
def test_an_interrupted_fit_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, xla: bool
) -> None:
    """Optimizer, dropout, moving averages, best epoch, order of the rows, and the phase it was in."""
    monkeypatch.setattr(Checkpoints, "is_due", lambda _: True)
    layers = [*DROPOUT, Layer("batchNormalization")]
    phases = [Phase(4, partial(build_optimizer, 0.02)), Phase(3, partial(build_optimizer, 0.005))]
    undisturbed = model_of(layers)
    wanted = fitted(undisturbed, phases=phases, xla=xla)
    checkpoints = Checkpoints(tmp_path / "checkpoint.npz", "the same")
    with pytest.raises(Interrupted):
        fitted(model_of(layers), phases=phases, xla=xla, hear=interrupt_after(at), checkpoints=checkpoints)
    told: list[int] = []
    # Another process begins with other weights: all of them come from the checkpoint.
    resumed = model_of(layers, seed=4)
    history = fitted(
        resumed, phases=phases, xla=xla, hear=lambda epoch: told.append(epoch.number), checkpoints=checkpoints
    )
    assert told == list(range(at + 1, 8))
    assert (history.epochs, history.best, history.warnings) == (wanted.epochs, wanted.best, [])
    for mine, theirs in zip(resumed.get_weights(), undisturbed.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("damage", ["other", "cut", "gone"])
def test_what_cannot_be_gone_on_from_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(Checkpoints, "is_due", lambda _: True)
    path = tmp_path / "checkpoint.npz"
    fitted(model_of(DENSE), checkpoints=Checkpoints(path, "one"))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    if damage == "gone":
        path.unlink()
    told: list[int] = []
    identity = "another" if damage == "other" else "one"
    fitted(
        model_of(DENSE), hear=lambda epoch: told.append(epoch.number), checkpoints=Checkpoints(path, identity)
    )
    assert told == [1, 2, 3, 4]


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    """Far too large a rate: what is learnt in one epoch is lost in another."""
    import tf_keras

    model = model_of(DENSE)
    told: list[Epoch] = []
    history = fitted(model, epochs=12, rate=0.3, hear=told.append)
    losses = [epoch["val_loss"] for epoch in history.epochs]
    assert history.best == int(np.argmin(losses)) + 1 < 12
    assert [epoch.best for epoch in told] == [int(np.argmin(losses[: n + 1])) + 1 for n in range(12)]
    validation = examples(30, seed=1)
    model.compile(loss="categorical_crossentropy")
    assert model.evaluate(validation.rows, validation.targets, verbose=0) == pytest.approx(
        min(losses), rel=1e-4
    )
    assert isinstance(model, tf_keras.Model)


def test_a_phase_ends_when_no_epoch_has_been_better_for_long() -> None:
    """At this rate the network soon knows its rows by heart, and others worse and worse."""
    phase = Phase(200, partial(build_optimizer, 0.1), patience=3)
    patient, whole = model_of(DENSE), model_of(DENSE)
    history = fitted(patient, phases=[phase])
    assert len(history.epochs) == history.best + 3 < 200
    # Up to there it is the same fit.
    other = fitted(whole, epochs=len(history.epochs), rate=0.1)
    assert other.epochs == history.epochs and other.best == history.best
    assert_alike(patient, whole)


def test_a_cancelled_fit_ends_with_the_epoch() -> None:
    told: list[int] = []

    def hear(epoch: Epoch) -> None:
        told.append(epoch.number)
        raise JobCanceled("canceled while it ran")

    with pytest.raises(JobCanceled):
        fitted(model_of(DENSE), epochs=1000, hear=hear)
    assert told == [1]


def test_a_loss_that_is_no_number_is_refused_by_name() -> None:
    rows = examples(100)
    broken = Examples(rows.rows * np.float32(1e30), rows.targets)
    with pytest.raises(TrainingError, match=r"^learningRate: .* in epoch 1"):
        fitted(model_of(DENSE), training=broken, rate=1.0)


def test_where_xla_refuses_the_fit_goes_on_without() -> None:
    """A call to Python is nothing that XLA compiles."""
    import tensorflow as tf

    def unchanged(rows: Any, _: Any) -> Any:
        given = tf.py_function(lambda one: one, [rows], tf.float32)
        given.set_shape(rows.shape)
        return given

    plain, refused = model_of(DENSE), model_of(DENSE)
    wanted = fitted(plain, objective={"augment": unchanged})
    history = fitted(refused, objective={"augment": unchanged}, xla=True)
    assert len(history.warnings) == 1 and history.warnings[0].startswith("XLA does not compile this network")
    assert history.epochs == wanted.epochs
    for mine, theirs in zip(plain.get_weights(), refused.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_xla_is_for_long_fits_of_dense_layers() -> None:
    assert gains_by_xla(placed(DROPOUT), 15_000)
    assert not gains_by_xla(placed(DENSE), 1_500)
    assert not gains_by_xla(placed(CONV2D), 15_000)
