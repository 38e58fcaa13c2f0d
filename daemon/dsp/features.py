"""From recordings to the rows that one learn block sees: windows, DSP blocks, all outputs side by side."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daemon.data.dataset import Samples, cut_windows
from daemon.data.index import Column
from daemon.dsp.outputs import Window, learn_block_dsp, learn_block_outputs, learn_block_window
from daemon.dsp.table import DSP_TYPES
from daemon.errors import DatasetError
from daemon.wire.edge_impulse import DspBlock, Impulse, LearnBlock

#: Largest deviation of a recording's interval from the input block's, as a share of it.
RATE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Features:
    """Rows for a learn block.

    Parameters
    ----------
    rows : ndarray, shape (n, outputs), float32
        One row a window, or a row of a feature table.
    labels : list of (str or None)
        The label of each row.
    places : list of tuple (Samples, int)
        The recording that each row was made from, and where in it the row's window begins.
    """

    rows: npt.NDArray[np.float32]
    labels: list[str | None]
    places: list[tuple[Samples, int]]

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int) -> str:
        """Where a row came from, for a message to a person."""
        samples, start = self.places[row]
        return samples.place(start)


def extract_features(
    impulse: Impulse, learn_block: LearnBlock, columns: Sequence[Column], recordings: Sequence[Samples]
) -> Features:
    """The rows that a learn block sees of some recordings.

    Parameters
    ----------
    impulse : Impulse
        The whole impulse.
    learn_block : LearnBlock
        The learn block.
    columns : sequence of Column
        The columns of `recordings`.
    recordings : sequence of Samples
        The recordings; each is cut on its own, no window reaches into the next.

    Returns
    -------
    Features
        All their rows, in order.

    Raises
    ------
    DatasetError
        The impulse does not fit the recordings: columns, kind or rate.
    """
    window = learn_block_window(impulse, learn_block)
    blocks = learn_block_dsp(impulse, learn_block)
    width = len(learn_block_outputs(impulse, learn_block, columns))
    parts = [np.empty((0, width), np.float32)]
    labels: list[str | None] = []
    places: list[tuple[Samples, int]] = []
    for samples in recordings:
        _check_rate(samples, window)
        windows = cut_windows(samples.values, window.size, window.step)
        parts.append(np.hstack([_extract(block, columns, windows) for block in blocks]))
        labels += samples.labels * len(windows) if samples.is_series else samples.labels
        places += [(samples, number * window.step) for number in range(len(windows))]
    return Features(np.concatenate(parts), labels, places)


def _extract(
    block: DspBlock, columns: Sequence[Column], windows: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    features: npt.NDArray[np.float32] = importlib.import_module(DSP_TYPES[block.type].module).extract(
        block, columns, windows
    )
    return features


def _check_rate(samples: Samples, window: Window) -> None:
    where = repr(samples.name) if samples.name else f"sample {samples.sample_id}"
    if samples.is_series != (window.interval_ms > 0):
        held, asked = ("time series", "features") if samples.is_series else ("feature table", "time-series")
        raise DatasetError(f"{where} is a {held}, the input block is of type {asked!r}: change the impulse")
    if abs(samples.interval_ms - window.interval_ms) > RATE_TOLERANCE * window.interval_ms:
        raise DatasetError(
            f"{where} has a row every {samples.interval_ms:g} ms, the input block asks for one every "
            f"{window.interval_ms:g} ms: set its frequencyHz to {1000 / samples.interval_ms:g}"
        )
