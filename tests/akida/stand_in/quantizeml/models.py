"""Quantizes for the second generation of the chip: rounds weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cnn2snn


@dataclass
class QuantizationParams:
    """Widths in bits."""

    input_weight_bits: int
    weight_bits: int
    activation_bits: int
    per_tensor_activations: bool
    input_dtype: str


def quantize(
    model: Any, *, qparams: QuantizationParams, samples: Any, num_samples: int, batch_size: int
) -> Any:
    """The network with rounded weights."""
    # With a scale of its own for each channel the real one converts to something else, without a word.
    assert qparams.per_tensor_activations and str(samples.dtype) == qparams.input_dtype
    assert len(samples) == num_samples == batch_size
    bits = qparams.weight_bits
    return cnn2snn.quantize(model, bits, qparams.activation_bits, qparams.input_weight_bits)
