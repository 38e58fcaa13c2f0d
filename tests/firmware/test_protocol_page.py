"""The exchange of docs/device-protocol.md, sent in its order to the process."""

from __future__ import annotations

import re
from pathlib import Path

from smp import packet

from hw_tests.boards.peer import peer
from tests.firmware.smp_line import Line
from tests.firmware.updates import KEY_FLAG

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "device-protocol.md").read_text()
EXCHANGE = re.compile(r"^```smp\n> (.*?)\n< (.*?)^```$", re.MULTILINE | re.DOTALL)
FRAMED = re.compile(r"^06 09 (\S+) 0a$", re.MULTILINE)


def test_the_exchange_goes_as_it_is_shown() -> None:
    exchanges = EXCHANGE.findall(PAGE)
    assert len(exchanges) == PAGE.count("```smp") > 5
    with peer(flags=[KEY_FLAG]) as board, Line.to(board) as line:
        for request, shown in exchanges:
            line.send(bytes.fromhex(request))
            answer = line.receive()
            whole = bytes.fromhex(shown.replace("...", ""))
            assert answer[: len(whole)] == whole
            assert len(answer) == len(whole) or "..." in shown


def test_the_frame_is_that_of_the_first_exchange() -> None:
    sides = [re.sub(r"\s", "", side) for side in EXCHANGE.findall(PAGE)[0]]
    frames = [b"".join(packet.encode(bytes.fromhex(side))) for side in sides]
    assert [b"\x06\x09" + text.encode() + b"\n" for text in FRAMED.findall(PAGE)] == frames
