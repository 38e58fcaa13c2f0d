"""Training of networks: start it, its settings, what it learnt."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from daemon.authority import admit_script
from daemon.dsp.outputs import learn_block_shape
from daemon.errors import Conflict, DatasetError, Forbidden, InvalidMember
from daemon.handlers.learning import (
    check_available,
    learn_block,
    training_data,
    version_metadata,
)
from daemon.handlers.services import Call, Services
from daemon.jobs.job import TRAIN_KERAS
from daemon.models.thresholds import confidence_threshold
from daemon.trainers.keras.layers import LAYER_TYPES
from daemon.trainers.keras.memory import estimate_memory, over_limit
from daemon.trainers.keras.pretrained import find_weights
from daemon.trainers.keras.settings import (
    DEFAULT_BATCH_SIZE,
    KerasSettings,
    default_layers,
    keras_settings,
)
from daemon.trainers.keras.shapes import Shape, told
from daemon.trainers.table import NETWORKS, NetworkEntry
from daemon.wire.edge_impulse import Impulse, LearnBlock
from daemon.wire.keras import SetKerasParameterRequest
from daemon.wire.members import given
from daemon.wire.signed import Role


def start(services: Services, call: Call) -> dict[str, Any]:
    """Queue a training; its settings are stored with it. Answers with the job's id."""
    impulse, block, entry = learn_block(services, call, NETWORKS)
    check_available(entry)
    training = training_data(services, call, impulse, block)
    merged = _merged(services, call)
    shape = _known_shape(services, call, impulse, block)
    assert shape is not None
    settings = _settle(entry, merged, call, shape)
    labels = services.data.labels(call.project_id)
    _check_labels(entry, labels, call.project_id)
    _check_rows(settings, training.rows)
    for placed in settings.layers:
        if placed.layer.transfer:
            find_weights(placed.layer, services.config.keras.weights_dir)
    _admit_script(services, merged, call)
    outputs = len(labels) if entry.classifies else 1
    estimate = estimate_memory(settings.layers, shape, outputs, training.rows, settings.batch_size)
    if (problem := over_limit(estimate, services.config.worker.memory_bytes)) is not None:
        raise Conflict(problem)
    # The job takes all that is stored with it: what is set later is for later jobs.
    request = given(merged)
    job = services.queue.submit(
        project_id=call.project_id,
        learn_id=call.learn_id,
        category=TRAIN_KERAS,
        key=f"{block.type}-{call.learn_id}",
        request=request,
        request_id=call.request_id,
    )
    services.projects.set_settings(call.project_id, call.learn_id, request)
    reply: dict[str, Any] = {"id": job.id}
    if settings.ignored:
        reply["ignored"] = settings.ignored
    return reply


def get_config(services: Services, call: Call) -> dict[str, Any]:
    """``KerasConfig``: the settings of a learn block, with the defaults where nobody has set any."""
    impulse, block, entry = learn_block(services, call, NETWORKS)
    stored = _stored(services, call)
    shape = _known_shape(services, call, impulse, block)
    settings = keras_settings(entry, stored, None)
    summary = services.data.summary(call.project_id)
    classes = services.data.labels(call.project_id)
    facts = {
        "dependencies": {
            "classes": classes,
            "blockNames": [dsp.title or dsp.name for dsp in impulse.dsp_blocks if dsp.id in block.dsp],
            "featureCount": 0 if shape is None else math.prod(shape),
            "sampleCount": summary.rows,
            "outputClasses": classes if entry.classifies else ["value"],
        },
        "name": block.title or block.name,
        "type": block.type,
        "trained": services.registry.current(call.project_id, call.learn_id) is not None,
        "shape": told(shape or ()),
        "defaultBatchSize": DEFAULT_BATCH_SIZE,
        "thresholds": [confidence_threshold(settings.minimum_confidence)] if entry.classifies else [],
        "transferLearningModels": _transfer_models(entry),
        "isMultiHead": False,
    }
    # In expert mode the script says what these say otherwise.
    hidden = {"visualLayers": [], "trainingCycles": 0, "learningRate": 0} if stored.mode == "expert" else {}
    return {**_defaults(entry, settings, shape), **given(stored), **hidden, **facts}


def set_config(services: Services, call: Call) -> dict[str, Any]:
    """Store settings of a learn block; members not given stay as they are."""
    impulse, block, entry = learn_block(services, call, NETWORKS)
    merged = _merged(services, call)
    _settle(entry, merged, call, _known_shape(services, call, impulse, block))
    _admit_script(services, merged, call)
    services.projects.set_settings(call.project_id, call.learn_id, given(merged))
    return {}


def metadata(services: Services, call: Call) -> dict[str, Any]:
    """``KerasModelMetadata`` of the version in use."""
    learn_block(services, call, NETWORKS)
    manifest, found = version_metadata(services, call)
    created, told = {"created": manifest["created"]}, found["keras"]
    if "kFoldsMetadata" in told:
        folds = told["kFoldsMetadata"]
        told["kFoldsMetadata"] = {**folds, "folds": [{**created, **fold} for fold in folds["folds"]]}
    return {**created, **told}


def _stored(services: Services, call: Call) -> SetKerasParameterRequest:
    return msgspec.convert(
        services.projects.settings(call.project_id, call.learn_id), SetKerasParameterRequest
    )


def _merged(services: Services, call: Call) -> SetKerasParameterRequest:
    """What is stored, with the members of the request in their place."""
    stored = services.projects.settings(call.project_id, call.learn_id)
    return msgspec.convert({**stored, **given(call.body)}, SetKerasParameterRequest)


def role(services: Services, parts: dict[str, str], body: dict[str, Any]) -> Role:
    """What a key must be for that signs a post to a network's block: ``expert`` where a script is at stake.

    Parameters
    ----------
    services : Services
        Knows whether the block has a script already.
    parts : dict of str to str
        The ids in the path, as they stand there.
    body : dict
        As it was sent.
    """
    mode = body.get("mode")
    if body.get("script") is not None or mode == "expert":
        return "expert"
    numbers = [parts[name] for name in ("projectId", "learnId")]
    if mode is None and all(text.isascii() and text.isdigit() and len(text) <= 16 for text in numbers):
        stored = services.projects.settings(*map(int, numbers))
        return "expert" if stored.get("mode") == "expert" else "train"
    return "train"


def _admit_script(services: Services, merged: SetKerasParameterRequest, call: Call) -> None:
    """Take a script that has been signed, where scripts are taken; its digest is what may run."""
    if merged.mode != "expert" and call.body.script is None:
        return
    if services.config.keras.scripts is None:
        raise Forbidden("scripts are not taken here: keras.expert.enabled is false on this device")
    if call.body.script is not None:
        admit_script(services.database, call.body.script)


def _settle(
    entry: NetworkEntry, merged: SetKerasParameterRequest, call: Call, shape: Shape | None
) -> KerasSettings:
    """The settings; a message about a member that was stored earlier says so."""
    try:
        settings = keras_settings(entry, merged, shape)
    except InvalidMember as error:
        member = error.place.partition(".")[0].partition("[")[0]
        if member in given(merged) and member not in given(call.body):
            raise InvalidMember("", f"{error.message} (stored earlier; send {member} to change it)") from None
        raise
    return settings


def _known_shape(services: Services, call: Call, impulse: Impulse, block: LearnBlock) -> Shape | None:
    """Shape of a row, where the project has data that say what its columns are."""
    columns = services.data.summary(call.project_id).columns
    try:
        return learn_block_shape(impulse, block, columns) if columns else None
    except DatasetError as error:
        raise Conflict(error.message) from None


def _check_labels(entry: NetworkEntry, labels: list[str], project_id: int) -> None:
    """What the labels alone can tell."""
    if entry.classifies:
        if len(labels) < 2:
            found = f"only {labels[0]!r}" if labels else "none"
            raise Conflict(
                f"the training data of project {project_id} have {found} as label: a classifier needs two "
                "labels or more"
            )
        return
    if not labels:
        raise Conflict(
            f"the training data of project {project_id} have no labels: a regression needs a number as the "
            "label of each row"
        )
    for label in labels:
        if not _is_number(label):
            raise Conflict(
                f"{label!r} is a label of the training data of project {project_id} and no number: a "
                "regression learns numbers"
            )


def _check_rows(settings: KerasSettings, rows: int) -> None:
    """What the number of rows alone can tell; their values are for the worker."""
    if settings.folds is not None:
        if settings.folds.num_folds > rows:
            raise InvalidMember(
                "kFoldsValidationConfig.numFolds",
                f"{settings.folds.num_folds} is more than the {rows} rows: at most {rows}",
            )
    elif rows - math.ceil(rows * settings.validation_share) < 1:
        raise InvalidMember(
            "trainTestSplit",
            f"{settings.validation_share:g} of {rows} rows leaves none to train on: use less, or import more "
            "rows",
        )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _defaults(entry: NetworkEntry, settings: KerasSettings, shape: Shape | None) -> dict[str, Any]:
    """What ``KerasConfig`` shows of members that nobody has set."""
    return {
        "mode": settings.mode,
        "script": "",
        "visualLayers": [given(layer) for layer in default_layers(entry, shape or (1,))],
        "trainingCycles": settings.epochs,
        "learningRate": settings.learning_rate,
        "batchSize": settings.batch_size,
        "trainTestSplit": settings.validation_share,
        "minimumConfidenceRating": settings.minimum_confidence,
        "selectedModelType": settings.variant,
        "autoClassWeights": settings.class_weights,
        "useLearnedOptimizer": settings.learned_optimizer,
        "augmentationPolicyImage": "none",
        "augmentationPolicySpectrogram": {"enabled": False},
        "profileInt8": settings.profile_int8,
        "skipEmbeddingsAndMemory": not settings.embeddings_and_memory,
        "showAdvancedTrainingSettings": False,
        "showAugmentationTrainingSettings": False,
        "trainingProcessor": settings.processor,
    }


def _transfer_models(entry: NetworkEntry) -> list[dict[str, Any]]:
    """``transferLearningModels``: what may stand as the one layer of a transfer block."""
    if not entry.transfer:
        return []
    return [
        {
            "name": name,
            "shortName": name.removeprefix("transfer_"),
            "description": "A network that was trained on ImageNet, and a classifier behind it",
            "hasNeurons": True,
            "hasDropout": True,
            "defaultNeurons": layer.takes["neurons"],
            "defaultDropout": layer.takes["dropoutRate"],
            "defaultLearningRate": 0.0005,
            "defaultTrainingCycles": entry.default_epochs,
            "hasImageAugmentation": True,
            "type": name,
            "learnBlockType": entry.learn_block_type,
            "author": "trainerd",
            "blockType": "official",
            "customParameters": [],
            "hasExpertMode": False,
        }
        for name, layer in LAYER_TYPES.items()
        if layer.transfer
    ]
