"""A version that is made of the files of an earlier one, where no network is trained. Without TensorFlow."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from daemon.data.index import utc_now
from daemon.errors import TrainingError
from daemon.models.manifest import list_files, read_json
from daemon.models.registry import MANIFEST
from daemon.wire.worker import Spec


def begin_with_files_of(spec: Spec, anew: tuple[str, ...]) -> dict[str, Any]:
    """Copy the files of the earlier version into the staging directory of a job.

    Parameters
    ----------
    spec : Spec
        The job; ``weights`` is the directory of the earlier version.
    anew : tuple of str
        What the names of files begin with that are not copied.

    Returns
    -------
    dict
        The manifest of the new version, as far as the earlier one and the job say it; without files.

    Raises
    ------
    TrainingError
        A file of the earlier version is damaged.
    """
    assert spec.weights is not None
    earlier, directory = Path(spec.weights), Path(spec.staging_dir)
    manifest = read_json(earlier / MANIFEST)
    files = manifest.pop("files")
    del manifest["schemaVersion"]
    for name in files:
        if not name.startswith(anew):
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(earlier / name, directory / name)
    for name, found in list_files(directory).items():
        if found != files[name]:
            raise TrainingError(
                f"{earlier / name} differs from its SHA-256: the disk has damaged it; train again"
            )
    result = {**manifest["result"], "version": spec.version, "weightsOf": manifest["version"]}
    return {
        **manifest,
        "version": spec.version,
        "jobId": spec.job_id,
        "created": utc_now(),
        "result": result,
    }
