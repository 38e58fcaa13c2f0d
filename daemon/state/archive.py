"""A backup: one tar file with the database, the model versions and the logs of jobs, each with its digest.

It is made beside a running daemon: the database is copied as of one moment, and a version never changes
once it can be seen. ``backup.json`` is written last, so an archive that has it is complete.
"""

from __future__ import annotations

import hashlib
import io
import re
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from daemon import __version__
from daemon.data.index import utc_now
from daemon.database import FILE_NAME, open_read_only
from daemon.durable import sync
from daemon.errors import ArchiveInvalid, StateError
from daemon.schema import copy_database

CONTENTS = "backup.json"
_FORMAT = 1
#: What an archive may hold; a part of a path never begins with a dot.
_FILE = re.compile(rf"{re.escape(FILE_NAME)}|jobs/\d+\.log|projects/\d+/models/\d+/\d+(/[^./][^/]*)+")
_LINK = re.compile(r"projects/\d+/models/\d+/current")
#: How often it is begun again because a version that was being copied has gone.
_ATTEMPTS = 5
_BLOCK = 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """A file in an archive."""

    size: int
    sha256: str


class Contents(msgspec.Struct, frozen=True):
    """``backup.json``.

    Parameters
    ----------
    schema : int
        Schema of the database.
    files : dict
        Every other file, by its path in the state directory.
    links : dict
        Which version of a model is in use, by the path of the link.
    """

    format: int
    version: str
    schema: int
    device: str
    created: str
    files: dict[str, Entry]
    links: dict[str, str]


class Written(NamedTuple):
    """An archive, its size in bytes and its digest."""

    path: Path
    size: int
    sha256: str
    contents: Contents


def write_archive(state: Path, target: Path, device: str) -> Written:
    """Back a state directory up, while a daemon works on it or not.

    Parameters
    ----------
    state : Path
        The state directory; only read.
    target : Path
        The archive. It appears when it has been read back and every digest was right.
    device : str
        Name of the device, noted in the archive.

    Raises
    ------
    StateError
        There is nothing to back up, or the database is damaged.
    OSError
        A file cannot be read, or there is no room.
    """
    if not (state / FILE_NAME).exists():
        raise StateError(f"{state} holds no database: there is nothing to back up")
    part = target.with_name(f".{target.name}.part")
    copy = target.with_name(f".{target.name}.db")
    try:
        schema = _copy(state / FILE_NAME, copy)
        for _ in range(_ATTEMPTS):
            try:
                contents = _write(part, state, copy, schema, device)
                break
            except FileNotFoundError:
                continue
        else:
            raise StateError(f"{state} changes too fast to be copied: try again when no job runs")
        if read_archive(part, _skip) != contents:
            raise ArchiveInvalid(f"{part} does not read as it was written: is the disk well?")
        sync(part)
        part.replace(target)
        sync(target.parent)
        with target.open("rb") as file:
            whole = _Hashed(file).exhausted()
        return Written(target, whole.size, whole.sha256, contents)
    finally:
        part.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)


def read_archive(path: Path, take: Callable[[str, Iterator[bytes] | str], None]) -> Contents:
    """Read an archive from end to end, and compare every digest.

    Parameters
    ----------
    path : Path
        The archive.
    take : callable
        Called with the path of each file and its content, or with that of each link and where it leads.

    Returns
    -------
    Contents
        What the archive says of itself; it was right.

    Raises
    ------
    ArchiveInvalid
        It is no backup, not complete, or damaged; what was taken is worth nothing.
    """
    files: dict[str, Entry] = {}
    links: dict[str, str] = {}
    told: bytes | None = None
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                if member.name == CONTENTS and file is not None:
                    told = file.read(member.size)
                elif _FILE.fullmatch(member.name) and file is not None:
                    hashed = _Hashed(file)
                    take(member.name, hashed.blocks())
                    files[member.name] = hashed.entry()
                elif _LINK.fullmatch(member.name) and member.issym() and member.linkname.isdigit():
                    take(member.name, member.linkname)
                    links[member.name] = member.linkname
                else:
                    raise ArchiveInvalid(f"{path}: {member.name} does not belong into a backup")
        if told is None:
            raise ArchiveInvalid(f"{path} is not complete: {CONTENTS} is missing at its end")
        contents = msgspec.json.decode(told, type=Contents)
    except (tarfile.TarError, EOFError, msgspec.MsgspecError) as error:
        raise ArchiveInvalid(f"{path} is no backup, or is damaged: {error}") from error
    if contents.format != _FORMAT:
        raise ArchiveInvalid(f"{path} has format {contents.format}, this version knows {_FORMAT}")
    for name in {*files, *contents.files}:
        if files.get(name) != contents.files.get(name):
            raise ArchiveInvalid(f"{path} is damaged: {name} is not what was backed up")
    if links != contents.links:
        raise ArchiveInvalid(f"{path} is damaged: its links are not what was backed up")
    return contents


def _copy(database: Path, target: Path) -> int:
    """Copy the database as of this moment; returns its schema."""
    try:
        source = open_read_only(database)
        try:
            copy_database(source, target)
            return int(source.execute("PRAGMA user_version").fetchone()[0])
        finally:
            source.close()
    except sqlite3.OperationalError as error:
        raise StateError(f"{database} cannot be copied: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StateError(f"{database} is damaged ({error}): restart the daemon, which repairs it") from error


def _write(part: Path, state: Path, database: Path, schema: int, device: str) -> Contents:
    files: dict[str, Entry] = {}
    links: dict[str, str] = {}
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:

        def add(name: str, path: Path) -> None:
            with path.open("rb") as file:
                hashed = _Hashed(file)
                archive.addfile(_member(name, size=path.stat().st_size), hashed)
                files[name] = hashed.entry()

        add(FILE_NAME, database)
        for block in sorted(state.glob("projects/*/models/*")):
            for path in sorted(block.rglob("*")):
                name = path.relative_to(state).as_posix()
                if _FILE.fullmatch(name) and path.is_file():
                    add(name, path)
            current = block / "current"
            if current.is_symlink():
                name = current.relative_to(state).as_posix()
                links[name] = str(current.readlink())
                member = _member(name)
                member.type, member.linkname = tarfile.SYMTYPE, links[name]
                archive.addfile(member)
        for path in sorted(state.glob("jobs/*.log")):
            name = path.relative_to(state).as_posix()
            if _FILE.fullmatch(name):
                add(name, path)
        contents = Contents(_FORMAT, __version__, schema, device, utc_now(), files, links)
        told = msgspec.json.encode(contents)
        archive.addfile(_member(CONTENTS, size=len(told)), io.BytesIO(told))
    return contents


def _member(name: str, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o640
    return member


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read.

    Parameters
    ----------
    file : file
        The file.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        """As of any file."""
        block: bytes = self._file.read(size)
        self._digest.update(block)
        self._size += len(block)
        return block

    def blocks(self) -> Iterator[bytes]:
        """All of it, block by block."""
        while block := self.read(_BLOCK):
            yield block

    def exhausted(self) -> Entry:
        """Size and digest of all of it."""
        for _ in self.blocks():
            pass
        return self.entry()

    def entry(self) -> Entry:
        """Size and digest of what was read."""
        return Entry(self._size, self._digest.hexdigest())


def _skip(_: str, content: Iterator[bytes] | str) -> None:
    for _block in content:
        pass
