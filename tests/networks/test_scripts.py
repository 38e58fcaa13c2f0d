"""Scripts of expert mode, behind real walls: what they find, what they may leave, how they fail."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.networks import behind_walls, pipeline
from daemon.sandbox.session import Sandbox, Sandboxed
from daemon.sandbox.start import Place
from daemon.wire.script import Bounds, ScriptTerms
from daemon.wire.worker import Log, Progress
from tests.networks.plant import NetworkPlant, read

CLASSES = ("idle", "run", "walk")

#: As public scripts of Edge Impulse's users are written: old helpers, old optimizer arguments, a functional
#: model, callbacks of its own, class weights, a second training from the best epoch.
LOOK_ALIKE = """
import tensorflow as tf
from tensorflow.keras.models import Model
from tensorflow.keras.layers import Input, Dense, Dropout, Conv1D, Flatten, Reshape, MaxPooling1D
from tensorflow.keras.optimizers import Adam

EPOCHS = args.epochs or 6
LEARNING_RATE = args.learning_rate or 0.005
BATCH_SIZE = 16

inputs = Input(shape=(input_length,), name='x_input')
x = Reshape((int(input_length / 3), 3))(inputs)
x = Conv1D(8, kernel_size=3, padding='same', activation='relu')(x)
x = MaxPooling1D(pool_size=2, strides=2, padding='same')(x)
x = Dropout(0.1)(x)
x = Flatten()(x)
outputs = Dense(classes, name='y_pred', activation='softmax')(x)
model = Model(inputs=inputs, outputs=outputs)

class Talker(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print('my own callback, epoch', epoch, flush=True)

opt = Adam(lr=LEARNING_RATE, beta_1=0.9, beta_2=0.999)
print('learning rate', round(float(tf.keras.backend.get_value(opt.lr)), 4))

sa = SpecAugment(spectrogram_shape=[int(input_length / 3), 3],
                 mF_num_freq_masks=1, F_freq_mask_max_consecutive=1,
                 mT_num_time_masks=1, T_time_mask_max_consecutive=1,
                 enable_time_warp=True, W_time_warp_max_distance=6,
                 mask_with_mean=False)
train_dataset = train_dataset.map(sa.mapper(), num_parallel_calls=tf.data.AUTOTUNE)
train_dataset, validation_dataset = set_batch_size(BATCH_SIZE, train_dataset, validation_dataset)
callbacks.append(BatchLoggerCallback(BATCH_SIZE, train_sample_count, interval_s=0))
callbacks.append(Talker())
model.compile(loss='categorical_crossentropy', optimizer=opt, metrics=['accuracy'])
model.fit(train_dataset, epochs=EPOCHS, validation_data=validation_dataset, verbose=2, callbacks=callbacks,
          class_weight=ei_tensorflow.training.get_class_weights(Y_train))

model = load_best_model()
model.compile(loss='categorical_crossentropy', optimizer=Adam(learning_rate=0.0005), metrics=['accuracy'])
model.fit(train_dataset, epochs=2, validation_data=validation_dataset, verbose=0, callbacks=callbacks)

disable_per_channel_quantization = True
override_mode = 'segmentation'
akida_model = model
"""

#: Everything that a script may rely on.
SCOPE = """
assert X_train.shape == (60, 12) and Y_train.shape == (60, 3)
assert X_test.shape == (20, 12) and Y_test.shape == (20, 3)
assert train_sample_count == 60 and classes == 3 and classes_values == ["idle", "run", "walk"], classes_values
assert input_length == MODEL_INPUT_LENGTH == 12 and MODEL_INPUT_SHAPE == (12,) and RANDOM_SEED == 3
assert MAX_TRAINING_TIME_S == 600 and ensure_determinism is args.ensure_determinism is False
assert (args.epochs, args.learning_rate, args.batch_size) == (None, None, 8)
assert input.classes == classes_values and input.mode == "classification" and input.trainTestSplit == 0.25
assert np.load(os.path.join(args.data_directory, "X_split_train.npy")).shape == (60, 12)
assert os.listdir(args.out_directory) == [] and os.path.isdir(dir_path)
assert train_dataset.element_spec[0].shape == (12,) and len(list(validation_dataset)) == 20
for module in (sys, os, math, time, random, np, tf): assert module.__name__
import ei_tensorflow.training
from ei_tensorflow.training import load_best_model as again
from tensorflow.keras.optimizers.legacy import Adam
assert ei_tensorflow.training.get_class_weights(np.eye(2)) == {0: 1.0, 1: 1.0}
try:
    open("/etc/passwd").read()
except OSError:
    print("no way out")
model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="softmax", input_shape=(12,))])
with open(BEST_MODEL_PATH + ".txt", "w") as file: file.write("mine")
"""

BAD = [
    ("x = 1", "leaves no `model`"),
    ("model = 5", "`model` is a int"),
    ("model = (", "script, line 1: '(' was never closed"),
    ("a = 1\nb = a / 0", "script, line 2: b = a / 0\nZeroDivisionError"),
    (
        "def f():\n    raise ValueError('mine')\nf()",
        "line 2: raise ValueError('mine')\nValueError: mine\n  called in line 3",
    ),
    ("sys.exit(4)", "SystemExit: 4"),
    ("import socket\nsocket.socket()", "PermissionError"),
    ("import subprocess\nsubprocess.run(['true'])", "PermissionError"),
    (
        "model = tf.keras.Sequential([tf.keras.layers.Dense(4, input_shape=(12,))])",
        "gives (4,), but (3,) is wanted",
    ),
    ("model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(5,))])", "takes rows of shape (5,)"),
    ("model = tf.keras.Sequential([tf.keras.layers.Dense(3)])", "make it a Sequential or functional"),
    (
        "i = tf.keras.Input((12,)); d = tf.keras.layers.Dense(3)\nmodel = tf.keras.Model(i, [d(i), d(i)])",
        "1 inputs and 2 outputs",
    ),
    ("train_dataset.no_such_thing", "AttributeError"),
]

#: Runs many scripts in one process: starting TensorFlow takes longer than all of them.
_MANY = """
from pathlib import Path
from daemon.networks import behind_walls


def run(job):
    from daemon.sandbox.entry import SandboxedError
    from daemon.trainers.keras.script import Script, run_script
    works = [
        (text, behind_walls.train({**job["job"], "text": text, "sha256": digest}))
        for text, digest in job["scripts"]
    ]

    def work(files, scratch, teller):
        told = []
        for number, (text, work) in enumerate(works):
            place = scratch / str(number)
            place.mkdir()
            try:
                told.append(work(files, place, teller)[0])
            except SandboxedError as error:
                told.append(str(error))
        return {"told": told}, {}

    return work
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of its own."""
    with tempfile.TemporaryDirectory(prefix="script-", dir="/var/tmp") as made:
        (Path(made) / "modules").mkdir()
        (Path(made) / "scratch").mkdir()
        yield Path(made)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run(
    place: Path, job: dict[str, Any], entry: str = "daemon.networks.behind_walls:train"
) -> tuple[Sandboxed, list[str], list[Progress]]:
    """Run a script on 80 rows of three classes that differ in their mean."""
    rng = np.random.default_rng(3)
    labels = np.arange(80) % 3
    rows = (rng.normal(size=(80, 12)) + labels[:, None]).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[labels]
    pack = behind_walls.pack
    files = {
        "train_x": pack(rows[:60]),
        "train_y": pack(targets[:60]),
        "valid_x": pack(rows[60:]),
        "valid_y": pack(targets[60:]),
    }
    heard: list[Log | Progress] = []
    sandbox = Sandbox(Place([place / "modules"], place / "scratch", place / "none", Bounds(wall_s=600)), [])
    made = sandbox.run(entry, job, files, heard.append, lambda: None)
    printed = [event.text for event in heard if isinstance(event, Log)]
    return made, printed, [event for event in heard if isinstance(event, Progress)]


def job(text: str, **changes: Any) -> dict[str, Any]:
    told = {
        "text": text,
        "sha256": digest(text),
        "classes": list(CLASSES),
        "epochs": None,
        "learning_rate": None,
        "batch_size": 8,
        "ensure_determinism": False,
        "validation_share": 0.25,
        "seed": 3,
        "limit_s": 600,
        "threads": 1,
        "akida": None,
    }
    return {**told, **changes}


def test_a_script_in_the_public_style_runs_unchanged(place: Path) -> None:
    made, printed, progress = run(place, job(LOOK_ALIKE))
    assert sorted(made.files) == ["float32", "int8", "weights"]
    assert made.result["override_mode"] == "segmentation" and made.result["akida"] == ["akida_model"]
    epochs = made.result["epochs"]
    assert len(epochs) == 8 and set(epochs[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    losses = [epoch["val_loss"] for epoch in epochs]
    assert made.result["best"] == 1 + losses.index(min(losses))
    assert [(event.epoch, event.epochs) for event in progress] == [(n, 6) for n in range(1, 7)] + [
        (1, 2),
        (2, 2),
    ]
    assert "learning rate 0.005" in printed and "my own callback, epoch 5" in printed
    assert any(line.startswith("Epoch ") and line.endswith("% done") for line in printed)
    answers = {}
    for variant in ("float32", "int8"):
        answers[variant] = answer(place, made.files[variant])
    assert answers["float32"].shape == (20, 3)
    assert np.abs(answers["float32"] - answers["int8"]).max() < 0.1
    with np.load(place_file(place, made.files["weights"])) as weights:
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


def answer(place: Path, network: bytes) -> Any:
    """What a network answers to rows, in a sandbox of its own."""
    rows = np.random.default_rng(5).normal(size=(20, 12)).astype(np.float32)
    sandbox = Sandbox(Place([], place / "scratch", place / "none", Bounds()), [])
    files = {"network": network, "rows": behind_walls.pack(rows)}
    made = sandbox.run("daemon.networks.behind_walls:answer", {}, files, lambda _: None, lambda: None)
    return behind_walls.unpack(made.files["rows"])


def place_file(place: Path, content: bytes) -> Path:
    path = place / "weights.npz"
    path.write_bytes(content)
    return path


def test_what_a_script_finds_and_how_it_fails(place: Path) -> None:
    (place / "modules" / "many.py").write_text(_MANY)
    scripts = [
        (SCOPE, digest(SCOPE)),
        (SCOPE, digest(SCOPE + " ")),
        *((text, digest(text)) for text, _ in BAD),
    ]
    shutil.rmtree(place / "scratch")
    (place / "scratch").mkdir()
    made, printed, _ = run(place, {"job": job(""), "scripts": scripts}, "many:run")
    good, tampered, *bad = made.result["told"]
    assert isinstance(good, dict), good
    assert "no way out" in printed
    assert "is not" not in tampered and "not that of the script that was signed" in tampered
    for (text, expected), told in zip(BAD, bad, strict=True):
        assert isinstance(told, str) and expected in told, f"{text}\n{json.dumps(told)}"


@pytest.mark.parametrize("callbacks", ["[]", "callbacks"])
def test_a_script_may_train_as_it_likes(tmp_path: Path, callbacks: str) -> None:
    """Without the callbacks nothing is known of epochs; with them figures may differ from fit to fit."""
    script = (
        "last = tf.keras.layers.Dense(classes, activation='softmax', input_shape=(4,))\n"
        "model = tf.keras.Sequential([last])\n"
        "for metrics in (['accuracy'], []):\n"
        "    model.compile('sgd', 'categorical_crossentropy', metrics=metrics)\n"
        "    rows = (X_test, Y_test)\n"
        f"    model.fit(X_train, Y_train, epochs=2, validation_data=rows, callbacks={callbacks})\n"
        "akida_model = model\n"
    )
    plant = NetworkPlant(tmp_path)
    rng = np.random.default_rng(4)
    plant.add(rng.normal(size=(60, 4)), [CLASSES[number % 3] for number in range(60)])
    terms = ScriptTerms(digest(script), Bounds(), "/nowhere", [str(tmp_path / "trainerd.db")])
    spec = plant.spec({"mode": "expert", "script": script}, script=terms)
    pipeline.run(spec, plant.heard)
    manifest = read(Path(spec.staging_dir))
    figures = manifest["fit"]["epochs"]
    assert [set(epoch) for epoch in figures] == ([{"loss", "val_loss"}] * 4 if callbacks != "[]" else [])
    assert (manifest["fit"]["bestEpoch"] > 0) is (callbacks != "[]")
    # Without MetaTF, what is left for an Akida chip is told and costs nothing.
    assert not manifest["akida"]["made"] and manifest["akida"]["code"] == "akida_unavailable"
    (warning,) = manifest["result"]["warnings"]
    assert warning.startswith("no Akida variant: MetaTF is not installed here")
