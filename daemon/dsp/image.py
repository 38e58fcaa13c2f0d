"""The ``image`` block: pixels of 0 to 255 become 0 to 1, what networks take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daemon.data.index import Column
from daemon.dsp import raw
from daemon.wire.edge_impulse import DspBlock


def extract(
    block: DspBlock, columns: Sequence[Column], windows: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The features of each window: those of `daemon.dsp.raw.extract`, divided by 255."""
    return raw.extract(block, columns, windows) * np.float32(1 / 255)
