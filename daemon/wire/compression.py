"""What ``customParameters`` say of how a network becomes int8: names, ranges, and what they are read into."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from daemon.errors import InvalidMember

QUANTIZATIONS = ("post-training", "qat")
DENSE_SCALES = ("per-tensor", "per-channel")
MOST_PRUNED = 0.95
MOST_CLUSTERS = 256

#: Names of the parameters, in the order in which they take effect.
PARAMETERS = ("pruning", "clustering", "quantization", "denseScales")


@dataclass(frozen=True)
class Compression:
    """How a float network becomes an int8 one.

    Parameters
    ----------
    qat : bool
        Train with fake quantization whatever the gate says of quantization after training.
    pruning : float or None
        Share of the weights of each layer that become zero.
    clustering : int or None
        Different weights that each layer may have.
    per_channel_dense : bool
        Whether each unit of a dense layer gets a scale of its own.
    """

    qat: bool = False
    pruning: float | None = None
    clustering: int | None = None
    per_channel_dense: bool = False


def read_compression(parameters: Mapping[str, str]) -> Compression:
    """Read the parameters of a request.

    Parameters
    ----------
    parameters : mapping of str to str
        ``customParameters`` of a network of visual layers.

    Raises
    ------
    InvalidMember
        A name is unknown or a value out of range; the message names it.
    """
    for name in parameters:
        if name not in PARAMETERS:
            close = difflib.get_close_matches(name, PARAMETERS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(PARAMETERS)}"
            raise InvalidMember(f"customParameters.{name}", f"is unknown, {hint}")
    pruning, clustering = parameters.get("pruning"), parameters.get("clustering")
    return Compression(
        qat=_one_of(parameters, "quantization", QUANTIZATIONS) == "qat",
        pruning=None if pruning is None else _share(pruning),
        clustering=None if clustering is None else _clusters(clustering),
        per_channel_dense=_one_of(parameters, "denseScales", DENSE_SCALES) == "per-channel",
    )


def _one_of(parameters: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = parameters.get(name, values[0])
    if value not in values:
        raise InvalidMember(f"customParameters.{name}", f"{value!r} is none of {', '.join(values)}")
    return value


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= MOST_PRUNED:
        raise InvalidMember(
            "customParameters.pruning",
            f"{text!r} is no share of the weights: greater than 0 and at most {MOST_PRUNED}",
        )
    return share


def _clusters(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 2 <= int(text) <= MOST_CLUSTERS):
        raise InvalidMember(
            "customParameters.clustering", f"{text!r} is no number of weights: 2 to {MOST_CLUSTERS}"
        )
    return int(text)
