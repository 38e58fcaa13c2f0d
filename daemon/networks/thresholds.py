"""Another threshold for a trained network: a version of the same files that says it. Without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.models.manifest import complete_version, read_json, write_json
from daemon.models.registry import METADATA
from daemon.models.thresholds import confidence_threshold
from daemon.networks.progress import Emitter
from daemon.networks.reporting import REPORT, write_report
from daemon.networks.succession import begin_with_files_of
from daemon.wire.worker import Spec

#: What is made anew, or made for one version only.
_NOT_COPIED = (METADATA, REPORT, "builds/")


def run(spec: Spec, emit: Emitter) -> dict[str, Any]:
    """Make a version of an earlier one's files, with the threshold of the request.

    Parameters
    ----------
    spec : Spec
        The job; ``weights`` is the directory of the earlier version.
    emit : Emitter
        Hears of the stage.

    Returns
    -------
    dict
        The result of the earlier version, with the number of this one and ``weightsOf``.

    Raises
    ------
    TrainingError
        A file of the earlier version is damaged.
    """
    assert spec.weights is not None
    emit.progress("export", 0.0)
    directory = Path(spec.staging_dir)
    manifest = begin_with_files_of(spec, _NOT_COPIED)
    confidence = spec.request["minimumConfidenceRating"]
    told = read_json(Path(spec.weights) / METADATA)
    told["keras"]["thresholds"] = [confidence_threshold(confidence)]
    write_json(directory / METADATA, told)
    manifest["request"] = spec.request
    manifest["settings"] |= {"minimum_confidence": confidence, "stored": spec.settings}
    write_report(directory, manifest, told["keras"])
    complete_version(directory, manifest)
    emit.progress("export", 1.0)
    result: dict[str, Any] = manifest["result"]
    return result
