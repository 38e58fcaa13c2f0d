"""Updates that meet with misfortune: the old or the new model runs, never none, and the next one succeeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot
from daemon.errors import BoardRefused, BoardUnreachable
from daemon.wire.worker import Log, Progress
from hw_tests.boards.line import line_to
from hw_tests.hardware import EmulatedCortexM, Hardware, Place
from hw_tests.models import kmeans
from hw_tests.test_boards import blob, check, need_slots, nothing, sign

OLD, NEW = kmeans(1), kmeans(2)
ANSWER_S = 1.0
BYTES = 750
"""A little more than an update sends, with its questions."""


class _ResetHere(Exception):
    """The board is to be reset now."""


def old_or_new(session: BoardSession) -> None:
    """See that the board runs one of both."""
    check(session, NEW if session.info().version == NEW.version else OLD)


def reset_after(steps: int) -> Callable[[Progress | Log], None]:
    """Hear of an update until so many steps are done."""
    heard = 0

    def hear(_: Progress | Log) -> None:
        nonlocal heard
        heard += 1
        if heard > steps:
            raise _ResetHere

    return hear


def test_a_reset_at_every_step(hardware: Hardware) -> None:
    need_slots(hardware)
    with hardware.running(OLD) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        for steps in range(100):
            try:
                update_slot(session, blob(NEW), sign, reset_after(steps))
            except _ResetHere:
                session.reset()
                old_or_new(session)
            else:
                break
        assert steps >= 5
        check(session, NEW)


def _cut(place: Place, cut_after: int) -> None:
    assert place.tcp is not None
    with line_to(place.tcp, cut_after=cut_after) as line:
        try:
            with SerialLink(line.url) as link:
                update_slot(BoardSession(link, answer_s=ANSWER_S), blob(NEW), sign, nothing)
        except BoardUnreachable:
            assert line.cut_after is None
        line.cut_after = None
        with SerialLink(line.url) as link:
            session = BoardSession(link, answer_s=ANSWER_S)
            assert session.info().version in (OLD.version, NEW.version)
            update_slot(session, blob(NEW), sign, nothing)
            check(session, NEW)


def _need_emulated(place: Place) -> None:
    if place.tcp is None:
        pytest.skip("a real line is cut by hand")


@pytest.mark.parametrize("cut_after", [3, 300, 500, 650])
def test_a_cut_line(hardware: Hardware, cut_after: int) -> None:
    need_slots(hardware)
    with hardware.running(OLD) as place:
        _need_emulated(place)
        _cut(place, cut_after)


@pytest.mark.campaign
@pytest.mark.parametrize("start", range(0, BYTES, 50))
def test_a_line_cut_at_every_byte(start: int) -> None:
    for cut_after in range(start + 1, start + 51):
        with EmulatedCortexM("M4F").running(OLD) as place:
            _cut(place, cut_after)


def test_damaged_frames(hardware: Hardware) -> None:
    need_slots(hardware)
    with hardware.running(OLD) as place:
        _need_emulated(place)
        assert place.tcp is not None
        # About one packet of five is lost on the way, or its answer.
        with line_to(place.tcp, damage=0.0004, seed=4) as line, SerialLink(line.url) as link:
            update_slot(BoardSession(link, answer_s=ANSWER_S), blob(NEW), sign, nothing)
        with SerialLink(place.port) as link:
            check(BoardSession(link), NEW)


@pytest.mark.parametrize("stall_after", [300, 650])
def test_a_line_that_is_silent_for_a_while(hardware: Hardware, stall_after: int) -> None:
    need_slots(hardware)
    with hardware.running(OLD) as place:
        _need_emulated(place)
        assert place.tcp is not None
        # Longer than the patience for one answer: what was sent again arrives twice, and late.
        with (
            line_to(place.tcp, stall_after=stall_after, stall_s=1.5 * ANSWER_S) as line,
            SerialLink(line.url) as link,
        ):
            session = BoardSession(link, answer_s=ANSWER_S)
            update_slot(session, blob(NEW), sign, nothing)
            assert line.stall_after is None
            check(session, NEW)


def test_bytes_that_are_lost(hardware: Hardware) -> None:
    need_slots(hardware)
    with hardware.running(OLD) as place:
        _need_emulated(place)
        assert place.tcp is not None
        # The seed loses one byte of what is sent, and some of what is answered.
        with line_to(place.tcp, dropped=0.001, seed=12) as line, SerialLink(line.url) as link:
            update_slot(BoardSession(link, answer_s=ANSWER_S), blob(NEW), sign, nothing)
            assert line.lost
        with SerialLink(place.port) as link:
            check(BoardSession(link), NEW)


@pytest.mark.parametrize(("protocol", "remedy"), [(0, "flash newer firmware"), (2, "use a newer trainerd")])
def test_firmware_of_another_protocol(protocol: int, remedy: str) -> None:
    flags = [f"-DFW_PROTOCOL={protocol}u"]
    board = EmulatedCortexM("M4F").running(OLD, flags)
    with board as place, SerialLink(place.port) as link, pytest.raises(BoardRefused, match=remedy):
        update_slot(BoardSession(link), blob(NEW), sign, nothing)
