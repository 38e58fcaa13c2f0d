"""The wiring of Akida variants, against a stand-in for MetaTF that raises where the real one does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.capabilities import akida as capability
from daemon.errors import AkidaModelDamaged, AkidaRefused, DatasetError, TrainingError
from daemon.networks.akida import learning
from daemon.networks.akida.inference import load
from daemon.networks.akida.variant import AkidaVariant, make_akida_variant
from daemon.networks.preparation import prepare
from daemon.trainers.keras.runtime import load_tensorflow
from daemon.wire.akida import AkidaTask, AkidaTerms
from daemon.wire.worker import WorkerLimits
from tests.akida.digits import AKIDA, ASKED, TWO_MORE, digits, plant
from tests.networks.plant import NetworkPlant, read

STAND_IN = Path(__file__).parent / "stand_in"
MODULES = ("akida", "cnn2snn", "quantizeml", "quantizeml.models")

LAYERS = [{"type": "dense", "neurons": 32}]
REQUEST = {**AKIDA, "trainingCycles": 3, "visualLayers": LAYERS}


@pytest.fixture(scope="module", autouse=True)
def stand_in() -> Iterator[Any]:
    """The module in the place of akida."""
    with pytest.MonkeyPatch.context() as patch:
        for name in MODULES:
            patch.delitem(sys.modules, name, raising=False)
        patch.syspath_prepend(STAND_IN)
        import akida

        yield akida
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> NetworkPlant:
    """Digits below 6 to train on, and a 6 and a 9 to be learnt."""
    load_tensorflow(1, 3)
    made = plant(tmp_path_factory.mktemp("digits"), range(6))
    made.add(*digits([6, 9], last=300), category="anomaly")
    return made


@pytest.fixture(scope="module")
def version(project: NetworkPlant) -> Path:
    """The version of a network for an AKD1000, and of one that can learn two classes."""
    return project.train({**REQUEST, **TWO_MORE, "trainingCycles": 10})


def made_of(project: NetworkPlant, request: dict[str, Any] = REQUEST, **changes: Any) -> AkidaVariant | None:
    """What becomes of the variant alone."""
    spec = project.spec(request, **changes)
    return make_akida_variant(spec, prepare(spec), project.heard)


def test_a_job_leaves_the_file_and_says_what_it_is(version: Path) -> None:
    manifest, told = read(version), read(version, "metadata.json")["keras"]
    facts = manifest["akida"]
    assert facts["made"] and (facts["target"], facts["generation"]) == ("AKD1000", "v1"), facts
    assert facts["packages"] == {"akida": "2.19.3", "cnn2snn": "2.19.3", "quantizeml": "1.2.5"}
    assert facts["program"] == {"nps": len(_layers(version)), "programBytes": 7}
    assert told["availableModelTypes"] == ["int8", "float32", "akida"]
    assert told["recommendedModelType"] == "akida"
    (own,) = [metrics for metrics in told["modelValidationMetrics"] if metrics["type"] == "akida"]
    assert not own["isSupportedOnMcu"] and "runs on the chip" in own["mcuSupportError"]
    assert "akida" not in manifest["metrics"] and "akida" not in manifest["result"]["metrics"]
    page = (version / "report.html").read_text()
    assert "An Akida variant was made for " in page and f"{own['loss']:.4g}" not in page


def test_the_second_generation_has_inputs_of_its_own_and_does_not_learn(project: NetworkPlant) -> None:
    made = made_of(project, {**REQUEST, **TWO_MORE}, akida=AkidaTerms(target="v2"))
    assert made is not None and list(made.files) == ["akida_model.fbz"]
    assert made.facts["input"]["dtype"] == "int8" and made.facts["target"] == "v2"
    assert "does not learn" in made.facts["edgeLearning"]["message"]


def _layers(directory: Path) -> list[Any]:
    """Those of the stand-in's file."""
    import akida

    found: list[Any] = akida.Model(str(directory / "akida_model.fbz"))._state.layers
    return found


def test_features_become_the_integers_that_the_manifest_tells(version: Path) -> None:
    told = read(version)["akida"]["input"]
    assert (told["dtype"], told["least"], told["most"], told["shape"]) == ("uint8", 0, 15, [64])
    rows, _ = digits(range(6), first=600, last=700)
    coded = load(version).coding.encode(rows.astype(np.float32))
    low, high = np.array(told["low"]), np.array(told["high"])
    expected = np.floor(np.clip((rows - low) / (high - low), 0, 1) * 15 + 0.5)
    np.testing.assert_array_equal(coded, expected)
    assert coded.dtype == np.uint8


def test_the_chip_is_the_installed_one(
    project: NetworkPlant, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in, "devices", lambda: [stand_in.AKD1500()])
    made = made_of(project)
    assert made is not None and made.facts["target"] == "AKD1500", made
    monkeypatch.setattr(stand_in, "devices", lambda: [stand_in.Device("of tomorrow", "v3")])
    refused(project, "akida_target_unknown", "VirtualDevice/of tomorrow", "keras.akida.target")
    unknown = AkidaTerms(target="AKD2000")  # type: ignore[arg-type]
    refused(project, "akida_target_unknown", "'AKD2000' is no Akida chip", akida=unknown)


def test_a_variant_that_would_take_too_long_is_given_up(project: NetworkPlant) -> None:
    refused(project, "akida_refused", "longer than jobs.timeout_s leaves", limits=WorkerLimits(seconds=0.001))


def refused(project: NetworkPlant, code: str, *said: str, **changes: Any) -> None:
    """Make a variant, and see that it is refused."""
    made = made_of(project, **changes)
    assert made is not None and not made.files and not made.facts["made"]
    assert made.facts["code"] == code, made.facts
    assert all(part in made.facts["message"] for part in said), made.facts
    assert made.warning == f"no Akida variant: {made.facts['message']}"


def test_another_major_version_is_refused(
    project: NetworkPlant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert capability(AkidaTerms()) == {
        "available": True,
        "target": "auto",
        "always": False,
        "packages": {"akida": "2.19.3", "cnn2snn": "2.19.3", "quantizeml": "1.2.5"},
    }
    (tmp_path / "cnn2snn-3.0.0.dist-info").mkdir()
    (tmp_path / "cnn2snn-3.0.0.dist-info" / "METADATA").write_text("Name: cnn2snn\nVersion: 3.0.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    refused(project, "akida_unavailable", "cnn2snn 3.0.0 is not known here, 2.x is")
    assert "cnn2snn 3.0.0" in capability(AkidaTerms())["reason"]


def test_a_file_that_decides_otherwise_is_dropped_and_the_int8_network_is_not(
    project: NetworkPlant, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = stand_in.Model.predict
    monkeypatch.setattr(stand_in.Model, "predict", lambda model, rows: -predict(model, rows))
    directory = project.train(REQUEST)
    manifest = read(directory)
    facts = manifest["akida"]
    assert facts["code"] == "akida_gate_failed" and "keras.akida.min_agreement" in facts["message"]
    assert (directory / "model_int8.tflite").exists() and not (directory / "akida_model.fbz").exists()
    (warning,) = manifest["result"]["warnings"]
    assert facts["message"] in warning
    assert read(directory, "metadata.json")["keras"]["recommendedModelType"] == "int8"


def test_a_layer_that_metatf_refuses_is_told(
    project: NetworkPlant, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(model: Any, device: Any, *, hw_only: bool = False) -> None:
        raise RuntimeError("Cannot map layer 'dense'.\n Too many neurons.")

    monkeypatch.setattr(stand_in.Model, "map", too_large)
    refused(project, "akida_architecture", "does not fit on AKD1000: Cannot map layer 'dense'. Too many")


def test_whatever_metatf_raises_costs_the_variant_only(
    project: NetworkPlant, stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("of its own")

    monkeypatch.setattr(stand_in.Model, "save", fail)
    refused(project, "akida_refused", "unexpected KeyError: 'of its own'")


def test_the_configuration_asks_for_all_classifiers(project: NetworkPlant) -> None:
    plain = {**ASKED, "trainingCycles": 3, "visualLayers": LAYERS}
    assert made_of(project, plain) is None
    made = made_of(project, plain, akida=AkidaTerms(always=True))
    assert made is not None and made.facts["made"]


def taught(project: NetworkPlant, earlier: Path, *classes: str) -> Path:
    """The version that learning makes."""
    spec = project.spec(read(earlier)["request"], weights=str(earlier), teaches=AkidaTask(classes, "anomaly"))
    learning.run(spec, project.heard)
    return Path(spec.staging_dir)


def test_classes_are_learnt_one_after_the_other(project: NetworkPlant, version: Path) -> None:
    assert read(version)["akida"]["edgeLearning"] == {"made": True, "classes": 2, "neurons": 30, "learnt": []}
    second = taught(project, version, "9")
    third = taught(project, second, "6")
    again = taught(project, third, "9")
    assert [read(one)["akida"]["edgeLearning"]["learnt"] for one in (second, third, again)] == [
        ["9"],
        ["9", "6"],
        ["9", "6"],
    ]
    assert read(third)["result"]["learnt"] == {"6": digits([6], last=300)[1].count("6")}
    rows, labels = digits([6, 9], first=600, last=900)
    answered = load(again, learnt=True).classify(rows.astype(np.float32))
    assert sum(a == b for a, b in zip(answered, labels, strict=True)) > 0.65 * len(labels)
    with pytest.raises(AkidaRefused, match="can learn 2 classes and would know 3, 9, 6, 5"):
        taught(project, third, "5")
    with pytest.raises(DatasetError, match="no row of the category anomaly is labelled '4'"):
        taught(project, second, "4")


def test_a_layer_of_more_than_one_bit_cannot_learn(
    project: NetworkPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cnn2snn

    monkeypatch.setattr(cnn2snn, "quantize_layer", lambda model, *_: model)
    made = made_of(project, {**REQUEST, **TWO_MORE})
    assert made is not None
    facts = made.facts
    assert facts["made"] and not facts["edgeLearning"]["made"]
    assert "Only layers receiving binary inputs can be trained" in facts["edgeLearning"]["message"]


def test_a_damaged_file_is_given_to_nobody(
    project: NetworkPlant, version: Path, stand_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "version"
    shutil.copytree(version, directory)
    for name in ("akida_model.fbz", "akida_edge_learning_model.fbz"):
        path = directory / name
        path.write_bytes(path.read_bytes()[:-1] + b" ")
    monkeypatch.setattr(stand_in, "Model", None)
    for learnt in (False, True):
        with pytest.raises(AkidaModelDamaged, match="differs from its SHA-256"):
            load(directory, learnt=learnt)
    with pytest.raises(TrainingError, match="differs from its SHA-256"):
        taught(project, directory, "9")
