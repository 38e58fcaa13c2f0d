"""The float model of an earlier version, in the place of a fit: what a new threshold is set on."""

from __future__ import annotations

from pathlib import Path

from daemon.models.anomaly import load
from daemon.models.manifest import read_json
from daemon.models.registry import MANIFEST
from daemon.trainers.base import Fitted


def take_weights(version: Path, digest: str) -> Fitted:
    """The model of a version as if it had just been fitted.

    Parameters
    ----------
    version : Path
        Directory of the version.
    digest : str
        SHA-256 over the data that the figures of the new version are computed on.
    """
    manifest = read_json(version / MANIFEST)
    warnings = []
    if manifest["data"]["digest"] != digest:
        warnings.append(
            f"the data have changed since version {manifest['version']} was trained: its weights are taken, "
            "the figures are of the data as they are now"
        )
    return Fitted(
        load(version / "model.npz"), manifest["fit"], warnings, result={"weightsOf": manifest["version"]}
    )
