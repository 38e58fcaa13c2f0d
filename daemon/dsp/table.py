"""The one table of DSP blocks; importing it needs no numpy, implementations are imported on use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daemon.data.index import Column
from daemon.errors import DatasetError
from daemon.wire.edge_impulse import DspBlock


@dataclass(frozen=True)
class DspType:
    """What a type of DSP block gives, and where it is implemented.

    Parameters
    ----------
    type : str
        Name of the type in an impulse.
    outputs : callable
        ``(block, columns, window) -> list of Column``: name and unit of each output, known without the
        values; ``window`` counts rows, 1 for a feature table.
    module : str
        Module with ``extract(block, columns, windows)``: float32, (n, window, columns) to (n, outputs).
    """

    type: str
    outputs: Callable[[DspBlock, Sequence[Column], int], list[Column]]
    module: str


def used_columns(block: DspBlock, columns: Sequence[Column]) -> list[int]:
    """Indexes of the columns that a block's ``axes`` name, in that order; all where it is left out.

    Raises
    ------
    DatasetError
        ``axes`` names a column that is not there.
    """
    names = [column.name for column in columns]
    if block.axes is None:
        return list(range(len(names)))
    for name in block.axes:
        if name not in names:
            raise DatasetError(
                f"DSP block {block.id} uses the column {name!r}, the project's data has: {', '.join(names)}"
            )
    return [names.index(name) for name in block.axes]


def _raw_outputs(block: DspBlock, columns: Sequence[Column], window: int) -> list[Column]:
    chosen = [columns[index] for index in used_columns(block, columns)]
    if window == 1:
        return chosen
    return [Column(f"{column.name}[{step}]", column.units) for step in range(window) for column in chosen]


_TABLE = (
    DspType(type="raw", outputs=_raw_outputs, module="daemon.dsp.raw"),
    DspType(type="image", outputs=_raw_outputs, module="daemon.dsp.image"),
)
DSP_TYPES = {entry.type: entry for entry in _TABLE}
