"""TensorFlow as a training loads it: with Keras 2, quiet, and giving the same result each time.

Nothing imports TensorFlow before this has run: some of it is settled when it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from daemon.errors import TrainingError


def load_tensorflow(threads: int, seed: int) -> None:
    """Import TensorFlow and tf_keras and settle what must be settled before their first operation.

    Parameters
    ----------
    threads : int
        Threads that one operation may use.
    seed : int
        Seed of everything random that is not told another one: the first weights of layers.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # Networks this small take longer to be optimised by XLA than they gain from it.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
    with _silence():
        import tensorflow as tf
        import tf_keras

    # Once it has computed anything, that stays as it is.
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    # Dropout then draws from generators whose state can be set; else nothing could be resumed.
    tf_keras.backend.experimental.enable_tf_random_generator()
    # Layers are numbered anew: their names are in the files.
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(seed)


def reseed(seed: int) -> None:
    """Begin anew with all that is random, so that a network does not depend on those made before it."""
    import tf_keras

    tf_keras.utils.set_random_seed(seed)


def settle_processor(processor: str) -> None:
    """Train on the GPU, or hide it; before the first operation.

    Parameters
    ----------
    processor : str
        ``cpu`` or ``gpu``.

    Raises
    ------
    TrainingError
        A GPU is asked for and TensorFlow sees none.
    """
    import tensorflow as tf

    seen = tf.config.list_physical_devices("GPU")
    if processor == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif not seen:
        raise TrainingError(
            "trainingProcessor: TensorFlow sees no GPU here: use cpu, or install a TensorFlow built for it",
            stage="prepare",
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what is written to standard error.

    While it is loaded TensorFlow complains of every GPU library that is not there, whatever it is told.
    Errors come as exceptions.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
