"""The head that learns on the chip: it takes the place of a model's last layer. Without TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import AkidaArchitecture
from daemon.quantize.akida.model import Integers

#: As Edge Impulse and BrainChip set them.
_COMPETITION = 0.1
_WEIGHTS_A_SPIKE = 1.2
_SHARE = 10


def put_head(akida: Any, model: Any, rows: Integers, classes: int, neurons: int) -> None:
    """Replace the last layer of a model by one that learns.

    Parameters
    ----------
    akida : module
        The package.
    model : akida.Model
        Of the first generation; what comes before its last layer is of one bit. It is changed.
    rows : ndarray, shape (n, *input)
        Rows that train; how many features a tenth of them raise says how many inputs a neuron listens to.
    classes, neurons : int
        What can be learnt, and neurons of each.

    Raises
    ------
    AkidaArchitecture
        What comes before is not of one bit.
    """
    model.pop_layer()
    some = rows[::_SHARE].reshape(-1, *model.input_shape)
    # What it gives now are bits and no answer, which `predict` is for.
    features = model.forward(np.ascontiguousarray(some)).reshape(len(some), -1)
    spikes = int(_WEIGHTS_A_SPIKE * float((features > 0).sum(axis=1).mean()))
    model.add(akida.FullyConnected(units=classes * neurons, activation=False, name="learnt"))
    optimizer = akida.AkidaUnsupervised(
        num_weights=min(max(spikes, 1), features.shape[1]),
        num_classes=classes,
        learning_competition=_COMPETITION,
    )
    try:
        model.compile(optimizer)
    except (RuntimeError, ValueError) as error:
        raise AkidaArchitecture(f"no layer of the model can learn: {error}", stage="quantize") from error


def teach(model: Any, rows: Integers, slots: npt.NDArray[np.int32]) -> None:
    """Let a model with a head learn; one that was read from a file goes on from what it knows.

    Parameters
    ----------
    model : akida.Model
        Not mapped on a virtual device; it is changed.
    rows : ndarray, shape (n, *input)
        What to learn from.
    slots : ndarray, shape (n,), int32
        The class of each, from 0.
    """
    model.fit(np.ascontiguousarray(rows.reshape(len(rows), *model.input_shape)), slots.astype(np.int32))
