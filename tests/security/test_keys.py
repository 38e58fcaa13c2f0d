"""The keys file: what is wrong in it, and who may write it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from daemon.config import Auth
from daemon.errors import ConfigError
from daemon.keys import read_keys
from tests.cli.command import trainerd
from tests.harness import Daemon
from tests.security.signer import Signer, keys_file

# The names of tests are made of it, and are the same each time.
ONE = Signer("ops-1", ("train", "data"), SigningKey(bytes(range(32))))
OTHER = Signer("ops-2", ("expert",))
PUBLIC = base64.b64encode(bytes(ONE.private.verify_key)).decode()


def write(directory: Path, text: str) -> Auth:
    path = directory / "keys.toml"
    path.write_text(text)
    return Auth(keys_file=str(path))


def test_keys_are_read(tmp_path: Path) -> None:
    keys = read_keys(write(tmp_path, keys_file(ONE, OTHER)))
    assert {name: key.roles for name, key in keys.items()} == {"ops-1": ONE.roles, "ops-2": OTHER.roles}
    assert keys["ops-1"].public_bytes == bytes(ONE.private.verify_key)
    assert read_keys(Auth()) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "not TOML"),
        ("\xff", "not TOML"),
        ("", "keys: is required"),
        ("[key.a]", "did you mean keys"),
        (f'[keys.a]\npublic_key = "{PUBLIC}"\nrole = ["train"]', "did you mean roles"),
        (f'[keys.a]\npublic_key = "{PUBLIC}"\nroles = ["root"]', "root"),
        (f'[keys."a b"]\npublic_key = "{PUBLIC}"\nroles = []', "keys"),
        ('[keys.a]\npublic_key = "§"\nroles = []', "keys.a.public_key: is not base64"),
        ('[keys.a]\npublic_key = "AAAA"\nroles = []', "keys.a.public_key: has 3 bytes"),
        (
            ONE.entry() + ONE.entry().replace("ops-1", "again"),
            "keys.again.public_key: is the key of ops-1 too",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode("latin-1" if text == "\xff" else "utf-8"))
    with pytest.raises(ConfigError, match=r"keys\.toml") as refused:
        read_keys(Auth(keys_file=str(path)))
    assert told in refused.value.message


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_nobody_else_may_write_the_file_or_its_directory(tmp_path: Path, mode: int) -> None:
    settings = write(tmp_path, keys_file(ONE))
    (tmp_path / "keys.toml").chmod(mode)
    with pytest.raises(ConfigError, match="chmod go-w"):
        read_keys(settings)
    (tmp_path / "keys.toml").chmod(0o600)
    tmp_path.chmod(mode | 0o111)
    with pytest.raises(ConfigError, match="its directory"):
        read_keys(settings)
    # Where only the owner of a file may replace it.
    tmp_path.chmod(0o1777)
    assert read_keys(settings)
    tmp_path.chmod(0o700)


def test_another_user_s_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path, keys_file(ONE))
    owner = (tmp_path / "keys.toml").stat().st_uid
    monkeypatch.setattr("daemon.keys._ROOT", owner + 1)
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match="chown it to root"):
        read_keys(settings)


def test_check_config_and_the_daemon_say_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    daemon = Daemon(tmp_path, 1, config=f'[auth]\nkeys_file = "{path}"\n')
    daemon.write_config()

    def check() -> tuple[int, str]:
        done = trainerd("check-config", daemon.config_file)
        return done.returncode, done.stdout + done.stderr

    assert check() == (2, f"{path}: cannot be read: No such file or directory\n")
    path.write_text(keys_file(ONE))
    assert check()[0] == 0
    path.chmod(0o666)
    assert check()[0] == 2 and "chmod go-w" in check()[1]
    try:
        daemon.start(wait=False)
    finally:
        assert daemon.process is not None and daemon.process.wait(30) == 2
    assert "chmod go-w" in daemon.log()


def test_signatures_that_nobody_could_make_are_refused(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, 1, config='[auth]\nrequired = ["deploy"]\n')
    done = trainerd("check-config", daemon.write_config())
    assert done.returncode == 2 and "auth.required: needs auth.keys_file" in done.stderr
    number = daemon.config_file.read_text().splitlines().index('required = ["deploy"]') + 1
    assert f"trainerd.toml:{number}:" in done.stderr
