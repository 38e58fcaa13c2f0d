"""ATK's commands: each is a job of project 0, and answered as ATK's command object."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from daemon.data.atk_models import AtkModel
from daemon.data.frames import Frame
from daemon.errors import Conflict, InvalidMember, NotFound, Unavailable
from daemon.handlers.atk_models import model_object
from daemon.handlers.services import Call, Services
from daemon.jobs.job import ATK_MODEL, ATK_PREDICT, ATK_TRAIN, Job, State
from daemon.trainers.table import ATK_TRAINERS
from daemon.wire.atk import (
    COMMANDS,
    PROJECT,
    Command,
    KMeansPublish,
    NewCommand,
    PredictCommand,
    Reference,
    TrainCommand,
    reference_id,
)


def post(services: Services, call: Call) -> dict[str, Any]:
    """Run a command; one that computes becomes a job, the others are done at once."""
    command: Command = call.body
    if isinstance(command, TrainCommand):
        return _object(services, _train(services, command, call.request_id))
    if isinstance(command, PredictCommand):
        return _object(services, _predict(services, command, call.request_id))
    if isinstance(command, NewCommand):
        return _object(services, _new(services, command, call.request_id))
    assert isinstance(command, KMeansPublish)
    return _object(services, _publish(services, command, call.request_id))


def get(services: Services, call: Call) -> dict[str, Any]:
    """A command."""
    return _object(services, _job(services, call))


def list_all(services: Services, call: Call) -> list[dict[str, Any]]:
    """Commands that are remembered, newest first."""
    return [
        {"id": job.id, "name": job.key, "url": f"v1/commands/{job.id}"}
        for job in services.jobs.of_project(PROJECT, None, call.body.offset, call.body.count)
    ]


def cancel(services: Services, call: Call) -> dict[str, Any]:
    """Stop a command."""
    return _object(services, services.queue.cancel(_job(services, call).id))


def definitions(_services: Services, _call: Call) -> list[dict[str, Any]]:
    """The commands that there are, with a JSON schema of their arguments."""
    return [
        {
            "name": str(command.__struct_config__.tag),
            "argument_schema": msgspec.json.schema(msgspec.structs.fields(command)[0].type),
        }
        for command in COMMANDS
    ]


def _train(services: Services, command: TrainCommand, request_id: str | None) -> Job:
    arguments = command.arguments
    model = _model(services, command, arguments.model)
    entry = ATK_TRAINERS[model.type]
    if (why := entry.missing()) is not None:
        raise Unavailable(f"{entry.name} cannot be trained here: {why}")
    frame = _frame(services, arguments.frame, arguments.observation_columns)
    if frame.rows == 0:
        raise Conflict("Train Frame is empty. Please train on a non-empty Frame.")
    if arguments.k > frame.rows:
        raise InvalidMember("arguments.k", f"{arguments.k} is more than the {frame.rows} rows of the frame")
    if arguments.seed is None:
        # Chosen here, so that a training that is cut off comes out the same when it is started again.
        arguments = msgspec.structs.replace(arguments, seed=secrets.randbits(63))
    return services.queue.submit(
        project_id=PROJECT,
        learn_id=model.id,
        category=ATK_TRAIN,
        key=command.name,
        request={"name": command.name, "arguments": _echo(arguments, model=model.id, frame=frame.id)},
        request_id=request_id,
    )


def _predict(services: Services, command: PredictCommand, request_id: str | None) -> Job:
    arguments = command.arguments
    model = _model(services, command, arguments.model)
    trained = services.registry.current(PROJECT, model.id)
    waiting = any(job.learn_id == model.id and job.category == ATK_TRAIN for job in services.jobs.open())
    if trained is None and not waiting:
        raise Conflict(f"model {model.id} has not been trained yet: run {model.type}/train first")
    frame = _frame(services, arguments.frame, arguments.observation_columns or [])
    return services.queue.submit(
        project_id=PROJECT,
        learn_id=model.id,
        category=ATK_PREDICT,
        key=command.name,
        request={
            "name": command.name,
            "arguments": _echo(arguments, model=model.id, frame=frame.id),
            "output": services.frames.new_id(),
        },
        request_id=request_id,
    )


def _new(services: Services, command: NewCommand, request_id: str | None) -> Job:
    model = services.atk_models.create(command.arguments.name, command.model_type)
    return services.queue.record(
        project_id=PROJECT,
        learn_id=model.id,
        category=ATK_MODEL,
        key=command.name,
        request={"name": command.name, "arguments": msgspec.to_builtins(command.arguments)},
        request_id=request_id,
        result=model_object(services, model),
    )


def _publish(services: Services, command: KMeansPublish, request_id: str | None) -> Job:
    model = _model(services, command, command.arguments.model)
    manifest = services.registry.current_manifest(PROJECT, model.id)
    version = manifest["version"]
    return services.queue.record(
        project_id=PROJECT,
        learn_id=model.id,
        category=ATK_MODEL,
        key=command.name,
        request={"name": command.name, "arguments": _echo(command.arguments, model=model.id)},
        request_id=request_id,
        result={
            "name": model.name,
            "version": version,
            "path": f"api/{PROJECT}/models/{model.id}/{version}/files",
            "files": {name: file["size"] for name, file in manifest["files"].items()},
        },
    )


def _model(services: Services, command: Command, reference: Reference) -> AtkModel:
    model = services.atk_models.get(reference_id(reference, "model"))
    if model.type != command.model_type:
        raise InvalidMember(
            "arguments.model",
            f"model {model.id} is a {model.type}, {command.name} takes a {command.model_type}",
        )
    return model


def _frame(services: Services, reference: Reference, columns: Sequence[str]) -> Frame:
    frame = services.frames.get(reference_id(reference, "frame"))
    frame.positions(columns, "arguments.observation_columns")
    return frame


def _job(services: Services, call: Call) -> Job:
    job = services.jobs.get(call.ids["id"])
    if job.project_id != PROJECT:
        raise NotFound(f"command {job.id} is not known")
    return job


def _echo(arguments: msgspec.Struct, **references: int) -> dict[str, Any]:
    """The arguments as they are kept and shown, defaults filled in, references as ATK writes them."""
    given = {name: value for name, value in msgspec.structs.asdict(arguments).items() if value is not None}
    return {**given, **{kind: {"uri": f"{kind}s/{number}"} for kind, number in references.items()}}


def _object(services: Services, job: Job) -> dict[str, Any]:
    """A job as ATK's command object."""
    info = services.queue.info(job)
    shown: dict[str, Any] = {
        "id": job.id,
        "name": job.key,
        "correlation_id": job.request_id,
        "arguments": job.request["arguments"],
        "progress": [{"progress": 100.0 * info.progress, "tasks_info": {"retries": job.resumed}}],
        "complete": job.state.terminal,
        "links": [{"rel": "self", "uri": f"v1/commands/{job.id}", "method": "GET"}],
    }
    if job.state is State.SUCCEEDED:
        shown["result"] = job.result
    elif job.error is not None:
        shown["error"] = {"message": job.error.message, "code": job.error.code, "stack_trace": None}
    return shown
