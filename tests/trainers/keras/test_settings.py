"""Every member of a Keras request: documented, refused by name, and never without effect in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from daemon.errors import InvalidMember
from daemon.trainers.keras.layers import LAYER_TYPES
from daemon.trainers.keras.settings import KerasSettings, keras_settings
from daemon.trainers.table import NETWORKS
from daemon.wire.compression import PARAMETERS
from daemon.wire.keras import KerasVisualLayer, LayerType, SetKerasParameterRequest
from daemon.wire.members import convert

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "keras.md").read_text()

#: Rows of the table of members: the first cell, and the last, which holds a bad body and what is said of it.
ROWS = re.findall(r"^\| (`[\w.\[\]`, ]+`) \|.*\| `(\{.*?\})`: (.*) \|$", PAGE, re.MULTILINE)

#: Kept for the user interfaces that sent them.
ECHOED = {
    "lastShownModelVariant",
    "showAdvancedTrainingSettings",
    "showAugmentationTrainingSettings",
}


def settle(body: dict[str, Any], shape: tuple[int, ...] = (64,), kind: str = "keras") -> KerasSettings:
    return keras_settings(NETWORKS[kind], convert(body, SetKerasParameterRequest), shape)


def members(type_: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Every member of a payload and of the objects in it, as the documentation writes it."""
    for field in msgspec.structs.fields(type_):
        name = f"{prefix}{field.encode_name}"
        yield name
        info = msgspec.inspect.type_info(field.type)
        for one in getattr(info, "types", (info,)):
            inner = getattr(one, "item_type", one)
            if isinstance(inner, msgspec.inspect.StructType):
                brackets = "[]" if inner is not one else ""
                yield from members(inner.cls, f"{name}{brackets}.")


def test_the_table_has_every_member_and_no_other() -> None:
    told = [name.strip("`") for cell, _, _ in ROWS for name in cell.split(", ")]
    parameters = [f"customParameters.{name}" for name in PARAMETERS]
    assert sorted(told) == sorted([*members(SetKerasParameterRequest), *parameters])


@pytest.mark.parametrize(("cell", "body", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_refused_is_refused_in_the_words_of_the_page(cell: str, body: str, message: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        settle(json.loads(body))
    assert refused.value.message.startswith(message.replace("\\|", "|"))


def test_the_page_has_every_layer() -> None:
    for name, known in LAYER_TYPES.items():
        if known.refused is None:
            assert f"`{name}`" in PAGE
    assert set(LAYER_TYPES) == set(get_args(LayerType))


#: Each member with a value other than its default, in a request that it makes sense in.
GRID = {"visualLayers": [{"type": "reshape", "columns": 8}, {"type": "flatten"}]}
VALUES: dict[str, tuple[dict[str, Any], Any]] = {
    "mode": ({"script": "model = None"}, "expert"),
    "minimumConfidenceRating": ({}, 0.5),
    "selectedModelType": ({}, "float32"),
    "script": ({"mode": "expert", "script": "model = None"}, "model = 1"),
    "visualLayers": ({}, [{"type": "dense", "neurons": 7}]),
    "trainingCycles": ({}, 7),
    "learningRate": ({}, 0.01),
    "batchSize": ({}, 16),
    "trainTestSplit": ({}, 0.3),
    "autoClassWeights": ({}, True),
    "useLearnedOptimizer": ({}, True),
    "augmentationPolicyImage": (GRID, "all"),
    "augmentationPolicySpectrogram": (GRID, {"enabled": True, "warping": True}),
    "profileInt8": ({}, False),
    "skipEmbeddingsAndMemory": ({}, True),
    "akidaEdgeLearningConfig": ({}, {"enabled": True, "additionalClasses": 2}),
    "customValidationMetadataKey": ({}, "site"),
    "customParameters": ({}, {"pruning": "0.5"}),
    "anomalyCapacity": ({}, "low"),
    "blockParameters": ({}, {"backbone": "x"}),
    "trainingProcessor": ({}, "gpu"),
    "kFoldsValidationConfig": ({}, {"numFolds": 3}),
    "assertGpuUsagePercentage": ({}, 50),
}


@pytest.mark.parametrize(
    "name", [field.encode_name for field in msgspec.structs.fields(SetKerasParameterRequest)]
)
def test_no_member_is_ignored_in_silence(name: str) -> None:
    if name in ECHOED:
        return
    around, value = VALUES[name]
    without, given = settle(around), settle({**around, name: value})
    assert given != without


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ({"script": "model = None"}, "script"),
        ({"useLearnedOptimizer": True, "learningRate": 0.1}, "learningRate"),
        ({"kFoldsValidationConfig": {"numFolds": 3}, "trainTestSplit": 0.1}, "trainTestSplit"),
        ({"mode": "expert", "script": "x", "visualLayers": []}, "visualLayers"),
        ({"mode": "expert", "script": "x", "useLearnedOptimizer": True}, "useLearnedOptimizer"),
        (
            {"mode": "expert", "script": "x", "kFoldsValidationConfig": {"numFolds": 3}},
            "kFoldsValidationConfig",
        ),
        ({"anomalyCapacity": "low"}, "anomalyCapacity"),
        ({"blockParameters": {}}, "blockParameters"),
        ({"assertGpuUsagePercentage": 1}, "assertGpuUsagePercentage"),
    ],
)
def test_what_has_no_effect_is_reported(body: dict[str, Any], ignored: str) -> None:
    assert list(settle(body).ignored) == [ignored]


def test_what_means_nothing_to_a_regression_is_reported() -> None:
    settings = settle(
        {"autoClassWeights": True, "minimumConfidenceRating": 0.5}, kind="keras-regression", shape=(4,)
    )
    assert set(settings.ignored) == {"autoClassWeights", "minimumConfidenceRating"}
    assert not settings.class_weights


def test_defaults() -> None:
    settings = settle({})
    assert [(one.layer.type, one.gives) for one in settings.layers] == [("dense", (20,)), ("dense", (10,))]
    assert (settings.epochs, settings.learning_rate, settings.batch_size) == (30, 0.0005, 32)
    assert (settings.validation_share, settings.minimum_confidence, settings.variant) == (0.2, 0.6, "int8")
    assert settings.profile_int8
    assert settings.embeddings_and_memory
    images = settle({}, (96, 96, 3), "keras-transfer-image")
    assert images.epochs == 20
    (placed,) = images.layers
    assert (placed.layer.neurons, placed.layer.dropout_rate) == (16, 0.1)


def test_layers_are_for_blocks_of_their_kind() -> None:
    with pytest.raises(
        InvalidMember, match=r"^visualLayers\[0\].type: .* for a block of type keras-transfer"
    ):
        settle({"visualLayers": [{"type": "transfer_mobilenetv1_a1_d100"}]}, (96, 96, 3))
    with pytest.raises(InvalidMember, match=r"^visualLayers\[0\].type: dense is for a block of type keras "):
        settle({"visualLayers": [{"type": "dense", "neurons": 2}]}, (96, 96, 3), "keras-transfer-image")
    with pytest.raises(InvalidMember, match=r"^visualLayers: names no network"):
        settle({"visualLayers": []}, (96, 96, 3), "keras-transfer-image")


@pytest.mark.parametrize("name", [name for name, known in LAYER_TYPES.items() if known.refused])
def test_layers_that_are_not_trained_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidMember, match=rf"^visualLayers\[1\].type: {name}: "):
        settle({"visualLayers": [{"type": "flatten"}, {"type": name}]})


def test_without_a_shape_only_what_needs_none_is_checked() -> None:
    body = convert({"visualLayers": [{"type": "reshape", "columns": 7}]}, SetKerasParameterRequest)
    assert keras_settings(NETWORKS["keras"], body, None).layers == ()
    body = convert({"visualLayers": [{"type": "reshape"}]}, SetKerasParameterRequest)
    with pytest.raises(InvalidMember, match=r"^visualLayers\[0\].columns: is required"):
        keras_settings(NETWORKS["keras"], body, None)


def test_every_member_of_a_layer_is_taken_or_reported() -> None:
    everything = {"neurons": 2, "kernelSize": 3, "stack": 1, "dropoutRate": 0.5, "columns": 8}
    assert {"type", "enabled", "organizationModelId", *everything} == {
        field.encode_name for field in msgspec.structs.fields(KerasVisualLayer)
    }
    ignored = settle({"visualLayers": [{"type": "flatten", "organizationModelId": 1, **everything}]}).ignored
    assert set(ignored) == {f"visualLayers[0].{name}" for name in ("organizationModelId", *everything)}
