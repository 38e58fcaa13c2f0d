"""``trainerd doctor``: what this machine can do, and what to install for the rest."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import click

from daemon.cli.doctor_boards import flashers, targets
from daemon.cli.ends import WorkFailed
from daemon.cli.finding import Finding
from daemon.cli.options import config_option, json_option, print_json
from daemon.config import Config, Device, Expert, Mqtt, default_path
from daemon.config_file import load
from daemon.deploy.targets import check_targets
from daemon.errors import ConfigError, SandboxUnavailable
from daemon.quantize.akida import metatf

#: Number of the system call on every architecture, and the flag that asks for the version.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_VERSION = 444, 1

_PACKAGES = ("click", "msgspec", "numpy", "paho-mqtt", "pynacl", "scikit-learn")

#: Program, what it is for, Debian package.
_PROGRAMS = (
    ("cc", "compile exported C for this machine; the demo's last column", "gcc"),
    ("clang", "a second compiler for the tests", "clang"),
    ("arm-none-eabi-gcc", "compile exported C for Cortex-M", "gcc-arm-none-eabi libnewlib-arm-none-eabi"),
    ("avr-gcc", "compile exported C and firmware for AVR", "gcc-avr avr-libc binutils-avr"),
    ("qemu-system-arm", "run exported C on emulated Cortex-M boards", "qemu-system-arm"),
    ("mosquitto", "a broker on this machine", "mosquitto"),
    ("mosquitto_pub", "send requests from a shell", "mosquitto-clients"),
)


@click.command("doctor")
@config_option
@json_option
def command(config_path: Path | None, as_json: bool) -> None:
    """Say what this machine can do, and what to install for the rest.

    Exit status 1 where something is missing that the daemon cannot do without.
    """
    findings = list(examine(config_path))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.required and not finding.available for finding in findings):
        raise WorkFailed


def examine(config_path: Path | None) -> Iterator[Finding]:
    """Look at everything, in the order in which it is printed."""
    yield from _machine()
    yield from _python()
    yield from _abilities()
    yield from _programs()
    yield from _kernel()
    yield from _walls()
    yield from flashers()
    config, finding = _configuration(config_path)
    yield finding
    if config is not None:
        yield from targets(config)


def _machine() -> Iterator[Finding]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    processors = len(os.sched_getaffinity(0))
    wide = sys.maxsize > 2**32
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("machine", "64-bit Linux", wide, system, "install a 64-bit system", required=True)
    yield Finding("machine", "processors", True, str(processors))
    yield Finding("machine", "memory", memory >= 400, f"{memory} MiB", "a training needs about 200 MiB")


def _python() -> Iterator[Finding]:
    good = (3, 10) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "python", "Python", good, platform.python_version(), "use Python 3.10 to 3.13", required=True
    )
    for name in _PACKAGES:
        yield _package("python", name, f"pip install {name}", required=True)
    yield _package("python", "amqtt", "pip install 'trainerd[demo]' (for `trainerd demo` alone)")
    for name in ("tensorflow", "tf-keras", "tensorflow-model-optimization"):
        yield _package("python", name, "pip install 'trainerd[keras]' (to train networks)")
    for package in metatf.PACKAGES:
        yield _package("python", package.name, f"{metatf.EXTRA}; for Akida variants, docs/akida.md")


def _package(area: str, name: str, remedy: str, *, required: bool = False) -> Finding:
    try:
        return Finding(area, name, True, metadata.version(name), required=required)
    except metadata.PackageNotFoundError:
        return Finding(area, name, False, "not installed", remedy, required)


def _abilities() -> Iterator[Finding]:
    """Trainers and variants, exactly as the daemon publishes them."""
    from daemon.capabilities import capabilities

    published = capabilities(Config(Device("doctor"), Mqtt("localhost")))
    for area in ("trainers", "variants"):
        for name, ability in published[area].items():
            block_type = ability.get("learnBlockType")
            detail = f"learn block type {block_type}" if block_type else ""
            yield Finding(area, name, ability["available"], ability.get("reason") or detail)


def _programs() -> Iterator[Finding]:
    # Daemons are often kept out of a user's PATH.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    for program, purpose, package in _PROGRAMS:
        found = shutil.which(program, path=path)
        yield Finding("programs", program, found is not None, purpose, f"apt-get install {package}")


def _kernel() -> Iterator[Finding]:
    from daemon.capabilities import machine_facts

    memory = machine_facts()["memoryCgroup"]
    yield Finding(
        "kernel",
        "memory cgroup",
        memory,
        "systemd's MemoryMax= counts"
        if memory
        else "MemoryMax= is ignored; the daemon's own limits still hold",
        "on Raspberry Pi OS add cgroup_enable=memory to /boot/firmware/cmdline.txt, then reboot",
    )
    version = ctypes.CDLL(None).syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    yield Finding(
        "kernel",
        "Landlock",
        version > 0,
        f"ABI {version}" if version > 0 else "not in this kernel, or off",
        "boot a kernel with CONFIG_SECURITY_LANDLOCK and landlock in its lsm= list",
    )
    booted = Path("/run/systemd/system").exists()
    yield Finding(
        "kernel", "systemd", booted, "systemd/trainerd.service" if booted else "not what booted", None
    )


def _walls() -> Iterator[Finding]:
    """What a script could be run behind here, after a try of each."""
    from daemon.sandbox.session import Sandbox
    from daemon.sandbox.start import WALLS, Place
    from daemon.wire.script import Bounds

    with tempfile.TemporaryDirectory() as scratch:
        place = Place([], Path(scratch), Path(Expert().socket), Bounds())
        for wall in WALLS:
            try:
                detail, closed = "; ".join(Sandbox(place, [], [wall]).layers()), True
            except SandboxUnavailable as error:
                detail, closed = error.message.partition(f"{wall.name}: ")[2], False
            yield Finding("walls around scripts", wall.name, closed, detail)


def _configuration(config_path: Path | None) -> tuple[Config | None, Finding]:
    path = config_path or default_path()
    if not path.exists():
        missing = f"{path} is not there"
        return None, Finding("daemon", "configuration", False, missing, "copy systemd/trainerd.example.toml")
    try:
        config = load(path)
        check_targets(path, config)
    except ConfigError as error:
        remedy = f"trainerd check-config {path}"
        return None, Finding("daemon", "configuration", False, error.message, remedy)
    return config, Finding("daemon", "configuration", True, f"{path}: device {config.device.id}")


def _print(findings: list[Finding]) -> None:
    area = ""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        if finding.area != area:
            area = finding.area
            click.echo(area)
        mark = click.style("yes", fg="green") if finding.available else click.style("no ", fg="yellow")
        click.echo(f"  {mark}  {finding.name:<{width}}  {finding.detail}".rstrip())
        if not finding.available and finding.remedy:
            click.echo(f"       {'':<{width}}  -> {finding.remedy}")
