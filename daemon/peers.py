"""Who is at the other end of a local socket; the kernel knows."""

from __future__ import annotations

import socket
import struct


def credentials(peer: socket.socket) -> tuple[int, int]:
    """User and group of the process that has connected to a Unix socket."""
    found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", found)
    return uid, gid
