"""What scripts of Edge Impulse's expert mode expect to find, written anew from their public use.

Imports TensorFlow; imported behind the walls only.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from daemon.trainers.keras.augmentation import Masks, spectrogram_augmentation
from daemon.wire.worker import Progress

#: Seeds an augmentation draws from, one for each item.
_SEEDS = 2**31 - 1

Epochs = list[dict[str, float]]


class BatchLoggerCallback(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Says every now and then how much of an epoch is done.

    Parameters
    ----------
    batch_size, train_sample_count : int
        What an epoch consists of.
    epochs : int or None
        How many there will be.
    interval_s : float
        Seconds between two lines.
    ensure_determinism : bool
        Taken for the sake of scripts that give it.
    """

    def __init__(
        self,
        batch_size: int,
        train_sample_count: int,
        epochs: int | None = None,
        interval_s: float = 10,
        ensure_determinism: bool = False,  # noqa: ARG002
    ) -> None:
        super().__init__()
        self._batches = max(1, train_sample_count // max(1, int(batch_size)))
        self._interval_s = interval_s
        self._last = time.monotonic()
        self.epochs = epochs

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Say it, if it is time."""
        if time.monotonic() - self._last >= self._interval_s:
            self._last = time.monotonic()
            print(f"Epoch {min(100, 100 * batch // self._batches)}% done", flush=True)  # noqa: T201


class ProgressCallback(tf_keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the job of each epoch, and ends a training that will not be ready in time.

    Parameters
    ----------
    tell : callable
        Hears of each epoch.
    limit_s : float
        Time that the script has, in seconds.
    """

    #: A training that is estimated to take this many times its limit is not gone on with.
    _TOO_LONG = 1.2

    def __init__(self, tell: Callable[[Progress], None], limit_s: float) -> None:
        super().__init__()
        self._tell = tell
        self._limit_s = limit_s
        self._began = self._epoch_began = time.monotonic()
        self.epochs: Epochs = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Look at the clock."""
        self._epoch_began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell of it."""
        metrics = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        self.epochs.append(metrics)
        total = max(int((self.params or {}).get("epochs") or 0), epoch + 1)
        now = time.monotonic()
        left = (total - epoch - 1) * (now - self._epoch_began)
        self._tell(Progress("train", (epoch + 1) / total, metrics, epoch + 1, total, left))
        if now - self._began + left > self._TOO_LONG * self._limit_s:
            raise TimeoutError(
                f"{total} epochs would take {now - self._began + left:.0f} s, the script has "
                f"{self._limit_s:g} s: train fewer epochs, or raise keras.expert.timeout_s"
            )


class SpecAugment:
    """Masks, noise and warping for flat spectrograms, item by item.

    Parameters
    ----------
    spectrogram_shape : sequence of int
        Frames and bins.
    mF_num_freq_masks, F_freq_mask_max_consecutive : int
        Masks over frequencies, and bins of the widest.
    mT_num_time_masks, T_time_mask_max_consecutive : int
        Masks over times, and frames of the longest.
    enable_time_warp : bool
        Whether the times are warped.
    W_time_warp_max_distance : int
        Frames that a time is moved at most.
    mask_with_mean : bool
        Fill masks with the item's mean; else with 0.
    """

    def __init__(
        self,
        spectrogram_shape: Any,
        mF_num_freq_masks: int = 0,
        F_freq_mask_max_consecutive: int = 0,
        mT_num_time_masks: int = 0,
        T_time_mask_max_consecutive: int = 0,
        enable_time_warp: bool = False,
        W_time_warp_max_distance: int = 6,
        mask_with_mean: bool = False,
    ) -> None:
        frames, bins = (int(size) for size in spectrogram_shape[:2])
        self._shape = (frames, bins)
        self._augment = spectrogram_augmentation(
            Masks(
                time_masks=mT_num_time_masks,
                time_frames=T_time_mask_max_consecutive,
                frequency_masks=mF_num_freq_masks,
                frequency_bins=F_freq_mask_max_consecutive,
                warp_frames=W_time_warp_max_distance if enable_time_warp else 0,
                fill_with_mean=mask_with_mean,
            )
        )

    def mapper(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        """What ``dataset.map`` takes: (item, label) -> (varied item, label), drawn anew for each item."""

        def vary(item: Any, label: Any) -> tuple[Any, Any]:
            seed = tf.random.uniform((2,), maxval=_SEEDS, dtype=tf.int32)
            rows = tf.reshape(tf.cast(item, tf.float32), (1, *self._shape))
            return tf.reshape(self._augment(rows, seed), tf.shape(item)), label

        return vary


def set_batch_size(batch_size: int, train_dataset: Any, validation_dataset: Any) -> tuple[Any, Any]:
    """Both data sets in batches."""
    return (
        train_dataset.batch(batch_size, drop_remainder=False),
        validation_dataset.batch(batch_size, drop_remainder=False),
    )


def get_class_weights(targets: npt.ArrayLike) -> dict[int, float]:
    """``class_weight`` that lets each class count the same: rows / rows of the class / classes."""
    counts = np.asarray(targets).sum(axis=0)
    return {
        number: float(counts.sum() / count / len(counts)) if count else 0.0
        for number, count in enumerate(counts)
    }


def best_model_loader(best: Path) -> Callable[..., Any]:
    """``load_best_model``: the model of the epoch with the smallest validation loss so far."""

    def load_best_model(path: str | Path | None = None) -> Any:
        return tf_keras.models.load_model(path or best)

    return load_best_model


def old_package(best: Path) -> dict[str, ModuleType]:
    """The modules ``ei_tensorflow`` and ``ei_tensorflow.training``, as far as public scripts use them."""
    package, training = ModuleType("ei_tensorflow"), ModuleType("ei_tensorflow.training")
    members = {
        "BatchLoggerCallback": BatchLoggerCallback,
        "get_class_weights": get_class_weights,
        "load_best_model": best_model_loader(best),
        "set_batch_size": set_batch_size,
    }
    for name, member in members.items():
        setattr(training, name, member)
    package.training = training  # type: ignore[attr-defined]
    package.__path__ = []
    return {"ei_tensorflow": package, "ei_tensorflow.training": training}


def accept_old_optimizer_arguments() -> None:
    """Let optimizers take ``lr`` and ``decay`` again, which newer versions refuse or overlook.

    An optimizer that is given one of them becomes the legacy one of the same name, which heeds it.
    """
    homes = [importlib.import_module(name) for name in ("tf_keras.optimizers", "tensorflow.keras.optimizers")]
    for name in ("Adam", "SGD", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam"):
        new, old = getattr(tf_keras.optimizers, name), getattr(tf_keras.optimizers.legacy, name)
        accepting = type(name, (new,), {"__new__": _choose(old), "__doc__": new.__doc__})
        for home in (*homes, tf.keras.optimizers):
            setattr(home, name, accepting)


def _choose(old: Any) -> Callable[..., Any]:
    def make(kind: Any, *arguments: Any, **named: Any) -> Any:
        if "lr" in named or "decay" in named:
            return old(*arguments, **named)
        return super(kind, kind).__new__(kind)

    return make
