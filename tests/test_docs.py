"""What is documented is there, and what is there is documented."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import pytest

from daemon import errors
from daemon.cli.main import COMMANDS, trainerd
from daemon.config import documented_sections
from daemon.config_file import load
from daemon.deploy.targets import check_targets
from daemon.routes import ROUTES
from daemon.trainers.table import ATK_TRAINERS, TRAINERS
from daemon.wire.events import EVENTS
from hw_tests.network_shapes import ds_cnn
from tests.cli.command import IMPULSE, write_table
from tests.harness import PATIENCE, Broker, Daemon

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
}
DOCS = "\n".join(PAGES.values())


def settings() -> list[str]:
    """Every key of the configuration, as `section.key`."""
    return [
        f"{section}.{field.encode_name}" if section else field.encode_name
        for section, kind in documented_sections().items()
        for field in msgspec.structs.fields(kind)
    ]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("setting", settings())
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`{setting}`" in PAGES["docs/configuration.md"]


def test_every_documented_setting_is_there_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", PAGES["docs/configuration.md"], re.MULTILINE)
    assert {name for name, _ in rows} <= set(settings())
    sections = documented_sections()
    for name, told in rows:
        section, _, key = name.rpartition(".")
        (field,) = [field for field in msgspec.structs.fields(sections[section]) if field.encode_name == key]
        if field.required:
            assert told == "required", name
        elif told.startswith("`"):
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            assert told == f"`{msgspec.json.encode(default).decode()}`", name
        else:
            assert field.default is None, name


def test_the_example_configuration_holds_every_setting(tmp_path: Path) -> None:
    text = (ROOT / "systemd" / "trainerd.example.toml").read_text()
    load_text(tmp_path, text)
    everything = re.sub(r"^# (\[|\w+ = )", r"\1", text, flags=re.MULTILINE)
    load_text(tmp_path, everything)
    section, named = "", set()
    for line in everything.splitlines():
        if header := re.fullmatch(r"\[(.+)\]", line):
            section = header[1] + "."
            named.add(header[1])
        elif key := re.match(r"(\w+) = ", line):
            named.add(section + key[1])
    # One of the sections is an entry of a table with free names.
    sections = {section for section in documented_sections() if section}
    assert named | sections == set(settings()) | sections


@pytest.mark.parametrize("page", ["docs/configuration.md", "docs/deploy.md"])
def test_configurations_in_the_documentation_are_good(tmp_path: Path, page: str) -> None:
    for text in blocks(page, "toml"):
        load_text(tmp_path, text)
        check_targets(tmp_path / "trainerd.toml", load(tmp_path / "trainerd.toml"))


def load_text(directory: Path, text: str) -> None:
    path = directory / "trainerd.toml"
    path.write_text(text)
    load(path)


def test_every_verb_is_documented_and_no_other() -> None:
    assert re.findall(r"^## `trainerd ([\w-]+)`", PAGES["docs/cli.md"], re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_every_option_is_documented(verb: str) -> None:
    root = click.Context(trainerd, info_name="trainerd")
    command = trainerd.get_command(root, verb)
    assert command is not None
    commands = [command, *command.commands.values()] if isinstance(command, click.Group) else [command]
    for found in commands:
        for parameter in found.params:
            if isinstance(parameter, click.Option):
                assert any(f"{name}" in PAGES["docs/cli.md"] for name in parameter.opts), parameter.opts


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_route_is_documented(route: Any) -> None:
    assert re.search(rf"\b{route.method}\b[^\n]*{re.escape(route.template)}", DOCS)


def error_codes() -> set[str]:
    """Every code that may go over the wire."""
    kinds, codes = [errors.TrainerdError], set()
    while kinds:
        kind = kinds.pop()
        codes.add(kind.code)
        kinds += kind.__subclasses__()
    return codes


@pytest.mark.parametrize("code", sorted(error_codes()))
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in DOCS


@pytest.mark.parametrize("kind", list(EVENTS))
def test_every_event_is_documented_with_what_to_do(kind: str) -> None:
    assert re.search(rf"^\| `{kind}` \| [^|]+ \| [^|]+ \|$", PAGES["docs/operations.md"], re.MULTILINE)


@pytest.mark.parametrize("block_type", [*TRAINERS, *ATK_TRAINERS])
def test_every_trainer_is_documented(block_type: str) -> None:
    assert f"`{block_type}`" in DOCS


@pytest.mark.parametrize("page", list(PAGES))
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGES[page]):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


@pytest.fixture
def press(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """The daemon that the documentation talks to: `press-3`, whose directory is a shell's home."""
    # Nobody listens on port 1: a board that is away, asked for something.
    target = '[targets.press]\nboard = "microbit"\nport = "socket://127.0.0.1:1"\ngroups = ["line-1"]\n'
    daemon = Daemon(tmp_path, broker.port, device="press-3", config=target)
    home = daemon.directory
    try:
        daemon.start()
        (home / "trainerd").mkdir()
        (home / "trainerd" / "trainerd.toml").write_text(daemon.config_file.read_text())
        for client in ("mosquitto_pub", "mosquitto_sub"):
            (home / client).write_text(f"-h 127.0.0.1\n-p {daemon.port}\n")
        yield daemon
    finally:
        daemon.stop()


def shell(daemon: Daemon, script: str) -> str:
    """What a shell prints in which `trainerd` and the broker's clients know the daemon."""
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(daemon.directory),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=daemon.directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{daemon.log()}"
    return done.stdout


def test_the_commands_of_the_command_line_page_work(press: Daemon) -> None:
    write_table(press.directory / "normal.csv")
    (press.directory / "model.tflite").write_bytes(ds_cnn())
    rng = np.random.default_rng(1)
    np.savez(
        press.directory / "windows.npz",
        X=rng.normal(size=(100, 3)),
        columns=np.array(["rms_x", "rms_y", "rms_z"]),
    )
    (press.directory / "night-shift.csv").write_text("a,b,c,state\n1,2,3,ok\n2,3,4,anomaly\n")
    with press.client() as client:
        assert client.request("post", "api/1/impulse", IMPULSE).status == 200
    lines = [line for block in blocks("docs/cli.md", "sh") for line in block.splitlines()]
    ran = []
    for line in lines:
        verb = shlex.split(
            line.rpartition("| trainerd ")[2] if "|" in line else line.removeprefix("trainerd ")
        )[0]
        # The daemon runs already; the demo, and what needs it stopped, have tests of their own.
        if verb in {"run", "demo", "check-config", "restore"} or ">" in line:
            continue
        shell(press, with_a_real_job(press, verb, line))
        ran.append(verb)
    assert {"import", "train", "jobs", "watch", "cancel", "models", "rollback", "doctor"} <= set(ran)


def with_a_real_job(press: Daemon, verb: str, line: str) -> str:
    """The line with the id of a job that there is."""
    job = re.search(r"\b\d{11}\b", line)
    if job is None:
        return line
    make = (
        "trainerd jobs"
        if verb == "watch"
        else "trainerd train anomaly 1 7; trainerd train anomaly 1 7 --json"
    )
    return line.replace(job[0], re.findall(r"\d{11}", shell(press, make))[0 if verb == "watch" else -1])


def test_the_example_in_the_readme_works_word_for_word(press: Daemon) -> None:
    (script,) = [block for block in blocks("README.md", "sh") if "mosquitto_pub" in block]
    assert len(script.strip().splitlines()) == 6
    printed = shell(press, script)
    assert '"success":true' in printed
    assert '"name":"pump"' in printed
