"""Landlock: a process gives up, for good, all files but those that it names.

It needs no privilege and no namespace. Structures and flags: ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from daemon.sandbox.kernel import PR_SET_NO_NEW_PRIVS, call, prctl

_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_FILE, _MAKE_SYMBOLIC = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE = 1 << 13, 1 << 14

#: Rights over files that each version of the interface knows, as the number of bits.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK = 0b11  # bind and connect TCP, from version 4
_SCOPES = 0b11  # abstract Unix sockets and signals, from version 6

_READ = _READ_FILE | _READ_DIR
_WRITE = (
    _READ
    | _WRITE_FILE
    | _REMOVE_DIR
    | _REMOVE_FILE
    | _MAKE_DIR
    | _MAKE_FILE
    | _MAKE_SYMBOLIC
    | _REFER
    | _TRUNCATE
)
#: What applies to a file that is no directory.
_OF_A_FILE = _WRITE_FILE | _READ_FILE | _TRUNCATE


def version() -> int:
    """Version of the kernel's interface; 0 where Landlock is missing or off."""
    try:
        return call("landlock_create_ruleset", None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Leave this thread, and all that it starts, with some files and no network.

    Parameters
    ----------
    readable : iterable of Path
        Files and directories that may be read; those that are missing are passed over.
    writable : iterable of Path
        Directories in which files may be read, made, changed and deleted, and devices.

    Returns
    -------
    int
        The version of the interface: from 4 on TCP is closed too, from 6 on abstract sockets and signals.

    Raises
    ------
    OSError
        Landlock is missing or off.
    """
    known = version()
    if not known:
        raise OSError("Landlock is not in this kernel, or off")
    handled = (1 << _FILE_BITS[min(known, max(_FILE_BITS))]) - 1
    members = [handled]
    if known >= 4:
        members.append(_NETWORK)
    if known >= 6:
        members.append(_SCOPES)
    attributes = struct.pack(f"={len(members)}Q", *members)
    rules = call("landlock_create_ruleset", attributes, len(attributes), 0)
    try:
        for paths, rights in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                _allow(rules, path, rights & handled)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)
    return known


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_A_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place))
        call("landlock_add_rule", rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
