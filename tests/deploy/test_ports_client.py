"""A worker that waits for the ports process, and is told to stop meanwhile."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.deploy.ports_child import PortsChild
from daemon.deploy.ports_client import PortsClient
from daemon.errors import JobCanceled
from daemon.wire.deploy import Answer, Deploy
from daemon.wire.worker import Done, Log, Progress

_FIRMWARE = Deploy(target="press", job_id=1, blob=b"", images={"bin": b"firmware"})


@contextmanager
def told(path: Path, *answers: Answer, then: Answer, when: threading.Event) -> Iterator[None]:
    """Answer one order; the last answer comes when it is time, or never where the client leaves."""

    def serve(listener: socket.socket) -> None:
        link, _ = listener.accept()
        with link:
            link.recv(65536)
            link.sendall(b"".join(msgspec.json.encode(answer) + b"\n" for answer in answers))
            when.wait()
            with_end = msgspec.json.encode(then) + b"\n"
            try:
                link.sendall(with_end)
            except OSError:
                return

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield
        finally:
            when.set()
            thread.join()


def test_a_flash_that_has_not_begun_is_canceled(tmp_path: Path) -> None:
    waits = threading.Event()

    def check() -> None:
        if waits.is_set():
            raise JobCanceled("stop")

    client, path = PortsClient(tmp_path / "s", check), tmp_path / "s"
    with (
        told(path, Log("info", "this waits"), then=Done({}), when=threading.Event()),
        pytest.raises(JobCanceled),
    ):
        client.deploy(_FIRMWARE, lambda _: waits.set())


def test_a_flash_that_has_begun_is_waited_for(tmp_path: Path) -> None:
    begun, over = threading.Event(), threading.Event()

    def check() -> None:
        if begun.is_set():
            raise JobCanceled("stop")

    client = PortsClient(tmp_path / "s", check)
    timer = threading.Timer(1.0, over.set)
    timer.start()
    with told(tmp_path / "s", Progress("flash", 0.0), then=Done({"bytes": 8}), when=over):
        assert client.deploy(_FIRMWARE, lambda _: begun.set()) == {"bytes": 8}
    timer.join()


def test_a_ports_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried, ended = asyncio.Event(), asyncio.Event()
    start, hang_up = subprocess.Popen, PortsChild._hang_up

    def refuse_once(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        monkeypatch.setattr(subprocess, "Popen", start)
        tried.set()
        raise OSError(11, "Resource temporarily unavailable")

    def note(child: PortsChild, process: subprocess.Popen[bytes]) -> None:
        hang_up(child, process)
        ended.set()

    async def keep() -> None:
        child = PortsChild(tmp_path / "no.toml")
        child.start()
        await tried.wait()
        await ended.wait()
        await child.stop()

    monkeypatch.setattr(subprocess, "Popen", refuse_once)
    monkeypatch.setattr(PortsChild, "_hang_up", note)
    asyncio.run(asyncio.wait_for(keep(), 60))
    assert "cannot be started: [Errno 11]" in caplog.text
