"""Which int8 network stands for a float network: quantized after training, or trained for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from daemon.errors import TrainingError
from daemon.networks.gate import Bounds, Report, compare
from daemon.networks.scores import Answers
from daemon.quantize import interpreter
from daemon.quantize.network import PER_CHANNEL, FloatRows, convert_int8
from daemon.quantize.qat import fake_quantized
from daemon.quantize.retrainable import retrainable
from daemon.quantize.thinning import Retrain, Size, cluster, prune, size
from daemon.wire.compression import Compression

#: What a network answers to the rows of each side.
Ask = Callable[[Callable[[FloatRows], FloatRows]], dict[str, Answers]]


@dataclass(frozen=True)
class Attempt:
    """One int8 network that was judged.

    Attributes
    ----------
    method : str
        ``post-training`` or ``qat``.
    report : Report
        Of the gate.
    """

    method: str
    report: Report


@dataclass(frozen=True)
class Gain:
    """What a step that was asked for makes of the int8 file.

    Attributes
    ----------
    step : str
        ``pruning``, ``clustering`` or ``qat``.
    before, after : Size
        The file without it and with it.
    """

    step: str
    before: Size
    after: Size

    def __str__(self) -> str:
        before, after = self.before, self.after
        return (
            f"{self.step}: the int8 file has {after.bytes} bytes instead of {before.bytes}, deflated "
            f"{after.deflated} instead of {before.deflated}"
        )


@dataclass(frozen=True)
class Choice:
    """The int8 network, and how it came to be.

    Attributes
    ----------
    data : bytes
        The .tflite file.
    answers : dict of str to Answers
        What it answers to the rows of each side.
    attempts : tuple of Attempt
        All that were judged; the last is the one in `data`.
    gains : tuple of Gain
        One for each step that was taken, in their order.
    problem : str or None
        Why the network could not be trained for int8, where the gate wanted it.
    """

    data: bytes
    answers: dict[str, Answers]
    attempts: tuple[Attempt, ...]
    gains: tuple[Gain, ...]
    problem: str | None = None

    @property
    def chosen(self) -> Attempt:
        """The attempt that is in `data`."""
        return self.attempts[-1]

    @property
    def passed(self) -> bool:
        """Whether it may stand for the float network."""
        return self.chosen.report.passed

    def as_dict(self) -> dict[str, Any]:
        """Plain data: numbers, strings, lists and dictionaries."""
        return {
            "passed": self.passed,
            "method": self.chosen.method,
            "attempts": [{"method": one.method, **one.report.as_dict()} for one in self.attempts],
            "gains": [asdict(gain) for gain in self.gains],
            "problem": self.problem,
        }

    def failure(self) -> str:
        """Why the gate refused it, in one sentence with a remedy; for a choice that did not pass."""
        tried = " and ".join(
            {"post-training": "quantized after training", "qat": "trained for int8"}[one.method]
            for one in self.attempts
        )
        why = f" ({self.problem})" if self.problem else ""
        return (
            f"int8 loses too much, {tried}{why}: {self.chosen.report.failure()}; scale the inputs to similar "
            "ranges, use more neurons, or raise gate.max_accuracy_loss or gate.max_r2_loss"
        )


def choose_int8(
    model: Any,
    floats: Mapping[str, Answers],
    ask: Ask,
    classes: Sequence[str],
    representative: FloatRows,
    *,
    compression: Compression,
    bounds: Bounds,
    retrain: Retrain,
) -> Choice:
    """Make the int8 network of a float network, and train it for int8 where it loses too much.

    Parameters
    ----------
    model : tf_keras.Model
        Trained; it stays as it is.
    floats : mapping of str to Answers
        What it answers to the rows of each side.
    ask : callable
        Asks another network the same.
    classes : sequence of str
        What the outputs mean; empty for a regression.
    representative : (n, *input) float32
        Rows that set the ranges of the integers.
    compression : Compression
        What was asked for.
    bounds : Bounds
        What int8 may lose against `model`, whatever was asked for.
    retrain : callable
        Trains a network on.

    Returns
    -------
    Choice
        Of the last attempt, also where none passed.

    Raises
    ------
    TrainingError
        What was asked for cannot be done with this network, or it has no int8 form.
    """
    per_channel = PER_CHANNEL[1 if compression.per_channel_dense else 0]
    sparse, clustered = compression.pruning is not None, compression.clustering is not None
    files: list[bytes] = [convert_int8(model, representative, per_channel=per_channel)]
    gains: list[Gain] = []
    attempts: list[Attempt] = []

    def take(step: str, network: Any) -> Any:
        files.append(convert_int8(network, representative, per_channel=per_channel))
        gains.append(Gain(step, size(files[-2]), size(files[-1])))
        return network

    def judged(method: str) -> Choice:
        answers = ask(interpreter.load(files[-1]).run)
        attempts.append(Attempt(method, compare(floats, answers, classes, bounds)))
        return Choice(files[-1], answers, tuple(attempts), tuple(gains))

    if compression.pruning is not None:
        model = take("pruning", prune(retrainable(model), compression.pruning, retrain))
    if compression.clustering is not None:
        model = take(
            "clustering", cluster(retrainable(model), compression.clustering, retrain, sparse=sparse)
        )
    if not compression.qat:
        made = judged("post-training")
        if made.passed:
            return made
    try:
        aware = fake_quantized(retrainable(model), representative, sparse=sparse, clustered=clustered)
    except TrainingError as error:
        if compression.qat:
            raise
        return replace(made, problem=error.message)
    retrain(aware, "int8")
    take("qat", aware)
    return judged("qat")
