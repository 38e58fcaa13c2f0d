"""From a trained network to one with few bits, to be trained on, and on to a model of the akida package.

MetaTF has two quantizers: that of cnn2snn knows the first generation of the chip, its 4-bit inputs and layers
of one bit; quantizeml the second.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import AkidaArchitecture, AkidaBitsMissing
from daemon.quantize.akida.inputs import InputCoding
from daemon.quantize.akida.metatf import load_akida

_CALIBRATION_ROWS = 256


@dataclass(frozen=True)
class Bits:
    """Widths of what a network computes with.

    Parameters
    ----------
    inputs : int
        Weights of the first layer.
    weights, activations : int
        Of all other layers.
    """

    inputs: int
    weights: int
    activations: int


#: By the generation of the chip, and whether a row is an image.
BITS = {
    ("v1", True): Bits(8, 4, 4),
    ("v1", False): Bits(4, 4, 4),
    ("v2", True): Bits(8, 8, 8),
    ("v2", False): Bits(8, 8, 8),
}


def quantized(model: Any, coding: InputCoding, generation: str, rows: npt.NDArray[Any]) -> Any:
    """A network with few bits, to be trained on.

    Parameters
    ----------
    model : tf_keras.Model
        Trained, as `daemon.trainers.keras.akida_network` builds it.
    coding : InputCoding
        What it takes.
    generation : str
        Of the chip.
    rows : ndarray, shape (n, *input)
        Integers that it will see; some of them set ranges.

    Returns
    -------
    tf_keras.Model
        Takes the same integers, as float32.

    Raises
    ------
    AkidaArchitecture
        A layer has no such form; the message names it.
    """
    bits = BITS[generation, coding.is_image]
    quantize = _by_cnn2snn if generation == "v1" else _by_quantizeml
    with _refusing("quantized"):
        return quantize(model, bits, coding.levels.dtype, rows)


def _by_cnn2snn(model: Any, bits: Bits, _: str, __: npt.NDArray[Any]) -> Any:
    return load_cnn2snn().quantize(
        model,
        weight_quantization=bits.weights,
        activ_quantization=bits.activations,
        input_weight_quantization=bits.inputs,
    )


def _by_quantizeml(model: Any, bits: Bits, dtype: str, rows: npt.NDArray[Any]) -> Any:
    # It needs the same care.
    load_cnn2snn()
    from quantizeml.models import QuantizationParams, quantize

    settings = QuantizationParams(
        input_weight_bits=bits.inputs,
        weight_bits=bits.weights,
        activation_bits=bits.activations,
        # One scale for each channel is taken without a word, and computed otherwise by the converted model.
        per_tensor_activations=True,
        input_dtype=dtype,
    )
    some = rows[np.linspace(0, len(rows) - 1, min(_CALIBRATION_ROWS, len(rows))).astype(np.intp)]
    return quantize(model, qparams=settings, samples=some, num_samples=len(some), batch_size=len(some))


def binary(model: Any, layer: str) -> Any:
    """A network for the first generation, with one bit for what a layer gives: what the chip learns from."""
    cnn2snn = load_cnn2snn()
    with _refusing("quantized"):
        return cnn2snn.quantize_layer(model, layer, 1)


def convert(model: Any, generation: str, scaling: tuple[int, int] | None = None) -> Any:
    """The akida model of a quantized network.

    Parameters
    ----------
    model : tf_keras.Model
        Quantized.
    generation : str
        Of the chip.
    scaling : (int, int), optional
        Factor and offset from what the network takes to the integers that the chip takes, where neither its
        input nor its first layer says so.

    Raises
    ------
    AkidaArchitecture
        A layer has no counterpart there; the message names it.
    """
    cnn2snn = load_cnn2snn()
    with _refusing("converted"), cnn2snn.set_akida_version(cnn2snn.AkidaVersion[generation]):
        return cnn2snn.convert(model, input_scaling=scaling)


def check_quantized(name: str, model: Any) -> None:
    """See that somebody else's model is one, and that every layer with weights says how many bits they have.

    Raises
    ------
    AkidaArchitecture
        It is no model.
    AkidaBitsMissing
        A layer does not say so; the message names it.
    """
    import tf_keras

    if not isinstance(model, tf_keras.Model) or not getattr(model, "inputs", None):
        raise AkidaArchitecture(
            f"{name} is a {type(model).__name__}: leave a quantized Sequential or functional tf.keras model",
            stage="quantize",
        )
    for layer in model.layers:
        kind = type(layer)
        plain = kind.__module__.partition(".")[0] not in ("cnn2snn", "quantizeml")
        if plain and layer.weights:
            raise AkidaBitsMissing(
                f"layer {layer.name} of type {kind.__name__} has no width of its weights: quantize the model "
                "with cnn2snn.quantize or quantizeml.models.quantize",
                stage="quantize",
            )


def load_cnn2snn() -> Any:
    """Import what quantizes and converts; TensorFlow is loaded.

    Raises
    ------
    AkidaUnavailable
        MetaTF is not there, or of a version that is not known.
    """
    load_akida()
    # A package that comes along expects the name that it has had since numpy 2.
    vars(np).setdefault("strings", np.char)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import cnn2snn

    return cnn2snn


@contextlib.contextmanager
def _refusing(done: str) -> Iterator[None]:
    """Turn what MetaTF raises into a refusal, and keep what it prints to itself."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        told = " ".join(str(error).split())[:400]
        raise AkidaArchitecture(
            f"the network cannot be {done} for Akida: {told}", stage="quantize"
        ) from error
