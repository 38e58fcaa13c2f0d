"""What the device tells an operator of by itself, on ``events/<kind>``."""

from __future__ import annotations

#: Kind to what has happened.
EVENTS = {
    "broker-session-lost": "the broker has forgotten the device's session: requests may have been lost",
    "database-damaged": "a damaged database was set aside; its settings are back, its jobs are not",
    "disk-low": "the state directory has little room left, or a request was refused for want of it",
    "disk-read-only": "a request was refused because nothing can be written",
    "samples-refused": "rows of a board are not stored, nor are those that follow while the reason stands",
    "target-back": "a board answers again",
    "target-gone": "a board does not answer, or its port is not there",
}
