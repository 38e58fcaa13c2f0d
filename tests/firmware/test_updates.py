"""A model that comes over the line: taken up, tried, confirmed, put back, or refused."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from firmware_export.packed import pack
from hw_tests.boards.peer import peer
from tests.firmware.smp_line import IMAGE, MODEL, OS, READ, WRITE, Line, Refused
from tests.firmware.updates import KEY_FLAG, PROBE, Update, install, running, source, upload

FACTORY = struct.pack("<i", 5 + 1 + 4 + 9 + 16)
FORMAT, SIGNATURE, SEQUENCE, ARCHITECTURE, SELF_TEST, TOO_LARGE = range(1, 7)
TOO_NEW = 10


@pytest.fixture
def line() -> Iterator[Line]:
    with peer(flags=[KEY_FLAG]) as board, Line.to(board) as line:
        yield line


def images(line: Line) -> dict[int, dict[str, object]]:
    return {image["slot"]: image for image in line.ask(READ, IMAGE, 0)["images"]}


def refusal(line: Line, update: Update) -> Refused:
    """What the board says against an update; the model that ran must run on, after a reset too."""
    before = running(line), source(line)
    with pytest.raises(Refused) as refused:
        install(line, update)
    assert (running(line), source(line)) == before
    line.reset()
    assert (running(line), source(line)) == before
    return refused.value


def test_a_tested_model_runs_until_the_reset(line: Line) -> None:
    update = Update(bias=100)
    assert upload(line, update.signed()) == len(update.signed())
    assert running(line) == FACTORY
    line.ask(WRITE, IMAGE, 0, hash=update.digest())
    assert running(line) == update.output()
    assert source(line) == ("slot0", False)
    line.reset()
    assert running(line) == FACTORY
    assert source(line) == ("factory", True)


def test_a_confirmed_model_runs_on_after_the_reset(line: Line) -> None:
    update = Update(bias=100, sequence=9)
    install(line, update)
    line.reset()
    told = line.ask(READ, MODEL, 0)
    assert running(line) == update.output()
    assert (told["src"], told["confirmed"], told["seq"], told["version"]) == ("slot0", True, 9, 100)
    assert told["hash"] == update.digest()


def test_confirm_without_a_hash_is_for_the_active_model(line: Line) -> None:
    update = Update(bias=100)
    upload(line, update.signed())
    line.ask(WRITE, IMAGE, 0, hash=update.digest())
    line.ask(WRITE, IMAGE, 0, confirm=True)
    line.reset()
    assert running(line) == update.output()


def test_the_slots_take_turns(line: Line) -> None:
    for number in range(1, 6):
        update = Update(bias=number * 10, sequence=number)
        install(line, update)
        assert source(line) == (f"slot{(number - 1) % 2}", True)
        assert running(line) == update.output()
    assert running(line) == Update(bias=50).output()
    told = images(line)
    assert told[1]["version"] == "1.7.40"
    assert (told[0]["version"], told[0]["active"], told[0]["confirmed"]) == ("1.7.50", True, True)
    assert told[2]["version"] == "1.7.3"
    assert not told[1]["active"]


def test_the_other_slot_and_the_factory_model_come_back_without_an_upload(line: Line) -> None:
    first, second = Update(bias=10, sequence=1), Update(bias=20, sequence=2)
    install(line, first)
    install(line, second)
    line.ask(WRITE, IMAGE, 0, hash=first.digest(), confirm=True)
    line.reset()
    assert running(line) == first.output()
    line.ask(WRITE, IMAGE, 0, hash=images(line)[2]["hash"], confirm=True)
    line.reset()
    assert running(line) == FACTORY
    assert source(line) == ("factory", True)


def test_hundreds_of_confirmations_go_through_both_areas_of_the_journal(line: Line) -> None:
    first, second = Update(bias=10, sequence=1), Update(bias=20, sequence=2)
    install(line, first)
    install(line, second)
    for _ in range(40):
        for update in (first, second):
            line.ask(WRITE, IMAGE, 0, hash=update.digest(), confirm=True)
    line.reset()
    assert running(line) == second.output()
    assert line.ask(READ, MODEL, 0)["seq"] == 2


def test_an_upload_goes_on_where_it_was(line: Line) -> None:
    update = Update(bias=100)
    data = update.signed()
    part = upload(line, data, piece=40, until=90)
    assert 90 <= part < len(data)
    assert upload(line, data, piece=40, until=0) == part
    assert upload(line, data, piece=40) == len(data)
    line.ask(WRITE, IMAGE, 0, hash=update.digest())
    assert running(line) == update.output()


def test_pieces_out_of_turn_are_not_taken(line: Line) -> None:
    data = Update(bias=100).signed()
    part = upload(line, data, piece=40, until=90)
    for offset in (part - 1, part + 1, len(data), 1 << 31):
        assert line.ask(WRITE, IMAGE, 1, off=offset, data=data[:40]) == {"off": part}
    with pytest.raises(Refused) as refused:
        line.ask(WRITE, IMAGE, 1, off=part, data=bytes(len(data)))
    assert refused.value == Refused(None, 3)
    assert upload(line, data, piece=40) == len(data)


def test_a_reset_makes_an_upload_begin_anew(line: Line) -> None:
    update = Update(bias=100)
    upload(line, update.signed(), piece=40, until=90)
    line.reset()
    assert upload(line, update.signed(), piece=40, until=0) == 40
    install(line, update)
    assert running(line) == update.output()


def test_a_packed_blob_is_unpacked_on_its_way(line: Line) -> None:
    update = Update(bias=100, vectors=[bytes(4) + struct.pack("<i", 100)] * 200)
    packed = pack(update.signed())
    assert len(packed) < len(update.signed()) / 4
    for piece in (400, 9, 61):
        line.ask(WRITE, IMAGE, 5)
        assert upload(line, packed, piece=piece) == len(packed)
        line.ask(WRITE, IMAGE, 0, hash=update.digest())
        assert running(line) == update.output()


def test_an_upload_puts_a_model_out_of_use_that_nobody_confirmed(line: Line) -> None:
    forgotten, update = Update(bias=100), Update(bias=200, sequence=2)
    upload(line, forgotten.signed())
    line.ask(WRITE, IMAGE, 0, hash=forgotten.digest())
    upload(line, update.signed())
    assert running(line) == FACTORY
    line.ask(WRITE, IMAGE, 0, hash=update.digest(), confirm=True)
    assert source(line) == ("slot0", True)


WRONG = {
    "another's signature": (Update(bias=100, key=SigningKey.generate()), SIGNATURE),
    "the sequence of before": (Update(bias=100, sequence=4), SEQUENCE),
    "an older sequence": (Update(bias=100, sequence=3), SEQUENCE),
    "another architecture": (Update(bias=100, sequence=5, architecture=b"linear, 5 inputs"), ARCHITECTURE),
    "other parameters": (Update(bias=100, sequence=5, params_size=24), ARCHITECTURE),
    "other inputs": (Update(bias=100, sequence=5, input_bytes=3, vector_count=2), ARCHITECTURE),
    "a self-test that fails": (
        Update(bias=100, sequence=5, vectors=[PROBE + struct.pack("<i", 100), bytes(8)]),
        SELF_TEST,
    ),
    "no test vectors": (Update(bias=100, sequence=5, vectors=[]), FORMAT),
    "no blob": (Update(bias=100, sequence=5, magic=b"ELF!"), FORMAT),
    "a format to come": (Update(bias=100, sequence=5, format=2), TOO_NEW),
    "more vectors than there are": (Update(bias=100, sequence=5, vector_count=3), FORMAT),
    "fewer vectors than there are": (Update(bias=100, sequence=5, vector_count=1), FORMAT),
    "more vectors than a slot holds": (Update(bias=100, sequence=5, vector_count=65535), FORMAT),
    "too large": (
        Update(bias=100, sequence=5, vectors=[bytes(4) + struct.pack("<i", 100)] * 4100),
        TOO_LARGE,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_blob_is_refused(line: Line, what: str) -> None:
    install(line, Update(bias=50, sequence=4))
    update, code = WRONG[what]
    assert refusal(line, update) == Refused(64, code)
    install(line, Update(bias=60, sequence=5))
    assert running(line) == Update(bias=60).output()


def test_one_bit_of_a_blob_is_not_overlooked(line: Line) -> None:
    update = Update(bias=100)
    data = bytearray(update.signed())
    data[70] ^= 1
    upload(line, bytes(data))
    changed = images(line)[0]["hash"]
    assert changed != update.digest()
    with pytest.raises(Refused) as refused:
        line.ask(WRITE, IMAGE, 0, hash=changed, confirm=True)
    assert refused.value == Refused(64, SIGNATURE)
    assert running(line) == FACTORY


def test_a_slot_that_was_accepted_may_come_back_and_a_replay_of_it_may_not(line: Line) -> None:
    first, second, third = (Update(bias=number * 10, sequence=number) for number in (1, 2, 3))
    for update in (first, second, third):
        install(line, update)
    assert refusal(line, first) == Refused(64, SEQUENCE)


def test_the_first_version_of_smp_gets_its_own_codes(line: Line) -> None:
    line.version = 0
    assert refusal(line, Update(bias=100, key=SigningKey.generate())) == Refused(None, 1)
    install(line, Update(bias=100))
    assert running(line) == Update(bias=100).output()


def test_requests_that_make_no_sense_are_refused(line: Line) -> None:
    wrong = 3
    data = Update(bias=100).signed()
    cases: list[tuple[int, dict[str, object], int]] = [
        (1, {"off": 0, "len": len(data), "data": data[:64]}, wrong),
        (1, {"image": 0, "off": 0, "len": len(data), "data": data[:64]}, wrong),
        (1, {"image": 1, "off": 0, "data": data[:64]}, wrong),
        (1, {"image": 1, "len": len(data), "data": data[:64]}, wrong),
        (1, {"image": 1, "off": 0, "len": 10, "data": data[:64]}, wrong),
        (1, {"image": 1, "off": 0, "len": len(data), "data": "text"}, wrong),
        (1, {"image": 1, "off": 0, "len": len(data), "data": data[:64], "sha": "text"}, wrong),
        (0, {}, wrong),
        (0, {"confirm": False}, wrong),
        (0, {"hash": bytes(31)}, wrong),
        (0, {"hash": bytes(32)}, 5),
        (5, {"slot": 1}, 6),
        (9, {}, 8),
    ]
    for command, members, code in cases:
        with pytest.raises(Refused) as refused:
            line.ask(WRITE, IMAGE, command, **members)
        assert refused.value == Refused(None, code), members
    with pytest.raises(Refused) as refused:
        line.ask(WRITE, 200, 0)
    assert refused.value == Refused(None, 8)
    line.version = 2
    with pytest.raises(Refused) as refused:
        line.ask(WRITE, OS, 0, d="")
    assert refused.value == Refused(None, 13)


def test_flash_keeps_the_model_over_a_loss_of_power(tmp_path: Path) -> None:
    update = Update(bias=100)
    flash = tmp_path / "flash"
    with peer(flags=[KEY_FLAG], flash_file=flash) as board, Line.to(board) as line:
        install(line, update)
        board.kill()
    with peer(flags=[KEY_FLAG], flash_file=flash) as board, Line.to(board) as line:
        assert running(line) == update.output()


def test_another_firmware_runs_its_own_model(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    update = Update(bias=100, sequence=3)
    with peer(flags=[KEY_FLAG], flash_file=flash) as board, Line.to(board) as line:
        install(line, update)
    with peer(flags=[KEY_FLAG, "-DBIAS=6"], flash_file=flash) as board, Line.to(board) as line:
        assert running(line) == struct.pack("<i", 36)
        assert line.ask(READ, MODEL, 0)["seq"] == 3
        install(line, replace(update, sequence=4))
    with peer(flags=[KEY_FLAG, "-DBIAS=6"], flash_file=flash) as board, Line.to(board) as line:
        assert running(line) == update.output()


def test_without_a_key_signatures_are_not_looked_at() -> None:
    with peer() as board, Line.to(board) as line:
        update = Update(bias=100, key=SigningKey.generate())
        install(line, update)
        assert running(line) == update.output()
