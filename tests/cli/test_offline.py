"""Commands where no daemon runs, and those that never need one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli.main import COMMANDS
from tests.cli.command import result_of, trainerd, write_table
from tests.harness import Broker, Daemon


@pytest.fixture
def stopped(tmp_path: Path) -> Daemon:
    """A configured daemon that does not run; port 1 is nobody's."""
    daemon = Daemon(tmp_path, 1, device="offline")
    daemon.write_config()
    return daemon


def test_imports_and_listings_work_without_a_daemon(stopped: Daemon, broker: Broker, tmp_path: Path) -> None:
    file = write_table(tmp_path / "ok.1.csv")
    first = result_of(trainerd("import", "1", file, "--json", config=stopped.config_file))
    again = [{**first[0], "rowsAdded": 0}]
    assert result_of(trainerd("import", "1", file, "--json", config=stopped.config_file)) == again
    assert result_of(trainerd("jobs", "--json", config=stopped.config_file)) == []
    assert result_of(trainerd("models", "1", "--json", config=stopped.config_file)) == []
    # A daemon that starts later finds it, and takes the same file for the same.
    stopped.port = broker.port
    try:
        stopped.start()
        assert result_of(trainerd("import", "1", file, "--json", config=stopped.config_file)) == again
        with stopped.client() as client:
            assert client.request("get", "api/1/raw-data", {"category": "training"}).body["totalCount"] == 300
    finally:
        stopped.stop()


@pytest.mark.parametrize(
    "arguments", [("train", "anomaly", "1", "7"), ("watch", "5"), ("cancel", "5"), ("rollback", "1", "7")]
)
def test_other_commands_say_that_no_daemon_answers(stopped: Daemon, arguments: tuple[str, ...]) -> None:
    done = trainerd(*arguments, config=stopped.config_file)
    assert done.returncode == 1
    assert "no daemon answers at" in done.stderr
    assert "trainerd run" in done.stderr


def test_check_config_names_file_line_and_remedy(stopped: Daemon) -> None:
    good = trainerd("check-config", stopped.config_file)
    assert (good.returncode, good.stderr) == (0, "")
    text = stopped.config_file.read_text().replace("port =", "prot =").replace("version = 5", "version = 6")
    stopped.config_file.write_text(text)
    lines = text.splitlines()
    wrong = trainerd("check-config", stopped.config_file)
    assert wrong.returncode == 2
    first, second = wrong.stderr.splitlines()
    prefix = f"{stopped.config_file}:{lines.index('prot = 1') + 1}: "
    assert first == f"{prefix}mqtt.prot: unknown member, did you mean port?"
    assert second.startswith(f"{stopped.config_file}:{lines.index('version = 6') + 1}: mqtt.version: ")


@pytest.mark.parametrize(
    "arguments", [("run",), ("jobs",), ("import", "1", "x.csv"), ("watch", "1"), ("models", "1")]
)
def test_a_missing_configuration_is_a_wrong_call(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n2\n")
    given = [str(tmp_path / part) if part.endswith(".csv") else part for part in arguments]
    done = trainerd(*given, config=tmp_path / "nothing.toml")
    assert done.returncode == 2
    assert "nothing.toml" in done.stderr


def test_the_default_configuration_is_the_users_own(stopped: Daemon, tmp_path: Path) -> None:
    own = tmp_path / "xdg" / "trainerd" / "trainerd.toml"
    own.parent.mkdir(parents=True)
    own.write_text(stopped.config_file.read_text())
    done = trainerd("jobs", "--json", environment={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert result_of(done) == []


def test_doctor_tells_what_is_there_and_what_to_install(stopped: Daemon) -> None:
    done = trainerd("doctor", "--json", config=stopped.config_file)
    findings = {finding["name"]: finding for finding in result_of(done)}
    assert {"kmeans", "gmm", "int8", "Landlock", "memory cgroup", "cc", "qemu-system-arm"} <= set(findings)
    assert findings["kmeans"]["available"]
    assert findings["configuration"]["available"]
    bare = trainerd("doctor", config=stopped.config_file, environment={"PATH": "/nonexistent"})
    assert bare.returncode == 0
    assert "apt-get install gcc" in bare.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str) -> None:
    done = trainerd("completion", shell)
    assert done.returncode == 0
    assert "_TRAINERD_COMPLETE" in done.stdout


def test_bash_completes_verbs_and_options() -> None:
    environment = {"_TRAINERD_COMPLETE": "bash_complete", "COMP_WORDS": "trainerd ro", "COMP_CWORD": "1"}
    assert trainerd(environment=environment).stdout.split() == ["plain,rollback"]


def test_completion_scripts_are_good_bash(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(trainerd("completion", "bash").stdout)
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("verb", list(COMMANDS))
def test_every_verb_has_help(verb: str) -> None:
    done = trainerd(verb, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: trainerd {verb}")


def test_wrong_calls_end_with_2() -> None:
    for arguments in (
        ("nonsense",),
        ("watch",),
        ("watch", "x"),
        ("import", "0", "a.csv"),
        ("train", "anomaly"),
    ):
        assert trainerd(*arguments).returncode == 2


def test_the_daemon_itself_loads_no_command_line_and_no_numpy(stopped: Daemon) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import daemon.app, json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"click", "numpy", "sklearn", "daemon.cli"} & set(json.loads(loaded.stdout))
