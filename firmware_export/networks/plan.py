"""Where every value lies in scratch: lifetimes, in-place steps, first fit; the size is exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_export.networks import ir
from firmware_export.networks.pack import is_fast_depthwise

ALIGNMENT = 8


@dataclass(frozen=True)
class Block:
    """A piece of scratch: bytes `offset` to `offset + size`, from step `first` to step `last`."""

    what: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """The layout.

    Attributes
    ----------
    size : int
        Bytes of scratch; 0 where none is needed.
    offsets : dict
        Value -> offset; values in the caller's buffers and constants are not in it.
    kernel_offsets : dict
        Index of a step -> offset of its own scratch.
    blocks : tuple of Block
        Everything, for the map.
    """

    size: int
    offsets: dict[int, int]
    kernel_offsets: dict[int, int]
    blocks: tuple[Block, ...]


def storage(network: ir.Network) -> dict[int, int]:
    """Value -> the value whose bytes it shares, through reshapes; the network's output comes first."""
    shared = {number: number for number in network.values}
    for step in network.steps:
        if isinstance(step, ir.Reshape):
            shared[step.output] = shared[step.inputs[0]]
    roots = {number: shared[number] for number in shared}
    result = roots[network.output]
    if result != roots[network.input]:
        roots = {n: network.output if root == result else root for n, root in roots.items()}
    return roots


def plan(network: ir.Network, kernel_scratch: Mapping[int, int]) -> Plan:
    """Lay out scratch.

    Parameters
    ----------
    network : Network
    kernel_scratch : mapping
        Index of a step -> bytes that its kernel needs while it runs.
    """
    roots = storage(network)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    size: dict[int, int] = {}
    for index, step in enumerate(network.steps):
        for number in (*step.inputs, step.output):
            root = roots[number]
            first.setdefault(root, index)
            last[root] = index
            size[root] = max(size.get(root, 0), network.values[number].size)
    outside = {roots[network.input], roots[network.output]}
    outside |= {n for n, value in network.values.items() if value.constant is not None}
    place = {n: n for n in first if n not in outside}
    for index, step in enumerate(network.steps):
        target = roots[step.output]
        if isinstance(step, ir.Reshape) or target in outside:
            continue
        for source in in_place_inputs(network, step):
            root = place.get(roots[source], -1)
            if root >= 0 and last[roots[source]] == index and last[root] == index:
                place[target] = root
                size[root] = max(size[root], size[target])
                last[root] = last[target]
                break
    wanted = [Block(f"value {n}", 0, size[n], first[n], last[n]) for n in place if place[n] == n]
    wanted += [Block(f"scratch of step {i}", 0, n, i, i) for i, n in kernel_scratch.items() if n > 0]
    blocks = min((_first_fit(wanted, order) for order in _ORDERS), key=_end)
    by_name = {block.what: block.offset for block in blocks}
    return Plan(
        size=_end(blocks),
        offsets={n: by_name[f"value {_final(place, roots[n])}"] for n in network.values if roots[n] in place},
        kernel_offsets={i: by_name[f"scratch of step {i}"] for i, n in kernel_scratch.items() if n > 0},
        blocks=tuple(sorted(blocks, key=lambda block: (block.first, block.offset))),
    )


def in_place_inputs(network: ir.Network, step: ir.Step) -> tuple[int, ...]:
    """Inputs whose place the output may take: each byte is read for the last time before it is written."""
    out = network.shape(step.output)
    if isinstance(step, (ir.Lookup, ir.Softmax)):
        return step.inputs
    if isinstance(step, (ir.Add, ir.Multiply, ir.Extremum)):
        return tuple(i for i in step.inputs if network.values[i].size == network.values[step.output].size)
    if isinstance(step, ir.Depthwise) and is_fast_depthwise(step, network.shape(step.inputs[0]), out):
        return step.inputs
    if isinstance(step, ir.Pool) and step.window.pad == (0, 0):
        return step.inputs
    return ()


def _final(place: Mapping[int, int], number: int) -> int:
    while place[number] != number:
        number = place[number]
    return number


_ORDERS = (
    lambda block: (-block.size, block.first),
    lambda block: (block.first, -block.size),
    lambda block: (-block.size * (block.last - block.first + 1), block.first),
)


def _first_fit(wanted: list[Block], order: object) -> list[Block]:
    placed: list[Block] = []
    for block in sorted(wanted, key=order):  # type: ignore[call-overload]
        offset = 0
        for other in sorted(placed, key=lambda b: b.offset):
            if other.last < block.first or block.last < other.first:
                continue
            if offset + block.size <= other.offset:
                break
            offset = max(offset, -(-(other.offset + other.size) // ALIGNMENT) * ALIGNMENT)
        placed.append(Block(block.what, offset, block.size, block.first, block.last))
    return placed


def _end(blocks: list[Block]) -> int:
    return max((block.offset + block.size for block in blocks), default=0)
