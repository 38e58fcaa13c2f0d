"""A model into a slot: the gateway's side against the firmware itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot
from daemon.errors import ArchitectureMismatch, BoardRefused, BoardUnreachable, ModelTooLarge, VerifyFailed
from firmware_export.blob import Blob
from hw_tests.boards.peer import Peer, peer
from tests.deploy.linear import KEY, KEY_FLAG, linear


def nothing(_: object) -> None:
    """Hear without a word."""


def sign(message: bytes) -> bytes:
    return KEY.sign(message).signature


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Peer]:
    with peer(flash_file=tmp_path / "flash", flags=[KEY_FLAG]) as running:
        yield running


def test_a_model_comes_onto_the_board(board: Peer) -> None:
    wanted = linear(version=4, weights=(2, 2, 2, 2), bias=0)
    with SerialLink(board.url) as link:
        session = BoardSession(link)
        assert session.info().version == 3
        done = update_slot(session, wanted, sign, nothing)
        assert (done.info.version, done.info.confirmed, done.vectors) == (4, True, 2)
        assert session.run(bytes([1, 2, 3, 4]), done.info) == (20).to_bytes(4, "little")
        session.reset()
        assert session.info().version == 4
        again = update_slot(session, wanted, sign, nothing)
        assert (again.sent, again.info.sequence) == (0, done.info.sequence)


def test_the_model_before_comes_back_signed_anew(board: Peer) -> None:
    first, second = linear(version=4), linear(version=5, bias=9)
    with SerialLink(board.url) as link:
        session = BoardSession(link)
        for wanted in (first, second, first):
            update_slot(session, wanted, sign, nothing)
        info = session.info()
    assert (info.version, info.sequence, info.confirmed) == (4, 3, True)


def test_a_model_of_another_shape_is_not_sent(board: Peer) -> None:
    wanted = linear(architecture=b"cubic, 44 inputs")
    with SerialLink(board.url) as link, pytest.raises(ArchitectureMismatch, match=r"`linear`.*as firmware"):
        update_slot(BoardSession(link), wanted, sign, nothing)


def test_a_foreign_signature_leaves_the_model_as_it_was(board: Peer) -> None:
    foreign = SigningKey(bytes(32))
    with SerialLink(board.url) as link:
        session = BoardSession(link)
        with pytest.raises(BoardRefused, match="signature"):
            update_slot(session, linear(version=4), lambda m: foreign.sign(m).signature, nothing)
        assert (session.info().version, session.info().confirmed) == (3, True)


def test_vectors_that_the_board_does_not_compute_leave_the_model_as_it_was(board: Peer) -> None:
    wrong = linear(version=4, outputs=(bytes(4), bytes(4)))
    with SerialLink(board.url) as link:
        session = BoardSession(link)
        with pytest.raises(VerifyFailed, match="self-test"):
            update_slot(session, wrong, sign, nothing)
        assert (session.info().version, session.info().confirmed) == (3, True)


def test_a_model_larger_than_a_slot_is_told_with_numbers(board: Peer) -> None:
    large = Blob(**{**vars(linear()), "params": bytes(1 << 20)})
    with SerialLink(board.url) as link, pytest.raises(ModelTooLarge, match=r"takes 1\d{6} bytes .* has \d+"):
        update_slot(BoardSession(link), large, sign, nothing)


def test_a_board_that_vanishes_is_told_by_its_port(board: Peer) -> None:
    with SerialLink(board.url) as link:
        session = BoardSession(link)
        session.info()
        board.kill()
        with pytest.raises(BoardUnreachable, match=str(board.port)):
            session.info()
    with pytest.raises(BoardUnreachable, match="cannot be opened"), SerialLink(board.url):
        pass
