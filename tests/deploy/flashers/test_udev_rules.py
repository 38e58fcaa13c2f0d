"""The rules for udev: read by udev itself where it can check them, and here as its manual says they work."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[3] / "systemd" / "70-trainerd.rules"
PAIR = re.compile(r'([A-Z]+)(?:\{(\w+)\})?(==|!=|\+=|=)"([^"]*)"')
MATCHES = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "ATTR", "ATTRS", "ENV"}
SETTINGS = {"GOTO", "LABEL", "GROUP", "MODE", "SYMLINK", "ENV"}


@dataclass
class Device:
    """What udev knows of a device, and what the rules make of it."""

    subsystem: str
    vendor: str
    product: str
    serial: str = ""
    interface: str = "00"
    action: str = "add"
    parent: str = "usb"
    links: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)

    def value(self, key: str, argument: str) -> str:
        if key in ("ATTR", "ATTRS"):
            return {"idVendor": self.vendor, "idProduct": self.product}[argument]
        if key == "ENV":
            return {
                "ID_VENDOR_ID": self.vendor,
                "ID_MODEL_ID": self.product,
                "ID_SERIAL_SHORT": self.serial,
                "ID_USB_INTERFACE_NUM": self.interface,
                "DEVTYPE": "usb_device",
            }.get(argument, self.settings.get(argument, ""))
        return {"ACTION": self.action, "SUBSYSTEM": self.subsystem, "SUBSYSTEMS": self.parent}[key]


def lines() -> list[list[tuple[str, str, str, str]]]:
    """Each rule as its pairs; whatever is none of them is an error."""
    rules = []
    for line in RULES.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pairs = PAIR.findall(line)
        assert ", ".join(f'{k}{f"{{{a}}}" if a else ""}{o}"{v}"' for k, a, o, v in pairs) == line
        rules.append(pairs)
    return rules


def apply(device: Device) -> Device:
    """Let the rules work on a device."""
    waiting_for = ""
    for pairs in lines():
        if waiting_for:
            waiting_for = "" if ("LABEL", "", "=", waiting_for) in pairs else waiting_for
            continue
        if not all(
            any(fnmatch.fnmatchcase(device.value(key, argument), each) for each in value.split("|"))
            == (operator == "==")
            for key, argument, operator, value in pairs
            if operator in ("==", "!=")
        ):
            continue
        for key, argument, operator, value in pairs:
            if key == "GOTO":
                waiting_for = value
            elif key == "SYMLINK":
                device.links.add(re.sub(r"\$env\{(\w+)\}", lambda name: device.value("ENV", name[1]), value))
            elif operator == "=" and key != "LABEL":
                device.settings[argument or key] = value
    assert not waiting_for
    return device


def test_every_word_is_one_of_udevs() -> None:
    for pairs in lines():
        for key, _, operator, _ in pairs:
            assert key in (MATCHES if operator in ("==", "!=") else SETTINGS), key


def test_udev_takes_the_rules() -> None:
    """By its own word, which it has since version 254; an older one was asked by hand."""
    if (udevadm := shutil.which("udevadm")) and "verify" in subprocess.getoutput(f"{udevadm} --help"):
        subprocess.run([udevadm, "verify", str(RULES)], check=True)


@pytest.mark.parametrize(
    ("vendor", "product", "interface", "links"),
    [
        ("2341", "0043", "00", {"mcu/2341_0043_SERIAL", "mcu/2341_0043_SERIAL-if00"}),  # Arduino Uno
        ("1a86", "7523", "00", {"mcu/1a86_7523_SERIAL", "mcu/1a86_7523_SERIAL-if00"}),  # CH340
        ("0483", "374b", "02", {"mcu/0483_374b_SERIAL-if02"}),  # ST-LINK/V2-1 of a Nucleo
        ("2e8a", "000a", "00", {"mcu/2e8a_000a_SERIAL", "mcu/2e8a_000a_SERIAL-if00"}),  # Pico with USB stdio
    ],
)
def test_a_boards_port_has_a_name_that_stays(
    vendor: str, product: str, interface: str, links: set[str]
) -> None:
    device = apply(Device("tty", vendor, product, "SERIAL", interface))
    assert device.links == links
    assert device.settings["GROUP"] == "dialout"
    assert device.settings["MODE"] == "0660"
    assert device.settings["ID_MM_DEVICE_IGNORE"] == "1"


def test_a_chip_without_a_serial_number_gets_no_name_that_another_has_too() -> None:
    device = apply(Device("tty", "1a86", "7523"))
    assert device.links == set()
    assert device.settings["GROUP"] == "dialout"


@pytest.mark.parametrize(
    ("subsystem", "vendor", "product"),
    [
        ("usb", "0483", "3748"),  # ST-LINK/V2
        ("usb", "2e8a", "0003"),  # RP2040 in its boot ROM
        ("usb", "1366", "0101"),  # J-Link
        ("hidraw", "0d28", "0204"),  # DAPLink
    ],
)
def test_probes_are_open_to_the_group(subsystem: str, vendor: str, product: str) -> None:
    assert apply(Device(subsystem, vendor, product)).settings["GROUP"] == "dialout"


@pytest.mark.parametrize(
    "device",
    [
        Device("tty", "2341", "0043", "SERIAL", parent="platform"),  # no USB device
        Device("tty", "12d1", "1001", "MODEM"),  # a modem
        Device("usb", "046d", "c31c"),  # a keyboard
        Device("hidraw", "046d", "c31c"),
        Device("block", "2e8a", "0003"),
        Device("tty", "2341", "0043", "SERIAL", action="remove"),
    ],
)
def test_everything_else_is_left_alone(device: Device) -> None:
    apply(device)
    assert not device.links
    assert not device.settings
