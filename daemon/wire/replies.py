"""How each family of routes words its replies: Edge Impulse's envelope, and ATK's bare objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daemon.errors import TrainerdError


@dataclass(frozen=True)
class Family:
    """A family of routes.

    Parameters
    ----------
    prefix : str
        What the paths of the family begin with.
    serve : callable
        What a handler gave -> the body of the reply.
    refuse : callable
        An error -> the body of the reply.
    """

    prefix: str
    serve: Callable[[Any], Any]
    refuse: Callable[[TrainerdError], dict[str, Any]]


#: The first whose prefix fits; the last one fits everything.
FAMILIES = (
    Family(
        "v1/",
        lambda found: found,
        lambda error: {"error": {"message": error.message, "code": error.code}},
    ),
    Family(
        "",
        lambda members: {"success": True, **members},
        lambda error: {"success": False, "error": error.message, "code": error.code},
    ),
)


def family(path: str) -> Family:
    """The family that a path belongs to, whether there is such a route or not."""
    return next(family for family in FAMILIES if path.startswith(family.prefix))
