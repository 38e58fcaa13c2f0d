"""The local socket: the same routes, for who may use it, one JSON object a line."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.local_api import LocalClient
from tests.harness import PATIENCE, Broker, Daemon
from tests.scenario import IMPULSE, acquisition, train_path


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("local"), broker.port, device="local")
    try:
        yield daemon.start()
    finally:
        daemon.stop()


class Line:
    """One connection, spoken to in raw lines."""

    def __init__(self, daemon: Daemon) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(daemon.socket))
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, line: bytes) -> None:
        self._socket.sendall(line)

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def receive(self) -> Any:
        """The next reply, or None when the daemon has closed the connection."""
        line = self._file.readline()
        return json.loads(line) if line else None

    def ask(self, line: bytes) -> Any:
        self.send(line)
        return self.receive()


def test_only_the_daemon_s_user_and_group_may_use_it(served: Daemon) -> None:
    mode = served.socket.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_requests_are_answered_in_order_with_their_ids(served: Daemon) -> None:
    with Line(served) as line:
        line.send(
            b'{"id": 5, "method": "get", "path": "status"}\n'
            b'{"id": 3, "method": "get", "path": "/api/1/impulse/"}\n'
            b'{"id": 4, "method": "get", "path": "jobs", "body": {"limit": 5}}\n'
        )
        replies = [line.receive() for _ in range(3)]
        assert [(reply["id"], reply["status"]) for reply in replies] == [(5, 200), (3, 404), (4, 200)]
        assert replies[0]["body"]["success"] is True
        assert replies[1]["body"]["code"] == "not_found"


def test_a_line_may_arrive_in_pieces_and_the_last_one_without_its_end(served: Daemon) -> None:
    with Line(served) as line:
        for piece in (b'{"id": 1, "met', b'hod": "get", "path"', b': "status"}\n{"id": 2, "method": "get", '):
            line.send(piece)
        assert line.receive()["id"] == 1
        line.send(b'"path": "status"}')
        line.end()
        assert line.receive()["id"] == 2
        assert line.receive() is None


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"hello\n", "the line is no request"),
        (b"\n", "the line is no request"),
        (b"\xff\xfe\n", "the line is no request"),
        (b"[]\n", "the line is no request"),
        (b'{"id": 1, "method": "get"}\n', "path"),
        (b'{"id": "1", "method": "get", "path": "status"}\n', "id"),
        (b'{"id": 1, "method": "get", "path": "status", "verb": 1}\n', "verb"),
        (b'{"id": 1, "method": "get", "path": "status", "body": {"a": NaN}}\n', "no request"),
    ],
)
def test_a_bad_line_is_refused_and_the_next_one_served(served: Daemon, sent: bytes, said: str) -> None:
    with Line(served) as line:
        refused = line.ask(sent)
        assert (refused["status"], refused["body"]["code"]) == (400, "malformed_body")
        assert said in refused["body"]["error"]
        assert line.ask(b'{"id": 2, "method": "get", "path": "status"}\n')["status"] == 200


def test_the_body_is_as_strict_as_over_the_broker(served: Daemon) -> None:
    with Line(served) as line:
        for body, code in (
            (b'{"a": 1, "a": 2}', "malformed_body"),
            (b"[1]", "malformed_body"),
            (b'{"axes": []}', "invalid_member"),
        ):
            request = b'{"id": 9, "method": "post", "path": "%s", "body": %s}\n' % (
                train_path().encode(),
                body,
            )
            assert line.ask(request)["body"]["code"] == code


def test_a_request_id_makes_a_repeated_request_the_same(served: Daemon) -> None:
    client = LocalClient(served.socket)
    client.open()
    path = "api/1/training/data"
    first = client.request("post", path, acquisition([[1, 2, 3]]), "mine")
    assert first[0] == 200
    assert client.request("post", path, acquisition([[1, 2, 3]]), "mine") == first
    assert client.request("post", path, acquisition([[4, 5, 6]]), "mine")[1]["code"] == "request_id_conflict"
    assert client.request("post", path, acquisition([[1, 2, 3]]))[1] != first[1]
    client.close()


def test_a_body_larger_than_the_broker_takes_is_taken_here(served: Daemon) -> None:
    client = LocalClient(served.socket)
    client.open()
    rows = [[number, number + 0.5, -number] for number in range(30_000)]
    status, body = client.request("post", "api/5/training/data", acquisition(rows))
    assert status == 200, body
    client.request("post", "api/5/impulse", IMPULSE)
    total = client.request("get", "api/5/raw-data", {"category": "training", "limit": 1})[1]["totalCount"]
    assert total == len(rows)
    client.close()


def test_a_line_beyond_every_limit_is_cut_off_and_others_are_served(served: Daemon) -> None:
    with Line(served) as flood, Line(served) as line:
        try:
            for _ in range(50):
                flood.send(b"x" * 2**20)
            flood.send(b"\n")
            assert flood.receive() is None
        except ConnectionError:
            pass
        assert line.ask(b'{"id": 2, "method": "get", "path": "status"}\n')["status"] == 200


def test_the_socket_is_taken_away_with_the_daemon_and_a_left_one_is_replaced(daemon: Daemon) -> None:
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()
    with Line(daemon) as line:
        assert line.ask(b'{"id": 1, "method": "get", "path": "status"}\n')["status"] == 200
        assert daemon.stop() == 0
        assert line.receive() is None
    assert not daemon.socket.exists()
