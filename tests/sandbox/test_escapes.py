"""Code that wants out, behind each kind of wall and started by each kind of user."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

from daemon.errors import JobTimedOut, ScriptFailed, WorkerOutOfMemory
from tests.harness import wait_until
from tests.sandbox.conftest import Behind, named, prepare

_TRY_ALL = """
import json
ways = ways_out(*{arguments!r})
for name, attempt in ways.items():
    try:
        attempt()
    except Exception as error:
        result[name] = repr(error)
    else:
        result[name] = "it went through"
result["as nobody is told"] = "raised"
"""


def test_no_way_out_is_open(behind: Behind) -> None:
    outside = behind.directory / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    abstract = f"trainerd-{uuid.uuid4()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        unix.bind(str(behind.directory / "daemon.sock"))
        (behind.directory / "daemon.sock").chmod(0o777)
        hidden.bind("\0" + abstract)
        for listener in (unix, hidden):
            listener.listen()
        arguments = (
            os.getpid(),
            tcp.getsockname()[1],
            str(behind.directory / "daemon.sock"),
            abstract,
            str(behind.directory / "vault" / "secret"),
            str(outside),
        )
        tried = behind.run(_TRY_ALL.format(arguments=arguments)).result
        for listener in (tcp, unix, hidden):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert len(tried) > 45
    assert {name: how for name, how in tried.items() if how == "it went through"} == {}
    assert list(outside.iterdir()) == []


def test_what_a_training_needs_is_there(behind: Behind) -> None:
    result = behind.run(
        "import threading, json, random, time, numpy as np\n"
        "(scratch / 'out').mkdir(); (scratch / 'out' / 'model').write_bytes(b'm' * 1000)\n"
        "worker = threading.Thread(target=lambda: result.update(thread=int(np.arange(5).sum())))\n"
        "worker.start(); worker.join()\n"
        "result['file'] = len((scratch / 'out' / 'model').read_bytes())\n"
        "result['random'] = len(open('/dev/urandom', 'rb').read(8))\n"
        "print('EI_LOG_LEVEL=warn look'); print('plain'); open('/dev/null', 'w').write('x')\n"
        "result['memory'] = 'MemTotal' in open('/proc/meminfo').read()"
    ).result
    assert result == {"thread": 10, "file": 1000, "random": 8, "memory": True}
    assert "plain" in behind.printed and "look" in behind.printed
    layers = [text for text in behind.printed if text.startswith("sandbox: ")]
    assert len(layers) == 4 and layers[2].startswith("sandbox: Landlock")


def test_memory_is_counted_whatever_its_kind(own: Behind) -> None:
    for code in (
        "kept = bytearray(2 * 1024 ** 3)",
        "import attempts; attempts.hoard(64 * 1024 ** 2)",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
    ):
        with pytest.raises((WorkerOutOfMemory, ScriptFailed)) as refused:
            own.run(code, memory_bytes=256 * 2**20)
        told = refused.value.message
        assert "memory" in told or "Cannot allocate" in told or "can't start new thread" in told


def test_files_are_counted(own: Behind) -> None:
    flood = (
        "import itertools, time\n"
        "for number in itertools.count():\n"
        "    (scratch / str(number)).write_bytes(b'x' * 1024 ** 2)\n"
        "    time.sleep(0.005)\n"
    )
    with pytest.raises(ScriptFailed, match=r"No space left|wrote more than"):
        own.run(flood, scratch_bytes=16 * 2**20)
    with pytest.raises(ScriptFailed, match=r"No space left|File too large|wrote more than"):
        own.run("(scratch / 'one').write_bytes(bytes(64 * 2 ** 20))", scratch_bytes=16 * 2**20)


def test_it_may_not_run_for_ever_and_leaves_nothing_behind(own: Behind) -> None:
    name = uuid.uuid4().hex[:12]
    call_itself = f"import ctypes; ctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\n"
    with pytest.raises(JobTimedOut, match=r"ran longer than 1\.5 s"):
        own.run(call_itself + "while True: pass", wall_s=1.5)
    wait_until("its end", lambda: not named(name))
    threads = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nresult['ok'] = 1"
    )
    assert own.run(call_itself + threads).result == {"ok": 1}
    wait_until("the end of its threads", lambda: not named(name))


@pytest.mark.parametrize(
    ("wall", "unprivileged"),
    [("bubblewrap", True), ("namespaces", False), ("namespaces", True), ("landlock", False)],
)
def test_it_dies_with_its_parent(directory: Path, wall: str, unprivileged: bool) -> None:
    behind = prepare(directory, wall, unprivileged=unprivileged)
    name = uuid.uuid4().hex[:12]
    endless = f"import ctypes\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\nwhile True: pass"
    call = {"wall": behind.wall, "directory": str(behind.directory), "code": endless, "bounds": {}}
    with subprocess.Popen(
        behind.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        parent.stdin.write(json.dumps(call))
        parent.stdin.close()
        wait_until("the code to run", lambda: named(name))
        parent.kill()
    wait_until("its end", lambda: not named(name))
