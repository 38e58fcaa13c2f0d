"""Log records for systemd's journal, in its own protocol: with priority, place and job, not only text.

``journalctl JOB_ID=17952463582`` then shows one job's lines. Without a journal the lines go to standard
error. The protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import struct
import sys
from array import array
from pathlib import Path

SOCKET = "/run/systemd/journal/socket"

#: Priorities of syslog, by the level of a record.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
#: Seconds that a journal may take before the daemon goes on without it.
_PATIENCE_S = 5.0


def log_handler() -> logging.Handler:
    """Where log records go: to the journal where it reads standard error, else there as lines."""
    handler: logging.Handler
    if _journal_reads(sys.stderr.fileno()):
        handler = JournalHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    return handler


def _journal_reads(descriptor: int) -> bool:
    """Whether an open file is the journal's; systemd says which one that is in ``JOURNAL_STREAM``."""
    found = os.fstat(descriptor)
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalHandler(logging.Handler):
    """Sends each record to the journal as one datagram; what cannot be sent goes to standard error.

    Parameters
    ----------
    path : str or Path
        The journal's socket.
    """

    def __init__(self, path: str | Path = SOCKET) -> None:
        super().__init__()
        self._path = str(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; `job_id` among its extras becomes the field ``JOB_ID``."""
        try:
            entry = _encode(
                {
                    "MESSAGE": self.format(record),
                    "PRIORITY": _priority(record.levelno),
                    "SYSLOG_IDENTIFIER": "trainerd",
                    "JOB_ID": getattr(record, "job_id", None),
                    "LOGGER": record.name,
                    "CODE_FILE": record.pathname,
                    "CODE_LINE": record.lineno,
                    "CODE_FUNC": record.funcName,
                }
            )
            # A socket for each record: the journal may be restarted, and records are rare.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
                link.settimeout(_PATIENCE_S)
                link.connect(self._path)
                _send(link, entry)
        except OSError:
            sys.stderr.write(f"<{_priority(record.levelno)}>{self.format(record)}\n")
        except Exception:  # noqa: BLE001
            self.handleError(record)


def _priority(level: int) -> int:
    return next((priority for lowest, priority in _PRIORITIES if level >= lowest), _DEBUG)


def _encode(fields: dict[str, object]) -> bytes:
    """Fields as the journal reads them: a text of several lines is preceded by its length."""
    parts = []
    for name, value in fields.items():
        if value is None:
            continue
        text = str(value).encode("utf-8", "replace")
        if b"\n" in text:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(text)) + text + b"\n")
        else:
            parts.append(name.encode() + b"=" + text + b"\n")
    return b"".join(parts)


def _send(link: socket.socket, entry: bytes) -> None:
    try:
        link.send(entry)
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise
        # Too long for a datagram: it goes as a sealed file in memory.
        descriptor = os.memfd_create("trainerd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(descriptor, entry)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            link.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))])
        finally:
            os.close(descriptor)
