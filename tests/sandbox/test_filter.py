"""The filter on system calls, run by an interpreter of its own for both architectures."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from daemon.sandbox.kernel import ARCHITECTURES, NUMBERS, number
from daemon.sandbox.seccomp import REFUSED, program

KILL, ALLOW, EPERM, ENOSYS = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4711


def decide(code: bytes, audit: int, call: int, *arguments: int) -> int:
    """What the kernel would return for a system call: classic BPF as in seccomp(2)."""
    data = struct.pack("<IIQ6Q", call, audit, 0, *(*arguments, *[0] * 6)[:6])
    steps = list(struct.iter_unpack("=HBBI", code))
    place = accumulator = 0
    while True:
        opcode, yes, no, operand = steps[place]
        place += 1
        if opcode == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif opcode == 0x06:
            return int(operand)
        elif opcode == 0x05:
            place += operand
        else:
            met = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x45: bool(accumulator & operand),
            }
            place += yes if met[opcode] else no


@pytest.mark.parametrize("machine", ARCHITECTURES)
class TestFilter:
    """Decisions for one architecture."""

    def test_what_is_refused_is_refused(self, machine: str) -> None:
        code = program(machine, PID)
        for name in REFUSED:
            if (known := number(name, machine)) is not None:
                assert decide(code, AUDIT[machine], known) == EPERM, name

    def test_ordinary_calls_pass(self, machine: str) -> None:
        code = program(machine, PID)
        ordinary = {
            "x86_64": (0, 1, 9, 10, 257, 202, 228, 53),
            "aarch64": (63, 64, 222, 226, 56, 98, 113, 199),
        }
        for call in ordinary[machine]:
            assert decide(code, AUDIT[machine], call) == ALLOW, call

    def test_threads_pass_and_processes_do_not(self, machine: str) -> None:
        code, clone = program(machine, PID), number("clone", machine)
        assert clone is not None
        thread = 0x3D0F00  # what glibc asks for
        assert decide(code, AUDIT[machine], clone, thread) == ALLOW
        for flags in (17, 0x4111, 0x10000000 | 17, 0x01200011):
            assert decide(code, AUDIT[machine], clone, flags) == EPERM
        assert decide(code, AUDIT[machine], NUMBERS["clone3"][0] or 0) == ENOSYS

    def test_it_signals_and_limits_itself_only(self, machine: str) -> None:
        code = program(machine, PID)
        for name in ("kill", "tgkill", "prlimit64"):
            call = number(name, machine)
            assert call is not None
            assert decide(code, AUDIT[machine], call, PID, 6) == ALLOW
            for other in (1, PID + 1, 2**64 - 1):
                assert decide(code, AUDIT[machine], call, other, 6) == EPERM
        assert decide(code, AUDIT[machine], number("prlimit64", machine) or 0, 0) == ALLOW
        assert decide(code, AUDIT[machine], number("kill", machine) or 0, 0) == EPERM

    def test_newer_calls_and_other_architectures_are_closed(self, machine: str) -> None:
        code = program(machine, PID)
        assert decide(code, AUDIT[machine], 450) == ENOSYS
        assert decide(code, AUDIT[machine], 0x40000000 + 41) == ENOSYS  # x32's socket
        assert decide(code, 0x40000003, 1) == KILL  # 32-bit x86


def test_the_numbers_are_the_kernel_s_own() -> None:
    headers = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
    for place, header in enumerate(headers):
        if not Path(header).exists():  # on aarch64 the first one is missing
            continue
        told = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text())
        known = {name: int(call) for name, call in reversed(told)}
        for name, numbers in NUMBERS.items():
            assert numbers[place] == known.get(name), name
