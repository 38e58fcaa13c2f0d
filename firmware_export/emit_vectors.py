"""Rows with the outputs that the C must give, as a header for a test program on a board."""

from __future__ import annotations

import numpy as np

from firmware_export.cprint import braced, comment, float_literal, int32_literal
from firmware_export.ir import TestVectors


def vectors_header(vectors: TestVectors, name: str) -> str:
    """The text of ``<name>_test_vectors.h``.

    Parameters
    ----------
    vectors : TestVectors
    name : str
        The model's identifier.
    """
    upper = name.upper()
    features = braced(braced(map(float_literal, row.tolist()), 2) for row in vectors.features)
    inputs = braced(braced(map(str, row.tolist()), 2) for row in vectors.inputs)
    scores = braced(int32_literal(int(score)) for score in vectors.score_q)
    anomaly = braced(str(int(flag)) for flag in np.asarray(vectors.anomaly))
    about = (
        f"Test vectors of {name}: for each row of features, the inputs that {name}_quantize() must make of "
        f"it, the score that {name}_score_q() must give them, and the answer of {name}_is_anomaly(). Bit for "
        "bit."
    )
    return f"""{comment([about])}
#ifndef {upper}_TEST_VECTORS_H
#define {upper}_TEST_VECTORS_H

#include "{name}.h"

#define {upper}_TEST_VECTORS {len(vectors.score_q)}

#ifndef {upper}_NO_FLOAT
static const float {name}_test_features[{upper}_TEST_VECTORS][{upper}_INPUT_LEN] = {features};

static const uint8_t {name}_test_anomaly[{upper}_TEST_VECTORS] = {anomaly};
#endif

static const {name}_in_t {name}_test_inputs[{upper}_TEST_VECTORS][{upper}_INPUT_LEN] = {inputs};

static const int32_t {name}_test_score_q[{upper}_TEST_VECTORS] = {scores};

#endif
"""
