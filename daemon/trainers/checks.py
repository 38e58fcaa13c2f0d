"""Checks that need the rows: what cannot be trained on is refused before the fit, by name and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from daemon.data.index import Column
from daemon.errors import DatasetError, TrainingError
from daemon.trainers.table import TrainerEntry

#: Fewest rows that have a spread at all.
MIN_ROWS = 2


def check_rows(
    rows: npt.NDArray[np.float32], columns: Sequence[Column], place: Callable[[int], str]
) -> list[str]:
    """Refuse rows that no anomaly model can be fitted to.

    Parameters
    ----------
    rows : ndarray, shape (n, d), float32
        Training rows, selected axes only.
    columns : sequence of Column
        Names of the selected axes.
    place : callable
        Where row i came from, for the message.

    Returns
    -------
    list of str
        Warnings: columns that are constant.

    Raises
    ------
    DatasetError
        Fewer than two rows, or a value that is not finite.
    """
    if len(rows) < MIN_ROWS:
        raise DatasetError(
            f"{len(rows)} training rows: at least {MIN_ROWS} are needed; import more with category training"
        )
    check_finite(rows, columns, place)
    constant = np.flatnonzero(rows.min(axis=0) == rows.max(axis=0))
    return [
        f"column {columns[index].name!r} is constant ({rows[0, index]:g}) in training: it is standardised "
        "with scale 1, any change of it later counts in its own unit"
        for index in constant
    ]


def check_finite(
    rows: npt.NDArray[np.float32], columns: Sequence[Column], place: Callable[[int], str]
) -> None:
    """Refuse NaN and infinite values.

    Raises
    ------
    DatasetError
        Names the row and the column of the first one.
    """
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, column = bad[0]
        raise DatasetError(
            f"{rows[row, column]} in column {columns[column].name!r}, {place(int(row))}: remove it"
        )


def settle_cluster_count(
    entry: TrainerEntry, wanted: int | None, rows: npt.NDArray[np.float32]
) -> tuple[int, list[str]]:
    """How many clusters or components the rows get.

    Parameters
    ----------
    entry : TrainerEntry
        The trainer, with its default.
    wanted : int or None
        What was asked for; None for the default.
    rows : ndarray, shape (n, d), float32
        Training rows, selected axes only.

    Returns
    -------
    int and list of str
        The number, and a warning where the rows do not allow the default.

    Raises
    ------
    TrainingError
        More are asked for than there are distinct rows.
    """
    # Adding 0 turns -0.0 into 0.0: they are the same value in other bytes.
    distinct = len({row.tobytes() for row in rows + np.float32(0)})
    if wanted is None:
        count = min(entry.default_clusters, distinct)
        if count < entry.default_clusters:
            return count, [
                f"clusterCount is {count}, not {entry.default_clusters}: there are no more distinct rows"
            ]
        return count, []
    if wanted > distinct:
        raise TrainingError(
            f"clusterCount: {wanted} is more than there are distinct training rows; the largest allowed "
            f"value is {distinct} ({len(rows)} rows, {distinct} of them distinct on the chosen axes)"
        )
    return wanted, []
