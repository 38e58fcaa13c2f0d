"""Log records in the journal's own protocol, as its socket receives them."""

from __future__ import annotations

import array
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.journal import JournalHandler, log_handler
from tests.harness import PATIENCE, Broker, Daemon
from tests.scenario import set_up_project, train


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    """The journal's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "socket"))
        opened.settimeout(PATIENCE)
        yield opened


@pytest.fixture
def log(tmp_path: Path, journal: socket.socket) -> logging.Logger:
    """A logger that writes to it."""
    return logger_to(tmp_path / "socket")


def logger_to(path: Path) -> logging.Logger:
    logger = logging.getLogger(str(path))
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(JournalHandler(path))
    return logger


def fields(entry: bytes) -> dict[str, str]:
    """An entry, read as the protocol says."""
    found = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", entry[:8])
            value, entry = entry[8 : 8 + length], entry[8 + length + 1 :]
        found[name.decode()] = value.decode()
    return found


def test_a_record_carries_priority_place_and_job(journal: socket.socket, log: logging.Logger) -> None:
    log.warning("job %d is late", 179, extra={"job_id": 179})
    found = fields(journal.recv(4096))
    assert (found["MESSAGE"], found["PRIORITY"], found["JOB_ID"]) == ("job 179 is late", "4", "179")
    assert found["SYSLOG_IDENTIFIER"] == "trainerd"
    assert (found["LOGGER"], Path(found["CODE_FILE"]).name) == (log.name, "test_journal.py")


def test_a_record_without_a_job_has_no_such_field(journal: socket.socket, log: logging.Logger) -> None:
    for level, priority in ((10, "7"), (20, "6"), (40, "3"), (50, "2")):
        log.log(level, "word")
        found = fields(journal.recv(4096))
        assert (found["PRIORITY"], "JOB_ID" in found) == (priority, False)


def test_several_lines_and_a_traceback_stay_one_record(journal: socket.socket, log: logging.Logger) -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.exception("first\nsecond=third")
    said = fields(journal.recv(65536))["MESSAGE"]
    assert said.startswith("first\nsecond=third\nTraceback") and said.endswith("ValueError: a\nb")


def test_a_record_too_long_for_a_datagram_comes_as_a_file(
    journal: socket.socket, log: logging.Logger
) -> None:
    text = "ä" * 3_000_000
    log.error(text)
    data, ancillary, _, _ = journal.recvmsg(1, socket.CMSG_SPACE(4))
    assert data == b""
    (descriptor,) = array.array("i", ancillary[0][2])
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        assert fields(file.read())["MESSAGE"] == text


def test_without_a_journal_the_record_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger_to(tmp_path / "nobody").error("still said")
    assert capsys.readouterr().err == "<3>still said\n"


def test_the_journal_is_written_to_only_where_it_reads_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "stderr").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        found = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert isinstance(log_handler(), JournalHandler)
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
        assert not isinstance(log_handler(), JournalHandler)
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not isinstance(log_handler(), JournalHandler)


#: Puts a directory of the test in the place of the journal's, for this process alone, and becomes the daemon.
WITH_JOURNAL = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
mount --bind "$1" /run/systemd/journal
exec "$2" -m daemon run --config "$3"
"""


def test_a_job_s_records_carry_its_id(broker: Broker, tmp_path: Path, journal: socket.socket) -> None:
    daemon = Daemon(tmp_path, broker.port, device="journalled")
    config = daemon.write_config()
    namespaces = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    with (tmp_path / "daemon.log").open("wb") as log:
        found = os.fstat(log.fileno())
        daemon.process = subprocess.Popen(
            [*namespaces, "bash", "-c", WITH_JOURNAL, "-", str(tmp_path), sys.executable, str(config)],
            stdout=log,
            stderr=log,
            env={**os.environ, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
        )
    try:
        daemon.wait_online()
        with daemon.client() as client:
            set_up_project(client)
            job_id = train(client)
        said: list[dict[str, str]] = []
        while not said or "is SUCCEEDED" not in said[-1]["MESSAGE"]:
            said.append(fields(journal.recv(65536)))
        assert {entry.get("JOB_ID") for entry in said} == {None, str(job_id)}
        assert said[-1]["JOB_ID"] == str(job_id)
        assert all("JOB_ID" in entry for entry in said if f"job {job_id}" in entry["MESSAGE"])
        # Nothing is said twice.
        assert daemon.log() == ""
    finally:
        daemon.stop()
