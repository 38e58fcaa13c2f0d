"""What validates: a share of the rows, whole groups, or each fold in its turn; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edgeimpulse_api.models as client_models
import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from daemon.errors import TrainingError
from daemon.networks.preparation import prepare
from daemon.trainers.keras.data import folds, split
from tests.networks.plant import NetworkPlant, read

DATA = load_wine()
ROWS = (DATA.data - DATA.data.mean(axis=0)) / DATA.data.std(axis=0)
LABELS = [str(DATA.target_names[label]) for label in DATA.target]
QUICK = {"trainingCycles": 3, "learningRate": 0.01}


@pytest.fixture
def plant(tmp_path: Path) -> NetworkPlant:
    """Wines, as six tables from three cellars."""
    made = NetworkPlant(tmp_path)
    for number in range(6):
        part = slice(number, None, 6)
        made.add(ROWS[part], LABELS[part], name=f"{number}.csv", metadata={"cellar": "abc"[number % 3]})
    return made


def test_the_split_is_scikit_learns() -> None:
    ours = split(50, 0.25, 3)
    theirs = train_test_split(np.arange(50), test_size=0.25, random_state=3)
    for mine, his in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.sort(mine), np.sort(his))


def test_no_group_is_on_both_sides(plant: NetworkPlant) -> None:
    prepared = prepare(plant.spec({"customValidationMetadataKey": "cellar", "trainTestSplit": 0.3}))
    rows = {
        side: {row.tobytes() for row in examples.rows}
        for side, examples in (("train", prepared.training), ("validate", prepared.validation))
    }
    cellars = [{row.tobytes() for row in ROWS[n::3].astype("<f4")} for n in range(3)]
    assert sum(rows["validate"] == cellar for cellar in cellars) == 1
    assert rows["train"].isdisjoint(rows["validate"])
    assert len(rows["train"]) + len(rows["validate"]) == len(ROWS)


def test_a_key_that_no_sample_has_is_refused_with_those_that_there_are(plant: NetworkPlant) -> None:
    with pytest.raises(TrainingError, match=r"^customValidationMetadataKey: .*'site'.*there is cellar$"):
        prepare(plant.spec({"customValidationMetadataKey": "site"}))


@pytest.mark.parametrize("groups", [None, [f"g{row % 7}" for row in range(40)]])
def test_each_row_validates_in_one_fold(groups: list[str | None] | None) -> None:
    sides = folds(40, 5, 3, groups)
    together = np.concatenate([validates for _, validates in sides])
    np.testing.assert_array_equal(np.sort(together), np.arange(40))
    for trains, validates in sides:
        assert len(trains) + len(validates) == 40
        assert len(validates) >= 1
        if groups is not None:
            assert {groups[row] for row in trains}.isdisjoint({groups[row] for row in validates})


def test_more_folds_than_groups_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"numFolds: 4 is more than the 3 groups"):
        folds(9, 4, 3, ["a", "b", "c"] * 3)


def test_folds_each_have_their_figures_and_the_best_is_kept(plant: NetworkPlant) -> None:
    directory = plant.train({**QUICK, "kFoldsValidationConfig": {"numFolds": 3}})
    told = metadata(directory)["kFoldsMetadata"]
    read_back = client_models.KFoldsMetadata(**without_thresholds(told))
    losses = [fold["modelValidationMetrics"][0]["loss"] for fold in told["folds"]]
    assert len(read_back.folds) == 3
    assert told["persistedFoldId"] == int(np.argmin(losses))
    assert told["persistedFoldName"] == f"Fold {told['persistedFoldId'] + 1}"
    kept = told["folds"][told["persistedFoldId"]]
    counted = [np.sum(fold["modelValidationMetrics"][0]["confusionMatrix"]) for fold in told["folds"]]
    assert sum(counted) == len(ROWS)
    whole = metadata(directory)["modelValidationMetrics"][1]
    assert whole["type"] == "float32"
    assert whole["confusionMatrix"] == kept["modelValidationMetrics"][0]["confusionMatrix"]
    done = [progress.fraction for progress in plant.heard.told if progress.stage == "train"]
    assert done == sorted(done)
    assert done[-1] == 1.0


def test_a_final_run_takes_all_rows_for_the_median_of_the_epochs_and_more(plant: NetworkPlant) -> None:
    asked = {"numFolds": 2, "includeFinalTrainingRun": True, "extraEpochs": 4}
    directory = plant.train({**QUICK, "kFoldsValidationConfig": asked})
    manifest, told = read(directory), metadata(directory)["kFoldsMetadata"]
    assert (told["persistedFoldId"], told["hasFinalRun"]) == (-1, True)
    assert manifest["data"]["trainingRows"] == len(ROWS)
    best = [len(fold["tensorboardGraphs"][0]["data"][0]["values"]) for fold in told["folds"]]
    assert best == [3, 3]
    assert 4 + 1 <= len(manifest["fit"]["epochs"]) <= 4 + 3
    assert any("trained on all rows" in warning for warning in manifest["warnings"])


def metadata(directory: Path) -> dict[str, Any]:
    return dict(read(directory, "metadata.json")["keras"])


def without_thresholds(told: dict[str, Any]) -> dict[str, Any]:
    """What the client can read: a threshold's number trips it, whoever sends it."""
    folds_ = [{**fold, "thresholds": [], "created": "2026-01-01T00:00:00Z"} for fold in told["folds"]]
    return {**told, "folds": folds_}


@pytest.mark.parametrize(
    ("request_", "rows", "message"),
    [
        ({"learningRate": 1, "trainingCycles": 30}, ROWS * 1e18, r"^learningRate: .* became (nan|inf)"),
        ({"trainingProcessor": "gpu"}, ROWS, r"^trainingProcessor: TensorFlow sees no GPU here: use cpu"),
    ],
)
def test_what_only_the_training_can_tell_fails_by_name(
    tmp_path: Path, request_: dict[str, Any], rows: Any, message: str
) -> None:
    made = NetworkPlant(tmp_path)
    made.add(rows, LABELS)
    with pytest.raises(TrainingError, match=message):
        made.train(request_)


def test_a_class_that_a_side_lacks_is_named(tmp_path: Path) -> None:
    made = NetworkPlant(tmp_path)
    made.add(ROWS[:40], ["common"] * 39 + ["rare"])
    with pytest.raises(TrainingError, match=r"^trainTestSplit: no row labelled 'rare' is left to "):
        prepare(made.spec({}))


def test_class_weights_help_the_rare_class(tmp_path: Path) -> None:
    """Two overlapping heaps, 20 to 1: unweighted, nearly all is called common; weighted, rare is found."""
    random = np.random.default_rng(1)
    rows = np.concatenate([random.normal(0, 1, (400, 2)), random.normal(1.5, 1, (20, 2))])
    made = NetworkPlant(tmp_path)
    made.add(rows, ["common"] * 400 + ["rare"] * 20)
    recalls = []
    for weighted in (False, True):
        directory = made.train(
            {"autoClassWeights": weighted, "trainingCycles": 20, "learningRate": 0.01, "trainTestSplit": 0.5}
        )
        int8 = metadata(directory)["modelValidationMetrics"][0]
        recalls.append(int8["report"]["rare"]["recall"])
    assert recalls[1] > recalls[0] + 0.2
