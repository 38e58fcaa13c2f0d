"""Augmentation: what is varied, by how much, and that it is drawn anew for each row and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from daemon.trainers.keras.augmentation import (
    Masks,
    augmentation,
    image_augmentation,
    policy_masks,
    spectrogram_augmentation,
)
from daemon.trainers.keras.settings import keras_settings
from daemon.trainers.table import NETWORKS
from daemon.wire.keras import AugmentationPolicySpectrogram, SetKerasParameterRequest
from daemon.wire.members import convert

FRAMES, BINS = 20, 13


def vary(augment: Any, rows: Any, seed: tuple[int, int] = (1, 2)) -> Any:
    """Rows after an augmentation that was compiled, as an epoch compiles it."""
    import tensorflow as tf

    return tf.function(augment, autograph=False)(tf.constant(rows, tf.float32), tf.constant(seed)).numpy()


@pytest.mark.parametrize(
    ("strength", "expected"), [("low", Masks(1, 1, 1, 2, 0.2)), ("high", Masks(3, 2, 3, 4, 0.45))]
)
def test_policies_have_the_published_numbers(strength: Any, expected: Masks) -> None:
    policy = AugmentationPolicySpectrogram(True, False, strength, strength, strength)
    assert policy_masks(policy, (FRAMES, BINS)) == expected
    assert policy_masks(AugmentationPolicySpectrogram(True, True), (FRAMES, BINS)) == Masks(warp_frames=6)


def test_masks_are_runs_of_zeros_within_their_bounds_and_drawn_anew() -> None:
    ones = np.ones((400, FRAMES, BINS))
    varied = vary(spectrogram_augmentation(Masks(time_masks=1, time_frames=2)), ones)
    masked = varied == 0
    assert np.array_equal(masked.all(axis=2), masked.any(axis=2))
    frames = masked.all(axis=2)
    assert set(frames.sum(axis=1)) == {0, 1, 2}
    for row in frames[frames.sum(axis=1) == 2]:
        assert np.diff(np.flatnonzero(row)) == 1
    # Every frame is masked in some row, and rows differ.
    assert frames.any(axis=0).all() and len(np.unique(frames, axis=0)) > FRAMES
    bins = vary(spectrogram_augmentation(Masks(frequency_masks=3, frequency_bins=4)), ones) == 0
    assert np.array_equal(bins.all(axis=1), bins.any(axis=1)) and bins.all(axis=1).sum(axis=1).max() <= 12
    other = vary(spectrogram_augmentation(Masks(time_masks=1, time_frames=2)), ones, (1, 3))
    assert not np.array_equal(varied, other)
    again = vary(spectrogram_augmentation(Masks(time_masks=1, time_frames=2)), ones)
    assert np.array_equal(varied, again)


def test_masks_may_be_filled_with_the_mean() -> None:
    rows = np.random.default_rng(1).normal(size=(50, FRAMES, BINS))
    varied = vary(spectrogram_augmentation(Masks(1, 5, fill_with_mean=True)), rows)
    changed = varied != rows.astype(np.float32)
    means = np.broadcast_to(rows.mean(axis=(1, 2), keepdims=True), rows.shape)
    assert changed.any() and np.allclose(varied[changed], means[changed], atol=1e-5)


def test_noise_has_the_asked_for_spread() -> None:
    varied = vary(spectrogram_augmentation(Masks(noise=0.45)), np.zeros((200, FRAMES, BINS)))
    # The standard error of the spread of 52,000 draws is 0.0014.
    assert varied.std() == pytest.approx(0.45, abs=0.01) and abs(varied.mean()) < 0.01


def test_warping_moves_times_keeps_their_order_and_their_ends() -> None:
    times = np.broadcast_to(np.arange(FRAMES, dtype=float)[None, :, None], (200, FRAMES, BINS))
    varied = vary(spectrogram_augmentation(Masks(warp_frames=6)), times)
    assert (np.diff(varied, axis=1) >= -1e-5).all()
    assert np.allclose(varied[:, 0], 0) and np.allclose(varied[:, -1], FRAMES - 1)
    assert 3 < np.abs(varied - times).max() <= 6


def test_images_are_mirrored_moved_and_made_brighter_or_darker() -> None:
    image = np.zeros((16, 16, 3))
    image[4:6, 3, :] = 1
    varied = vary(image_augmentation(), np.broadcast_to(image, (600, 16, 16, 3)))
    ground = varied[:, 15, 15, 0]
    # The corner is outside the picture where it was moved, and background elsewhere: both were 0.
    assert -0.2 <= ground.min() < -0.15 and 0.15 < ground.max() <= 0.2
    rows, columns = np.nonzero((varied - ground[:, None, None, None])[..., 0].max(axis=0) > 0.5)
    # 16 x 1.2 is 19: of 3 more pixels, 1 is before the picture and 2 behind it.
    assert (rows.min(), rows.max()) == (2, 6)
    assert set(columns) == {1, 2, 3, 4, 10, 11, 12, 13}


def test_flat_rows_are_varied_as_the_network_reads_them() -> None:
    body = {
        "visualLayers": [
            {"type": "reshape", "columns": BINS},
            {"type": "conv1d", "neurons": 2},
            {"type": "flatten"},
        ],
        "augmentationPolicySpectrogram": {"enabled": True, "timeMasking": "high"},
    }
    shape = (FRAMES * BINS,)
    settings = keras_settings(NETWORKS["keras"], convert(body, SetKerasParameterRequest), shape)
    augment = augmentation(settings, shape)
    assert augment is not None
    masked = vary(augment, np.ones((50, *shape))).reshape(50, FRAMES, BINS) == 0
    assert masked.any() and np.array_equal(masked.all(axis=2), masked.any(axis=2))
    plain = convert({**body, "augmentationPolicySpectrogram": None}, SetKerasParameterRequest)
    assert augmentation(keras_settings(NETWORKS["keras"], plain, shape), shape) is None
