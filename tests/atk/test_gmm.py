"""ATK's mixture against a plain reference: the textbook's formulas, one row after the other."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from daemon.errors import TrainingError
from daemon.models.anomaly import GmmModel
from daemon.models.anomaly import load as load_anomaly_model
from daemon.models.atk import EPSILON, Mixture
from daemon.models.atk import load as load_predictor
from daemon.trainers.atk_gmm import maximise, start
from tests.atk.conversation import DATA, HIGH, SEED
from tests.atk.workshop import Rows, Workshop


def clouds(rows: int = 90, width: int = 3, centres: int = 3, seed: int = 0) -> Rows:
    """Clouds of unit deviation, six deviations apart."""
    random = np.random.default_rng(seed)
    places = 6 * random.normal(size=(centres, width))
    made: Rows = places[random.integers(centres, size=rows)] + random.normal(size=(rows, width))
    return made


def density(row: Rows, mean: Rows, covariance: Rows) -> float:
    """Density of a Gaussian with a covariance that may be singular: by its pseudo-inverse."""
    values = np.linalg.eigvalsh(covariance)
    tolerance = EPSILON * values.max() * len(values)
    determinant = math.prod(value for value in values.tolist() if value > tolerance)
    inverse = np.linalg.pinv(covariance, rcond=EPSILON * len(values), hermitian=True)
    distance = float((row - mean) @ inverse @ (row - mean))
    return math.exp(-0.5 * distance) / math.sqrt((2 * math.pi) ** len(values) * determinant)


def reference(mixture: Mixture, rows: Rows, iterations: int) -> tuple[Mixture, list[float]]:
    """Expectation maximisation as the textbook has it, and the log-likelihood before each iteration."""
    likelihoods = []
    for _ in range(iterations):
        weighted = np.array(
            [
                [
                    weight * density(row, mean, covariance) + EPSILON
                    for weight, mean, covariance in zip(
                        mixture.weights, mixture.means, mixture.covariances, strict=True
                    )
                ]
                for row in rows
            ]
        )
        likelihoods.append(float(np.log(weighted.sum(axis=1)).sum()))
        shares = weighted / weighted.sum(axis=1, keepdims=True)
        mass = shares.sum(axis=0)
        means = shares.T @ rows / mass[:, None]
        covariances = np.array(
            [(shares[:, k, None] * (rows - mean)).T @ (rows - mean) / mass[k] for k, mean in enumerate(means)]
        )
        mixture = Mixture(mass / len(rows), means, covariances)
    return mixture, likelihoods


SETS = {
    "clouds": clouds(),
    "one column": clouds(width=1),
    "far from zero": clouds() + 1e4,
    "awkward scales": clouds() * [1e-3, 1.0, 1e3],
    "a constant column": np.column_stack([clouds(width=2), np.full(90, 7.0)]),
    "ATK's example": np.array(DATA, float)[:, None],
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("k", [1, 3])
def test_it_equals_the_reference_from_the_same_start(name: str, k: int) -> None:
    rows = SETS[name]
    begin = start(rows, k, SEED)
    found, likelihood, iterations, converged = maximise(begin, rows, max_iterations=100, tolerance=0.01)
    expected, likelihoods = reference(begin, rows, iterations)
    assert likelihood == pytest.approx(likelihoods[-1], rel=1e-9)
    assert np.array_equal(found.assign(rows), expected.assign(rows))
    # It stops at the first change of the total that is small enough, and not before.
    changes = np.abs(np.diff(likelihoods))
    assert converged == (len(changes) > 0 and changes[-1] <= 0.01)
    assert (changes[:-1] > 0.01).all()


def test_the_start_is_drawn_from_the_rows_five_for_each_component() -> None:
    rows = clouds()
    begin = start(rows, 2, -5)
    drawn = rows[np.random.Generator(np.random.PCG64(2**64 - 5)).integers(len(rows), size=10)]
    assert np.array_equal(begin.means, [drawn[:5].mean(axis=0), drawn[5:].mean(axis=0)])
    assert np.array_equal(begin.covariances[1], np.diag(drawn[5:].var(axis=0)))
    assert begin.weights.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_example_of_atk_comes_out(workshop: Workshop, k: int) -> None:
    _, result, _ = workshop.train("gmm", np.array(DATA, float)[:, None], k=k, seed=SEED)
    assert sorted(result["cluster_size"].values()) == [4, 5]
    assert all(name.startswith("Cluster:") for name in result["cluster_size"])
    assert sum(result["weights"]) == pytest.approx(1.0)
    for (mean, covariance), numbers, matrix in zip(
        result["gaussians"], result["means"], result["covariances"], strict=True
    ):
        assert mean == f"mu:[{numbers[0]!r}]"
        assert covariance == f"sigma:List(List({matrix[0][0]!r}))"


def test_predict_adds_the_cluster_of_each_row_counted_from_zero(workshop: Workshop) -> None:
    rows = np.array(DATA, float)[:, None]
    version, result, _ = workshop.train("gmm", rows, k=4, seed=SEED)
    made = workshop.predict(version, rows)
    assert np.array_equal(made[:, :1], rows)
    high = set(made[made[:, 0] > 4, 1])
    assert {value for value, cluster in made if cluster in high} == HIGH
    counts = {f"Cluster:{cluster:g}": (made[:, 1] == cluster).sum() for cluster in np.unique(made[:, 1])}
    assert counts == result["cluster_size"]


def test_scalings_are_multiplied_and_applied_again_by_predict(workshop: Workshop) -> None:
    rows = clouds()
    scalings = [0.5, -2.0, 10.0]
    plain, first, _ = workshop.train("gmm", rows * scalings, k=3)
    scaled, second, _ = workshop.train("gmm", rows, k=3, column_scalings=scalings)
    assert second["means"] == first["means"]
    assert second["log_likelihood"] == first["log_likelihood"]
    assert np.array_equal(
        workshop.predict(plain, rows * scalings)[:, -1], workshop.predict(scaled, rows)[:, -1]
    )


def test_two_columns_are_written_as_scala_writes_them(workshop: Workshop) -> None:
    _, result, _ = workshop.train("gmm", clouds(width=2), k=1)
    (mean,), ((row, other),) = result["means"], result["covariances"]
    assert result["gaussians"] == [
        [
            f"mu:[{mean[0]!r},{mean[1]!r}]",
            f"sigma:List(List({row[0]!r}, {row[1]!r}), List({other[0]!r}, {other[1]!r}))",
        ]
    ]


def test_predict_names_columns_and_refuses_another_number(workshop: Workshop) -> None:
    rows = clouds(width=2)
    version, _, _ = workshop.train("gmm", rows, k=2)
    swapped = workshop.predict(version, rows[:, ::-1], columns=["c1", "c0"])
    assert np.array_equal(swapped[:, -1], workshop.predict(version, rows)[:, -1])
    with pytest.raises(TrainingError, match=r"^Number of columns for train and predict should be same$"):
        workshop.predict(version, rows, columns=["c0"])


def test_a_version_holds_the_same_mixture_as_a_model_of_anomalies(workshop: Workshop) -> None:
    rows = clouds()
    scalings = np.array([2.0, 1.0, -0.5])
    version, result, log = workshop.train("gmm", rows, k=3, seed=0, column_scalings=scalings.tolist())
    model = load_anomaly_model(version / "model.npz")
    assert isinstance(model, GmmModel)
    means, _ = model.folded()
    assert means * scalings == pytest.approx(np.array(result["means"]))
    # In the density of the raw columns; EPSILON is ATK's alone.
    total = model.log_likelihood(rows).sum() - len(rows) * np.log(np.abs(scalings)).sum()
    fitted = load_predictor(version / "atk.json").model
    assert isinstance(fitted, Mixture)
    _, exact, _, _ = maximise(fitted, rows * scalings, max_iterations=1, tolerance=0.0)
    assert total == pytest.approx(exact)
    assert log == []
    assert {path.name for path in version.rglob("*") if path.is_file()} >= {
        "manifest.json",
        "model.npz",
        "model_int8.npz",
        "atk.json",
        "gmm_1.c",
        "gmm_1.h",
        "gmm_1_test_vectors.h",
        "report.html",
    }


def test_a_singular_covariance_is_told_and_widened_for_the_integers_only(workshop: Workshop) -> None:
    rows = np.column_stack([clouds(width=2), np.full(90, 7.0)])
    version, result, log = workshop.train("gmm", rows, k=2)
    assert all(matrix[2] == pytest.approx([0, 0, 0]) for matrix in result["covariances"])
    (warning,) = (text for _, text in log if "singular" in text)
    assert "covariance of component 0, 1 is singular" in warning
    assert warning in result["warnings"]
    predictor = load_predictor(version / "atk.json")
    assert isinstance(predictor.model, Mixture)
    assert predictor.model.covariances.tolist() == result["covariances"]


def test_where_no_integer_model_is_close_enough_there_is_none_and_it_is_said(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon import pipeline
    from daemon.quantize.gate import choose

    def never(*arguments: Any, **members: Any) -> Any:
        integer, report = choose(*arguments, **members)
        failed = type(report.chosen)(**{**vars(report.chosen), "failed": ("spearman",)})
        return integer, type(report)(**{**vars(report), "passed": False, "chosen": failed})

    monkeypatch.setattr(pipeline, "choose", never)
    version, result, _ = workshop.train("gmm", clouds(), k=2)
    assert result["inputBits"] is None
    assert "no int8 model and no C were made: no integer model is close enough" in result["warnings"][-1]
    assert not (version / "model_int8.npz").exists()
    assert not (version / "c").exists()
    assert not (version / "report.html").exists()
    assert len(workshop.predict(version, clouds())) == 90


def test_training_that_stops_early_says_so(workshop: Workshop) -> None:
    _, result, _ = workshop.train("gmm", clouds(), k=3, max_iterations=2)
    assert result["converged"] is False
    assert result["iterations"] == 2
    assert result["warnings"][0].startswith("not converged after max_iterations 2")


def test_many_numbers_stay_in_the_file(workshop: Workshop) -> None:
    version, result, _ = workshop.train("gmm", clouds(width=20), k=11)
    assert {"weights", "cluster_size"} <= set(result)
    assert not {"gaussians", "means", "covariances"} & set(result)
    predictor = load_predictor(version / "atk.json")
    assert isinstance(predictor.model, Mixture)
    assert predictor.model.covariances.shape == (11, 20, 20)


def test_the_same_seed_gives_the_same_bytes(workshop: Workshop) -> None:
    def files(path: Path) -> dict[str, bytes]:
        found = [file for file in path.rglob("*") if file.is_file()]
        return {file.name: file.read_bytes() for file in found if file.name != "manifest.json"}

    model = workshop.model("gmm")
    first, second = (workshop.train("gmm", clouds(), known=model, frame=1, k=3)[0] for _ in range(2))
    assert files(first) == files(second)


def test_a_component_on_equal_rows_alone_is_refused_when_it_has_no_width(workshop: Workshop) -> None:
    rows: npt.NDArray[np.float64] = np.repeat([[0.0, 0], [10, 0], [0, 10]], 20, axis=0)
    with pytest.raises(TrainingError, match="density is infinite: choose a smaller k"):
        workshop.train("gmm", rows, k=8, seed=1)
