"""Boards that are silent, late, noisy, or answer nonsense: an error in time, never a wrong result."""

from __future__ import annotations

import random
from typing import Any

import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.sampling import Sampling
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot
from daemon.errors import ArchitectureMismatch, BoardRefused, BoardUnreachable, DeployError, VerifyFailed
from daemon.wire.targets import Target
from tests.deploy.linear import linear
from tests.deploy.scripted_board import Asked, scripted_board

_DIGEST = bytes(32)


def test_a_silent_board_is_given_up() -> None:
    asked: list[Asked] = []

    def say_nothing(request: Asked) -> bytes:
        asked.append(request)
        return b""

    with (
        scripted_board(say_nothing) as url,
        SerialLink(url) as link,
        pytest.raises(BoardUnreachable, match="does not answer") as failed,
    ):
        BoardSession(link, answer_s=0.05).info()
    assert url in str(failed.value)
    assert failed.value.retryable
    # The question is asked again, each time with a number of its own, and not for ever.
    assert [each.sequence for each in asked] == [1, 2, 3, 4]


def test_a_board_that_sends_noise_is_no_board() -> None:
    noise = random.Random(5).randbytes(4000)
    with (
        scripted_board(lambda _: noise, greeting=noise) as url,
        SerialLink(url) as link,
        pytest.raises(BoardUnreachable, match="does not answer"),
    ):
        BoardSession(link, answer_s=0.05).info()


def test_an_answer_to_an_earlier_question_is_not_taken() -> None:
    asked: list[Asked] = []

    def answer_late(request: Asked) -> bytes:
        asked.append(request)
        if len(asked) == 1:
            return b""
        stale = asked[0].answered({"images": [{"image": 9}]})
        return stale + b"m-ready\r\n" + request.answered({"images": [{"image": 1}]})

    with scripted_board(answer_late) as url, SerialLink(url) as link:
        # The first answer never comes in time, whatever the machine is busy with.
        assert BoardSession(link, answer_s=0.3).images() == [{"image": 1}]


@pytest.mark.parametrize(
    ("told", "kind", "sentence"),
    [
        ({"rc": 10}, BoardRefused, "busy"),
        ({"err": {"group": 1, "rc": 99}}, BoardRefused, "group 1, code 99"),
        ({"err": {"group": 64, "rc": 2}}, BoardRefused, "the signature is not by the key"),
        ({"err": {"group": 64, "rc": 3}}, BoardRefused, "an old model was sent again"),
        ({"err": {"group": 64, "rc": 4}}, ArchitectureMismatch, "models of another shape"),
        ({"err": {"group": 64, "rc": 5}}, VerifyFailed, "self-test failed"),
    ],
)
def test_refusals_of_both_versions_of_smp_are_explained(
    told: dict[str, Any], kind: type[DeployError], sentence: str
) -> None:
    with (
        scripted_board(lambda request: request.answered(told)) as url,
        SerialLink(url) as link,
        pytest.raises(kind, match=sentence),
    ):
        BoardSession(link).test(_DIGEST)


def test_other_smp_firmware_is_told_apart() -> None:
    with (
        scripted_board(lambda request: request.answered({"rc": 8})) as url,
        SerialLink(url) as link,
        pytest.raises(BoardRefused, match=r"knows no models .*not supported.*: flash the reference firmware"),
    ):
        BoardSession(link).info()


@pytest.mark.parametrize("told", [{}, {"off": "1"}, {"off": True}, {"off": 0}, {"off": 1 << 30}])
def test_an_upload_that_gets_nowhere_ends(told: dict[str, Any]) -> None:
    with (
        scripted_board(lambda request: request.answered(told)) as url,
        SerialLink(url) as link,
        pytest.raises(BoardRefused, match=r"`off`|does not get on"),
    ):
        BoardSession(link).upload(bytes(500), lambda _: None)


def test_an_upload_goes_on_where_the_board_is() -> None:
    image = random.Random(1).randbytes(1000)
    kept = bytearray(image[:600])

    def take(request: Asked) -> bytes:
        if request.command != (1, 1):
            return request.answered({"buf_size": 256})
        if request.members["off"] == len(kept):
            kept.extend(request.members["data"])
        return request.answered({"rc": 0, "off": len(kept)})

    with scripted_board(take) as url, SerialLink(url) as link:
        sent = BoardSession(link).upload(image, lambda _: None)
    assert bytes(kept) == image
    # The first piece only tells the board which image it is.
    assert 400 < sent < 600


def test_a_board_that_is_busy_is_asked_again() -> None:
    answers: list[dict[str, Any]] = [{"rc": 10}, {"rc": 10}, {"images": [{"image": 1}]}]
    with scripted_board(lambda request: request.answered(answers.pop(0))) as url, SerialLink(url) as link:
        assert BoardSession(link).images() == [{"image": 1}]


_HONEST = {
    "proto": 1,
    "fw": "1.0",
    "board": "b",
    "name": "n",
    "arch": bytes(16),
    "slots": 2,
    "slotsize": 4096,
    "seq": 1,
    "src": "slot0",
    "confirmed": True,
    "hash": _DIGEST,
    "project": 1,
    "learn": 7,
    "version": 1,
    "inlen": 2,
    "inbytes": 2,
    "outbytes": 4,
    "outwidth": 4,
    "max": 8,
    "boot": 5,
}


@pytest.mark.parametrize(
    ("lie", "member"),
    [
        ({"outwidth": 0}, "outwidth"),
        ({"outwidth": 3}, "outwidth"),
        ({"outbytes": 6}, "outwidth"),
        ({"slotsize": -1}, "slotsize"),
        ({"boot": 1 << 40}, "boot"),
    ],
)
def test_a_board_that_cannot_be_as_it_says_is_refused(lie: dict[str, Any], member: str) -> None:
    with (
        scripted_board(lambda request: request.answered({**_HONEST, **lie})) as url,
        SerialLink(url) as link,
        pytest.raises(BoardRefused, match=f"`{member}`"),
    ):
        BoardSession(link).info()


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"first": 0, "in": bytes(8), "out": bytes(4)}, "`first`"),
        ({"first": 5, "in": bytes(9), "out": bytes(4)}, "no rows of its model"),
        ({"first": 5, "in": bytes(8), "out": bytes(5)}, "no rows of its model"),
    ],
)
def test_rows_that_are_none_end_the_reading(
    lie: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one would have no end: the same row again and again."""

    def tell(request: Asked) -> bytes:
        if request.command != (64, 2):
            return request.answered(_HONEST)
        honest = {"first": 0, "in": bytes(40), "out": bytes(20)}
        return request.answered(honest if request.members["from"] == 0 else lie)

    target = Target(board="mps2-an386", port="unused", samples="publish")
    with scripted_board(tell) as url, SerialLink(url) as link:
        session = BoardSession(link)
        rows = list(Sampling("press", target).start(session, session.info()))
    assert [len(each.outputs) for each in rows] == [5]
    assert words in caplog.text


def test_rows_are_run_in_packets_whatever_the_board_says() -> None:
    sizes: list[int] = []

    def run(request: Asked) -> bytes:
        if request.command != (64, 1):
            return request.answered({**_HONEST, "max": (1 << 32) - 1})
        sizes.append(len(request.members["in"]))
        return request.answered({"out": bytes(2 * sizes[-1])})

    with scripted_board(run) as url, SerialLink(url) as link:
        session = BoardSession(link)
        assert session.run(bytes(100_000), session.info()) == bytes(200_000)
    assert max(sizes) <= 4096 and sum(sizes) == 100_000


def test_a_board_whose_sequence_is_used_up_is_sent_nothing() -> None:
    blob = linear(version=4)
    told = {**_HONEST, "arch": blob.architecture, "seq": (1 << 32) - 1}
    with (
        scripted_board(lambda request: request.answered(told)) as url,
        SerialLink(url) as link,
        pytest.raises(BoardRefused, match="last sequence number"),
    ):
        update_slot(BoardSession(link), blob, bytes, lambda _: None)
