"""Images for MCUboot over SMP, to a stand-in: see `mcuboot` for what that shows and what not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.mcumgr import image_hash
from daemon.deploy.flashers.table import read_options
from daemon.errors import BoardUnreachable, FlashFailed
from tests.deploy.flashers import mcuboot
from tests.deploy.flashers.hearing import Heard
from tests.deploy.flashers.mcuboot import Mcuboot, mcuboot_image, served

OLD = mcuboot_image(b"the old program")
NEW = mcuboot_image(random.Random(6).randbytes(5000), protected=b"1.2.3")
OPTIONS = read_options("mcumgr", {"swap_s": 30})


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "signed.bin"
    path.write_bytes(NEW)
    return {"bin": path}


@pytest.mark.parametrize("hangs_up", [False, True])
def test_an_image_is_tried_and_confirmed(images: dict[str, Path], hangs_up: bool) -> None:
    heard = Heard()
    with served(Mcuboot(OLD, hangs_up=hangs_up)) as board:
        flash("mcumgr", board.url, images, OPTIONS, heard)
        assert board.running == NEW
        assert board.confirmed
        # It stays.
        board.reset()
        assert board.running == NEW
    heard.check()


def test_an_upload_that_was_cut_off_goes_on(images: dict[str, Path]) -> None:
    with served(Mcuboot(OLD, breaks_at=2000)) as board:
        with pytest.raises(BoardUnreachable) as failed:
            flash("mcumgr", board.url, images, OPTIONS, Heard())
        assert failed.value.retryable
        assert board.running == OLD
        flash("mcumgr", board.url, images, OPTIONS, Heard())
        assert board.running == NEW
        assert board.received == len(NEW)


def test_an_image_that_runs_already_is_not_sent(images: dict[str, Path]) -> None:
    with served(Mcuboot(NEW)) as board:
        flash("mcumgr", board.url, images, OPTIONS, Heard())
        assert board.received == 0


def test_an_image_that_mcuboot_does_not_trust_is_told(images: dict[str, Path]) -> None:
    with served(Mcuboot(OLD, trusts=False)) as board:
        with pytest.raises(FlashFailed, match="was it signed with the key"):
            flash("mcumgr", board.url, images, OPTIONS, Heard())
        assert board.running == OLD


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (b"\x00" * 100, "it does not begin as one"),
        (NEW[:10], "it is cut off"),
        (NEW[:-60], "it is cut off|it has no hash"),
        (NEW[:5032] + bytes(64), "nothing trails the program"),
    ],
)
def test_a_file_that_is_no_image_is_told_before_anything_is_sent(
    images: dict[str, Path], image: bytes, says: str
) -> None:
    images["bin"].write_bytes(image)
    with served(Mcuboot(OLD)) as board, pytest.raises(FlashFailed, match=says):
        flash("mcumgr", board.url, images, OPTIONS, Heard())


def test_the_hash_is_found_behind_protected_values() -> None:
    assert image_hash(NEW) == mcuboot.image_hash(NEW)
    assert image_hash(OLD) == mcuboot.image_hash(OLD)
