"""Quantization-aware training: the network learns with the rounding of int8 in it.

By TensorFlow Model Optimization, which has no plan for a batch normalization that it cannot fold: what that
gives is quantized, as it is in the file. And it takes all ranges for -6 to 6 in the beginning, and moves them
by a thousandth a step: here they are settled before the training.
"""

from __future__ import annotations

from typing import Any

from daemon.errors import TrainingError
from daemon.quantize.network import FloatRows

_MOVES = 0.001
"""Part of the way to the range of a batch that a range moves in a step of training."""

_RANGES = ("_min", "_max")
_MOVING = tuple(f"{what}{end}" for what in ("activation", "output") for end in _RANGES)
"""Ends of the names of all ranges, and of those that move so: inputs and kernels have theirs at once."""

_CALIBRATION_ROWS = 128
_STEPS = 20
"""Rows that settle the ranges, and steps that it takes at most: deep networks would wait long for little."""

_SETTLED, _NOTHING = 0.01, 0.001
"""Part of itself that the end of a settled range still moves by, and what an end at zero does."""


def fake_quantized(model: Any, rows: FloatRows, *, sparse: bool = False, clustered: bool = False) -> Any:
    """The network with fake quantization of its weights and of what its layers give, to be trained on.

    Parameters
    ----------
    model : tf_keras.Model
        Trained, as `daemon.quantize.retrainable` makes it; it stays as it is.
    rows : (n, *input) float32
        What the ranges of the layers are to hold; at least one.
    sparse, clustered : bool
        Whether weights that are zero stay zero, and equal weights of a layer stay equal.

    Returns
    -------
    tf_keras.Model
        Built, not compiled.

    Raises
    ------
    TrainingError
        A layer of the model cannot be trained so; the message names it.
    """
    import tf_keras
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs as configs,  # no public name
    )
    from tensorflow_model_optimization.quantization.keras import (
        quantize_annotate_layer,
        quantize_apply,
        quantize_scope,
    )

    lone = _lone_normalizations(model)

    def annotate(layer: Any) -> Any:
        config = configs.Default8BitOutputQuantizeConfig() if layer.name in lone else None
        return quantize_annotate_layer(layer, config)

    try:
        annotated = tf_keras.models.clone_model(model, clone_function=annotate)
        annotated.set_weights(model.get_weights())
        with quantize_scope():
            aware = quantize_apply(annotated, _scheme(sparse=sparse, clustered=clustered))
    except (RuntimeError, ValueError) as error:
        told = str(error).strip().splitlines()[0]
        raise TrainingError(f"this network cannot be trained for int8: {told}", stage="quantize") from error
    _settle_ranges(aware, rows[:_CALIBRATION_ROWS])
    return aware


def _settle_ranges(model: Any, rows: FloatRows) -> None:
    """Set the ranges of what layers give to those of some rows.

    A step of training tells where a range moves to. What is behind a layer that saturates is told wrongly: so
    steps are taken until nothing moves any more, at most one for each layer.
    """
    import tensorflow as tf

    ends = [one for one in model.variables if _plain_name(one).endswith(_MOVING)]
    others = [(one, one.numpy()) for one in model.variables if not _plain_name(one).endswith(_RANGES)]
    step = tf.function(lambda: model(tf.constant(rows), training=True), autograph=False)
    for _ in model.layers[:_STEPS]:
        before = [end.numpy() for end in ends]
        step()
        for end, old in zip(ends, before, strict=True):
            end.assign(old + (end.numpy() - old) / _MOVES)
        pairs = [(old, float(end.numpy() - old)) for end, old in zip(ends, before, strict=True)]
        if all(abs(moved) <= _SETTLED * abs(old) + _NOTHING for old, moved in pairs):
            break
    # Batch normalizations have moved, too.
    for one, old in others:
        one.assign(old)


def _plain_name(variable: Any) -> str:
    return str(variable.name).split(":", maxsplit=1)[0]


def _scheme(*, sparse: bool, clustered: bool) -> Any:
    from tensorflow_model_optimization.experimental import combine
    from tensorflow_model_optimization.quantization.keras import default_8bit

    if clustered:
        return combine.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=sparse)
    if sparse:
        return combine.Default8BitPrunePreserveQuantizeScheme()
    return default_8bit.Default8BitQuantizeScheme()


def _lone_normalizations(model: Any) -> set[str]:
    """Names of the batch normalizations without a linear layer before them, to be folded into."""
    import tf_keras

    layers = tf_keras.layers
    lone = set()
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.inbound_nodes[0].inbound_layers
            linear = getattr(before, "activation", None) is tf_keras.activations.linear
            if not (linear and isinstance(before, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense))):
                lone.add(layer.name)
    return lone
