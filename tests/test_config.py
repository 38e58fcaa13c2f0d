"""The configuration file: what is wrong is told with its line, its key and the nearest known name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon import config, config_file
from daemon.errors import ConfigError

GOOD = """\
state_dir = "/tmp/state"

[device]
id = "press-3"

[mqtt]
host = "127.0.0.1"
"""


def load(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "trainerd.toml"
    path.write_text(text)
    return config_file.load(path)


def test_the_least_that_works(tmp_path: Path) -> None:
    loaded = load(tmp_path, '[device]\nid = "a"\n[mqtt]\nhost = "h"\n')
    assert (loaded.mqtt.port, loaded.mqtt.version, loaded.mqtt.base_topic) == (1883, 5, "trainerd")
    assert loaded.state_dir == "/var/lib/trainerd" and loaded.mqtt.max_body_bytes == 256 * 1024


def test_everything_may_be_said(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        GOOD
        + 'port = 8883\nversion = 3\nbase_topic = "site/line"\nusername = "u"\npassword_file = "p"\n'
        + 'tls = { ca_file = "ca", cert_file = "c", key_file = "k" }\n'
        + "[jobs]\nconcurrent = 2\ncancel_grace_s = 1\n[worker]\nmemory_mb = 512\n"
        + "[models]\nkeep_versions = 3\n"
        + '[gate]\nmin_agreement = 0.95\n[log]\nlevel = "debug"\n',
    )
    assert loaded.mqtt.tls is not None and loaded.mqtt.tls.ca_file == "ca"
    assert (loaded.jobs.concurrent, loaded.worker.memory_mb, loaded.gate.min_agreement) == (2, 512, 0.95)


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ('host = "127.0.0.1"', 'hots = "127.0.0.1"', 7, "mqtt.hots: unknown member, did you mean host?"),
        ('host = "127.0.0.1"', "", 6, "mqtt.host: is required and missing"),
        ("[device]", "[devcie]", 3, "devcie: unknown member, did you mean device?"),
        ('id = "press-3"', "id = 3", 4, "device.id: expected `str`, got `int`"),
        ('id = "press-3"', 'id = "press 3"', 4, "device.id: is 1 to 64 letters"),
        ('id = "press-3"', 'id = "group"', 4, "device.id: group is reserved"),
        ('id = "press-3"', 'id = "reply"', 4, "device.id: reply is reserved"),
        ('id = "press-3"', f'id = "{"x" * 65}"', 4, "device.id: is 1 to 64 letters"),
        ('id = "press-3"', 'id = "a"\ngroups = ["x", "x"]', 5, "device.groups: names a group twice"),
        ('id = "press-3"', 'id = "a"\ngroups = ["a/b"]', 5, "device.groups[0]: "),
        ('host = "127.0.0.1"', 'host = "h"\nport = 70000', 8, "mqtt.port: expected `int` <= 65535"),
        ('host = "127.0.0.1"', 'host = "h"\nport = "1883"', 8, "mqtt.port: expected `int`"),
        ('host = "127.0.0.1"', 'host = "h"\nversion = 4', 8, "mqtt.version: '4' is unknown, known are 3, 5"),
        ('host = "127.0.0.1"', 'host = "h"\nbase_topic = "a/#"', 8, "mqtt.base_topic: "),
        ('host = "127.0.0.1"', 'host = "h"\nbase_topic = "a/"', 8, "mqtt.base_topic: ends with /"),
        (
            'host = "127.0.0.1"',
            'host = "h"\npassword_file = "p"',
            8,
            "mqtt.password_file: needs mqtt.username",
        ),
        (
            'host = "127.0.0.1"',
            'host = "h"\n\n[mqtt.tls]\ncert_file = "c"',
            9,
            "mqtt.tls: cert_file and key_file go together",
        ),
        ('host = "127.0.0.1"', 'host = "h"\n\n[data.projects.0]', 9, "data.projects.0: is no project"),
        (
            'host = "127.0.0.1"',
            'host = "h"\n\n[data.projects.1]\nmax_mbs = 1',
            10,
            "data.projects.1.max_mbs: unknown member, did you mean max_mb?",
        ),
        (
            'host = "127.0.0.1"',
            'host = "h"\n\n[data.projects.1]\nwhen_full = "drop"',
            10,
            "data.projects.1.when_full: ",
        ),
        (
            'host = "127.0.0.1"',
            'version = 3\nhost = "h"\n\n[data.projects.1]\nkey_file = "k"\n\n[auth]\nrequired = ["data"]',
            11,
            "data.projects.1.key_file: needs mqtt.version 5",
        ),
        ('state_dir = "/tmp/state"', "state_dir = /tmp/state", 1, "not TOML"),
        ("[mqtt]", "[device]", 6, "not TOML"),
        ("[device]", "[device", 3, "not TOML"),
        ('state_dir = "/tmp/state"', "[jobs]\nconcurrent = 0\n", 2, "jobs.concurrent: expected `int` >= 1"),
        (
            'state_dir = "/tmp/state"',
            "[worker]\nmemory_mb = 1\n",
            2,
            "worker.memory_mb: expected `int` >= 64",
        ),
        ('state_dir = "/tmp/state"', '[log]\nlevel = "loud"\n', 2, "log.level: 'loud' is unknown"),
        (
            'state_dir = "/tmp/state"',
            '[keras.akida]\ntarget = "AKD2000"\n',
            2,
            "keras.akida.target: 'AKD2000' is unknown, did you mean 'AKD1000'?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, before: str, after: str, line: int, said: str
) -> None:
    text = GOOD.replace(before, after)
    assert text != GOOD
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert refused.value.line == line
    assert refused.value.message.startswith(f"{tmp_path / 'trainerd.toml'}:{line}: ")
    assert said in refused.value.message


PRESS = '\n[targets.press]\nboard = "mps2-an386"\nport = "/dev/ttyUSB0"\n'
VALVE = '\n[targets.valve]\nboard = "microbit"\nport = "socket://10.0.0.7:4000"\n'


def test_targets_may_be_said(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD + PRESS + 'groups = ["line"]\nsamples = "store"\n' + VALVE)
    assert loaded.targets is not None and set(loaded.targets) == {"press", "valve"}
    assert (loaded.targets["press"].method, loaded.targets["press"].ask_s) == ("auto", 60)
    # What the process that holds the ports keeps lies with everything else, unless it has a place of its own.
    assert loaded.ports_socket_path == Path("/run/trainerd/ports.sock")
    assert loaded.deploy_key_path == Path("/tmp/state/ports/deploy.key")
    apart = load(tmp_path, GOOD + '[deploy]\nsocket = "/run/p/s"\nstate_dir = "/var/lib/p"\n')
    assert (apart.ports_socket_path, apart.deploy_key_path) == (
        Path("/run/p/s"),
        Path("/var/lib/p/deploy.key"),
    )


@pytest.mark.parametrize(
    ("targets", "line", "said"),
    [
        (PRESS.replace("board", "baord"), 10, "targets.press.baord: unknown member, did you mean board?"),
        (PRESS.replace("port =", "# port ="), 9, "targets.press.port: is required and missing"),
        (PRESS.replace('"mps2-an386"', "5"), 10, "targets.press.board: expected `str`, got `int`"),
        (PRESS + "baud = 5\n", 12, "targets.press.baud: expected `int` >= 300"),
        (PRESS + 'method = "slots"\n', 12, "targets.press.method: 'slots' is unknown, did you mean 'slot'?"),
        (PRESS + 'samples = "all"\n', 12, "targets.press.samples: 'all' is unknown"),
        (PRESS + 'groups = ["a/b"]\n', 12, "targets.press.groups[0]: "),
        (PRESS + 'method = "slot"\nbuild = ["make"]\n', 12, "targets.press.method: is slot: then"),
        (PRESS.replace("/dev/ttyUSB0", "COM3"), 11, "targets.press.port: is neither a device file"),
        (PRESS.replace("press", '"p r"'), 9, "targets.p r: is no name of a target"),
        (PRESS + VALVE + 'groups = ["press"]\n', 9, "targets.press: is the name of a group of targets"),
        (
            PRESS + VALVE.replace("socket://10.0.0.7:4000", "/dev/../dev/ttyUSB0"),
            15,
            "targets.valve.port: is a port of target press",
        ),
        (
            PRESS + VALVE + 'programmer = "/dev/ttyUSB0"\n',
            16,
            "targets.valve.programmer: is a port of target press",
        ),
        (f'[deploy]\nsocket = "/{"s" * 120}"\n', 9, "deploy.socket: is too long"),
    ],
)
def test_what_is_wrong_with_targets_is_told_with_its_line(
    tmp_path: Path, targets: str, line: int, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, GOOD + targets)
    assert refused.value.message.startswith(f"{tmp_path / 'trainerd.toml'}:{line}: {said}")
    assert len(refused.value.message.splitlines()) == 1


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = (
        'state_dri = "/tmp/state"\nruntime_dir = 5\n\n[device]\nid = "group"\ngroups = ["a", "a", "b/c"]\n\n'
        '[mqtt]\nhots = "h"\nport = 70000\nversion = 4\ntls = { cert_file = "c", kee_file = "k" }\n\n'
        "[jobs]\nkeep = 0\n\n[colour]\nred = 1\n"
    )
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    told = [
        line.removeprefix(f"{tmp_path / 'trainerd.toml'}:") for line in refused.value.message.splitlines()
    ]
    assert [line.split(":")[0] for line in told] == [
        "1",
        "2",
        "5",
        "6",
        "9",
        "10",
        "11",
        "12",
        "12",
        "15",
        "17",
    ]
    for line, said in zip(
        told,
        (
            "state_dri: unknown member, did you mean state_dir?",
            "runtime_dir: expected `str`, got `int`",
            "device.id: group is reserved",
            "device.groups[2]: ",
            "mqtt.hots: unknown member, did you mean host?",
            "mqtt.port: expected `int` <= 65535",
            "mqtt.version: '4' is unknown, known are 3, 5",
            "mqtt.tls.kee_file: unknown member, did you mean key_file?",
            "mqtt.tls: cert_file and key_file go together",
            "jobs.keep: expected `int` >= 1",
            "colour: unknown member",
        ),
        strict=True,
    ):
        assert said in line


@pytest.mark.parametrize(
    "text", ["", "device = 5\nmqtt = 6\n", "[device]\n[mqtt]\n", "[[device]]\n[[mqtt]]\n"]
)
def test_a_file_without_what_is_required_is_told_of_both(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert len(refused.value.message.splitlines()) == 2
    assert "device" in refused.value.message and "mqtt" in refused.value.message


def test_a_runtime_directory_too_deep_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="runtime_dir: is too long"):
        load(tmp_path, f'runtime_dir = "/{"r" * 100}"\n{GOOD.partition(chr(10))[2]}')


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        config_file.load(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        config_file.load(tmp_path)
    (tmp_path / "latin.toml").write_bytes('state_dir = "\xe9"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        config_file.load(tmp_path / "latin.toml")


def test_the_daemon_says_it_and_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "trainerd.toml"
    path.write_text(GOOD.replace("host", "hots"))
    ended = subprocess.run(
        [sys.executable, "-m", "daemon.app", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert ended.stderr == f"{path}:7: mqtt.hots: unknown member, did you mean host?\n"


def test_a_secret_is_read_from_its_file_without_the_line_s_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" with spaces \n")
    assert config.read_secret(str(tmp_path / "password")) == " with spaces "
    with pytest.raises(ConfigError, match="cannot be read"):
        config.read_secret(str(tmp_path / "nowhere"))


def test_the_user_s_own_file_goes_before_the_system_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.default_path() == Path("/etc/trainerd/trainerd.toml")
    own = tmp_path / "trainerd" / "trainerd.toml"
    own.parent.mkdir()
    own.write_text(GOOD)
    assert config.default_path() == own
