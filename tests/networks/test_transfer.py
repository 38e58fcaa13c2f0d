"""Transfer learning with weights that the test makes: real networks, real files, freezing and fine-tuning."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.errors import InvalidMember, TrainingError
from daemon.trainers.keras.layers import Layer
from daemon.trainers.keras.pretrained import PRETRAINED, SUMS, check_weights, find_weights
from daemon.trainers.keras.shapes import place_layers
from daemon.trainers.keras.transfer import FINE_TUNE_EPOCHS, build_transfer_model, transfer_phases
from tests.networks.plant import NetworkPlant, read
from tests.test_docs import PAGES, blocks

os.environ["TF_USE_LEGACY_KERAS"] = "1"
V1, V2 = "transfer_mobilenetv1_a1_d100", "transfer_mobilenetv2_a05"
SIDE = 32


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with weights of the smallest network of each family, and their list."""
    import tf_keras

    directory = tmp_path_factory.mktemp("weights")
    kinds = {V1: tf_keras.applications.MobileNet, V2: tf_keras.applications.MobileNetV2}
    for name, kind in kinds.items():
        tf_keras.utils.set_random_seed(7)
        base = kind(
            input_shape=(SIDE, SIDE, 3), alpha=PRETRAINED[name].alpha, include_top=False, weights=None
        )
        assert base.count_params() == PRETRAINED[name].parameters
        if name == V1:
            _learn_to_see(base)
        base.save_weights(directory / PRETRAINED[name].file)
    (listing,) = [block for block in blocks("docs/keras.md", "sh") if "sha256sum" in block]
    subprocess.run(["bash", "-euc", listing], cwd=directory, check=True)
    return directory


def test_every_network_is_documented_with_its_file() -> None:
    for name, network in PRETRAINED.items():
        told = f"| `{name}` | {network.family}, alpha {network.alpha:g} | `{network.file}` |"
        assert told in PAGES["docs/keras.md"]


def pictures(count: int, seed: int = 3) -> tuple[Any, Any]:
    """Grey squares that are dark (0) or bright (1)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.uniform(0, 0.3, size=(count, SIDE, SIDE)).astype(np.float32)
    return images + 0.6 * labels.astype(np.float32)[:, None, None], labels


def _learn_to_see(base: Any) -> None:
    """Train a network on other pictures of the same kind, briefly."""
    import tf_keras

    for layer in base.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.5
    images, labels = pictures(128, seed=5)
    head = tf_keras.layers.Dense(2, activation="softmax")
    model = tf_keras.Sequential([base, tf_keras.layers.Flatten(), head])
    model.compile(tf_keras.optimizers.legacy.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(np.repeat(images[..., None], 3, axis=3), labels, epochs=10, verbose=0)


def build(weights: Path, name: str, shape: tuple[int, ...]) -> Any:
    layer = Layer("visualLayers[0]", name, neurons=4, dropout_rate=0.1)
    (placed,) = place_layers([layer], shape)
    return build_transfer_model(placed, shape, 2, find_weights(layer, str(weights)), classifies=True)


def test_the_network_is_frozen_first_and_its_last_part_set_free_then(weights: Path) -> None:
    model = build(weights, V2, (SIDE, SIDE, 3))
    kernel = model.get_layer("Conv1").kernel.numpy()
    assert np.abs(kernel).max() > 0.01
    first, second = transfer_phases(5, lambda: None)
    assert (first.epochs, second.epochs) == (5, FINE_TUNE_EPOCHS) == (5, 10)
    assert first.begin is None and len(model.trainable_variables) == 4
    optimizer = second.make_optimizer()
    assert float(optimizer.learning_rate) == pytest.approx(4.5e-5)
    assert second.begin is not None
    second.begin(model)
    free = [layer.trainable for layer in model.layers]
    assert free == sorted(free) and sum(free) == int(0.65 * len(free))


def test_a_grey_square_in_a_flat_row_is_trained_on(weights: Path, tmp_path: Path) -> None:
    """Dark or bright: the network has seen such pictures before."""
    images, labels = pictures(60)
    plant = NetworkPlant(tmp_path)
    plant.add(images.reshape(60, -1), [("dark", "bright")[label] for label in labels])
    request = {
        "visualLayers": [{"type": V1}],
        "trainingCycles": 8,
        "learningRate": 0.01,
        "augmentationPolicyImage": "none",
    }
    version = plant.train(request, "keras-transfer-image", weights_dir=str(weights))
    manifest = read(version)
    assert manifest["metrics"]["int8"]["validationAccuracy"] > 0.9
    epochs = [(told.epoch, told.epochs) for told in plant.heard.told if told.epoch]
    assert epochs == [(number, 18) for number in range(1, 19)]
    import tf_keras

    trained, made = tf_keras.models.load_model(version / "model.keras"), build(weights, V1, (SIDE * SIDE,))
    # The first convolution is frozen in both phases; the last one learns in the second, if that is better.
    for name, kept in (("conv1", True), ("conv_pw_13", manifest["fit"]["bestEpoch"] <= 8)):
        same = np.array_equal(trained.get_layer(name).get_weights()[0], made.get_layer(name).get_weights()[0])
        assert same is kept, name


def test_weights_that_are_not_there_are_told_with_their_name_and_the_remedy(
    weights: Path, tmp_path: Path
) -> None:
    layer = Layer("visualLayers[0]", "transfer_mobilenetv2_a35")
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    for directory, said in ((None, "set keras.weights_dir"), (str(weights), "not in .*: put the file there")):
        with pytest.raises(InvalidMember, match=said) as refused:
            find_weights(layer, directory)
        assert refused.value.place == "visualLayers[0].type" and file in refused.value.message
    (tmp_path / file).write_bytes(b"weights")
    with pytest.raises(InvalidMember, match="does not list: add its line"):
        find_weights(layer, str(tmp_path))
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {file}\n")
    found = find_weights(layer, str(tmp_path))
    with pytest.raises(TrainingError, match="is not the file that SHA256SUMS lists"):
        check_weights(found)


def test_weights_of_another_network_are_told(weights: Path, tmp_path: Path) -> None:
    other = weights / PRETRAINED[V1].file
    file = tmp_path / PRETRAINED[V2].file
    file.write_bytes(other.read_bytes())
    (tmp_path / SUMS).write_text(f"{hashlib.sha256(other.read_bytes()).hexdigest()} *{file.name}\n")
    with pytest.raises(TrainingError, match="does not hold the weights of this network"):
        build(tmp_path, V2, (SIDE, SIDE, 3))
