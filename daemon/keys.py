"""The keys file: who may sign requests, and for what.

It decides who commands the device, so nobody may write it but root and the user who runs the daemon.
"""

from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from daemon.config import Auth
from daemon.errors import ConfigError, InvalidMember
from daemon.wire.members import convert
from daemon.wire.signed import Role

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEY_BYTES = 32
_ROOT = 0


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[keys.<keyId>]``: one key.

    Parameters
    ----------
    public_key : str
        The Ed25519 public key: 32 bytes in base64.
    roles : list of str
        What it may sign.
    """

    public_key: str
    roles: tuple[Role, ...]

    @property
    def public_bytes(self) -> bytes:
        """The public key itself."""
        return base64.b64decode(self.public_key)


class _KeysFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")], Key]


def read_keys(settings: Auth) -> dict[str, Key]:
    """Keys by their id; none where no file is named.

    Parameters
    ----------
    settings : Auth
        Names the file.

    Raises
    ------
    ConfigError
        It cannot be read, something in it is wrong, or others than root and this user may write it.
    """
    if settings.keys_file is None:
        return {}
    path = Path(settings.keys_file)

    def refuse(problem: str) -> ConfigError:
        return ConfigError(str(path), None, problem)

    try:
        with path.open("rb") as file:
            # The open file is what is judged and read; nobody can put another one in between.
            _check_owner(os.fstat(file.fileno()), str(path))
            _check_owner(path.resolve().parent.stat(), f"its directory {path.resolve().parent}")
            tables = tomllib.loads(file.read().decode())
        keys = convert(tables, _KeysFile).keys
    except PermissionError as error:
        raise refuse(str(error)) from error
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise refuse(f"not TOML: {error}") from error
    except InvalidMember as error:
        raise refuse(error.message) from None
    seen: dict[bytes, str] = {}
    for key_id, key in keys.items():
        try:
            public = base64.b64decode(key.public_key, validate=True)
        except ValueError as error:
            raise refuse(f"keys.{key_id}.public_key: is not base64: {error}") from None
        if len(public) != _KEY_BYTES:
            raise refuse(
                f"keys.{key_id}.public_key: has {len(public)} bytes, an Ed25519 key has {_KEY_BYTES}"
            )
        # Each id counts by itself: a second id would let a request of the first be replayed.
        if public in seen:
            raise refuse(f"keys.{key_id}.public_key: is the key of {seen[public]} too")
        seen[public] = key_id
    return keys


def _check_owner(found: os.stat_result, what: str) -> None:
    if found.st_uid not in (_ROOT, os.geteuid()):
        raise PermissionError(f"{what} belongs to user {found.st_uid}: chown it to root")
    # In a directory with the sticky bit only the owner can replace a file.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        raise PermissionError(f"{what} can be written by its group or by others: chmod go-w it")
