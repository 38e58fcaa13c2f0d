"""Variations of training rows, drawn anew for each row of each step.

Pure functions of rows and a seed, so that an epoch that is computed again draws the same. The kinds and
their numbers are those of Edge Impulse's policies; masks and warping follow SpecAugment
(https://arxiv.org/abs/1904.08779).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.trainers.keras.epoch import Augment
from daemon.trainers.keras.settings import KerasSettings
from daemon.trainers.keras.shapes import Shape
from daemon.wire.keras import AugmentationPolicySpectrogram

#: How much larger an image becomes at most before it is cropped, and largest change of its brightness.
MAX_ZOOM, MAX_BRIGHTNESS = 1.2, 0.2

#: Strength of a policy: masks over times and frames of the longest one.
TIME_MASKS = {"none": (0, 0), "low": (1, 1), "high": (3, 2)}
#: Strength of a policy: masks over frequencies, and share of the bins of the widest one.
FREQUENCY_MASKS = {"none": (0, 0.0), "low": (1, 0.15), "high": (3, 0.3)}
#: Strength of a policy: standard deviation of the noise.
NOISE = {"none": 0.0, "low": 0.2, "high": 0.45}
#: Frames that a time is moved at most.
WARP_FRAMES = 6


@dataclass(frozen=True)
class Masks:
    """How spectrograms are varied.

    Parameters
    ----------
    time_masks, time_frames : int
        Masks over times; each is 0 to `time_frames` frames long.
    frequency_masks, frequency_bins : int
        Masks over frequencies; each is 0 to `frequency_bins` bins wide.
    noise : float
        Standard deviation of what is added.
    warp_frames : int
        Frames that a time is moved at most; 0 for no warping.
    fill_with_mean : bool
        Whether masked values become the row's mean; else 0.
    """

    time_masks: int = 0
    time_frames: int = 0
    frequency_masks: int = 0
    frequency_bins: int = 0
    noise: float = 0.0
    warp_frames: int = 0
    fill_with_mean: bool = False


def augmentation(settings: KerasSettings, input_shape: Shape) -> Augment | None:
    """What a training varies its rows with; None where nobody asked for it.

    Parameters
    ----------
    settings : KerasSettings
        The policies, and the layers: a network of flat rows begins with a reshape, which says what a row is.
    input_shape : tuple of int
        Shape of one row.
    """
    layers = settings.layers
    grid = input_shape if len(input_shape) > 1 or not layers else layers[0].gives
    wanted: list[Augment] = []
    if settings.image_augmentation:
        picture = grid if len(grid) == 3 else (*grid, 1)
        wanted.append(_on(picture, image_augmentation()))
    if settings.spectrogram_augmentation is not None:
        wanted.append(
            _on(grid, spectrogram_augmentation(policy_masks(settings.spectrogram_augmentation, grid)))
        )
    return _one_after_another(wanted) if wanted else None


def policy_masks(policy: AugmentationPolicySpectrogram, grid: Shape) -> Masks:
    """The numbers of a policy.

    Parameters
    ----------
    policy : AugmentationPolicySpectrogram
        Enabled.
    grid : tuple of int
        Frames, bins, and channels where there are any.
    """
    time_masks, time_frames = TIME_MASKS[policy.time_masking]
    frequency_masks, share = FREQUENCY_MASKS[policy.freq_masking]
    return Masks(
        time_masks=time_masks,
        time_frames=time_frames,
        frequency_masks=frequency_masks,
        frequency_bins=round(share * grid[1]),
        noise=NOISE[policy.gaussian_noise],
        warp_frames=WARP_FRAMES if policy.warping else 0,
    )


def image_augmentation() -> Augment:
    """Half of the images mirrored left to right, all moved and made brighter or darker."""

    def vary(images: Any, seed: Any) -> Any:
        import tensorflow as tf

        seeds = tf.random.split(seed, 4)
        count = tf.shape(images)[0]
        mirrored = tf.random.stateless_uniform((count, 1, 1, 1), seeds[0]) < 0.5
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
        factor = tf.random.stateless_uniform((count, 1), seeds[1], 1.0, MAX_ZOOM)
        for axis in (1, 2):
            images = _moved(images, factor, tf.random.fold_in(seeds[2], axis), axis)
        shift = tf.random.stateless_uniform((count, 1, 1, 1), seeds[3], -MAX_BRIGHTNESS, MAX_BRIGHTNESS)
        return images + shift

    return vary


def spectrogram_augmentation(masks: Masks) -> Augment:
    """Times warped, then times and frequencies masked, then noise added.

    Parameters
    ----------
    masks : Masks
        What, and how much.
    """

    def vary(rows: Any, seed: Any) -> Any:
        import tensorflow as tf

        seeds = tf.random.split(seed, 3 + masks.time_masks + masks.frequency_masks)
        if masks.warp_frames:
            rows = _warped(rows, seeds[0], masks.warp_frames)
        fill = tf.zeros_like(rows)
        if masks.fill_with_mean:
            fill += tf.reduce_mean(rows, axis=list(range(1, rows.shape.rank)), keepdims=True)
        kinds = [(1, masks.time_frames)] * masks.time_masks + [
            (2, masks.frequency_bins)
        ] * masks.frequency_masks
        for place, (axis, longest) in enumerate(kinds):
            rows = tf.where(_mask(rows, seeds[3 + place], axis, longest), fill, rows)
        if masks.noise:
            rows += tf.random.stateless_normal(tf.shape(rows), seeds[1], stddev=masks.noise)
        return rows

    return vary


def _moved(images: Any, factor: Any, seed: Any, axis: int) -> Any:
    """Each image set into a larger one of zeros, `factor` times its size, and a part of its size cut out."""
    import tensorflow as tf

    size = images.shape[axis]
    room = tf.cast(tf.floor(factor * size), tf.int32) - size
    start = tf.cast(
        tf.random.stateless_uniform(tf.shape(factor), seed) * tf.cast(room + 1, tf.float32), tf.int32
    )
    places = tf.range(size)[None, :] + start - room // 2
    shown = tf.gather(images, tf.clip_by_value(places, 0, size - 1), axis=axis, batch_dims=1)
    inside = (places >= 0) & (places < size)
    return tf.where(_along(inside, axis, images.shape.rank), shown, 0.0)


def _along(values: Any, axis: int, rank: int) -> Any:
    """Values of each row's steps, (b, steps), in a shape that meets rows of `rank` axes."""
    import tensorflow as tf

    shape = tf.shape(values)
    return tf.reshape(values, tf.concat([shape[:1], [1] * (axis - 1), shape[1:], [1] * (rank - axis - 1)], 0))


def _warped(rows: Any, seed: Any, most: int) -> Any:
    """Times moved: one frame of each row is moved by up to `most` frames, what lies around it follows."""
    import tensorflow as tf

    frames = rows.shape[1]
    most = min(most, (frames - 1) // 2)
    if most < 1:
        return rows
    seeds = tf.random.split(seed, 2)
    count = tf.shape(rows)[0]
    target = tf.random.stateless_uniform((count, 1), seeds[0], most, frames - 1 - most + 1e-3)
    source = target + tf.random.stateless_uniform((count, 1), seeds[1], -float(most), float(most))
    steps = tf.range(frames, dtype=tf.float32)[None, :]
    last = float(frames - 1)
    before = steps * source / target
    after = last - (last - steps) * (last - source) / (last - target)
    places = tf.where(steps <= target, before, after)
    return _read_between(rows, tf.clip_by_value(places, 0.0, last), 1)


def _read_between(rows: Any, places: Any, axis: int) -> Any:
    """Values at places between the steps of an axis, (b, steps), by straight lines."""
    import tensorflow as tf

    low = tf.floor(places)
    share = _along(places - low, axis, rows.shape.rank)
    first = tf.cast(low, tf.int32)
    second = tf.minimum(first + 1, rows.shape[axis] - 1)
    return (
        tf.gather(rows, first, axis=axis, batch_dims=1) * (1 - share)
        + tf.gather(rows, second, axis=axis, batch_dims=1) * share
    )


def _mask(rows: Any, seed: Any, axis: int, longest: int) -> Any:
    """Which steps of an axis are masked: a run of 0 to `longest` of them for each row, anywhere."""
    import tensorflow as tf

    seeds = tf.random.split(seed, 2)
    count, size = tf.shape(rows)[0], rows.shape[axis]
    shape = tf.concat([[count], [1] * (rows.shape.rank - 1)], 0)
    length = tf.random.stateless_uniform(shape, seeds[0], 0, min(longest, size) + 1, tf.int32)
    place = tf.random.stateless_uniform(shape, seeds[1])
    start = tf.cast(place * tf.cast(size - length + 1, tf.float32), tf.int32)
    steps = tf.reshape(tf.range(size), [-1 if index == axis else 1 for index in range(rows.shape.rank)])
    return (steps >= start) & (steps < start + length)


def _on(grid: Shape, augment: Augment) -> Augment:
    """The same for rows that come flat."""

    def vary(rows: Any, seed: Any) -> Any:
        import tensorflow as tf

        return tf.reshape(augment(tf.reshape(rows, (-1, *grid)), seed), tf.shape(rows))

    return vary


def _one_after_another(augments: list[Augment]) -> Augment:
    def vary(rows: Any, seed: Any) -> Any:
        for number, augment in enumerate(augments):
            rows = augment(rows, seed + number)
        return rows

    return vary
