"""An optimizer without a learning rate: Prodigy, in the form that is built on Adam.

Source: K. Mishchenko, A. Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner" (2023),
algorithm 4, with Adam's correction for means that begin at zero: without it the first steps after each growth
of ``d`` are too long, and rectified units die of them. The step is Adam's, times an estimate ``d`` of how far
the first weights lie from the best ones. ``d`` begins tiny and only grows; how fast is seen from the
gradients and the way that has been gone.

Importing this imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8
#: The first estimate of the distance: far below any, so that no first step is too long.
_FIRST_DISTANCE = 1e-6


class Prodigy(tf_keras.optimizers.Optimizer):  # type: ignore[misc]
    """Adam with a step that finds its own length; all that it remembers lies in its variables."""

    def __init__(self) -> None:
        super().__init__(name="Prodigy")
        self._learning_rate = self._build_learning_rate(1.0)

    def build(self, var_list: Sequence[Any]) -> None:
        """Make the variables, for weights that have their first values."""
        super().build(var_list)
        if getattr(self, "_distance", None) is not None:
            return
        self._distance = self._scalar("distance", _FIRST_DISTANCE)
        self._numerator = self._scalar("numerator", 0.0)
        slots = ("m", "v", "s")
        self._slots = {
            name: [self.add_variable_from_reference(variable, name) for variable in var_list]
            for name in slots
        }
        self._starts = [
            self.add_variable_from_reference(variable, "start", initial_value=variable)
            for variable in var_list
        ]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], name: str | None = None) -> Any:
        """One step of all weights together: the distance is one for all of them."""
        pairs = [(tf.convert_to_tensor(gradient), weight) for gradient, weight in grads_and_vars]
        with tf.name_scope(name or self.name), tf.init_scope():
            self.build([weight for _, weight in pairs])
        distance = self._distance.read_value()
        keep = _BETA_2**0.5
        steps = tf.cast(self.iterations + 1, tf.float32)
        length = distance * tf.sqrt(1 - tf.pow(_BETA_2, steps)) / (1 - tf.pow(_BETA_1, steps))
        along = tf.add_n(
            [
                tf.reduce_sum(gradient * (start - weight))
                for (gradient, weight), start in zip(pairs, self._starts, strict=True)
            ]
        )
        numerator = self._numerator.assign(
            keep * self._numerator + (1 - keep) * distance * length * along, read_value=True
        )
        sums = []
        for number, (gradient, weight) in enumerate(pairs):
            m, v, s = (self._slots[slot][number] for slot in ("m", "v", "s"))
            m.assign(_BETA_1 * m + (1 - _BETA_1) * distance * gradient)
            v.assign(_BETA_2 * v + (1 - _BETA_2) * tf.square(distance * gradient))
            s.assign(keep * s + (1 - keep) * distance * length * gradient)
            sums.append(tf.reduce_sum(tf.abs(s)))
            weight.assign_sub(length * m / (tf.sqrt(v) + distance * _EPSILON))
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight))
        seen = tf.math.divide_no_nan(numerator, tf.add_n(sums))
        self._distance.assign(tf.maximum(distance, seen))
        return self.iterations.assign_add(1)

    def get_config(self) -> dict[str, Any]:
        """Nothing can be set."""
        return {"name": self.name}

    def _scalar(self, name: str, value: float) -> Any:
        return self.add_variable((), tf.float32, tf_keras.initializers.Constant(value), name)
