"""The one table of Akida chips: their generation, and the devices that a model must fit on.

The devices are those of `akida.virtual_devices`, which need no chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.errors import AkidaArchitecture, AkidaTargetUnknown
from daemon.quantize.akida.model import read


@dataclass(frozen=True)
class Target:
    """A chip.

    Parameters
    ----------
    name : str
        As the configuration and manifests name it.
    generation : str
        ``v1`` or ``v2``: cnn2snn's name of what it converts for.
    device : str
        The function of `akida` that makes a virtual one.
    """

    name: str
    generation: str
    device: str


TARGETS = {
    target.name: target
    for target in (
        Target("AKD1000", "v1", "AKD1000"),
        Target("AKD1500", "v1", "AKD1500"),
        # The generation is sold as a design for chips of others: the middle one of its sizes.
        Target("v2", "v2", "SixNodesIPv2"),
    )
}


def resolve(akida: Any, wanted: str) -> Target:
    """The chip that models are made for.

    Parameters
    ----------
    akida : module
        The package.
    wanted : str
        A name of the table, or ``auto`` for what is installed, else an AKD1000.

    Raises
    ------
    AkidaTargetUnknown
        Neither the table nor the installed chip says which one.
    """
    if wanted in TARGETS:
        return TARGETS[wanted]
    if wanted != "auto":
        raise AkidaTargetUnknown(
            f"{wanted!r} is no Akida chip; known are {', '.join(TARGETS)}", stage="quantize"
        )
    devices = akida.devices()
    if not devices:
        return TARGETS["AKD1000"]
    installed = devices[0].version
    for target in TARGETS.values():
        if getattr(akida, target.device)().version == installed:
            return target
    raise AkidaTargetUnknown(
        f"the Akida device that is installed, {devices[0].desc}, is none of {', '.join(TARGETS)}: "
        "set keras.akida.target",
        stage="quantize",
    )


def check_fits(akida: Any, content: bytes, target: Target) -> dict[str, int]:
    """Try whether a model runs on a chip alone, without software between its layers.

    Parameters
    ----------
    akida : module
        The package.
    content : bytes
        The model's file: a copy of it is mapped, for a mapped model no longer answers without the chip.
    target : Target
        The chip.

    Returns
    -------
    dict
        What the program takes: ``nps`` (neural processors), ``programBytes``.

    Raises
    ------
    AkidaArchitecture
        It does not; the message has the layer in it.
    """
    model = read(akida, content)
    try:
        model.map(getattr(akida, target.device)(), hw_only=True)
    except RuntimeError as error:
        told = " ".join(str(error).split())
        raise AkidaArchitecture(
            f"the model does not fit on {target.name}: {told}", stage="quantize"
        ) from error
    return program_facts(model)


def program_facts(model: Any) -> dict[str, int]:
    """What the program of a mapped model takes."""
    passes = [one for sequence in model.sequences for one in sequence.passes]
    nps = sum(len(layer.mapping.nps) for one in passes for layer in one.layers if layer.mapping is not None)
    size = sum(len(sequence.program) for sequence in model.sequences if sequence.program is not None)
    return {"nps": nps, "programBytes": size}
