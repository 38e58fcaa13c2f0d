"""What goes into a sandbox and what comes out of it: JSON lines, and after some of them raw bytes.

Into it: an `Order`, and once a `Ready` has come back, a `Material` that is followed by its files. Out of
it: `Ready`, then `Log` and `Progress` as workers write them, then `Returned`, followed by its files, or
`Raised`. Whatever comes out may have been made up by the code inside.
"""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.wire.script import Bounds
from daemon.wire.worker import Log, Progress


class Order(msgspec.Struct, frozen=True):
    """What is to be walled in, and how.

    Parameters
    ----------
    wall : str
        Which kind of wall: ``bubblewrap``, ``unit``, ``namespaces`` or ``landlock``.
    entry : str
        ``module:function`` that runs behind it.
    modules : list of str
        Directories beside the interpreter's own that may be read and imported from.
    closed : list of str
        Files and directories that must not be reachable; tried before anything else.
    scratch : str
        The one directory that may be written.
    bounds : Bounds
        What may be used.
    """

    wall: str
    entry: str
    modules: list[str]
    closed: list[str]
    scratch: str
    bounds: Bounds


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The walls stand.

    Parameters
    ----------
    layers : list of str
        What they consist of, in words.
    gaps : list of str
        What could be reached all the same, in words.
    """

    layers: list[str]
    gaps: list[str]


class Material(msgspec.Struct, frozen=True):
    """What the code works on: JSON, and files of which the sizes follow; their bytes come after this line."""

    job: dict[str, Any]
    files: dict[str, int]


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """The code has ended well; the bytes of its files come after this line."""

    result: dict[str, Any]
    files: dict[str, int]


class Raised(msgspec.Struct, frozen=True, tag="raised"):
    """The code has failed, in words for whoever wrote it."""

    message: str


Told = Ready | Progress | Log | Returned | Raised
