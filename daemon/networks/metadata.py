"""What Edge Impulse's metadata route answers about a network, as ``metadata.json`` of a version.

Written in the worker, read by the daemon, which has no numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.models.thresholds import confidence_threshold
from daemon.networks import scores
from daemon.networks.devices import MOST_RAM, performance
from daemon.networks.scores import Answers
from daemon.trainers.keras.settings import KerasSettings
from daemon.trainers.keras.shapes import Shape
from firmware_export.figures import Figures

_NO_C = "no C is made of the float32 variant: int8 is what microcontrollers run"
RUNS_ON_CHIP = "no C is made of the Akida variant: it runs on the chip, by the akida package"
_NOT_WANTED = "left out: profileInt8 is false or skipEmbeddingsAndMemory is true"


@dataclass(frozen=True)
class Variant:
    """One form of a network.

    Parameters
    ----------
    answers : Answers
        To the rows that validate.
    file_bytes : int
        Size of its .tflite file.
    found : Figures or None
        What its C costs; None where there is none.
    no_c : str
        Why there is none.
    """

    answers: Answers
    file_bytes: int
    found: Figures | None = None
    no_c: str = _NO_C


def network_metadata(
    settings: KerasSettings,
    classes: Sequence[str],
    input_shape: Shape,
    variants: Mapping[str, Variant],
    epochs: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """Edge Impulse's ``KerasModelMetadata`` but ``created``.

    Parameters
    ----------
    settings : KerasSettings
        What the training was told.
    classes : sequence of str
        Names of the outputs; empty for a regression.
    input_shape : tuple of int
        Shape of one row.
    variants : mapping of str to Variant
        ``float32``, ``int8`` and, where there is one, ``akida``.
    epochs : sequence of mapping
        Figures of each epoch by Keras' names, for the curves.
    """
    return {
        "layers": [
            {
                "input": {"shape": math.prod(input_shape), "name": "x_input", "type": "float32"},
                "output": {"shape": max(len(classes), 1), "name": "y_pred", "type": "float32"},
            }
        ],
        "classNames": list(classes),
        "labels": list(classes),
        "availableModelTypes": list(variants),
        "recommendedModelType": settings.variant if settings.variant in variants else "int8",
        "modelValidationMetrics": [
            _metrics(name, variant, settings, classes) for name, variant in variants.items()
        ],
        "hasTrainedModel": True,
        "mode": "classification" if classes else "regression",
        "imageInputScaling": "0..1",
        "thresholds": [confidence_threshold(settings.minimum_confidence)] if classes else [],
        "tensorboardGraphs": _graphs(epochs),
    }


def _metrics(name: str, variant: Variant, settings: KerasSettings, classes: Sequence[str]) -> dict[str, Any]:
    """One of ``modelValidationMetrics``."""
    answers, wanted = variant.answers, settings.profile_int8 and settings.embeddings_and_memory
    found, why_not = (
        (variant.found if wanted else None),
        (variant.no_c if variant.found is None else _NOT_WANTED),
    )
    supported = variant.found is not None and variant.found.ram <= MOST_RAM
    metrics: dict[str, Any] = {
        "type": name,
        "loss": scores.loss(answers, classifies=bool(classes)),
        "confusionMatrix": scores.confusion(answers).tolist() if classes else [],
        "report": scores.report(answers, classes) if classes else scores.regression(answers),
        "onDevicePerformance": performance(found, variant.file_bytes, why_not),
        "visualization": "none",
        "isSupportedOnMcu": supported,
        "additionalMetrics": _additional(answers, classes),
    }
    if classes:
        metrics["accuracy"] = scores.accuracy(answers)
    if not supported:
        metrics["mcuSupportError"] = (
            variant.no_c if variant.found is None else f"more than {MOST_RAM} bytes of RAM"
        )
    return metrics


def _additional(answers: Answers, classes: Sequence[str]) -> list[dict[str, Any]]:
    if not classes:
        figures = scores.regression(answers)
        return [
            _figure("Mean squared error", figures["mse"]),
            _figure("Mean absolute error", figures["mae"]),
            _figure("Explained variance (R2)", figures["r2"]),
        ]
    weighted = scores.report(answers, classes)["weighted avg"]
    assert isinstance(weighted, dict)
    return [
        _figure("Area under ROC curve", scores.area_under_roc(answers)),
        _figure("Weighted average precision", weighted["precision"]),
        _figure("Weighted average recall", weighted["recall"]),
        _figure("Weighted average F1 score", weighted["f1-score"]),
    ]


def _figure(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "value": f"{value:.4g}", "fullPrecisionValue": value}


def _graphs(epochs: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """The curves of the training."""
    return [
        {
            "title": title,
            "xLabel": "Epoch",
            "yLabel": title,
            "data": [
                {"title": kind, "values": [epoch[key] for epoch in epochs]}
                for kind, key in (("Training", name), ("Validation", f"val_{name}"))
            ],
        }
        for title, name in (("Loss", "loss"), ("Accuracy", "accuracy"))
        if epochs and name in epochs[0]
    ]
