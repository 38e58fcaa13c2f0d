"""Gets a process ready to train a network before there is one to train."""

from __future__ import annotations

from functools import partial

import numpy as np

import daemon.networks.pipeline  # noqa: F401 - a training finds it imported
from daemon.trainers.keras.data import Examples
from daemon.trainers.keras.epoch import Objective
from daemon.trainers.keras.fit import Phase, fit
from daemon.trainers.keras.network import build_model, build_optimizer
from daemon.trainers.keras.runtime import load_tensorflow


def warm_up(threads: int) -> None:
    """Import all that a training needs, and train the least network there is.

    Nothing of it is left but what TensorFlow has got ready: a training afterwards gives the same bytes.

    Parameters
    ----------
    threads : int
        Threads that one operation may use, here and in the training.
    """
    load_tensorflow(threads, seed=0)
    examples = Examples(np.zeros((2, 1), np.float32), np.ones((2, 1), np.float32))
    model = build_model([], (1,), 1, classifies=False)
    phases = [Phase(1, partial(build_optimizer, 0.001))]
    fit(model, phases, examples, examples, Objective(classifies=False, batch_size=2), seed=0)
