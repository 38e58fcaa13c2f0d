"""From features to the integers that an Akida model takes, and what a manifest says of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.quantize.network import FloatRows


@dataclass(frozen=True)
class Levels:
    """The integers of an input.

    Parameters
    ----------
    dtype : str
        ``uint8`` or ``int8``.
    least, most : int
        The smallest and the largest one that is used.
    """

    dtype: str
    least: int
    most: int


#: By the generation of the chip, and whether a row is an image. The first one takes 4 bits where it is not.
LEVELS = {
    ("v1", True): Levels("uint8", 0, 255),
    ("v1", False): Levels("uint8", 0, 15),
    ("v2", True): Levels("uint8", 0, 255),
    ("v2", False): Levels("int8", -127, 127),
}


@dataclass(frozen=True)
class InputCoding:
    """How a row of features becomes integers.

    Parameters
    ----------
    levels : Levels
        What they are.
    shape : tuple of int
        Of a row: ``(values,)``, or ``(rows, columns, channels)`` of an image.
    low, high : ndarray, shape (values,) or (1,), float32
        Features that become `levels.least` and `levels.most`; one for all values of an image, for what is
        bright in one place is as bright in another.
    """

    levels: Levels
    shape: tuple[int, ...]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    @property
    def is_image(self) -> bool:
        """Whether rows are images."""
        return len(self.shape) == 3

    def encode(self, rows: FloatRows) -> npt.NDArray[Any]:
        """Rows as integers, (n, *shape): spread over the levels, rounded, and saturated."""
        flat = rows.reshape(len(rows), -1)
        share = (flat - self.low) / (self.high - self.low)
        span = self.levels.most - self.levels.least
        # Half is rounded up, as a microcontroller does by adding it.
        spread = np.floor(np.clip(share, 0, 1) * span + np.float32(0.5)) + self.levels.least
        return np.asarray(spread.astype(self.levels.dtype).reshape(len(rows), *self.shape))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the manifest."""
        return {
            "dtype": self.levels.dtype,
            "least": self.levels.least,
            "most": self.levels.most,
            "shape": list(self.shape),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }


def coding_of(rows: FloatRows, shape: tuple[int, ...], generation: str) -> InputCoding:
    """The coding that holds all values of some rows.

    Parameters
    ----------
    rows : ndarray, shape (n, ...), float32
        Rows that train, at least one.
    shape : tuple of int
        Shape in which the network sees a row.
    generation : str
        Of the chip.
    """
    is_image = len(shape) == 3
    levels = LEVELS[generation, is_image]
    flat = rows.reshape(len(rows), -1)
    axis = None if is_image else 0
    low, high = (
        np.atleast_1d(ends).astype(np.float32) for ends in (flat.min(axis=axis), flat.max(axis=axis))
    )
    if is_image and low[0] >= 0 and high[0] <= 1:
        # The block `image` makes that of pixels.
        low, high = np.zeros(1, np.float32), np.ones(1, np.float32)
    # What is the same in all rows says nothing: any scale will do.
    return InputCoding(levels, shape, low, np.where(high > low, high, low + 1).astype(np.float32))


def coding_from(said: dict[str, Any]) -> InputCoding:
    """The coding that `InputCoding.as_dict` gave."""
    return InputCoding(
        Levels(said["dtype"], said["least"], said["most"]),
        tuple(said["shape"]),
        np.asarray(said["low"], np.float32),
        np.asarray(said["high"], np.float32),
    )
