"""The rows that validated in two dimensions, to look at: which lie together, and which the network misses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from daemon.models.embedding import embed
from daemon.networks.preparation import Prepared
from daemon.networks.scores import Answers, losses

#: Values of a row up to which it is done: the work grows with their third power.
MOST_VALUES = 1024


def embed_validation(prepared: Prepared, answers: Answers) -> dict[str, Any] | None:
    """Project the rows that validated on their first two principal components.

    Parameters
    ----------
    prepared : Prepared
        Rows, and the settings that may not want it.
    answers : Answers
        What the int8 network says to them.

    Returns
    -------
    dict or None
        What `daemon.models.embedding.embed` gives, with the loss of each row as its score; None where it is
        not wanted, or a row has more than `MOST_VALUES` values.
    """
    width = math.prod(prepared.input_shape)
    if not prepared.settings.embeddings_and_memory or width > MOST_VALUES:
        return None
    trained = prepared.training.rows.reshape(len(prepared.training), width)
    scale = trained.std(axis=0, dtype=np.float64)
    rows = prepared.validation.rows.reshape(len(prepared.validation), width)
    standardised = (rows - trained.mean(axis=0, dtype=np.float64)) / np.where(scale > 0, scale, 1.0)
    labels: list[str | None] = (
        [prepared.classes[number] for number in answers.right]
        if prepared.entry.classifies
        else [f"{value:.6g}" for value in answers.wanted[:, 0]]
    )
    return embed(standardised, losses(answers, classifies=prepared.entry.classifies), labels)
