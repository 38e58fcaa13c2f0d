"""What a flasher tells while it works, and what a flashed program answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import serial

from daemon.wire.worker import Log, Progress
from tests.harness import PATIENCE


@dataclass
class Heard:
    """Keeps what it is told."""

    fractions: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __call__(self, event: Progress | Log) -> None:
        if isinstance(event, Progress):
            assert event.stage == "flash"
            self.fractions.append(event.fraction)
        else:
            self.lines.append(event.text)

    def check(self, *, between: bool = True) -> None:
        """Progress begins at 0, rises, ends at 1, and has something in between."""
        assert self.fractions[0] == 0.0
        assert self.fractions[-1] == 1.0
        assert self.fractions == sorted(self.fractions)
        assert not between or any(0.0 < each < 1.0 for each in self.fractions)


def says(port: str, baud: int = 115200) -> str:
    """What the program on a port says to an empty line; asked again until it has started."""
    with serial.serial_for_url(port, baudrate=baud, timeout=0.5) as line:
        for _ in range(int(PATIENCE / 0.5)):
            line.write(b"\n")
            if answer := line.read_until(b"\n"):
                return bytes(answer).decode().strip()
    raise AssertionError(f"nobody answers on {port}")
