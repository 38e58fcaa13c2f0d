"""Another threshold for a trained network: a version of the same files that says it. Without TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from daemon.data.index import utc_now
from daemon.errors import TrainingError
from daemon.models.manifest import complete_version, list_files, read_json, write_json
from daemon.models.registry import MANIFEST, METADATA
from daemon.models.thresholds import confidence_threshold
from daemon.networks.progress import Emitter
from daemon.networks.reporting import REPORT, write_report
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
    earlier, directory = Path(spec.weights), Path(spec.staging_dir)
    manifest = read_json(earlier / MANIFEST)
    files = manifest.pop("files")
    del manifest["schemaVersion"]
    copied = [name for name in files if not name.startswith(_NOT_COPIED)]
    for name in copied:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(earlier / name, directory / name)
    for name, found in list_files(directory).items():
        if found != files[name]:
            raise TrainingError(
                f"{earlier / name} differs from its SHA-256: the disk has damaged it; train again"
            )
    confidence = spec.request["minimumConfidenceRating"]
    told = read_json(earlier / METADATA)
    told["keras"]["thresholds"] = [confidence_threshold(confidence)]
    write_json(directory / METADATA, told)
    result = {**manifest["result"], "version": spec.version, "weightsOf": manifest["version"]}
    settings = {**manifest["settings"], "minimum_confidence": confidence, "stored": spec.settings}
    manifest |= {
        "version": spec.version,
        "jobId": spec.job_id,
        "created": utc_now(),
        "request": spec.request,
        "settings": settings,
        "result": result,
    }
    write_report(directory, manifest, told["keras"])
    complete_version(directory, manifest)
    emit.progress("export", 1.0)
    return result
