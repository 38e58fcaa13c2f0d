"""What is read out of what tools say.

Outputs marked ``recorded`` were taken down from the tool itself, the others are as its documentation and its
users show them: there is no debug probe and no RP2040 here, so OpenOCD, pyOCD and picotool have never written
a chip in this suite.
"""

from __future__ import annotations

import re

import pytest

from daemon.deploy.flashers.complaints import explain
from daemon.errors import BoardRefused, BoardUnreachable, DeployError, FlashFailed
from tests.deploy.flashers.programs import PROGRAMS, program

OPENOCD_WELL = """\
Info : STLINK V2J37S7 (API v2) VID:PID 0483:374B
Info : Target voltage: 3.262857
Info : [stm32f4x.cpu] Cortex-M4 r0p1 processor detected
** Programming Started **
Info : device id = 0x10076413
Info : flash size = 1024 KiB
** Programming Finished **
** Verify Started **
** Verified OK **
** Resetting Target **
shutdown command invoked
"""
PYOCD_WELL = """\
0001030 I Loading image.bin [load_cmd]
[---|---|---|---|---|---|---|---|---|----]
[========================================]
0001612 I Erased 16384 bytes (1 sector), programmed 8776 bytes (9 pages), at 9.72 kB/s
Comparing 8776 bytes @ 0x08000000
All 8776 bytes match.
"""
PICOTOOL_WELL = """\
Loading into Flash: [==============================]  100%
Verifying Flash: [==============================]  100%
  OK

The device was rebooted to start the application.
"""


@pytest.mark.parametrize(
    ("name", "output", "fractions"),
    [
        ("openocd", OPENOCD_WELL, [0.1, 0.6, 0.65, 0.95, 1.0]),
        ("pyocd", PYOCD_WELL, [1.0]),
        ("picotool", PICOTOOL_WELL, [0.5, 1.0]),
    ],
)
def test_a_good_end_is_known(name: str, output: str, fractions: list[float]) -> None:
    tool = program(name)
    assert re.search(tool.written, output, re.DOTALL)
    told = [share for line in output.splitlines() if (share := tool.progress(line)) is not None]
    assert told == fractions


@pytest.mark.parametrize(
    ("name", "output", "error", "says"),
    [
        # recorded
        (
            "openocd",
            (
                "Info : clock speed 2000 kHz\nError: open failed\nin procedure 'program'\n** OpenOCD init "
                "failed **\n"
            ),
            BoardUnreachable,
            "no probe was found",
        ),
        (
            "openocd",
            (
                "Info : Target voltage: 3.206349\nError: init mode failed (unable to connect to the target)\n"
                "in procedure 'program'\n** OpenOCD init failed **\n"
            ),
            BoardUnreachable,
            "no chip answers it",
        ),
        (
            "openocd",
            (
                "** Programming Started **\nError: stm32x device protected\nError: failed erasing sectors 0 "
                "to "
                "0\n"
                "** Programming Failed **\n"
            ),
            BoardRefused,
            "protected",
        ),
        (
            "openocd",
            "Error: checksum mismatch - attempting binary compare\n** Verify Failed **\n",
            FlashFailed,
            "does not hold",
        ),
        (
            "openocd",
            (
                "Warn : UNEXPECTED idcode: 0x1ba01477\nError: expected 1 of 1: 0x2ba01477\n** OpenOCD init "
                "failed **"
            ),
            FlashFailed,
            "another chip",
        ),
        # recorded
        (
            "openocd",
            "embedded:startup.tcl:28: Error: Can't find interface/stlnk.cfg\n",
            FlashFailed,
            "no file interface/stlnk.cfg",
        ),
        # recorded
        (
            "pyocd",
            "No connected debug probes\n0000421 E No target device available [load_cmd]\n",
            BoardUnreachable,
            "no probe was found",
        ),
        (
            "pyocd",
            (
                "Comparing 8776 bytes @ 0x08000000\nMismatched byte at 0x08000100 (offset 0x100): 0x00 "
                "(memory) "
                "!= 0x12 "
                "(file)\n"
            ),
            FlashFailed,
            "does not hold",
        ),
        (
            "pyocd",
            "pyocd.probe.pydapaccess.dap_access_api.DAPAccessIntf.TransferError: No ACK received\n",
            BoardUnreachable,
            "no chip answers it",
        ),
        (
            "picotool",
            "No accessible RP2040/RP2350 devices in BOOTSEL mode were found.\n",
            BoardUnreachable,
            "hold BOOTSEL",
        ),
        (
            "picotool",
            (
                "No accessible RP2040 devices in BOOTSEL mode were found.\nbut:\nDevice at bus 3, address 31 "
                "appears to "
                "be a RP2040 device in BOOTSEL mode, but picotool was unable to connect. Maybe try 'sudo' or "
                "check your "
                "permissions.\n"
            ),
            BoardUnreachable,
            "systemd/70-trainerd.rules",
        ),
        # recorded, against a bootloader of another protocol
        (
            "avrdude",
            (
                "avrdude warning: attempt 10 of 10: not in sync: resp=0x1f\navrdude error: unable to open "
                "programmer "
                "arduino on port net:127.0.0.1:33567\n"
            ),
            BoardUnreachable,
            "press reset just before",
        ),
        # recorded
        (
            "avrdude",
            (
                "avrdude error: cannot find USB device with vid=0x16c0 pid=0x5dc vendor='www.fischl.de' "
                "product='USBasp'\navrdude error: unable to open programmer usbasp on port usb\n"
            ),
            BoardUnreachable,
            "no programmer was found on USB",
        ),
        (
            "avrdude",
            (
                "avrdude error: verification mismatch, first encountered at addr 0x0042\n        device "
                "0xff != "
                "input "
                "0x0e\n"
            ),
            FlashFailed,
            "does not hold",
        ),
        (
            "esptool",
            "A fatal error occurred: Failed to connect to ESP32-C3: No serial data received.\n",
            BoardUnreachable,
            "hold BOOT while",
        ),
        # recorded
        (
            "stm32flash",
            "Failed to init device after retry.\nstm32flash 0.7\n",
            BoardUnreachable,
            "set BOOT0",
        ),
        # recorded: it cuts the image off and says that it is done
        (
            "stm32flash",
            "Wrote and verified address 0x08100000 (99.98%) Done.\n",
            BoardRefused,
            "does not fit",
        ),
    ],
)
def test_a_bad_end_says_what_to_do(name: str, output: str, error: type[DeployError], says: str) -> None:
    found = explain(output, program(name).complaints, "/dev/mcu/press")
    assert type(found) is error
    assert says in found.message


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_complaint_can_be_worded(name: str) -> None:
    """Its remedy names only groups that its pattern has."""
    for complaint in program(name).complaints:
        groups = dict.fromkeys(re.compile(complaint.pattern).groupindex, "x")
        assert complaint.remedy.format(port="/dev/mcu/press", **groups)
