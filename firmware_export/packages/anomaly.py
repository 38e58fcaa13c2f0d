"""An anomaly model as what packages are made of."""

from __future__ import annotations

from firmware_export.anomaly_figures import figures
from firmware_export.emit_header import header, summary
from firmware_export.emit_source import source
from firmware_export.emit_vectors import vectors_header
from firmware_export.errors import UnsupportedModel
from firmware_export.ir import AnomalyIr, TestVectors
from firmware_export.packages.model import PackagedModel, Snippet


def package_anomaly(
    ir: AnomalyIr, name: str, vectors: TestVectors, labels: tuple[str, ...] = ()
) -> PackagedModel:
    """Write an anomaly model's texts and put its facts together.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    vectors : TestVectors
        Rows with their outputs.
    labels : tuple of str
        Names of the features; none where they have none.

    Raises
    ------
    UnsupportedModel
        There is another number of names than of features.
    """
    if labels and len(labels) != ir.inputs.length:
        raise UnsupportedModel(f"there are {len(labels)} labels for {ir.inputs.length} features: name each")
    return PackagedModel(
        name=name,
        sentence=f"Anomaly detection as C, in integers: {summary(ir)}",
        facts=_facts(ir, name, labels),
        functions=tuple(f"{name}_{what}" for what in ("score", "is_anomaly", "score_q", "quantize", "axis")),
        figures=figures(ir),
        header=header(ir, name),
        source=source(ir, name),
        vectors=vectors_header(vectors, name),
        check=_check(name),
        use=_use(name),
    )


def _facts(ir: AnomalyIr, name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Threshold, axes, and how inputs and scores are scaled."""
    inputs, score = ir.inputs, ir.score
    named = labels or ("",) * inputs.length
    features = [
        f"Feature {number}{f' ({label})' if label else ''}: output {axis} of the signal processing, "
        f"input = value * {reciprocal:.9g} + {zero_point}"
        for number, (label, axis, reciprocal, zero_point) in enumerate(
            zip(
                named,
                inputs.axes.tolist(),
                inputs.reciprocal.tolist(),
                inputs.zero_point.tolist(),
                strict=True,
            )
        )
    ]
    return (
        f"A score at or above {score.threshold:.9g} is an anomaly (`{name.upper()}_THRESHOLD`)",
        f"score = integer score * {score.scale:.9g}; as an integer, the threshold is {score.threshold_q}",
        f"Inputs: int{inputs.bits}",
        *features,
    )


def _check(name: str) -> Snippet:
    upper = name.upper()
    return Snippet(
        f"static {name}_in_t inputs[{upper}_INPUT_LEN];\n",
        f"""    {name}_quantize({name}_test_features[row], inputs);
    int wrong = {name}_is_anomaly({name}_test_features[row]) != {name}_test_anomaly[row];
    wrong |= {name}_score_q({name}_test_inputs[row]) != {name}_test_score_q[row];
    for (size_t i = 0; i < {upper}_INPUT_LEN; i++) wrong |= inputs[i] != {name}_test_inputs[row][i];
""",
    )


def _use(name: str) -> Snippet:
    return Snippet(
        f"static float features[{name.upper()}_INPUT_LEN];\n",
        f"""  /* Fill features: the i-th is output {name}_axis(i) of the signal processing. */
  long thousandths = (long)({name}_score(features) * 1000.0f);
  printf("score %ld/1000: %s\\n", thousandths, {name}_is_anomaly(features) ? "an anomaly" : "normal");
""",
    )
