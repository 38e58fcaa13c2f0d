"""What the C of one step consists of, collected into the C of a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.cprint import braced, int32_literal
from firmware_export.networks import ir
from firmware_export.networks.pack import Channels


@dataclass(frozen=True)
class Member:
    """A member of the parameter struct: its declaration, its value, its size, and whether it is weights."""

    declaration: str
    value: str
    size: int


@dataclass
class Code:
    """The C of a network in the making; `name` is the model's identifier."""

    name: str
    updatable: bool = False
    members: list[Member] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    kernels: list[str] = field(default_factory=list)
    switches: dict[str, int] = field(default_factory=dict)

    def use(self, *kernels: str) -> None:
        """Kernels that are needed, each after those that it builds on."""
        self.kernels += [kernel for kernel in kernels if kernel not in self.kernels]

    def switch(self, name: str, value: int = 1) -> None:
        """Raise a compile-time switch of the kernels to at least `value`."""
        self.switches[name] = max(self.switches.get(name, 0), value)

    def array(self, kind: str, member: str, values: npt.NDArray[np.signedinteger[Any]]) -> str:
        """An array of numbers among the parameters; returns the expression for it."""
        text = braced((str(int(v)) for v in values.ravel()), 2)
        # Whole words keep every member aligned.
        size = values.size * values.itemsize
        fill = -size % 4 // values.itemsize
        self.members.append(
            Member(f"{kind} {member}[{values.size + fill}];", text, size + fill * values.itemsize)
        )
        return f"p->{member}"

    def channels(self, member: str, channels: Channels) -> str:
        """A table of `struct model_channel`; returns the expression for it."""
        self.switch("SHIFTS", 2 if self.updatable else channels.level)
        rows = [
            braced([int32_literal(int(bias)), str(int(multiplier)), str(int(shift))])
            for bias, multiplier, shift in zip(
                channels.bias, channels.multiplier, channels.shift, strict=True
            )
        ]
        declaration = f"struct {self.name}_channel {member}[{len(rows)}];"
        self.members.append(Member(declaration, braced(rows, 2), 12 * len(rows)))
        return f"p->{member}"

    def output(self, member: str, how: ir.Requantization) -> str:
        """A `struct model_output`; returns its address."""
        self.members.append(Member(f"struct {self.name}_output {member};", self.output_value(how), 12))
        return f"&p->{member}"

    def output_value(self, how: ir.Requantization) -> str:
        """The initializer of a `struct model_output`."""
        self.switch("CLAMP", int(self.updatable or how.low > -128 or how.high < 127))
        return f"{{{2 * how.zero_point + 1}, {how.low}, {how.high}}}"

    def channel_value(self, channels: Channels) -> str:
        """The initializer of one `struct model_channel`."""
        self.switch("SHIFTS", 2 if self.updatable else channels.level)
        bias, multiplier, shift = int(channels.bias[0]), int(channels.multiplier[0]), int(channels.shift[0])
        return f"{{{int32_literal(bias)}, {multiplier}, {shift}}}"

    def number(self, member: str, value: int) -> str:
        """An int32 among the parameters; returns the expression for it."""
        self.members.append(Member(f"int32_t {member};", str(value), 4))
        return f"p->{member}"

    def struct(self, kind: str, member: str, items: Iterable[object], size: int) -> str:
        """A kernel's own struct among the parameters; returns its address."""
        self.members.append(Member(f"struct {self.name}_{kind} {member};", braced(map(str, items), 2), size))
        return f"&p->{member}"

    def shape(self, kind: str, member: str, items: Iterable[object]) -> str:
        """A constant struct that depends on shapes only; returns its address."""
        text = f"static const struct {self.name}_{kind} {self.name}_{member} = {braced(map(str, items))};"
        self.shapes.append(text)
        return f"&{self.name}_{member}"

    def positions(self, member: str, values: ir.Int64) -> str:
        """A constant table of positions that depend on shapes only; returns the expression for it."""
        text = braced(map(str, values.tolist()))
        self.shapes.append(f"static const uint16_t {self.name}_{member}[{len(values)}] = {text};")
        return f"{self.name}_{member}"
