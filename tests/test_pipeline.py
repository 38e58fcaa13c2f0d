"""One training from the stored rows to a complete version: what it writes, says and refuses."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from daemon import pipeline
from daemon.data.index import Column, DataIndex, Recording
from daemon.database import Database
from daemon.errors import DatasetError, GateFailed, JobCanceled, TrainingError
from daemon.models import anomaly
from daemon.quantize.anomaly import load
from daemon.trainers.table import TRAINERS
from daemon.wire.worker import GateBounds, Spec
from tests.trainers.rows import Rows, blobs

KINDS = pytest.mark.parametrize("kind", TRAINERS)
STAGES = ["prepare", "train", "quantize", "evaluate", "export"]


@dataclass
class Heard:
    """An emitter that writes down what it hears."""

    progressed: list[tuple[str, float, dict[str, float] | None]] = field(default_factory=list)
    logged: list[tuple[str, str]] = field(default_factory=list)
    cancel_at: str = ""

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """Write it down, or stop the job."""
        if stage == self.cancel_at:
            raise JobCanceled("canceled while it ran")
        self.progressed.append((stage, fraction, metrics))

    def log(self, level: str, text: str) -> None:
        """Write it down."""
        self.logged.append((level, text))


@dataclass
class Plant:
    """A project with rows in the database, and somewhere to put versions."""

    path: Path
    columns: list[Column]

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """The database, inside a transaction."""
        database = Database(self.path / "trainerd.db")
        database.open()
        try:
            with database.transaction():
                yield database
        finally:
            database.close()

    def add(self, category: str, rows: Rows, *, interval_ms: float = 0, **members: Any) -> None:
        """Import rows as one file."""
        recording = Recording(
            self.columns, interval_ms, rows.astype("<f4").tobytes(), name=f"{category}.csv", **members
        )
        with self.database() as database:
            DataIndex(database).add(1, category, recording)

    def spec(self, kind: str, version: int = 1, **changes: Any) -> Spec:
        """A job on all columns; `request` and `block` are merged into the usual ones."""
        staging = self.path / "work" / str(version)
        staging.mkdir(parents=True)
        block = {"id": 7, "type": kind, "name": "Press 3", "dsp": [2], **changes.pop("block", {})}
        source = changes.pop("source", {"id": 1, "type": "features"})
        request = {
            "axes": list(range(len(self.columns))),
            "clusterCount": 4,
            "minimumConfidenceRating": 0.3,
            "skipEmbeddingsAndMemory": True,
            **changes.pop("request", {}),
        }
        impulse = {
            "inputBlocks": [source],
            "dspBlocks": [{"id": 2, "type": "raw"}],
            "learnBlocks": [block],
        }
        spec = Spec(
            job_id=41,
            project_id=1,
            learn_id=7,
            version=version,
            database=str(self.path / "trainerd.db"),
            staging_dir=str(staging),
            learn_block=block,
            impulse=impulse,
            request={name: value for name, value in request.items() if value is not None},
        )
        return msgspec.structs.replace(spec, **changes)

    def train(self, kind: str, version: int = 1, **changes: Any) -> tuple[Path, dict[str, Any]]:
        """Run a job; returns the version's directory and its manifest."""
        spec = self.spec(kind, version, **changes)
        pipeline.run(spec, Heard())
        return Path(spec.staging_dir), json.loads((Path(spec.staging_dir) / "manifest.json").read_bytes())


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Four columns, 300 training rows."""
    made = Plant(
        tmp_path, [Column("current", "A"), Column("flow", "l/min"), Column("t", "C"), Column("p", "bar")]
    )
    made.add("training", blobs(300, 4))
    return made


@KINDS
def test_stages_come_in_order_and_the_result_says_what_came_out(plant: Plant, kind: str) -> None:
    heard = Heard()
    result = pipeline.run(plant.spec(kind, version=5), heard)
    assert list(dict.fromkeys(stage for stage, _, _ in heard.progressed)) == STAGES
    assert [(stage, fraction) for stage, fraction, _ in heard.progressed if fraction in (0, 1)] == [
        (stage, fraction) for stage in STAGES for fraction in (0.0, 1.0)
    ]
    assert result["version"] == 5
    assert set(result["metrics"]) == {"float64", "int8"}
    json.dumps(result, allow_nan=False)


@KINDS
def test_the_manifest_lists_every_other_file(plant: Plant, kind: str) -> None:
    directory, manifest = plant.train(kind)
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()} - {
        "manifest.json"
    }
    assert present == set(manifest["files"])
    assert present == {
        "model.npz",
        "model_int8.npz",
        "metadata.json",
        "report.html",
        "c/press_3.h",
        "c/press_3.c",
        "c/press_3_test_vectors.h",
    }
    for name, said in manifest["files"].items():
        content = (directory / name).read_bytes()
        assert said == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@KINDS
def test_the_manifest_says_where_the_version_comes_from_and_what_it_means(plant: Plant, kind: str) -> None:
    _, manifest = plant.train(kind, request={"axes": [3, 0]})
    assert manifest["schemaVersion"] == 1
    assert [manifest[name] for name in ("projectId", "learnId", "version", "jobId", "type", "name")] == [
        *(1, 7, 1, 41),
        kind,
        "Press 3",
    ]
    assert manifest["request"]["axes"] == [3, 0]
    assert manifest["settings"]["axes"] == [0, 3]
    assert manifest["seeds"]["training"] == 3
    assert {"python", "numpy", "scikit-learn", "trainerd"} <= set(manifest["packages"])
    assert re.fullmatch("[0-9a-f]{64}", manifest["data"]["digest"])
    assert [(axis["axis"], axis["label"], axis["units"]) for axis in manifest["inputs"]] == [
        (0, "current", "A"),
        (3, "p", "bar"),
    ]
    assert manifest["quantization"]["bits"] in (8, 16)
    assert len(manifest["quantization"]["zeroPoint"]) == 2
    score = manifest["score"]
    assert score["cap"] == 1000
    assert score["threshold"] == manifest["threshold"]
    shares = [score["trainingPercentiles"][percent] for percent in ("0", "50", "99", "100")]
    assert shares == sorted(shares)
    for figures in manifest["metrics"].values():
        assert figures["trainingFlagged"] <= 0.02
        assert figures["rocAucSynthetic"] > 0.9
    assert manifest["gate"]["normalRowsFrom"] == "training"


@KINDS
def test_the_same_job_writes_the_same_bytes(plant: Plant, kind: str) -> None:
    wanted = {"skipEmbeddingsAndMemory": False}
    (one, first), (two, second) = (plant.train(kind, version, request=wanted) for version in (1, 2))
    assert first["files"] == second["files"]
    for name in first["files"]:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    different = {name for name in first if first[name] != second[name]}
    assert different <= {"version", "created", "result"}


@KINDS
def test_files_are_arrays_and_text_never_pickles(plant: Plant, kind: str) -> None:
    directory, manifest = plant.train(kind)
    rows = blobs(50, 4, seed=9)
    model, integer = anomaly.load(directory / "model.npz"), load(directory / "model_int8.npz")
    assert model.threshold == integer.threshold == manifest["threshold"]
    assert np.mean((model.score(rows) >= model.threshold) == integer.is_anomaly(rows)) >= 0.98


def test_kmeans_is_a_plain_scikit_learn_fit_of_all_training_rows(plant: Plant) -> None:
    plant.add("testing", blobs(80, 4, seed=1))
    directory, _ = plant.train("anomaly")
    rows = blobs(300, 4).astype(float)
    plain = KMeans(4, n_init=10, random_state=3).fit(StandardScaler().fit_transform(rows))
    published = json.loads((directory / "metadata.json").read_bytes())["anomaly"]
    centres = np.array([cluster["center"] for cluster in published["clusters"]])
    assert centres == pytest.approx(plain.cluster_centers_, abs=1e-12)
    assert published["mean"] == pytest.approx(rows.mean(axis=0))
    errors = [cluster["maxError"] for cluster in published["clusters"]]
    distances = plain.transform(StandardScaler().fit_transform(rows))
    assert errors == pytest.approx([distances[plain.labels_ == k, k].max() for k in range(4)])


def test_plain_distance_publishes_no_radius(plant: Plant) -> None:
    directory, manifest = plant.train("anomaly", block={"score": "distance"})
    published = json.loads((directory / "metadata.json").read_bytes())["anomaly"]
    assert {cluster["maxError"] for cluster in published["clusters"]} == {0.0}
    assert "centre of the nearest cluster" in manifest["score"]["meaning"]


@pytest.mark.parametrize(
    ("kind", "request_", "settings", "threshold", "source"),
    [
        ("anomaly", {}, {}, 0.3, "minimumConfidenceRating"),
        ("anomaly", {"thresholds": [{"key": "min_anomaly_score", "value": 0.9}]}, {}, 0.9, "request"),
        ("anomaly", {}, {"thresholds": [{"key": "min_anomaly_score", "value": 0.8}]}, 0.8, "learn block"),
        ("anomaly-gmm", {}, {"thresholds": [{"key": "min_anomaly_score", "value": 4}]}, 4.0, "learn block"),
    ],
)
def test_the_threshold_that_was_set_is_in_every_file(
    plant: Plant,
    kind: str,
    request_: dict[str, Any],
    settings: dict[str, Any],
    threshold: float,
    source: str,
) -> None:
    directory, manifest = plant.train(kind, request=request_, settings=settings)
    assert manifest["score"]["threshold"] == threshold
    assert manifest["score"]["thresholdSource"] == source
    published = json.loads((directory / "metadata.json").read_bytes())["anomaly"]["thresholds"]
    assert [(item["key"], item["value"]) for item in published] == [("min_anomaly_score", threshold)]
    assert load(directory / "model_int8.npz").threshold == threshold


def test_the_suggested_threshold_of_gmm_is_the_99th_percentile(plant: Plant) -> None:
    directory, manifest = plant.train("anomaly-gmm")
    scores = anomaly.load(directory / "model.npz").score(blobs(300, 4))
    assert manifest["threshold"] == pytest.approx(max(0.1, np.percentile(scores, 99)))
    assert manifest["score"]["thresholdSource"] == "suggested"
    assert "minimumConfidenceRating" in manifest["ignored"]


def test_rows_of_other_categories_judge_and_do_not_train(plant: Plant) -> None:
    normal = blobs(60, 4, seed=2)
    off = normal[:20] + 8 * normal.std(axis=0)
    plant.add("testing", np.concatenate([normal, off]), labels=["ok"] * 60 + ["anomaly"] * 20)
    plant.add("anomaly", off[:5])
    _, manifest = plant.train("anomaly", request={"thresholds": [{"key": "min_anomaly_score", "value": 0.9}]})
    assert manifest["data"]["trainingRows"] == 300
    assert manifest["data"]["normalRows"] == 60
    assert manifest["data"]["anomalousRows"] == 25
    assert manifest["gate"]["normalRowsFrom"] == "testing"
    for figures in manifest["metrics"].values():
        assert figures["anomaliesFound"] == 1.0
        assert figures["rocAuc"] == 1.0
        assert figures["balancedAccuracy"] > 0.9


def test_training_rows_labelled_as_anomalies_are_told_of(plant: Plant) -> None:
    plant.add("training", blobs(10, 4, seed=3), label="anomaly")
    heard = Heard()
    pipeline.run(plant.spec("anomaly"), heard)
    assert any(text.startswith("10 training rows are labelled as anomalies") for _, text in heard.logged)


def test_the_default_cluster_count_and_constant_columns_warn(plant: Plant) -> None:
    plant.columns = [Column("a"), Column("b")]
    with plant.database() as database:
        database.connection.execute("DELETE FROM recording")
    rows = blobs(20, 2)
    rows[:, 1] = 4
    plant.add("training", rows)
    _, manifest = plant.train("anomaly", request={"clusterCount": None})
    assert manifest["settings"]["clusterCount"] == 20
    assert [warning.split(" ", 2)[:2] for warning in manifest["warnings"]] == [
        ["column", "'b'"],
        ["clusterCount", "is"],
    ]


@KINDS
@pytest.mark.parametrize(
    "rows",
    [blobs(2, 3), np.full((40, 3), 7, np.float32), np.repeat(blobs(10, 3), 20, axis=0)],
    ids=["two rows", "all alike", "duplicates"],
)
def test_little_to_learn_from_is_enough(tmp_path: Path, kind: str, rows: Rows) -> None:
    plant = Plant(tmp_path, [Column("a"), Column("b"), Column("c")])
    plant.add("training", rows)
    directory, manifest = plant.train(kind, request={"clusterCount": 1})
    assert manifest["metrics"]["int8"]["trainingFlagged"] <= 0.02
    assert load(directory / "model_int8.npz").is_anomaly(rows + 100 * np.ptp(rows, axis=0) + 100).all()


def test_windows_of_a_time_series_train(tmp_path: Path) -> None:
    plant = Plant(tmp_path, [Column("x", "g"), Column("y", "g")])
    for seed in range(3):
        plant.add("training", blobs(101, 2, seed=seed), interval_ms=10)
    source = {"id": 1, "type": "time-series", "windowSizeMs": 50, "windowIncreaseMs": 20, "frequencyHz": 100}
    _, manifest = plant.train("anomaly", source=source, request={"axes": [0, 1, 8]})
    assert manifest["data"]["trainingRows"] == 3 * 49
    assert [axis["label"] for axis in manifest["inputs"]] == ["x[0]", "y[0]", "x[4]"]


@KINDS
@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"clusterCount": 301}, "clusterCount: 301 .* the largest allowed value is 300 "),
        ({"axes": [0, 4]}, r"axes\[1\]: 4 is out of range: the DSP blocks give 4 outputs, 0 to 3"),
        ({"axes": [1, 1]}, r"axes\[1\]: 1 is already named by axes\[0\]"),
        ({"thresholds": [{"key": "min_score", "value": 1}]}, r"thresholds\[0\].key: 'min_score' is unknown"),
        ({"clusters": 3}, "clusters: unknown member, did you mean clusterCount"),
    ],
)
def test_a_request_that_does_not_fit_fails_by_name(
    plant: Plant, kind: str, request_: dict[str, Any], message: str
) -> None:
    spec, heard = plant.spec(kind, request=request_), Heard()
    with pytest.raises(TrainingError, match=message):
        pipeline.run(spec, heard)
    assert {stage for stage, _, _ in heard.progressed} == {"prepare"}
    assert list(Path(spec.staging_dir).iterdir()) == []


@pytest.mark.parametrize("category", ["training", "testing"])
def test_a_value_that_is_not_finite_fails_by_place(plant: Plant, category: str) -> None:
    rows = blobs(30, 4, seed=4)
    plant.add(category, rows)
    rows[17, 2] = np.nan
    data = rows.astype("<f4").tobytes()
    with plant.database() as database:
        database.connection.execute(
            "UPDATE recording SET data = ?, sha256 = ? WHERE rows = 30",
            (data, hashlib.sha256(data).hexdigest()),
        )
    with pytest.raises(DatasetError, match=f"nan in column 't', row 17 .from 0. of '{category}.csv'"):
        pipeline.run(plant.spec("anomaly"), Heard())


def test_one_row_is_not_enough(tmp_path: Path) -> None:
    plant = Plant(tmp_path, [Column("a")])
    plant.add("training", blobs(1, 1))
    with pytest.raises(DatasetError, match="1 training rows: at least 2"):
        pipeline.run(plant.spec("anomaly", request={"clusterCount": 1}), Heard())


@KINDS
def test_a_gate_that_fails_ends_the_job_with_its_figures(plant: Plant, kind: str) -> None:
    spec = plant.spec(kind, gate=GateBounds(min_spearman=1.1))
    with pytest.raises(GateFailed) as caught:
        pipeline.run(spec, Heard())
    assert "1.1" in caught.value.message
    assert caught.value.details
    json.dumps(caught.value.details, allow_nan=False)
    assert not (Path(spec.staging_dir) / "manifest.json").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_a_canceled_job_leaves_no_manifest(plant: Plant, stage: str) -> None:
    spec = plant.spec("anomaly")
    with pytest.raises(JobCanceled):
        pipeline.run(spec, Heard(cancel_at=stage))
    assert not (Path(spec.staging_dir) / "manifest.json").exists()


def test_embedding_and_memory_come_unless_skipped(plant: Plant) -> None:
    directory, manifest = plant.train("anomaly", request={"skipEmbeddingsAndMemory": None})
    drawn = json.loads((directory / "embedding.json").read_bytes())
    assert len(drawn["x"]) == len(drawn["y"]) == len(drawn["score"]) == len(drawn["label"]) == 300
    assert np.var(drawn["x"]) >= np.var(drawn["y"])
    assert manifest["memory"]["flashBytes"] > 0
    assert manifest["memory"]["measuredWith"]


def test_every_member_of_the_manifest_is_documented(plant: Plant) -> None:
    _, manifest = plant.train("anomaly")
    text = (Path(__file__).parent.parent / "docs" / "training.md").read_text()
    section = text[text.index("## What a version says of itself") :]
    missing = {name for name in manifest if f"`{name}`" not in section}
    assert missing == set()


def test_the_documented_example_runs_as_it_stands(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "training.md").read_text()
    impulse = json.loads(re.findall(r"```json impulse\n(.*?)```", text, re.DOTALL)[0])
    request = json.loads(re.findall(r"```json request\n(.*?)```", text, re.DOTALL)[0])
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    plant = Plant(tmp_path, [Column("current", "A"), Column("vibration", "g"), Column("unused")])
    random = np.random.default_rng(0)
    rows = random.normal([4.0, 0.5, 0.0], [0.3, 0.1, 1.0], (200, 3)).astype(np.float32)
    plant.add("training", rows)
    directory, _ = plant.train(
        "anomaly", impulse=impulse, learn_block=impulse["learnBlocks"][0], request=request
    )
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(directory)
    try:
        exec(code, names)
    finally:
        os.chdir(before)
    assert names["anomalies"].tolist() == [False, True]
    assert names["scores"] == pytest.approx(anomaly.load(directory / "model.npz").score(names["features"]))
