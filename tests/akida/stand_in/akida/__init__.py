"""A stand-in for BrainChip's akida, see README.md: dense layers in numpy, and a head that learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

_MAGIC = b"stand-in for an fbz file\n"


@dataclass
class Device:
    """A virtual chip."""

    version: str
    ip_version: str

    @property
    def desc(self) -> str:
        """Its description."""
        return f"VirtualDevice/{self.version}"


def AKD1000() -> Device:  # noqa: N802
    """A chip of the first generation."""
    return Device("one", "v1")


def AKD1500() -> Device:  # noqa: N802
    """Another one."""
    return Device("one and a half", "v1")


def SixNodesIPv2() -> Device:  # noqa: N802
    """A chip of the second generation."""
    return Device("two", "v2")


def devices() -> list[Device]:
    """Chips that are installed."""
    return []


@dataclass
class AkidaUnsupervised:
    """How a head learns."""

    num_weights: int
    num_classes: int
    learning_competition: float = 0.0


@dataclass
class FullyConnected:
    """A head."""

    units: int
    activation: bool
    name: str


@dataclass
class _State:
    """All that a file holds."""

    ip_version: str
    input_shape: list[int]
    input_dtype: str
    most: int
    layers: list[dict[str, Any]] = field(default_factory=list)
    learning: dict[str, Any] | None = None


class Model:
    """A model, from a file or made by the stand-in of cnn2snn."""

    def __init__(self, filename: str | None = None, *, state: _State | None = None) -> None:
        self._device: Device | None = None
        if filename is not None:
            content = Path(filename).read_bytes()
            if not content:
                raise RuntimeError("File is empty.")
            if not content.startswith(_MAGIC):
                raise ValueError("Unable to parse any layer in the serialized model.")
            state = _State(**json.loads(content.removeprefix(_MAGIC)))
        assert state is not None
        self._state = state

    @property
    def input_shape(self) -> list[int]:
        """Of a row."""
        return self._state.input_shape

    @property
    def sequences(self) -> list[Any]:
        """Programs, where it is mapped."""
        mapped = None if self._device is None else SimpleNamespace(nps=[0])
        layers = [SimpleNamespace(mapping=mapped) for _ in self._state.layers]
        return [SimpleNamespace(passes=[SimpleNamespace(layers=layers)], program=b"program")]

    def save(self, filename: str) -> None:
        """Write it."""
        Path(filename).write_bytes(_MAGIC + json.dumps(vars(self._state)).encode())

    def map(self, device: Device | None, *, hw_only: bool = False) -> None:
        """Put it on a chip, or take it off."""
        if device is not None and device.ip_version != self._state.ip_version:
            raise RuntimeError("Device and model IP version must be identical.")
        self._device = device

    def pop_layer(self) -> None:
        """Drop the last layer."""
        self._state.layers.pop()

    def add(self, layer: FullyConnected) -> None:
        """Put a head behind the last layer."""
        self._state.layers.append({"kind": "head", "units": layer.units, "activation": layer.activation})

    def compile(self, optimizer: AkidaUnsupervised) -> None:
        """Get the head ready."""
        if self._state.learning is not None:
            raise RuntimeError("Model was already compiled.")
        *_, before, head = self._state.layers
        if before["kind"] != "binary":
            raise ValueError("Only layers receiving binary inputs can be trained.")
        self._state.learning = vars(optimizer)
        width = self._run(np.zeros((1, *self.input_shape), self._state.input_dtype), -1).shape[1]
        if optimizer.num_weights > width:
            raise IndexError(f"Cannot set {optimizer.num_weights} values for a tensor of size {width}")
        head["weights"] = np.zeros((width, head["units"])).tolist()

    def fit(self, inputs: Any, labels: Any) -> None:
        """Let the neurons of each class listen to what its rows raise most."""
        learning = self._state.learning
        if learning is None:
            raise RuntimeError("To fit a model, last layer should be compiled.")
        if labels.max() >= learning["num_classes"]:
            raise RuntimeError("Input Label is larger than allowed for the configured number of classes.")
        self._check(inputs)
        head = self._state.layers[-1]
        weights, features = np.array(head["weights"]), self._run(inputs, -1)
        each = head["units"] // learning["num_classes"]
        for label in np.unique(labels):
            counted = (features[labels == label] > 0).sum(axis=0)
            listens = np.argsort(-counted, kind="stable")[: learning["num_weights"]]
            weights[:, label * each : (label + 1) * each] = 0
            weights[listens, label * each : (label + 1) * each] = 1
        head["weights"] = weights.tolist()

    def predict(self, inputs: Any) -> Any:
        """What the last layer gives, which must be no activation."""
        self._check(inputs)
        if self._state.layers[-1]["kind"] in ("relu", "binary"):
            raise RuntimeError("Only models whose last layer has no activation can be evaluated.")
        return self._run(inputs).astype(np.float32)

    def forward(self, inputs: Any) -> Any:
        """What the last layer gives."""
        self._check(inputs)
        return self._run(inputs)

    def predict_classes(self, inputs: Any, num_classes: int = 0) -> Any:
        """The class of the neuron that is raised most."""
        given = self.predict(inputs)
        return given.argmax(axis=1) // (given.shape[1] // num_classes)

    def _check(self, inputs: Any) -> None:
        if self._device is not None:
            raise RuntimeError("An actual hardware device is required.")
        if str(inputs.dtype) != self._state.input_dtype:
            raise ValueError(
                f"Unsupported input type {inputs.dtype}. Input type should be {self._state.input_dtype}."
            )
        if list(inputs.shape[1:]) != self.input_shape:
            raise ValueError(f"Input shape must be (N,{self.input_shape}) but got {inputs.shape}.")
        if inputs.max(initial=0) > self._state.most:
            raise RuntimeError(f"Input values must be in the range (0, {self._state.most}).")

    def _run(self, inputs: Any, stop: int | None = None) -> Any:
        values = inputs.astype(np.float64).reshape(len(inputs), -1)
        for layer in self._state.layers[:stop]:
            values = _LAYERS[layer["kind"]](layer, values)
        return values


def _dense(layer: dict[str, Any], values: Any) -> Any:
    return values @ np.array(layer["weights"]) + np.array(layer["bias"])


_LAYERS: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "scale": lambda layer, values: values * layer["factor"],
    "dense": _dense,
    "relu": lambda _, values: np.clip(values, 0, 6),
    "binary": lambda _, values: (values > 0).astype(np.float64),
    "head": lambda layer, values: values @ np.array(layer["weights"]),
}
