"""What is said of Akida variants: in the configuration, to a worker, and in the request that teaches one."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: ``auto`` is the chip that is installed, else an AKD1000.
AkidaTarget = Literal["auto", "AKD1000", "AKD1500", "v2"]


class AkidaTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[keras.akida]``: variants of networks for BrainChip's Akida, where MetaTF is installed.

    Parameters
    ----------
    always : bool
        Whether every network that classifies gets one; else those whose learn block asks for it.
    target : str
        The chip.
    min_agreement : float
        Least share of the rows that validate on which the saved model decides like its network, 0..1.
    """

    always: bool = False
    target: AkidaTarget = "auto"
    min_agreement: Annotated[float, Meta(ge=0, le=1)] = 0.97


class AkidaLearnRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model that learns on the chip is to be taught.

    Parameters
    ----------
    classes : list of str
        Labels; the samples of the category that have one are what is learnt of it.
    category : str
        Of the samples: ``training``, ``testing`` or ``anomaly``.
    """

    classes: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(min_length=1, max_length=256)
    ]
    category: Literal["training", "testing", "anomaly"] = "training"


class AkidaTask(msgspec.Struct, frozen=True):
    """What a worker teaches the edge learning model of a version; members of `AkidaLearnRequest`."""

    classes: tuple[str, ...]
    category: str
