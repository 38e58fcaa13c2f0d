"""The accept gate of networks: what int8 costs against the float network, and whether that is too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from daemon.networks import scores
from daemon.networks.scores import Answers


@dataclass(frozen=True)
class Bounds:
    """What an int8 network may lose.

    Attributes
    ----------
    accuracy : float
        Of a classifier's, 0..1.
    r2 : float
        Of a regression's.
    """

    accuracy: float = 0.01
    r2: float = 0.01


@dataclass(frozen=True)
class Figure:
    """One figure of both networks."""

    name: str
    float32: float
    int8: float


@dataclass(frozen=True)
class Comparison:
    """Both networks on the same rows.

    Attributes
    ----------
    side : str
        Which rows: ``validation`` or ``testing``.
    rows : int
        How many.
    figures : tuple of Figure
        The one that is judged, ``accuracy`` or ``r2``, then the others: the recall of each class, or errors.
    allowed : float
        How much smaller the first may be in int8.
    """

    side: str
    rows: int
    figures: tuple[Figure, ...]
    allowed: float

    @property
    def loss(self) -> float:
        """How much smaller it is; negative where it is larger."""
        return self.figures[0].float32 - self.figures[0].int8

    @property
    def passed(self) -> bool:
        """Whether no more is lost than is allowed."""
        # A difference of two shares carries their rounding.
        return self.loss <= self.allowed + 1e-9


@dataclass(frozen=True)
class Report:
    """What the gate saw: one comparison for each side, and the bounds that were set."""

    comparisons: tuple[Comparison, ...]
    bounds: Bounds

    @property
    def passed(self) -> bool:
        """Whether the int8 network may stand for the float network."""
        return all(comparison.passed for comparison in self.comparisons)

    def as_dict(self) -> dict[str, Any]:
        """Plain data: numbers, strings, lists and dictionaries."""
        return {
            "passed": self.passed,
            "bounds": asdict(self.bounds),
            "comparisons": [
                {**asdict(one), "loss": one.loss, "passed": one.passed} for one in self.comparisons
            ],
        }

    def table(self) -> list[str]:
        """Both networks side by side, one line of text for each figure."""
        lines = []
        for one in self.comparisons:
            lines.append(f"{f'{one.side}, {one.rows} rows':<32} float32     int8     loss  allowed")
            for number, figure in enumerate(one.figures):
                allowed = f"{one.allowed:9.4f}" if number == 0 else ""
                lost = figure.float32 - figure.int8
                lines.append(
                    f"{figure.name[:31]:<31}{figure.float32:9.4f}{figure.int8:9.4f}{lost:+9.4f}{allowed}"
                )
        return lines

    def failure(self) -> str:
        """What broke the gate, with its figures; for a report that did not pass."""
        return ", ".join(
            f"{one.figures[0].name} {one.figures[0].int8:.4f} instead of {one.figures[0].float32:.4f} on the "
            f"{one.rows} {one.side} rows ({one.allowed:.4f} less at most)"
            for one in self.comparisons
            if not one.passed
        )


def compare(
    floats: Mapping[str, Answers], integers: Mapping[str, Answers], classes: Sequence[str], bounds: Bounds
) -> Report:
    """Hold an int8 network against the float network that was trained.

    A classifier cannot lose less than one row: on fewer rows than 1 / the bound, one is allowed.

    Parameters
    ----------
    floats, integers : mapping of str to Answers
        What each answers to the rows of each side.
    classes : sequence of str
        What the outputs mean; empty for a regression.
    bounds : Bounds
    """
    comparisons = []
    for side, said in floats.items():
        before, after = (_figures(answers, classes) for answers in (said, integers[side]))
        allowed = max(bounds.accuracy, 1 / len(said)) if classes else bounds.r2
        figures = tuple(Figure(name, value, after[name]) for name, value in before.items())
        comparisons.append(Comparison(side, len(said), figures, allowed))
    return Report(tuple(comparisons), bounds)


def _figures(answers: Answers, classes: Sequence[str]) -> dict[str, float]:
    if not classes:
        found = scores.regression(answers)
        return {name: found[name] for name in ("r2", "mse", "mae", "maxError")}
    confusion = scores.confusion(answers)
    recalls = confusion.diagonal() / confusion.sum(axis=1).clip(min=1)
    return {
        "accuracy": scores.accuracy(answers),
        **{f"recall of {name}": float(recall) for name, recall in zip(classes, recalls, strict=True)},
    }
