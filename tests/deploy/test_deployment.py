"""Firmware onto a board, and what was there put back: each way that it can fail, or be cut off."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon import durable
from daemon.deploy.deployment import deploy, recover
from daemon.errors import BoardRefused, BoardUnreachable, DeployError, FlashFailed, VerifyFailed
from daemon.wire.deploy import Deploy
from daemon.wire.worker import Log, Progress
from tests.deploy.bench import Bench, bench, built_in, firmware, give_up
from tests.deploy.linear import linear


class Ear:
    """Hears what a job would."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.lines: list[str] = []

    def __call__(self, event: Progress | Log) -> None:
        if isinstance(event, Log):
            self.lines.append(event.text)
        else:
            self.stages.append(event.stage)


def run(board: Bench, order: Deploy, ear: Ear | None = None) -> dict[str, Any]:
    place = board.place
    try:
        return deploy(place, order, ear or Ear(), lambda: None)
    finally:
        place.line.close()


def runs(board: Bench) -> str:
    place = board.place
    try:
        return place.line.wait_for_info().digest
    finally:
        place.line.close()


def digest(bias: int) -> str:
    return built_in(bias).digest().hex()


def test_firmware_gets_onto_a_board_that_had_none(tmp_path: Path) -> None:
    with bench(tmp_path) as board:
        ear = Ear()
        result = run(board, firmware(1), ear)
        assert (result["method"], result["vectors"], result["previous"]) == ("firmware", 2, None)
        assert result["digest"] == runs(board) == digest(1)
        assert ear.stages == sorted(ear.stages, key=["flash", "verify"].index)


def test_the_same_firmware_is_not_flashed_twice(tmp_path: Path) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        assert (run(board, firmware(1))["bytes"], board.flashed) == (0, 1)
        board.power_off()
        board.power_on()
        assert (run(board, firmware(1))["vectors"], board.flashed) == (2, 1)


@pytest.mark.parametrize("failure", ["verify", "tool"])
def test_firmware_that_fails_is_replaced_by_what_was_there(tmp_path: Path, failure: str) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        if failure == "tool":
            board.trouble.append(give_up)
        with pytest.raises(DeployError) as raised:
            run(board, firmware(2, right=failure == "tool"))
        assert type(raised.value) is (FlashFailed if failure == "tool" else VerifyFailed)
        assert "what was there before was put back; the board runs version 3" in raised.value.message
        assert runs(board) == digest(1)


def test_what_somebody_else_flashed_is_copied_and_put_back(tmp_path: Path) -> None:
    with bench(tmp_path, bias=9, reads=True) as board:
        with pytest.raises(VerifyFailed, match="what was there before was put back"):
            run(board, firmware(2, right=False))
        assert runs(board) == digest(9)


def test_without_anything_to_put_back_that_is_said(tmp_path: Path) -> None:
    said = pytest.raises(VerifyFailed, match="nothing else is kept that could be put back")
    with bench(tmp_path, bias=9) as board, said:
        run(board, firmware(2, right=False))


def test_a_slot_that_was_in_use_is_filled_again(tmp_path: Path) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        update = Deploy(target="press", job_id=2, blob=linear(version=4).message())
        in_slot = run(board, update)["digest"]
        with pytest.raises(VerifyFailed):
            run(board, firmware(2, right=False))
        place = board.place
        info = place.line.info()
        place.line.close()
        assert (info.version, info.source != "factory") == (4, True)
        assert info.digest != in_slot  # signed anew: the board takes no sequence twice


def test_a_slot_does_not_outlive_new_firmware(tmp_path: Path) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        run(board, Deploy(target="press", job_id=2, blob=linear(version=4).message()))
        assert run(board, firmware(2))["digest"] == runs(board) == digest(2)


@pytest.mark.parametrize("moment", ["before the flash", "half way", "before it was verified"])
def test_what_was_cut_off_is_brought_to_its_end(tmp_path: Path, moment: str) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        place = board.place
        place.kept.write("begun", firmware(2))
        if moment == "half way":
            board.power_off()
            (tmp_path / "program").unlink()
        if moment == "before it was verified":
            place.line.write_firmware(firmware(2).images, Ear())
        recover(place, Ear())
        place.line.close()
        assert runs(board) == digest(2)
        assert place.kept.read("begun") is None
        assert board.flashed == 2


def test_a_port_that_vanishes_in_a_flash_leaves_the_work_for_later(tmp_path: Path) -> None:
    def vanish() -> None:
        raise BoardUnreachable("the port is gone", retryable=True)

    with bench(tmp_path) as board:
        run(board, firmware(1))
        board.trouble += [vanish, vanish]
        with pytest.raises(BoardUnreachable, match="could not be put back: the port is gone"):
            run(board, firmware(2))
        place = board.place
        recover(place, Ear())
        place.line.close()
        assert runs(board) == digest(1)


def test_a_flash_that_fails_for_good_is_not_tried_for_ever(tmp_path: Path) -> None:
    with bench(tmp_path, bias=9) as board:
        board.trouble.append(give_up)
        with pytest.raises(FlashFailed):
            run(board, firmware(2))
        recover(board.place, Ear())
        assert board.flashed == 1


def test_what_the_disk_has_damaged_is_not_put_back(tmp_path: Path) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))
        path = tmp_path / "kept" / "firmware"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(VerifyFailed, match="nothing else is kept"):
            run(board, firmware(2, right=False))


def test_a_board_of_another_kind_is_not_written(tmp_path: Path) -> None:
    with bench(tmp_path, bias=9) as board:
        board.cores |= {"mps2-an386": "cortex-m4f", "posix": "host"}
        with pytest.raises(
            BoardRefused, match="says that it is a posix, and its target that it is a mps2-an386"
        ):
            run(board, firmware(2))
        assert (board.flashed, runs(board)) == (0, digest(9))


def fill_disk(monkeypatch: pytest.MonkeyPatch, full: Callable[[str], bool]) -> None:
    """Let files of some names find no room."""
    write = durable.write

    def refuse(path: Path, content: bytes) -> None:
        if full(path.name):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(durable, "write", refuse)


def test_a_full_disk_stops_a_flash_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench(tmp_path, bias=9) as board:
        fill_disk(monkeypatch, lambda _: True)
        with pytest.raises(DeployError, match=r"cannot be written .No space left on device.: make room"):
            run(board, firmware(2))
        assert (board.flashed, runs(board)) == (0, digest(9))


def test_a_disk_that_is_full_after_a_flash_is_told_and_undoes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as board, monkeypatch.context() as full:
        fill_disk(full, lambda name: name == "model")
        ear = Ear()
        assert run(board, firmware(1), ear)["digest"] == runs(board) == digest(1)
        assert "make room on its disk" in ear.lines[-1]
        full.undo()
        # There is room again: what is in the board is kept without another flash.
        place = board.place
        recover(place, Ear())
        place.line.close()
        assert board.flashed == 1
        assert place.kept.read("firmware") == firmware(1)


def test_a_full_disk_keeps_nothing_from_being_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench(tmp_path) as board:
        run(board, firmware(1))

        def give_up_on_a_full_disk() -> None:
            fill_disk(monkeypatch, lambda _: True)
            give_up()

        board.trouble.append(give_up_on_a_full_disk)
        with pytest.raises(FlashFailed, match="what was there before was put back"):
            run(board, firmware(2))
        assert runs(board) == digest(1)
