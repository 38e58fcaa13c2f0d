"""What a learn block sees of an impulse: its windows and the DSP outputs that ``axes`` index.

Needs no values and no numpy, so that requests can be checked before a job is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.data.index import IMAGE, TIME_SERIES, Column
from daemon.dsp.table import DSP_TYPES
from daemon.errors import DatasetError
from daemon.wire.edge_impulse import DspBlock, Impulse, InputBlock, LearnBlock


@dataclass(frozen=True)
class Window:
    """How an input block cuts recordings.

    Parameters
    ----------
    size, step : int
        Rows of a window, and rows from the start of one to the start of the next.
    interval_ms : float
        Milliseconds between rows; 0 for a feature table, where each row is a window.
    """

    size: int
    step: int
    interval_ms: float


def learn_block_outputs(impulse: Impulse, learn_block: LearnBlock, columns: Sequence[Column]) -> list[Column]:
    """Name and unit of each DSP output that a learn block sees.

    Parameters
    ----------
    impulse : Impulse
        The whole impulse.
    learn_block : LearnBlock
        The learn block; its ``dsp`` lists the ids of DSP blocks.
    columns : sequence of Column
        The columns of the project's recordings.

    Returns
    -------
    list of Column
        Outputs of the DSP blocks one after another; ``axes`` of a request index this list.

    Raises
    ------
    DatasetError
        The impulse is inconsistent, or names a column that is not there.
    """
    window = learn_block_window(impulse, learn_block)
    found: list[Column] = []
    for block in learn_block_dsp(impulse, learn_block):
        found += DSP_TYPES[block.type].outputs(block, columns, window.size)
    return found


def learn_block_shape(
    impulse: Impulse, learn_block: LearnBlock, columns: Sequence[Column]
) -> tuple[int, ...]:
    """Shape of one row that a learn block sees: ``(features,)``, or ``(rows, columns, channels)`` of images.

    Parameters and errors are those of `learn_block_outputs`; images are of one DSP block.

    Raises
    ------
    DatasetError
        What is not one image of 1 or 3 channels comes from an input block of type ``image``.
    """
    values = len(learn_block_outputs(impulse, learn_block, columns))
    block = _input_block(impulse, learn_block_dsp(impulse, learn_block)[0])
    if block.type != IMAGE:
        return (values,)
    if block.image_width is None or block.image_height is None:
        raise DatasetError(f"input block {block.id}: images need imageWidth and imageHeight")
    pixels = block.image_width * block.image_height
    if values not in (pixels, 3 * pixels):
        raise DatasetError(
            f"input block {block.id}: an image of {block.image_width} x {block.image_height} has {pixels} "
            f"values, or {3 * pixels} in colour, and learn block {learn_block.id} sees {values}"
        )
    return (block.image_height, block.image_width, values // pixels)


def learn_block_window(impulse: Impulse, learn_block: LearnBlock) -> Window:
    """How recordings are cut for a learn block.

    Raises
    ------
    DatasetError
        The DSP blocks of the learn block cut differently, or a window holds no row.
    """
    windows = {_window(_input_block(impulse, block)) for block in learn_block_dsp(impulse, learn_block)}
    if len(windows) != 1:
        raise DatasetError(
            f"learn block {learn_block.id} needs DSP blocks that see the same windows: "
            "give their input blocks the same size, increase and frequency"
        )
    return windows.pop()


def learn_block_dsp(impulse: Impulse, learn_block: LearnBlock) -> list[DspBlock]:
    """The DSP blocks of a learn block, in its order.

    Raises
    ------
    DatasetError
        One of them is not there, or of an unknown type.
    """
    by_id = {block.id: block for block in impulse.dsp_blocks}
    found = []
    for number in learn_block.dsp:
        if number not in by_id:
            raise DatasetError(f"learn block {learn_block.id} uses DSP block {number}, which is not there")
        if by_id[number].type not in DSP_TYPES:
            raise DatasetError(
                f"DSP block {number} is of type {by_id[number].type!r}, known are: {', '.join(DSP_TYPES)}"
            )
        found.append(by_id[number])
    return found


def _input_block(impulse: Impulse, block: DspBlock) -> InputBlock:
    for candidate in impulse.input_blocks:
        if block.input in (None, candidate.id):
            return candidate
    raise DatasetError(f"DSP block {block.id} reads input block {block.input}, which is not there")


def _window(block: InputBlock) -> Window:
    if block.type != TIME_SERIES:
        return Window(1, 1, 0.0)
    if block.window_size_ms is None or block.frequency_hz is None:
        raise DatasetError(f"input block {block.id}: a time series needs windowSizeMs and frequencyHz")
    interval_ms = 1000.0 / block.frequency_hz
    size = round(block.window_size_ms / interval_ms)
    if size < 1:
        raise DatasetError(
            f"input block {block.id}: a window of {block.window_size_ms:g} ms holds no row at "
            f"{block.frequency_hz:g} Hz: make windowSizeMs {interval_ms:g} or more"
        )
    # No increase means windows one after another; one of less than a row still moves by a row.
    step = size if block.window_increase_ms is None else round(block.window_increase_ms / interval_ms)
    return Window(size, max(step, 1), interval_ms)
