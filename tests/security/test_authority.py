"""Which roles need a signature, and expiry by a clock that cannot always be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.authority import Authority
from daemon.config import Auth
from daemon.database import FILE_NAME, Database
from daemon.errors import MalformedBody, RequestExpired, RequestReplayed, SignatureMissing
from daemon.routes import ROUTES
from daemon.wire.signed import Envelope, Role
from tests.security.signer import Signer, keys_file

NOW = 1_800_000_000
SIGNER = Signer("ops-1", ("train", "expert"))
PATH = "api/1/impulse"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / FILE_NAME)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def guard(database: Database, tmp_path: Path) -> Authority:
    path = tmp_path / "keys.toml"
    path.write_text(keys_file(SIGNER))
    return Authority(Auth(keys_file=str(path)), database)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [float(NOW)]
    monkeypatch.setattr("daemon.authority.time.time", lambda: now[0])
    return now


def admit(guard: Authority, counter: int, expires: int) -> None:
    signed = SIGNER.sign(PATH, {}, device="press-3", counter=counter, expires=expires)
    envelope = Envelope("post", PATH, "press-3", None, json.dumps(signed).encode())
    guard.admit(envelope, signed["auth"], "train", local=False)


def test_it_expires_after_its_second(guard: Authority, clock: list[float]) -> None:
    admit(guard, 1, NOW)
    clock[0] = NOW + 1
    with pytest.raises(RequestExpired, match="2027-01-15T08:00:00Z"):
        admit(guard, 2, NOW)


def test_a_clock_that_was_never_set_expires_nothing_but_the_counter_holds(
    guard: Authority, clock: list[float]
) -> None:
    clock[0] = 0
    admit(guard, 5, NOW)
    with pytest.raises(RequestReplayed):
        admit(guard, 5, NOW)
    clock[0] = NOW + 10
    with pytest.raises(RequestExpired):
        admit(guard, 6, NOW)


def test_a_clock_that_fell_behind_expires_nothing(guard: Authority, clock: list[float]) -> None:
    admit(guard, 1, NOW + 300)
    # Back by a day, as after a power cut without a clock of its own.
    clock[0] = NOW - 86_400
    admit(guard, 2, NOW - 90_000)
    with pytest.raises(RequestReplayed):
        admit(guard, 2, NOW - 90_000)
    # What it said in the past does not make the past the present.
    clock[0] = NOW + 1
    with pytest.raises(RequestExpired):
        admit(guard, 3, NOW)


def test_a_clock_that_jumped_ahead_refuses_and_recovers(guard: Authority, clock: list[float]) -> None:
    clock[0] = NOW + 50 * 365 * 86_400
    with pytest.raises(RequestExpired):
        admit(guard, 1, NOW + 300)
    clock[0] = NOW
    admit(guard, 1, NOW + 300)
    clock[0] = NOW + 301
    with pytest.raises(RequestExpired):
        admit(guard, 2, NOW + 300)


def test_an_expiry_beyond_all_calendars_is_told(guard: Authority, clock: list[float]) -> None:
    admit(guard, 1, 2**53 - 1)
    clock[0] = float(2**53)
    with pytest.raises(RequestExpired, match="285428751-11-12T07:36:31Z"):
        admit(guard, 2, 2**53 - 1)


def test_a_number_that_two_texts_would_share_cannot_be_signed(guard: Authority, clock: list[float]) -> None:
    signed = SIGNER.sign(PATH, {"seed": 2**53 - 1}, device="press-3", counter=1, expires=NOW)
    signed["seed"] += 2
    with pytest.raises(MalformedBody, match="9007199254740993"):
        guard.admit(
            Envelope("post", PATH, "press-3", None, json.dumps(signed).encode()),
            signed["auth"],
            "train",
            local=False,
        )


def test_what_is_rolled_back_is_not_counted(guard: Authority, database: Database, clock: list[float]) -> None:
    with pytest.raises(KeyboardInterrupt), database.transaction():
        admit(guard, 1, NOW)
        raise KeyboardInterrupt
    admit(guard, 1, NOW)


@pytest.mark.parametrize("required", [(), ("deploy",), ("all",)])
@pytest.mark.parametrize("role", ["train", "deploy", "expert"])
def test_which_roles_need_a_signature(database: Database, role: Role, required: tuple[Any, ...]) -> None:
    guard = Authority(Auth(required=required), database)
    envelope = Envelope("post", PATH, "press-3", None, b"")
    if role == "expert":
        # Foreign code, whoever hands it over.
        with pytest.raises(SignatureMissing):
            guard.admit(envelope, None, role, local=True)
    else:
        guard.admit(envelope, None, role, local=True)
    guard.admit(envelope, None, None, local=False)
    if role == "expert" or role in required or "all" in required:
        with pytest.raises(SignatureMissing):
            guard.admit(envelope, None, role, local=False)
    else:
        guard.admit(envelope, None, role, local=False)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
def test_every_post_has_a_role_and_no_get_has(route: Any) -> None:
    assert (route.role is None) == (route.method == "get")
