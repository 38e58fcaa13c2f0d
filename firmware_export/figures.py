"""What a model costs on a microcontroller, in all and by layer, and whether that is allowed."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.errors import OverBudget


@dataclass(frozen=True)
class Layer:
    """One step: where it comes from, what it gives, what it costs."""

    label: str
    shape: tuple[int, ...]
    macs: int
    weights: int


@dataclass(frozen=True)
class Figures:
    """All that an export prints.

    Attributes
    ----------
    parameters : int
        Bytes of constants, exactly.
    code : int
        Bytes, estimated for a Cortex-M4F at ``-O2``.
    scratch : int
        Bytes that the caller lends, exactly.
    buffers : int
        Bytes of the input and the output, exactly.
    stack : int
        Bytes, estimated.
    macs : int
        Multiplications of one inference.
    layers : tuple of Layer
    """

    parameters: int
    code: int
    scratch: int
    buffers: int
    stack: int
    macs: int
    layers: tuple[Layer, ...]

    @property
    def flash(self) -> int:
        """Bytes of flash."""
        return self.parameters + self.code

    @property
    def ram(self) -> int:
        """Bytes of RAM."""
        return self.scratch + self.buffers + self.stack


def check_budget(found: Figures, flash: int | None, ram: int | None) -> None:
    """Raise OverBudget where a model takes more than is allowed."""
    for what, needed, allowed in (("flash", found.flash, flash), ("RAM", found.ram, ram)):
        if allowed is not None and needed > allowed:
            raise OverBudget(f"the model needs {needed:,} bytes of {what}, {allowed:,} are allowed")
