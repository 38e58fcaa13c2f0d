"""The header of an anomaly model, which is its manual."""

from __future__ import annotations

from firmware_export.cprint import comment, float_literal, int32_literal
from firmware_export.ir import AnomalyIr, KMeansIr

SCORE_CAP = 1000.0

_MEANING_OF_KMEANS = (
    "The score is a distance in standard deviations of the training data: how far the features lie outside "
    "the nearest cluster. Negative: inside a cluster. 0: on its edge."
)
_MEANING_OF_DISTANCE = (
    "The score is a distance in standard deviations of the training data: how far the features lie from the "
    "centre of the nearest cluster."
)
_MEANING_OF_GMM = (
    "The score says how unusual the likelihood of the features is: |log-likelihood - its mean over the "
    "training data| / its standard deviation there. Near 0: as likely as training data. It is never "
    "negative, and rises for features that are unusually likely as well."
)


def kind(ir: AnomalyIr) -> str:
    """One word for the kind of a model."""
    return "kmeans" if isinstance(ir, KMeansIr) else "gmm"


def _meaning(ir: AnomalyIr) -> str:
    if isinstance(ir, KMeansIr):
        return _MEANING_OF_KMEANS if ir.radii.any() else _MEANING_OF_DISTANCE
    return _MEANING_OF_GMM


def summary(ir: AnomalyIr) -> str:
    """The kind of a model and its sizes."""
    features = f"{ir.inputs.length} feature{'s' if ir.inputs.length > 1 else ''}"
    if isinstance(ir, KMeansIr):
        return f"K-means, {len(ir.radii)} clusters, {features}"
    return f"Gaussian mixture, {len(ir.offsets)} components with full covariance, {features}"


def _manual(ir: AnomalyIr, name: str) -> str:
    upper = name.upper()
    decision = (
        f"A score at or above {ir.score.threshold:.6g} ({upper}_THRESHOLD) is an anomaly. Scores end at "
        f"{SCORE_CAP:g}, which is also the score of features that are NaN or infinite: they always are one."
    )
    arithmetic = (
        "Integers do the work. Floats appear where features come in and where a score goes out, and "
        f"-D{upper}_NO_FLOAT leaves both out: {name}_score_q() then takes inputs quantized elsewhere."
    )
    habits = (
        "No heap, no files, no written globals; any number of threads may call at once. Arrays must not "
        "overlap. Every core and every compiler gives the same bits."
    )
    paragraphs = [
        f"{name}: anomaly detection. {summary(ir)}.",
        "",
        _meaning(ir),
        decision,
        "",
        "Use: put the features into an array, in the order of the axes, and ask.",
        f"  float features[{upper}_INPUT_LEN];",
        f"  if ({name}_is_anomaly(features)) ...",
        "",
        arithmetic,
        habits,
    ]
    return comment(paragraphs)


def _input_comment(ir: AnomalyIr, name: str) -> str:
    low, high = -(1 << (ir.inputs.width - 1)), (1 << (ir.inputs.width - 1)) - 1
    why = " 16 bits, because 8 were found too coarse for this model." if ir.inputs.bits == 16 else ""
    return comment([f"An input, {low} to {high}; {name}_score_q() takes no others.{why}"])


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
    about_axis = f"Which output of the signal processing feature i is, i = 0 to {last}; 65535 past the end."
    about_score_q = (
        f"Integer score of {upper}_INPUT_LEN inputs; it grows with the score. At or above "
        f"{upper}_THRESHOLD_Q it is an anomaly."
    )
    about_quantize = (
        f"{upper}_INPUT_LEN features, in their own units and in the order of the axes, to as many inputs. "
        "Features far outside the training data saturate, which is an anomaly. Where one is NaN or infinite, "
        "all inputs become the largest value."
    )
    return f"""{_manual(ir, name)}
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

{_input_comment(ir, name)}
typedef int{ir.inputs.bits}_t {name}_in_t;

{comment([about_axis])}
uint16_t {name}_axis(size_t i);

{comment([about_score_q])}
int32_t {name}_score_q(const {name}_in_t *q);

#ifndef {upper}_NO_FLOAT
{comment([about_quantize])}
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
