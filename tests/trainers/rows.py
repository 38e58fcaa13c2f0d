"""Rows for trainer tests: small, made from a seed, awkward where it matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]


def blobs(rows: int = 300, width: int = 4, seed: int = 0) -> Rows:
    """Two clouds with scales from 0.01 to 100, in float32."""
    random = np.random.default_rng(seed)
    centres = random.choice([-3.0, 3.0], (rows, 1))
    scale = np.geomspace(0.01, 100, width)
    made: Rows = ((centres + random.normal(size=(rows, width))) * scale + 5 * scale).astype(np.float32)
    return made
