"""What a network costs on typical microcontrollers, as ``onDevicePerformance`` of Edge Impulse's metadata.

Multiplications, constants and buffers are exact. The latency is an estimate, and says so: instructions per
multiplication are the most that was counted on emulated boards over dense, convolutional and depthwise
networks (``make bench-mcu``), and each is taken for one cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from firmware_export.figures import Figures

#: Instructions of an inference beside its multiplications.
_FIXED = 3000

#: A network that needs more RAM is said to be for no microcontroller: the bound of Edge Impulse.
MOST_RAM = 6 * 1024 * 1024


@dataclass(frozen=True)
class Device:
    """A kind of microcontroller.

    Parameters
    ----------
    mcu, name : str
        For programs and for people.
    hertz : float
        Clock.
    per_mac : float
        Instructions per multiplication.
    """

    mcu: str
    name: str
    hertz: float
    per_mac: float


DEVICES = (
    Device("cortex-m4f-80mhz", "Cortex-M4F 80 MHz", 80e6, 1.6),
    Device("cortex-m3-72mhz", "Cortex-M3 72 MHz", 72e6, 2.9),
    Device("cortex-m55-160mhz", "Cortex-M55 160 MHz with Helium", 160e6, 0.65),
)


def latency_ms(device: Device, macs: int) -> float:
    """Milliseconds of one inference, estimated."""
    return (_FIXED + macs * device.per_mac) / device.hertz * 1000


def performance(found: Figures | None, file_bytes: int, why_not: str) -> list[dict[str, Any]]:
    """``onDevicePerformance`` of one variant.

    Parameters
    ----------
    found : Figures or None
        What its C costs; None where there is no C, or nobody wants to know.
    file_bytes : int
        Size of its .tflite file.
    why_not : str
        What is said where `found` is None.
    """
    return [_on(device, number == 0, found, file_bytes, why_not) for number, device in enumerate(DEVICES)]


def _on(
    device: Device, default: bool, found: Figures | None, file_bytes: int, why_not: str
) -> dict[str, Any]:
    common = {"mcu": device.mcu, "name": device.name, "isDefault": default}
    if found is None:
        nothing = {"ramRequired": 0, "romRequired": 0, "arenaSize": 0, "modelSize": file_bytes}
        return {
            **common,
            "latency": 0.0,
            "tflite": nothing,
            "eon": nothing,
            "hasPerformance": False,
            "profilingError": why_not,
        }
    return {
        **common,
        "latency": round(latency_ms(device, found.macs), 4),
        # An interpreter needs the file as it is; what it needs beside it is not measured here.
        "tflite": {
            "ramRequired": found.ram,
            "romRequired": file_bytes,
            "arenaSize": found.scratch + found.buffers,
            "modelSize": file_bytes,
        },
        "eon": {
            "ramRequired": found.ram,
            "romRequired": found.flash,
            "arenaSize": found.scratch,
            "modelSize": found.parameters,
        },
        "customMetrics": [
            {"name": "Multiplications", "value": str(found.macs)},
            {
                "name": "Latency",
                "value": f"estimate: {device.per_mac:g} instructions a multiplication and {_FIXED} more, "
                f"one a cycle at {device.hertz / 1e6:g} MHz",
            },
        ],
        "hasPerformance": True,
    }
