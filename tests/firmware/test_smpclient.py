"""An independent client of MCUmgr's protocol updates a board: the process, and an emulated Cortex-M4F."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from smpclient import SMPClient
from smpclient.exceptions import SMPUploadError
from smpclient.generics import error, success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport

from firmware_export.packed import pack
from hw_tests.boards.emulated import build_firmware, emulated
from hw_tests.boards.peer import Peer, peer
from tests.firmware.smp_line import Line
from tests.firmware.terminal import terminal
from tests.firmware.updates import KEY_FLAG, Update, running

IMAGE = 1
TIMEOUT_S = 20.0


@pytest.fixture(params=["process", "M4F"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    if request.param == "process":
        with peer(flags=[KEY_FLAG]) as started:
            yield started
    else:
        elf = build_firmware(request.param, tmp_path / "firmware.elf", flags=[KEY_FLAG])
        with emulated(request.param, elf) as started:
            yield started


async def update(port: str, data: bytes, digest: bytes) -> None:
    async with SMPClient(SMPSerialTransport(), port, TIMEOUT_S) as client:
        echo = await client.request(EchoWrite(d="hello"))
        assert success(echo)
        assert echo.r == "hello"
        parameters = await client.request(MCUMgrParametersRead())
        assert success(parameters)
        assert (parameters.buf_size, parameters.buf_count) == (516, 1)
        offsets = [offset async for offset in client.upload(data, slot=IMAGE)]
        assert offsets[-1] == len(data)
        for confirm in (False, True):
            written = await client.request(ImageStatesWrite(hash=digest, confirm=confirm))
            assert success(written), written
        states = await client.request(ImageStatesRead())
        assert success(states)
        (active,) = [image for image in states.images if image.active]
        assert (active.image, active.slot, active.version) == (IMAGE, 0, "1.7.100")
        assert (active.hash, active.confirmed, active.permanent) == (digest, True, True)
        assert success(await client.request(ResetWrite()))


def test_smpclient_updates_the_model(board: Peer) -> None:
    one = Update(bias=100, vectors=[bytes(4) + struct.pack("<i", 100)] * 200)
    for data in (one.signed(), pack(one.signed())):
        with terminal(board) as port:
            asyncio.run(update(port, data, one.digest()))
        with Line.to(board) as line:
            line.wait()
            assert running(line) == one.output()


def test_smpclient_is_told_why_a_model_is_refused(board: Peer) -> None:
    wrong = Update(bias=100, architecture=b"linear, 5 inputs")

    async def refused(port: str) -> None:
        async with SMPClient(SMPSerialTransport(), port, TIMEOUT_S) as client:
            answer = await client.request(ImageStatesWrite(hash=bytes(32), confirm=True))
            assert error(answer)
            with pytest.raises(SMPUploadError) as raised:
                _ = [offset async for offset in client.upload(wrong.signed(), slot=IMAGE)]
            (answer,) = raised.value.args
            assert (answer.err.group, answer.err.rc) == (64, 4)

    with terminal(board) as port:
        asyncio.run(refused(port))
