"""The Akida variant of a version on this machine: on the chip where one is installed, else in software.

Without TensorFlow. It is for processes of jobs and of programs of their own: the package is native code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.errors import AkidaModelDamaged, AkidaRefused
from daemon.models.manifest import read_json
from daemon.models.registry import MANIFEST
from daemon.quantize.akida.inputs import InputCoding, coding_from
from daemon.quantize.akida.metatf import load_akida
from daemon.quantize.akida.model import EDGE_MODEL, MODEL, potentials, read, recall, softmax, verified
from daemon.quantize.network import FloatRows


@dataclass(frozen=True)
class AkidaRunner:
    """A model that answers.

    Parameters
    ----------
    model : akida.Model
        On the chip, or not mapped.
    coding : InputCoding
        What it takes.
    classes : list of str
        What it answers with.
    slots : int
        Classes that it has neurons for, where it has learnt them itself; 0 where it was trained.
    device : str
        Where it runs: the description of a chip, or ``software``.
    """

    model: Any
    coding: InputCoding
    classes: list[str]
    slots: int
    device: str

    def probabilities(self, rows: FloatRows) -> FloatRows:
        """What a trained model answers to rows of features: ``(n, features)`` to ``(n, classes)``."""
        return softmax(potentials(self.model, self.coding.encode(rows)))

    def classify(self, rows: FloatRows) -> list[str]:
        """The class of each row of features, ``(n, features)``."""
        if self.slots:
            chosen = recall(self.model, self.coding.encode(rows), self.slots)
        else:
            chosen = self.probabilities(rows).argmax(axis=1)
        return [self.classes[number] if number < len(self.classes) else "" for number in chosen]


def load(version: Path, *, learnt: bool = False) -> AkidaRunner:
    """Load the Akida variant of a version.

    Parameters
    ----------
    version : Path
        The version's directory.
    learnt : bool
        Whether to load the model that learns on the chip, with what it has learnt.

    Raises
    ------
    AkidaRefused
        MetaTF is missing, the version has no such model, or a script made it, whose files are read behind
        walls only.
    AkidaModelDamaged
        The file is not what the manifest says.
    """
    akida = load_akida()
    name = EDGE_MODEL if learnt else MODEL
    try:
        manifest = read_json(version / MANIFEST)
    except (OSError, ValueError) as error:
        raise AkidaModelDamaged(f"{version / MANIFEST} cannot be read: {error}") from error
    if name not in manifest["files"]:
        raise AkidaRefused(f"version {manifest['version']} has no {name}")
    if manifest["settings"]["mode"] == "expert":
        raise AkidaRefused(
            f"{name} of version {manifest['version']} was made by a script: it is not loaded here"
        )
    facts = manifest["akida"]
    model = read(akida, verified(version / name, manifest["files"][name]["sha256"]))
    device = "software"
    if devices := akida.devices():
        model.map(devices[0])
        device = str(devices[0].desc)
    learning = facts["edgeLearning"] if learnt else None
    return AkidaRunner(
        model,
        coding_from(facts["input"]),
        learning["learnt"] if learning else manifest["classes"],
        learning["classes"] if learning else 0,
        device,
    )
