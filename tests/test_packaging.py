"""What is installed, from what it is installed, and what set-up says when it cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import daemon

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("310", "311", "312", "313")


def project() -> dict[str, Any]:
    """Table `[project]` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel of this tree."""
    source = tmp_path_factory.mktemp("wheel") / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
    )
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(source / "out"), str(source)], check=True)
    (built,) = (source / "out").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_two_packages_and_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == {
        "daemon",
        "firmware_export",
    }
    assert {"daemon/py.typed", "firmware_export/py.typed", "daemon/__main__.py", "daemon/app.py"} <= wheel


def test_the_wheel_holds_everything_that_the_packages_need(wheel: set[str]) -> None:
    for package in ("daemon", "firmware_export"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in {".py", ".c", ".h"}:
                assert path.relative_to(ROOT).as_posix() in wheel


def test_the_command_is_installed() -> None:
    (entry,) = [
        script for script in metadata.distribution("trainerd").entry_points if script.name == "trainerd"
    ]
    assert entry.value == "daemon.__main__:main"
    assert metadata.version("trainerd") == daemon.__version__ == project()["version"]


def locked(python: str, flavour: str = "") -> dict[str, str]:
    """Versions that a lock names, by distribution."""
    text = (ROOT / "locks" / f"py{python}{flavour}.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("flavour", ["", "-keras"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_python_has_locks_with_hashes_and_without_hosts(python: str, flavour: str) -> None:
    text = (ROOT / "locks" / f"py{python}{flavour}.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    requirements = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?: \\\n +--hash=\S+)*)$", text, re.MULTILINE)
    assert len(requirements) == len(re.findall(r"^[A-Za-z]", text, re.MULTILINE))
    assert all("--hash=sha256:" in hashes for _, _, hashes in requirements)
    versions = {name.lower(): version for name, version, _ in requirements}
    assert versions["numpy"].startswith("1.26." if python in {"310", "311"} else "2.")
    assert ("tomli" in versions) == (python == "310")


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_with_tensorflow_adds_to_the_other_and_changes_nothing(python: str) -> None:
    plain, keras = locked(python), locked(python, "-keras")
    assert plain.items() <= keras.items()
    named = {Requirement(text).name for text in project()["optional-dependencies"]["keras"]}
    assert named <= keras.keys()
    assert not named & plain.keys()


def test_the_locks_hold_what_the_project_names() -> None:
    table = project()
    named = [
        *table["dependencies"],
        *table["optional-dependencies"]["demo"],
        *table["optional-dependencies"]["dev"],
    ]
    for python in PYTHONS:
        text = (ROOT / "locks" / f"py{python}.txt").read_text()
        here = {"python_version": f"3.{python[1:]}", "platform_machine": "x86_64"}
        for requirement in map(Requirement, named):
            if requirement.marker is None or requirement.marker.evaluate(here):
                assert f"\n{requirement.name}==" in text, (
                    f"{requirement.name} is not in py{python}.txt: make lock"
                )


def test_what_runs_is_what_is_locked() -> None:
    python = f"{sys.version_info.major}{sys.version_info.minor}"
    for name, version in locked(python, "-keras").items():
        assert metadata.version(name) == version


def test_make_says_what_there_is() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = "demo demo-keras test check bench bench-mcu campaign lock venv venv-keras clean"
    for target in targets.split():
        assert f"make {target} " in said


def test_continuous_integration_runs_check_and_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"^make (\w+)$", script.read_text(), re.MULTILINE) == ["check", "test"]


def bare_machine(directory: Path, *, root: bool) -> dict[str, str]:
    """An environment in which nothing is installed, seen by root or by somebody else."""
    for tool in ("bash", "basename", "sed"):
        (directory / tool).symlink_to(str(shutil.which(tool)))
    scripts = {"id": f"echo {0 if root else 1000}", "apt-get": 'echo "$@" >> "${0%/*}/apt.log"'}
    for name, body in scripts.items():
        (directory / name).write_text(f"#!{directory / 'bash'}\n{body}\n")
        (directory / name).chmod(0o755)
    (directory / "python3").write_text(f"#!{directory / 'bash'}\n[[ $2 != *ensurepip* ]]\n")
    (directory / "python3").chmod(0o755)
    return {"PATH": str(directory)}


TEST_PACKAGES = (
    "gcc libc6-dev g++ clang libclang-rt-14-dev mosquitto mosquitto-clients openssl "
    "bubblewrap gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm qemu-system-misc chromium npm "
    "faketime gcc-avr avr-libc simavr libsimavr-dev arduino-core-avr avrdude stm32flash gdb-multiarch "
    "openocd gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf cmake make systemd"
)


@pytest.mark.parametrize(
    ("what", "packages"), [(["venv", "python3"], "python3-venv"), (["test"], TEST_PACKAGES)]
)
def test_setup_stops_with_the_exact_command(tmp_path: Path, what: list[str], packages: str) -> None:
    script = ROOT / "scripts" / "system-packages.sh"
    environment = bare_machine(tmp_path, root=False)
    # The system's own folders hold the real tools: a copy of the script looks only in ours.
    copy = tmp_path / "script.sh"
    copy.write_text(script.read_text().replace(":/usr/sbin:/usr/local/sbin", ""))
    done = subprocess.run(["bash", str(copy), *what], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"sudo apt-get update && sudo apt-get install -y {packages}\n" in done.stderr


def test_setup_as_root_installs_what_is_missing(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "system-packages.sh"
    environment = bare_machine(tmp_path, root=True)
    done = subprocess.run(
        ["bash", str(script), "venv", "python3"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (
        tmp_path / "apt.log"
    ).read_text() == "update -q\ninstall -qy --no-install-recommends python3-venv\n"
