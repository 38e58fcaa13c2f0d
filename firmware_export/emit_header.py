"""The header of an anomaly model, which is its manual."""

from __future__ import annotations

from firmware_export.cprint import comment, float_literal, int32_literal
from firmware_export.ir import AnomalyIr, KMeansIr

SCORE_CAP = 1000.0

_MEANING = {
    "kmeans": (
        "The score is a distance in standard deviations of the training data: how far the features lie outside the "
        "nearest cluster. Negative: inside a cluster. 0: on its edge.",
    ),
    "gmm": (
        "The score says how unusual the likelihood of the features is under the mixture: |log-likelihood - its mean "
        "over the training data| / its standard deviation there. Near 0: as likely as training data. It is never "
        "negative, and rises for features that are unusually likely as well.",
    ),
}


def kind(ir: AnomalyIr) -> str:
    """One word for the kind of a model."""
    return "kmeans" if isinstance(ir, KMeansIr) else "gmm"


def _summary(ir: AnomalyIr) -> str:
    features = f"{ir.inputs.length} feature{'s' if ir.inputs.length > 1 else ''}"
    if isinstance(ir, KMeansIr):
        return f"K-means, {len(ir.radii)} clusters, {features}"
    return f"Gaussian mixture, {len(ir.offsets)} components with full covariance, {features}"


def _input_text(ir: AnomalyIr) -> list[str]:
    lines = [
        f"An input: {ir.inputs.bits} bits, {-(2 ** (ir.inputs.width - 1))} to {2 ** (ir.inputs.width - 1) - 1}; "
        "values outside give no meaningful score."
    ]
    if ir.inputs.bits == 16:
        lines.append("16 bits, because 8 were found too coarse for this model.")
    return lines


def header(ir: AnomalyIr, name: str) -> str:
    """The text of ``<name>.h``.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    """
    upper = name.upper()
    last = ir.inputs.length - 1
    manual = comment(
        [
            f"{name}: anomaly detection. {_summary(ir)}.",
            "",
            *_MEANING[kind(ir)],
            f"A score at or above {ir.score.threshold:.6g} ({upper}_THRESHOLD) is an anomaly; scores end at "
            f"{SCORE_CAP:g}, which is also the score of features that are NaN or infinite.",
            "",
            "Use: put the features into an array, in the order of the axes, and ask:",
            f"  float features[{upper}_INPUT_LEN];",
            f"  if ({name}_is_anomaly(features)) ...",
            "",
            "Integers do the work. Floats appear where features come in and where a score goes out, and "
            f"-D{upper}_NO_FLOAT leaves both out: then {name}_score_q() takes inputs that were quantized elsewhere.",
            "No heap, no files, no written globals; any number of threads may call at once. Arrays must not overlap.",
            "Every core and every compiler gives the same bits.",
        ]
    )
    return f"""{manual}
#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>
#include <stdint.h>

{comment(["Number of features."])}
#define {upper}_INPUT_LEN {ir.inputs.length}

{comment(["A score at or above it is an anomaly; the same for integer scores."])}
#define {upper}_THRESHOLD {float_literal(ir.score.threshold)}
#define {upper}_THRESHOLD_Q {int32_literal(ir.score.threshold_q)}

{comment(["What one step of the integer score is worth: score = score_q * scale."])}
#define {upper}_SCORE_SCALE {float_literal(ir.score.scale)}

#ifdef __cplusplus
extern "C" {{
#endif

{comment(_input_text(ir))}
typedef int{ir.inputs.bits}_t {name}_in_t;

{comment([f"Which output of the signal processing feature i is, i = 0 to {last}; 65535 past the end."])}
uint16_t {name}_axis(size_t i);

{
        comment(
            [
                f"Integer score of {upper}_INPUT_LEN inputs; grows with the score. An anomaly where it is at or above "
                f"{upper}_THRESHOLD_Q."
            ]
        )
    }
int32_t {name}_score_q(const {name}_in_t *q);

#ifndef {upper}_NO_FLOAT
{
        comment(
            [
                f"{upper}_INPUT_LEN features, in their own units and in axis order, to as many inputs. Features far "
                "outside the training data saturate, which is an anomaly. Where one is NaN or infinite, all inputs "
                "become the largest value."
            ]
        )
    }
void {name}_quantize(const float *features, {name}_in_t *q);

{comment([f"Score of {upper}_INPUT_LEN features, at most {SCORE_CAP:g}."])}
float {name}_score(const float *features);

{comment(["1 where the features are an anomaly, else 0. Decided on the integer score."])}
int {name}_is_anomaly(const float *features);
#endif

#ifdef __cplusplus
}}
#endif

#endif
"""
