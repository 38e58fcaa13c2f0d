"""The ``raw`` block: the values themselves.

A feature table gives the named columns; a window of a time series gives its values interleaved by time
step (x0, y0, z0, x1, ...), as Edge Impulse's block of that name does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daemon.data.index import Column
from daemon.dsp.table import used_columns
from daemon.wire.edge_impulse import DspBlock


def extract(
    block: DspBlock, columns: Sequence[Column], windows: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The features of each window.

    Parameters
    ----------
    block : DspBlock
        Its ``axes`` name the columns to use, all where left out.
    columns : sequence of Column
        The columns of `windows`.
    windows : ndarray, shape (n, rows, columns), float32
        Windows of samples.

    Returns
    -------
    ndarray, shape (n, rows * used columns), float32
        One row of features a window.

    Raises
    ------
    DatasetError
        ``axes`` names a column that is not there.
    """
    used = windows[:, :, used_columns(block, columns)]
    return used.reshape(len(windows), used.shape[1] * used.shape[2])
