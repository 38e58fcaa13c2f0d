"""Every MQTT topic of a device, built and matched here.

``<base>/<device>/<method>/<path>`` carries requests, ``<base>/group/<group>/post/<path>`` requests to
many devices; everything else under ``<base>/<device>/`` is published by the device.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
RESERVED_IDS = frozenset({"group", "reply"})
METHODS = ("get", "post")


class RequestTopic(NamedTuple):
    """A request topic, taken apart."""

    method: str
    path: str
    group: str | None


class Topics:
    """The topics of one device.

    Parameters
    ----------
    base : str
        First levels of all topics.
    device : str
        The device's id.
    groups : sequence of str
        Groups that the device belongs to.
    """

    def __init__(self, base: str, device: str, groups: tuple[str, ...] = ()) -> None:
        self.base = base
        self.device = device
        self.groups = groups

    @property
    def filters(self) -> list[str]:
        """What the device subscribes to; the filters never overlap."""
        own = [f"{self.base}/{self.device}/{method}/#" for method in METHODS]
        return own + [f"{self.base}/group/{group}/post/#" for group in self.groups]

    def match(self, topic: str) -> RequestTopic | None:
        """Take a received topic apart, or None where it is no request to this device."""
        own = f"{self.base}/{self.device}/"
        if topic.startswith(own):
            method, _, path = topic[len(own) :].partition("/")
            return RequestTopic(method, path.strip("/"), None) if method in METHODS else None
        shared = f"{self.base}/group/"
        if topic.startswith(shared):
            group, _, rest = topic[len(shared) :].partition("/")
            method, _, path = rest.partition("/")
            if group in self.groups and method == "post":
                return RequestTopic(method, path.strip("/"), group)
        return None

    def is_reply_topic(self, topic: str) -> bool:
        """Whether a Response Topic is one that the device may publish to."""
        return topic.startswith(f"{self.base}/reply/") and not set(topic) & set("#+\0")

    def reply(self, method: str, path: str) -> str:
        """Where replies go that have no Response Topic."""
        return f"{self._own}/reply/{method}/{path}" if path else f"{self._own}/reply/{method}"

    @property
    def self_ping(self) -> str:
        """A request topic of the device itself, to prove that its subscription is live."""
        return f"{self._own}/get/self-ping"

    @property
    def state(self) -> str:
        """Retained presence, and the will."""
        return f"{self._own}/state"

    @property
    def capabilities(self) -> str:
        """Retained description of what the device can do."""
        return f"{self._own}/capabilities"

    def job(self, job_id: int, leaf: str) -> str:
        """A topic of one job; `leaf` is status, progress, data or finished."""
        return f"{self._own}/jobs/{job_id}/{leaf}"

    def model(self, project_id: int, learn_id: int) -> str:
        """Retained current version of a model."""
        return f"{self._own}/projects/{project_id}/models/{learn_id}"

    def inference(self, project_id: int, learn_id: int) -> str:
        """What a model answers on boards."""
        return f"{self._own}/projects/{project_id}/inference/{learn_id}"

    def event(self, kind: str) -> str:
        """Something that an operator should know."""
        return f"{self._own}/events/{kind}"

    @property
    def _own(self) -> str:
        return f"{self.base}/{self.device}"
