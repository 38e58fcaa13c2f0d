"""With MetaTF, for real, on its software backend and its virtual devices: `make test-akida`.

What is asserted is what works and what agrees. No figure of BrainChip's software is printed: its licence says
so.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.errors import AkidaArchitecture, AkidaBitsMissing, AkidaModelDamaged, AkidaRefused
from daemon.networks import pipeline
from daemon.networks.akida import learning
from daemon.networks.akida.inference import load
from daemon.quantize.akida.metatf import load_akida
from daemon.quantize.akida.targets import TARGETS, check_fits
from daemon.wire.akida import AkidaTask, AkidaTerms
from daemon.wire.script import Bounds, ScriptTerms
from tests.akida.digits import AKIDA, ASKED, IMAGE, TWO_MORE, VECTOR, digits, plant
from tests.networks.plant import NetworkPlant, read
from tests.test_docs import blocks

pytestmark = pytest.mark.metatf

LAYERS = {"vector": VECTOR, "image": IMAGE}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> NetworkPlant:
    """All ten digits."""
    return plant(tmp_path_factory.mktemp("digits"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", LAYERS)
def test_a_job_leaves_a_variant_that_fits_and_agrees(project: NetworkPlant, kind: str, target: str) -> None:
    request = {**AKIDA, "visualLayers": LAYERS[kind]}
    directory = project.train(request, akida=AkidaTerms(target=target))  # type: ignore[arg-type]
    manifest, told = read(directory), read(directory, "metadata.json")["keras"]
    facts = manifest["akida"]
    assert facts["made"] and facts["target"] == target and not manifest["warnings"]
    assert facts["generation"] == ("v2" if target == "v2" else "v1")
    assert set(facts["packages"]) == {"akida", "cnn2snn", "quantizeml"}
    assert "akida_model.fbz" in manifest["files"] and "model_int8.tflite" in manifest["files"]
    assert told["availableModelTypes"] == ["int8", "float32", "akida"]
    assert told["recommendedModelType"] == "akida"
    assert all(value > 0 for value in facts["program"].values())
    # The file alone tells digits apart: guessing is right about a tenth of them.
    rows, labels = digits(first=600, last=1200)
    answered = load(directory).classify(rows.astype(np.float32))
    right = sum(given == label for given, label in zip(answered, labels, strict=True))
    assert right > len(labels) / 2


def test_the_variant_costs_the_int8_network_nothing_and_is_the_same_again(project: NetworkPlant) -> None:
    request = {**ASKED, "visualLayers": VECTOR}
    plain = project.train(request)
    both, again = (project.train({**request, "selectedModelType": "akida"}) for _ in range(2))
    for name in ("model_int8.tflite", "model_float32.tflite", "c/net.c"):
        assert (plain / name).read_bytes() == (both / name).read_bytes()
    assert not (plain / "akida_model.fbz").exists() and "akida" not in read(plain)
    assert (both / "akida_model.fbz").read_bytes() == (again / "akida_model.fbz").read_bytes()


def test_the_configuration_may_ask_for_all(project: NetworkPlant) -> None:
    directory = project.train({**ASKED, "visualLayers": VECTOR}, akida=AkidaTerms(always=True))
    assert (directory / "akida_model.fbz").exists()
    assert read(directory, "metadata.json")["keras"]["recommendedModelType"] == "int8"


def test_the_page_has_no_figure_of_the_variant(project: NetworkPlant) -> None:
    directory = project.train({**AKIDA, "visualLayers": VECTOR})
    page = (directory / "report.html").read_text()
    assert "An Akida variant" in page and "akida_model.fbz" in page
    told = read(directory, "metadata.json")["keras"]["modelValidationMetrics"]
    (own,) = [metrics for metrics in told if metrics["type"] == "akida"]
    assert f"{own['loss']:.4g}" not in page


def conv(kernel: int, **members: Any) -> dict[str, Any]:
    return {"type": "conv2d", "neurons": 4, "kernelSize": kernel, **members}


FLATTEN, RESHAPE = {"type": "flatten"}, {"type": "reshape", "columns": 8}


@pytest.mark.parametrize("target", ["AKD1000", "v2"])
@pytest.mark.parametrize(
    "layers",
    [
        [RESHAPE, conv(5), FLATTEN],
        [RESHAPE, conv(7), FLATTEN],
        [RESHAPE, conv(3, stack=2), conv(3), FLATTEN],
        [RESHAPE, conv(3), conv(3, stack=2), FLATTEN],
        [RESHAPE, FLATTEN, {"type": "dense", "neurons": 8}, {"type": "batchNormalization"}],
        [],
    ],
    ids=["kernel 5", "kernel 7", "stack", "stack behind", "flattened", "output alone"],
)
def test_what_the_table_says_fits(project: NetworkPlant, layers: list[Any], target: str) -> None:
    request = {**AKIDA, "trainingCycles": 2, "visualLayers": layers}
    # Of networks that have hardly been trained, decisions are close.
    terms = AkidaTerms(target=target, min_agreement=0.5)  # type: ignore[arg-type]
    facts = read(project.train(request, akida=terms))["akida"]
    assert facts["made"], facts["message"]


def test_the_example_of_the_page_reads_digits_and_learns(tmp_path: Path) -> None:
    (impulse,) = [json.loads(text) for text in blocks("docs/keras.md", "json impulse")]
    (request,), (learns,) = (
        [json.loads(text) for text in blocks("docs/akida.md", f"json {kind}")]
        for kind in ("request", "learn")
    )
    project = plant(tmp_path, range(6))
    (block,) = impulse["learnBlocks"]
    first = project.train(request, block["type"], impulse=impulse, learn_block=block)
    assert {"akida_model.fbz", "akida_edge_learning_model.fbz"} <= read(first)["files"].keys()
    project.add(*digits([6], last=300))
    second = taught(project, first, *learns["classes"])
    assert read(second)["akida"]["edgeLearning"]["learnt"] == ["6"]
    (code,) = blocks("docs/akida.md", "python")
    rows, _ = digits(range(6), first=600, last=700)
    scope = {"rows": rows.astype(np.float32)}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code.replace("/var/lib/trainerd/projects/1/models/9/current", str(second)), scope)
    assert printed.getvalue().startswith("software ['")


def test_images_of_a_camera_are_seen_as_such(tmp_path: Path) -> None:
    (impulse,) = [json.loads(text) for text in blocks("docs/keras.md", "json images")]
    (block,) = impulse["learnBlocks"]
    project = NetworkPlant(tmp_path)
    rows, labels = digits()
    project.add(rows * (255 / 16), labels)
    request = {**AKIDA, "visualLayers": IMAGE[1:]}
    directory = project.train(request, block["type"], impulse=impulse, learn_block=block)
    facts = read(directory)["akida"]
    assert facts["made"] and facts["input"]["shape"] == [8, 8, 1]
    assert (facts["input"]["low"], facts["input"]["high"]) == ([0.0], [1.0])


@pytest.mark.parametrize("target", ["AKD1000", "v2"])
@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([RESHAPE, conv(1), FLATTEN], "visualLayers[1].kernelSize: 1"),
        ([RESHAPE, conv(3), conv(1), FLATTEN], "visualLayers[2].kernelSize: 1"),
        ([RESHAPE, conv(3), {"type": "conv2d", "neurons": 4, "kernelSize": 4}, FLATTEN], "visualLayers[2]"),
    ],
    ids=["first kernel", "later kernel", "even kernel"],
)
def test_what_the_table_refuses(project: NetworkPlant, layers: list[Any], why: str, target: str) -> None:
    terms = AkidaTerms(target=target)  # type: ignore[arg-type]
    directory = project.train({**AKIDA, "trainingCycles": 1, "visualLayers": layers}, akida=terms)
    facts = read(directory)["akida"]
    assert not facts["made"] and facts["code"] == AkidaArchitecture.code and why in facts["message"]
    assert (directory / "model_int8.tflite").exists()


def test_what_a_chip_does_not_take_is_told_by_its_virtual_one(project: NetworkPlant) -> None:
    directory = project.train({**AKIDA, "visualLayers": VECTOR}, akida=AkidaTerms(target="AKD1000"))
    content = (directory / "akida_model.fbz").read_bytes()
    akida = load_akida()
    assert check_fits(akida, content, TARGETS["AKD1500"])["nps"] > 0
    with pytest.raises(AkidaArchitecture, match="does not fit on v2: "):
        check_fits(akida, content, TARGETS["v2"])


def test_classes_are_learnt_and_kept(tmp_path: Path) -> None:
    """Trained on digits below 6, taught a 6, and with the file of that, a 9."""
    project = plant(tmp_path, range(6))
    first = project.train({**AKIDA, **TWO_MORE, "visualLayers": IMAGE}, akida=AkidaTerms(target="AKD1000"))
    facts = read(first)["akida"]["edgeLearning"]
    assert facts == {"made": True, "classes": 2, "neurons": 30, "learnt": []}
    project.add(*digits([6, 9], last=300))
    second = taught(project, first, "6")
    third = taught(project, second, "9")
    assert read(third)["akida"]["edgeLearning"]["learnt"] == ["6", "9"]
    assert read(third)["result"]["weightsOf"] == read(second)["version"]
    rows, labels = digits([6, 9], first=600, last=1200)
    answered = load(third, learnt=True).classify(rows.astype(np.float32))
    right = sum(given == label for given, label in zip(answered, labels, strict=True))
    # Of two: so many of 123 by guessing have a chance below a thousandth.
    assert right > 0.65 * len(labels)
    # All else is as it was.
    files = (read(version)["files"] for version in (first, third))
    before, after = (
        {name: file["sha256"] for name, file in found.items() if name != "report.html"} for found in files
    )
    assert {name for name in before if before[name] != after[name]} == {"akida_edge_learning_model.fbz"}


def taught(project: NetworkPlant, earlier: Path, *classes: str) -> Path:
    """The version that learning makes."""
    spec = project.spec(
        read(earlier)["request"], weights=str(earlier), teaches=AkidaTask(classes, "training")
    )
    learning.run(spec, project.heard)
    return Path(spec.staging_dir)


def test_a_chip_of_the_second_generation_does_not_learn(project: NetworkPlant) -> None:
    request = {**AKIDA, **TWO_MORE, "visualLayers": VECTOR}
    directory = project.train(request, akida=AkidaTerms(target="v2"))
    facts = read(directory)["akida"]
    assert facts["made"] and not facts["edgeLearning"]["made"]
    assert "does not learn" in facts["edgeLearning"]["message"]


def test_a_damaged_file_is_not_read(project: NetworkPlant) -> None:
    """The package itself takes some damaged files for good, and dies of others."""
    directory = project.train({**AKIDA, "visualLayers": VECTOR})
    path = directory / "akida_model.fbz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(AkidaModelDamaged, match="differs from its SHA-256"):
        load(directory)


#: A script that trains both models as Edge Impulse's Akida blocks do: images of 0 to 1, few bits, one bit.
SCRIPT = """
import cnn2snn
L = tf.keras.layers
rows, more = X_train.reshape(-1, 8, 8, 1), X_test.reshape(-1, 8, 8, 1)

def trained(network, epochs):
    network.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    network.fit(rows, Y_train, epochs=epochs, validation_data=(more, Y_test), verbose=0)
    return network

akida = trained(tf.keras.Sequential([
    L.Input((8, 8, 1)), L.Conv2D(8, 3, strides=2, padding="same"), L.ReLU(6.0, name="features"), L.Flatten(),
    L.Dense(classes), L.Softmax(),
]), 20)
akida_model = trained(cnn2snn.quantize(akida, 4, 4, 8), 10)
akida_edge_model = trained(cnn2snn.quantize_layer(akida_model, "features", 1), 5)
model = tf.keras.Sequential([L.Input((64,)), L.Dense(classes, activation="softmax")])
"""


def scripted(path: Path, script: str, **members: Any) -> Path:
    """The version that a script makes of digits of 0 to 1."""
    project = NetworkPlant(path)
    rows, labels = digits()
    project.add(rows / 16, labels)
    digest = hashlib.sha256(script.encode()).hexdigest()
    terms = ScriptTerms(digest, Bounds(), "/nowhere", [str(path / "trainerd.db")])
    spec = project.spec({"mode": "expert", "script": script, **members}, script=terms)
    pipeline.run(spec, project.heard)
    return Path(spec.staging_dir)


def test_a_script_may_leave_its_own(tmp_path: Path) -> None:
    manifest = read(scripted(tmp_path, SCRIPT, **TWO_MORE))
    facts = manifest["akida"]
    assert facts["made"] and facts["edgeLearning"]["made"], facts
    assert {"akida_model.fbz", "akida_edge_learning_model.fbz"} <= manifest["files"].keys()
    with pytest.raises(AkidaRefused, match="was made by a script"):
        load(tmp_path / "work" / "1")


@pytest.mark.parametrize(
    ("left", "code", "said"),
    [
        ("akida_model = model", AkidaBitsMissing.code, "layer dense of type Dense has no width"),
        ("akida_model = 5", AkidaArchitecture.code, "akida_model is a int"),
        ("", AkidaRefused.code, "leaves no akida_model"),
    ],
)
def test_what_a_script_leaves_wrong_is_told(tmp_path: Path, left: str, code: str, said: str) -> None:
    script = "L = tf.keras.layers\nmodel = tf.keras.Sequential([L.Input((64,)), L.Dense(classes)])\n" + left
    directory = scripted(tmp_path, script, selectedModelType="akida")
    facts = read(directory)["akida"]
    assert facts["code"] == code and said in facts["message"], facts
    assert (directory / "model_int8.tflite").exists()
