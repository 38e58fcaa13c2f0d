"""The one table of visual layers: what each takes, and why some are refused; without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from daemon.errors import InvalidMember
from daemon.wire.keras import KerasVisualLayer

_CONVOLUTION: dict[str, float | None] = {"neurons": None, "kernelSize": 3, "stack": 1}
_DETECTION = "object detection is not trained here: use a keras or keras-transfer-image block"
_VISUAL_ANOMALY = "visual anomaly detection is not trained here: use an anomaly or anomaly-gmm block"
_AKIDA = "its weights are BrainChip's and Akida models are not made here: use a transfer_mobilenet* layer"
_KEYWORDS = "its weights are to be had from Edge Impulse only: use conv1d or conv2d layers"
_ORGANIZATION = "models of an organization stay at Edge Impulse: use a transfer_mobilenet* layer"


@dataclass(frozen=True)
class LayerType:
    """What is known of a type of layer.

    Parameters
    ----------
    takes : dict of str to (float or None)
        Members that it takes, with the value where one is left out; None where it must be given.
    refused : str or None
        Why it cannot be used, with the remedy.
    """

    takes: dict[str, float | None] = field(default_factory=dict)
    refused: str | None = None

    @property
    def transfer(self) -> bool:
        """Whether it is a whole network that was trained before."""
        return self.refused is None and self.takes.keys() == {"neurons", "dropoutRate"}


def _transfer(neurons: int) -> LayerType:
    return LayerType({"neurons": neurons, "dropoutRate": 0.1})


LAYER_TYPES = {
    "dense": LayerType({"neurons": None}),
    "conv1d": LayerType(_CONVOLUTION),
    "conv2d": LayerType(_CONVOLUTION),
    "reshape": LayerType({"columns": None}),
    "flatten": LayerType(),
    "dropout": LayerType({"dropoutRate": None}),
    "batchNormalization": LayerType(),
    "transfer_mobilenetv2_a35": _transfer(16),
    "transfer_mobilenetv2_a1": _transfer(8),
    "transfer_mobilenetv2_a05": _transfer(8),
    "transfer_mobilenetv2_160_a1": _transfer(16),
    "transfer_mobilenetv2_160_a75": _transfer(16),
    "transfer_mobilenetv2_160_a5": _transfer(16),
    "transfer_mobilenetv2_160_a35": _transfer(16),
    # 0 neurons: no dense layer before the last.
    "transfer_mobilenetv1_a25_d100": _transfer(0),
    "transfer_mobilenetv1_a2_d100": _transfer(0),
    "transfer_mobilenetv1_a1_d100": _transfer(0),
    **dict.fromkeys(
        (
            "transfer_kws_mobilenetv1_a1_d100",
            "transfer_kws_mobilenetv2_a35_d100",
            "transfer_kws_syntiant_ndp10x",
            "transfer_kws_conv2d_tiny",
        ),
        LayerType(refused=_KEYWORDS),
    ),
    **dict.fromkeys(
        ("object_ssd_mobilenet_v2_fpnlite_320x320", "fomo_mobilenet_v2_a01", "fomo_mobilenet_v2_a35"),
        LayerType(refused=_DETECTION),
    ),
    "fomo_akidanet_a50": LayerType(refused=_DETECTION),
    **dict.fromkeys(("fomo_ad_gmm", "fomo_ad_patchcore"), LayerType(refused=_VISUAL_ANOMALY)),
    "transfer_organization": LayerType(refused=_ORGANIZATION),
    **{
        f"transfer_akidanet_imagenet_{size}_a{width}": LayerType(refused=_AKIDA)
        for size in (160, 224)
        for width in (100, 50, 25)
    },
}


@dataclass(frozen=True)
class Layer:
    """A layer that is used, all its members settled.

    Parameters
    ----------
    place : str
        Where it stands in the request: ``visualLayers[2]``.
    type : str
        Which layer.
    neurons : int
        Units or filters.
    kernel_size, stack : int
        Kernel of a convolution, and how many convolutions stand before the pooling.
    dropout_rate : float
        Share of inputs that are dropped while training.
    columns : int
        Columns of a reshape.
    """

    place: str
    type: str
    neurons: int = 0
    kernel_size: int = 0
    stack: int = 0
    dropout_rate: float = 0.0
    columns: int = 0

    @property
    def transfer(self) -> bool:
        """Whether it is a whole network that was trained before."""
        return LAYER_TYPES[self.type].transfer


_MEMBERS = {
    "neurons": "neurons",
    "kernelSize": "kernel_size",
    "stack": "stack",
    "dropoutRate": "dropout_rate",
    "columns": "columns",
    "organizationModelId": "organization_model_id",
}


def settle_layers(given: list[KerasVisualLayer]) -> tuple[tuple[Layer, ...], dict[str, str]]:
    """The layers that are used, and the members that mean nothing to their layer, with the reason.

    Parameters
    ----------
    given : list of KerasVisualLayer
        As they were sent.

    Raises
    ------
    InvalidMember
        A layer lacks a member, or is one that cannot be used here.
    """
    layers: list[Layer] = []
    ignored: dict[str, str] = {}
    for number, layer in enumerate(given):
        place = f"visualLayers[{number}]"
        if not layer.enabled:
            ignored[place] = "enabled is false"
            continue
        known = LAYER_TYPES[layer.type]
        if known.refused is not None:
            raise InvalidMember(f"{place}.type", f"{layer.type}: {known.refused}")
        settled: dict[str, Any] = {}
        for name, attribute in _MEMBERS.items():
            value = getattr(layer, attribute)
            if name not in known.takes:
                if value is not None:
                    ignored[f"{place}.{name}"] = f"a {layer.type} layer has none"
                continue
            value = known.takes[name] if value is None else value
            if value is None:
                raise InvalidMember(f"{place}.{name}", f"is required for a {layer.type} layer and missing")
            if value == 0 and name == "neurons" and not known.transfer:
                raise InvalidMember(f"{place}.neurons", f"0 is too few for a {layer.type} layer: at least 1")
            settled[attribute] = value
        layers.append(replace(Layer(place, layer.type), **settled))
    return tuple(layers), ignored
