"""The ports process from outside: its socket, its clients, its targets, and how it goes on after a kill."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.deploy.target_thread import MOST_WAITING
from daemon.wire.deploy import MAX_LINE, Ask, Cursor, Deploy, Key, Watch
from hw_tests.boards.peer import Peer, peer
from tests.deploy.linear import KEY, KEY_FLAG, linear
from tests.deploy.ports_process import Ports, ports
from tests.harness import free_port


def target(port: str, *lines: str, name: str = "press") -> str:
    return "\n".join((f"[targets.{name}]", 'board = "mps2-an386"', f'port = "{port}"', *lines)) + "\n"


def order(**facts: Any) -> Deploy:
    return Deploy(target="press", job_id=7, blob=linear(**facts).message())


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Peer]:
    with peer(flash_file=tmp_path / "flash", flags=(KEY_FLAG,)) as one:
        yield one


@pytest.fixture
def held(tmp_path: Path, board: Peer) -> Iterator[Ports]:
    with ports(tmp_path, target(board.url)) as process:
        yield process


def ending(answers: list[dict[str, Any]]) -> dict[str, Any]:
    return answers[-1]


def test_it_tells_what_a_board_says_of_itself(held: Ports) -> None:
    (told,) = held.told(Ask("press"))
    assert told["type"] == "board"
    info = told["info"]
    assert (info["projectId"], info["learnId"], info["version"]) == (1, 7, 3)
    assert (info["source"], info["confirmed"], info["name"]) == ("factory", True, "linear")
    assert (len(bytes.fromhex(info["digest"])), info["outputWidth"]) == (32, 4)


def test_its_socket_is_closed_to_others(held: Ports) -> None:
    assert stat.S_IMODE(held.path.stat().st_mode) == 0o660


def test_the_key_is_made_once_and_is_nobody_elses(tmp_path: Path, board: Peer) -> None:
    key = tmp_path / "elsewhere" / "key.pem"
    with ports(tmp_path, f'[deploy]\nkey_file = "{key}"\n' + target(board.url)) as process:
        first = process.told(Key())
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert process.end() == 0
        assert process.start().told(Key()) == first
    assert len(base64.b64decode(first[0]["key"])) == 32


def test_builds_are_told_the_public_half(held: Ports) -> None:
    assert held.told(Key()) == [
        {"type": "public-key", "key": base64.b64encode(bytes(KEY.verify_key)).decode()}
    ]


def test_a_model_gets_into_a_slot(held: Ports, board: Peer) -> None:
    answers = held.told(order(version=4, weights=(9, 8, 7, 6)))
    stages = [answer["stage"] for answer in answers if answer["type"] == "progress"]
    assert stages == sorted(stages, key=["flash", "verify"].index) and set(stages) == {"flash", "verify"}
    result = ending(answers)["result"]
    assert (result["method"], result["vectors"]) == ("slot", 2)
    assert result["previous"]["version"] == 3
    info = held.told(Ask("press"))[0]["info"]
    assert (info["version"], info["source"], info["confirmed"]) == (4, "slot0", True)
    assert result["digest"] == info["digest"]


def test_a_deployment_that_is_repeated_sends_nothing(held: Ports) -> None:
    assert ending(held.told(order(version=4)))["result"]["bytes"] > 0
    again = ending(held.told(order(version=4)))["result"]
    assert (again["bytes"], again["vectors"]) == (0, 2)


def test_another_shape_is_refused_and_nothing_changes(held: Ports) -> None:
    failed = ending(held.told(order(version=4, architecture=b"other, 4 inputs_")))
    assert (failed["type"], failed["code"]) == ("failed", "architecture_mismatch")
    assert failed["message"].endswith("the board runs version 3 of model 7 now")


def test_a_model_that_computes_something_else_is_put_back(held: Ports) -> None:
    wrong = (linear(version=4).outputs[0], b"\2\0\0\0")
    failed = ending(held.told(order(version=4, outputs=wrong)))
    assert (failed["code"], failed["details"]["running"]["version"]) == ("verify_failed", 3)
    assert held.told(Ask("press"))[0]["info"]["version"] == 3


def test_operations_that_are_none_are_told_so(held: Ports) -> None:
    assert held.told(b'{"type": "dance"}')[0]["code"] == "malformed_body"
    assert held.told(b"\xff")[0]["code"] == "malformed_body"
    assert held.told(Ask("lathe"))[0]["code"] == "not_found"
    assert held.told(Ask("press"))[0]["info"] is not None


def test_a_port_that_is_missing_is_told_and_found_when_it_comes(tmp_path: Path) -> None:
    port = free_port()
    with ports(tmp_path, target(f"socket://127.0.0.1:{port}", "ask_s = 1")) as process:
        told = process.told(Ask("press"))[0]
        assert told["info"] is None and f":{port}" in told["reason"]
        failed = ending(process.told(order()))
        assert (failed["code"], failed["retryable"]) == ("board_unreachable", True)
        with process.telling(Watch()) as news, peer(port=port, flags=(KEY_FLAG,)):
            assert next(each for each in news if each.get("info"))["info"]["version"] == 3


def test_a_board_that_vanishes_is_told(held: Ports, board: Peer) -> None:
    with held.telling(Watch()) as news:
        assert next(news)["info"]["version"] == 3
        board.kill()
        assert "cannot be opened" in held.told(Ask("press"))[0]["reason"]
        assert "cannot be opened" in next(news)["reason"]


def test_two_deployments_follow_each_other_on_one_port(held: Ports, board: Peer) -> None:
    os.kill(board.process.pid, signal.SIGSTOP)
    with held.telling(order(version=4)) as first, held.telling(order(version=5)) as second:
        wait = next(second)
        assert wait["type"] == "log" and "busy with job 7" in wait["text"]
        os.kill(board.process.pid, signal.SIGCONT)
        assert ending(list(first))["type"] == "done"
        assert ending(list(second))["type"] == "done"
    assert held.told(Ask("press"))[0]["info"]["version"] == 5


def rows_of(news: Iterator[dict[str, Any]], count: int) -> tuple[int, list[int], list[int]]:
    """So many rows at least, as they come: the board's start, their numbers and their scores."""
    boot, numbers, scores = 0, list[int](), list[int]()
    for each in news:
        if each["type"] == "rows":
            boot = each["boot"]
            numbers += range(each["first"], each["first"] + len(each["outputs"]))
            scores += [score for (score,) in each["outputs"]]
            assert len(base64.b64decode(each["inputs"])) == 16 * len(each["outputs"])
        if len(numbers) >= count:
            break
    return boot, numbers, scores


@pytest.fixture
def sampled(tmp_path: Path, board: Peer) -> Iterator[Ports]:
    with ports(tmp_path, target(board.url, 'samples = "publish"', "sample_ms = 20")) as process:
        yield process


def test_rows_come_once_and_in_order_to_a_watcher_that_comes_and_goes(sampled: Ports) -> None:
    with sampled.telling(Watch()) as news:
        boot, numbers, scores = rows_of(news, 20)
    for _ in range(3):
        with sampled.telling(Watch({"press": Cursor(boot, numbers[-1] + 1)})) as news:
            same, more, rest = rows_of(news, 20)
        assert same == boot
        numbers, scores = numbers + more, scores + rest
    assert numbers == list(range(len(numbers)))
    assert len(set(scores)) > 1


def test_rows_go_on_when_the_ports_process_was_killed(sampled: Ports) -> None:
    with sampled.telling(Watch()) as news:
        boot, numbers, _ = rows_of(news, 20)
    sampled.end(signal.SIGKILL)
    sampled.start()
    with sampled.telling(Watch({"press": Cursor(boot, numbers[-1] + 1)})) as news:
        same, more, _ = rows_of(news, 20)
    assert same == boot
    assert more[0] > numbers[-1] and more == list(range(more[0], more[0] + len(more)))


def test_a_reset_of_the_board_begins_another_count(tmp_path: Path) -> None:
    port = free_port()
    table = target(f"socket://127.0.0.1:{port}", 'samples = "publish"', "sample_ms = 20", "ask_s = 1")
    with ports(tmp_path, table) as process, process.telling(Watch()) as news:
        with peer(port=port, flags=(KEY_FLAG,)):
            first, _, _ = rows_of(news, 10)
        with peer(port=port, flags=(KEY_FLAG,)):
            again = next(each for each in news if each["type"] == "rows" and each["boot"] != first)
            assert again["first"] == 0


def test_a_model_s_rows_are_told_as_its_own(sampled: Ports) -> None:
    with sampled.telling(Watch()) as news:
        rows_of(news, 5)
        assert ending(sampled.told(order(version=4, weights=(-1, -1, -1, -1))))["type"] == "done"
        versions = [each["version"] for each, _ in zip(only_rows(news), range(10), strict=False)]
    assert versions == sorted(versions) and versions[-1] == 4


def only_rows(news: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (each for each in news if each["type"] == "rows")


def test_a_watcher_that_never_reads_holds_nobody_up(sampled: Ports) -> None:
    with sampled.connect() as silent:
        silent.sendall(b'{"type": "watch"}\n')
        assert ending(sampled.told(order(version=4)))["type"] == "done"


def test_a_client_that_goes_away_stops_an_update(held: Ports, board: Peer) -> None:
    os.kill(board.process.pid, signal.SIGSTOP)
    with held.telling(order(version=4)), held.telling(order(version=5)):
        pass
    os.kill(board.process.pid, signal.SIGCONT)
    assert held.told(Ask("press"))[0]["info"]["version"] == 3


def test_a_line_without_an_end_is_cut_off(held: Ports) -> None:
    with held.connect() as link, link.makefile("rb") as answers:
        with contextlib.suppress(ConnectionError):
            link.sendall(b"x" * (MAX_LINE + 1024 * 1024))
        with contextlib.suppress(ConnectionError):
            assert answers.read() == b""
    assert held.told(Ask("press"))[0]["info"] is not None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_turned_away_whatever_the_socket_allows(board: Peer) -> None:
    with tempfile.TemporaryDirectory() as folder, ports(Path(folder), target(board.url)) as process:
        for path in (process.directory, process.path.parent, process.path):
            path.chmod(0o777)
        os.seteuid(65534)
        try:
            with process.connect() as link:
                assert link.recv(1) == b""
            os.seteuid(0)
            # The daemon comes later to a new machine: its state directory says who it is.
            os.chown(process.directory / "state", 65534, -1)
            os.seteuid(65534)
            assert process.told(Ask("press"))[0]["info"] is not None
        finally:
            os.seteuid(0)
        assert "user 65534 was turned away" in process.log()
        assert process.told(Ask("press"))[0]["info"] is not None


def test_a_port_that_another_program_has_is_told_as_busy(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    port = os.ttyname(theirs)
    fcntl.flock(theirs, fcntl.LOCK_EX)
    try:
        with ports(tmp_path, target(port)) as process:
            assert f"{port} is in use" in process.told(Ask("press"))[0]["reason"]
            failed = ending(process.told(order()))
            assert (failed["code"], failed["retryable"]) == ("board_unreachable", True)
    finally:
        os.close(theirs)
        os.close(ours)


def test_a_process_that_stops_tells_nothing_and_the_next_goes_on(held: Ports, board: Peer) -> None:
    os.kill(board.process.pid, signal.SIGSTOP)
    with held.telling(order(version=4)) as answers:
        next(answers)
        assert held.process is not None
        held.process.send_signal(signal.SIGTERM)
        os.kill(board.process.pid, signal.SIGCONT)
        assert not any(each["type"] in {"done", "failed"} for each in answers)
    assert held.end() == 0
    held.start()
    assert ending(held.told(order(version=4)))["type"] == "done"


def test_models_travel_unsigned_where_the_configuration_says_so(tmp_path: Path) -> None:
    with peer() as trusting, ports(tmp_path, "[deploy]\nunsigned = true\n" + target(trusting.url)) as process:
        assert base64.b64decode(process.told(Key())[0]["key"]) == bytes(32)
        assert ending(process.told(order(version=4)))["type"] == "done"


def test_a_board_that_trusts_another_key_refuses(tmp_path: Path) -> None:
    key = ",".join(["9"] * 32)
    with peer(flags=(f"-DPUBLIC_KEY={key}",)) as foreign, ports(tmp_path, target(foreign.url)) as process:
        failed = ending(process.told(order(version=4)))
        assert (failed["code"], "signature" in failed["message"]) == ("board_refused", True)
        assert process.told(Ask("press"))[0]["info"]["version"] == 3


def test_no_more_wait_for_a_target_than_it_may_have(held: Ports, board: Peer) -> None:
    os.kill(board.process.pid, signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_WAITING + 2):
            following = stack.enter_context(held.telling(order(version=4)))
        told = list(following)
    os.kill(board.process.pid, signal.SIGCONT)
    assert (told[-1]["type"], told[-1]["retryable"]) == ("failed", True)
    assert "takes nothing more" in told[-1]["message"]
