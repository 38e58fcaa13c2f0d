"""The int8 model of a version, as jobs that work with it tell their workers."""

from __future__ import annotations

from typing import NamedTuple

from daemon.errors import JobError, NotFound
from daemon.jobs.job import Job
from daemon.models.registry import INT8_NETWORK, Registry, int8_model


class Int8Model(NamedTuple):
    """Its file, the prefix of its C, and the names of a classifier's outputs or an anomaly model's inputs."""

    file: str
    name: str
    labels: list[str]


def find_int8(registry: Registry, job: Job, kind: type[JobError], stage: str) -> Int8Model:
    """The model of the version that a job was asked for.

    Parameters
    ----------
    registry : Registry
        The versions.
    job : Job
        Its request names the version.
    kind : type of JobError
        What is raised where there is none.
    stage : str
        Stage of that error.
    """
    version = job.request["version"]
    try:
        manifest = registry.manifest(job.project_id, job.learn_id, version)
    except NotFound as error:
        raise kind(error.message, stage=stage) from None
    file = int8_model(manifest)
    if file is None:
        raise kind(f"version {version} has no int8 model: train it again", stage=stage)
    is_network = file == INT8_NETWORK
    labels = manifest["classes"] if is_network else [each["label"] for each in manifest["inputs"]]
    path = registry.path(job.project_id, job.learn_id, version) / file
    return Int8Model(str(path), manifest["cName"], labels)
