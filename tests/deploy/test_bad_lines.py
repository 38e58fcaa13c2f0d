"""Updates over lines that are cut, or damage what they carry: the old or the new model runs, never none."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import Updated, update_slot
from daemon.errors import BoardUnreachable
from hw_tests.boards.line import line_to
from hw_tests.boards.peer import Peer, peer
from tests.deploy.linear import KEY_FLAG, linear
from tests.deploy.test_update import nothing, sign

NEW = linear(version=4, weights=(9, 8, 7, 6), bias=-3)
BYTES = 560
"""What a whole update of so small a model sends, with the questions."""


def update(url: str) -> Updated:
    with SerialLink(url) as link:
        return update_slot(BoardSession(link, answer_s=1.0), NEW, sign, nothing)


def cut_and_go_on(board: Peer, cut_after: int) -> None:
    """Lose the line once, look what runs, and bring the update to its end."""
    with line_to(board.port, cut_after=cut_after) as line:
        try:
            update(line.url)
            was_cut = False
        except BoardUnreachable:
            was_cut = True
        assert was_cut == (line.cut_after is None)
        with SerialLink(line.url) as link:
            info = BoardSession(link).info()
        assert info.version in (3, 4)
        assert info.version == 4 or info.confirmed
        done = update(line.url)
        assert (done.info.version, done.info.confirmed, done.vectors) == (4, True, 2)


@pytest.mark.parametrize("cut_after", [1, 60, 150, 240, 330, 420, 500, 540])
def test_a_cut_line_costs_the_update_nothing_but_time(cut_after: int, tmp_path: Path) -> None:
    with peer(flash_file=tmp_path / "flash", flags=[KEY_FLAG]) as board:
        cut_and_go_on(board, cut_after)


@pytest.mark.campaign
@pytest.mark.parametrize("cut_after", range(1, BYTES))
def test_the_same_at_every_byte(cut_after: int, tmp_path: Path) -> None:
    with peer(flash_file=tmp_path / "flash", flags=[KEY_FLAG]) as board:
        cut_and_go_on(board, cut_after)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_frames_are_sent_again(seed: int, tmp_path: Path) -> None:
    with (
        peer(flash_file=tmp_path / "flash", flags=[KEY_FLAG]) as board,
        line_to(board.port, damage=0.001, seed=seed) as line,
    ):
        assert update(line.url).info.version == 4


def test_a_line_of_noise_is_no_board(tmp_path: Path) -> None:
    with (
        peer(flash_file=tmp_path / "flash") as board,
        line_to(board.port, damage=1.0) as line,
        pytest.raises(BoardUnreachable, match="does not answer"),
    ):
        update(line.url)
