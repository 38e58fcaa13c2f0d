"""The one table of routes; every transport serves from it."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from daemon.errors import (
    DiskFull,
    DiskReadOnly,
    InvalidMember,
    NotFound,
    TrainerdError,
    means_full_disk,
    means_read_only,
)
from daemon.handlers import (
    akida,
    atk_commands,
    atk_frames,
    atk_models,
    build,
    data,
    deploy,
    impulse,
    jobs,
    keras,
    log_level,
    models,
    projects,
    samples,
    status,
    thresholds,
    training,
)
from daemon.handlers.services import Call, Services
from daemon.wire.akida import AkidaLearnRequest
from daemon.wire.atk import (
    CancelRequest,
    CommandRequest,
    CountRequest,
    MoreRows,
    NewFrame,
    NewModel,
    RowsRequest,
)
from daemon.wire.edge_impulse import (
    Acquisition,
    EditSampleLabelRequest,
    Impulse,
    MoveRawDataRequest,
    RawDataRequest,
    RenameSampleRequest,
    SetAnomalyParameterRequest,
    SetImpulseThresholdsRequest,
    SetSampleMetadataRequest,
    StartTrainingRequestAnomaly,
)
from daemon.wire.jobs import EmptyRequest, PageRequest
from daemon.wire.keras import SetKerasParameterRequest
from daemon.wire.logs import LogLevelRequest
from daemon.wire.members import convert
from daemon.wire.models import BuildRequest, DeployRequest, FileRequest, RollbackRequest
from daemon.wire.replies import family
from daemon.wire.signed import Role

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """One route.

    Parameters
    ----------
    method : str
        ``get`` or ``post``.
    template : str
        The path; ``{x}`` is an id, ``{category}`` one of the categories of data, ``{name}`` the rest.
    body : type
        What the body is decoded to.
    handler : callable
        ``(services, call) -> reply``: what the family of the route (`daemon.wire.replies`) makes the
        reply of.
    role : str, callable or None
        What a key must be for to sign it, or ``(services, parts, body)`` -> that; None for a get, which
        everybody may send.
    lowest_project : int
        0 where the route knows ATK's project too.
    beside : tuple of str
        Members that may come as user properties.
    """

    method: str
    template: str
    body: Any
    handler: Callable[[Services, Call], Any]
    role: Role | Callable[[Services, dict[str, str], dict[str, Any]], Role] | None = None
    lowest_project: int = 1
    beside: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches a path of this template."""
        special = {"category": "(?P<name>training|testing|anomaly)", "name": "(?P<name>.+)"}
        parts = re.split(r"\{(\w+)\}", self.template)
        return re.compile(
            "".join(
                re.escape(part) if number % 2 == 0 else special.get(part, f"(?P<{part}>[^/]+)")
                for number, part in enumerate(parts)
            )
        )


_ANOMALY = "api/{projectId}/training/anomaly/{learnId}"
_KERAS = "api/{projectId}/training/keras/{learnId}"
_MODEL = "api/{projectId}/models/{learnId}"
_SAMPLE = "api/{projectId}/raw-data/{sampleId}"

ROUTES = (
    Route(
        "post",
        "api/{projectId}/jobs/train/anomaly/{learnId}",
        StartTrainingRequestAnomaly,
        training.start,
        "train",
    ),
    Route("get", _ANOMALY, EmptyRequest, training.get_config),
    Route("post", _ANOMALY, SetAnomalyParameterRequest, training.set_config, "train"),
    Route("get", _ANOMALY + "/metadata", EmptyRequest, training.metadata),
    Route("get", _ANOMALY + "/gmm/metadata", EmptyRequest, training.gmm_metadata),
    Route(
        "post",
        "api/{projectId}/jobs/train/keras/{learnId}",
        SetKerasParameterRequest,
        keras.start,
        keras.role,
    ),
    Route("post", "api/{projectId}/jobs/akida-learn/{learnId}", AkidaLearnRequest, akida.learn, "train"),
    Route("get", _KERAS, EmptyRequest, keras.get_config),
    Route("post", _KERAS, SetKerasParameterRequest, keras.set_config, keras.role),
    Route("get", _KERAS + "/metadata", EmptyRequest, keras.metadata),
    Route("get", "api/{projectId}/impulse", EmptyRequest, impulse.get),
    Route("post", "api/{projectId}/impulse", Impulse, impulse.post, "train"),
    Route(
        "post",
        "api/{projectId}/impulse/{impulseId}/set-thresholds",
        SetImpulseThresholdsRequest,
        thresholds.set_thresholds,
        "train",
    ),
    Route(
        "post",
        "api/{projectId}/{category}/data",
        Acquisition,
        data.add,
        "data",
        beside=("label", "fileName", "metadata"),
    ),
    Route("get", "api/{projectId}/raw-data", RawDataRequest, data.list_samples),
    Route("post", _SAMPLE + "/edit-label", EditSampleLabelRequest, samples.edit_label, "data"),
    Route("post", _SAMPLE + "/rename", RenameSampleRequest, samples.rename, "data"),
    Route("post", _SAMPLE + "/move", MoveRawDataRequest, samples.move, "data"),
    Route("post", _SAMPLE + "/metadata", SetSampleMetadataRequest, samples.set_metadata, "data"),
    Route("post", _SAMPLE + "/delete", EmptyRequest, samples.delete, "data"),
    Route("post", "api/{projectId}/raw-data/delete-all", EmptyRequest, samples.delete_all, "data"),
    Route("post", "api/{projectId}/raw-data/delete-all/{category}", EmptyRequest, samples.delete_all, "data"),
    Route("get", "api/projects", PageRequest, projects.list_all),
    Route("get", "api/{projectId}", EmptyRequest, projects.get),
    Route("post", "api/{projectId}/delete", EmptyRequest, projects.delete, "admin"),
    Route("get", "api/{projectId}/jobs", PageRequest, jobs.list_open, lowest_project=0),
    Route("get", "api/{projectId}/jobs/history", PageRequest, jobs.list_ended, lowest_project=0),
    Route("get", "api/{projectId}/jobs/{jobId}/status", EmptyRequest, jobs.status, lowest_project=0),
    Route("get", "api/{projectId}/jobs/{jobId}/stdout", EmptyRequest, jobs.stdout, lowest_project=0),
    Route("post", "api/{projectId}/jobs/{jobId}/cancel", EmptyRequest, jobs.cancel, "train", 0),
    Route("post", "api/{projectId}/jobs/build-ondevice-model", BuildRequest, build.start, "deploy", 0),
    Route("post", "api/{projectId}/jobs/deploy/{learnId}", DeployRequest, deploy.start, "deploy", 0),
    Route("get", _MODEL, EmptyRequest, models.list_versions, lowest_project=0),
    Route("get", _MODEL + "/{version}", EmptyRequest, models.manifest, lowest_project=0),
    Route("get", _MODEL + "/{version}/files/{name}", FileRequest, models.read_file, lowest_project=0),
    Route("post", _MODEL + "/rollback", RollbackRequest, models.roll_back, "deploy", 0),
    Route("post", "v1/commands", CommandRequest, atk_commands.post, "train"),
    Route("get", "v1/commands", CountRequest, atk_commands.list_all),
    Route("get", "v1/commands/definitions", EmptyRequest, atk_commands.definitions),
    Route("get", "v1/commands/{id}", EmptyRequest, atk_commands.get),
    Route("post", "v1/commands/{id}", CancelRequest, atk_commands.cancel, "train"),
    Route("post", "v1/frames", NewFrame, atk_frames.create, "data"),
    Route("get", "v1/frames", CountRequest, atk_frames.list_all),
    Route("get", "v1/frames/{id}", RowsRequest, atk_frames.get),
    Route("post", "v1/frames/{id}", MoreRows, atk_frames.append, "data"),
    Route("post", "v1/frames/{id}/delete", EmptyRequest, atk_frames.delete, "data"),
    Route("post", "v1/models", NewModel, atk_models.create, "train"),
    Route("get", "v1/models", CountRequest, atk_models.list_all),
    Route("get", "v1/models/{id}", EmptyRequest, atk_models.get),
    Route("get", "jobs", PageRequest, jobs.list_all),
    Route("get", "status", EmptyRequest, status.get),
    Route("get", "log-level", EmptyRequest, log_level.get),
    Route("post", "log-level", LogLevelRequest, log_level.post, "admin"),
)


class Answer(msgspec.Struct, frozen=True):
    """What a request is answered: a status as in HTTP, the body, and the error where it is refused."""

    status: int
    body: Any
    error: TrainerdError | None = None


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request, and the variable parts of its path.

    Raises
    ------
    NotFound
        There is none; the nearest one is named.
    """
    others = []
    for route in ROUTES:
        found = route.pattern.fullmatch(path)
        if found and route.method == method:
            return route, found.groupdict()
        if found:
            others.append(route.method)
    if others:
        raise NotFound(f"{path} is no {method} route: use {others[0]}")
    # Numbers are ids: compare the words.
    wanted = re.sub(r"/\d+(?=/|$)", "/{}", path)
    known = {re.sub(r"\{\w+\}", "{}", route.template): route for route in ROUTES if route.method == method}
    close = difflib.get_close_matches(wanted, known, n=1)
    hint = f", did you mean {known[close[0]].template}?" if close else ""
    raise NotFound(f"there is no route {method} {path}{hint}")


def dispatch(
    services: Services,
    route: Route,
    parts: dict[str, str],
    body: dict[str, Any],
    request_id: str | None,
    *,
    received: bytes,
    local: bool,
) -> Answer:
    """Serve one request.

    Parameters
    ----------
    services : Services
        What handlers work with.
    route, parts
        What `find` gave.
    body : dict
        The decoded body, without ``requestId``.
    request_id : str or None
        Id that the sender gave.
    received : bytes
        The body as it was received.
    local : bool
        Whether the kernel vouches for the sender.

    Raises
    ------
    TrainerdError
        The request is refused.
    """
    lowest = {"projectId": route.lowest_project}
    ids = {key: _number(key, text, lowest.get(key, 1)) for key, text in parts.items() if key != "name"}
    call = Call(ids, parts.get("name", ""), convert(body, route.body), request_id, received, local)
    # Bytes stay what they are: a transport's encoding writes them as it can.
    found = msgspec.to_builtins(route.handler(services, call), builtin_types=(bytes,), str_keys=True)
    return Answer(200, family(route.template).serve(found))


def refuse(error: Exception, path: str = "") -> Answer:
    """The one place where an error becomes an answer, in the words of the path's family."""
    if means_full_disk(error):
        error = DiskFull(f"there is no room left: {error}; free some space")
    if means_read_only(error):
        error = DiskReadOnly(f"nothing can be written: {error}; check the disk, then remount it")
    if not isinstance(error, TrainerdError):
        _log.error("a request failed unexpectedly", exc_info=error)
        error = TrainerdError(f"unexpected {type(error).__name__}: {error}")
    return Answer(error.status, family(path).refuse(error), error)


def _number(key: str, text: str, lowest: int) -> int:
    # The length first: a number of thousands of digits is not read at all.
    if len(text) > 16 or not text.isascii() or not text.isdigit() or not lowest <= int(text) < 2**53:
        raise InvalidMember(key, f"{text[:32]!r} in the path is not a whole number of at least {lowest}")
    return int(text)
