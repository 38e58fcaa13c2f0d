"""Inputs with the outputs that the C must give, as a header for a self-test on a board."""

from __future__ import annotations

from firmware_export.cprint import braced, comment
from firmware_export.networks.ir import Int8


def vectors_header(inputs: Int8, outputs: Int8, name: str) -> str:
    """The text of ``<name>_test_vectors.h``.

    Parameters
    ----------
    inputs, outputs : int8 arrays, shapes (n, input length) and (n, output length)
    name : str
        The model's identifier.
    """
    upper = name.upper()
    rows = [braced(braced(map(str, row.tolist()), 2) for row in array) for array in (inputs, outputs)]
    manual = comment(
        [f"Test vectors of {name}: {name}_invoke() must make these outputs of these inputs, bit for bit."]
    )
    return f"""{manual}
#ifndef {upper}_TEST_VECTORS_H
#define {upper}_TEST_VECTORS_H

#include "{name}.h"

#define {upper}_TEST_VECTORS {len(inputs)}

static const int8_t {name}_test_inputs[{upper}_TEST_VECTORS][{upper}_INPUT_LEN] = {rows[0]};

static const int8_t {name}_test_outputs[{upper}_TEST_VECTORS][{upper}_OUTPUT_LEN] = {rows[1]};

#endif
"""
