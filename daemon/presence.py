"""Whether the device is online, as it is published and answered."""

from __future__ import annotations

import msgspec

from daemon import __version__


class PresenceInfo(msgspec.Struct, frozen=True, rename="camel"):
    """Content of the retained topic ``state``.

    Parameters
    ----------
    state : str
        online or offline.
    version : str
        Version of the daemon.
    boot_id : str
        Names this start of the daemon.
    session_id : str
        Names the connection to the broker; empty before the first one.
    """

    state: str
    version: str
    boot_id: str
    session_id: str


class Presence:
    """The device's presence, as it changes.

    Parameters
    ----------
    boot_id : str
        Names this start of the daemon.
    """

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._session_id = ""
        self._state = "offline"

    def change(self, state: str, session_id: str) -> PresenceInfo:
        """Note another state, and return what is to be published of it."""
        self._state, self._session_id = state, session_id
        return self.info()

    def info(self) -> PresenceInfo:
        """The presence now."""
        return PresenceInfo(self._state, __version__, self._boot_id, self._session_id)

    def will(self, session_id: str) -> PresenceInfo:
        """What the broker is to say when the connection `session_id` breaks."""
        return PresenceInfo("offline", __version__, self._boot_id, session_id)
