"""The stage ``prepare`` of a network: from the stored rows and the request to checked examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.data.dataset import load_dataset
from daemon.data.index import Column
from daemon.dsp.features import Features, extract_features
from daemon.dsp.outputs import learn_block_outputs, learn_block_shape
from daemon.errors import DatasetError, InvalidMember, TrainingError
from daemon.preparation import block_c_name
from daemon.trainers.checks import check_finite
from daemon.trainers.keras.data import Examples, Indexes, Place, check_sides, folds, numbers, one_hot, split
from daemon.trainers.keras.pretrained import find_weights
from daemon.trainers.keras.settings import KerasSettings, keras_settings
from daemon.trainers.keras.shapes import Shape
from daemon.trainers.table import NETWORKS, NetworkEntry
from daemon.wire.edge_impulse import Impulse, LearnBlock
from daemon.wire.keras import SetKerasParameterRequest
from daemon.wire.members import convert
from daemon.wire.worker import Spec


@dataclass(frozen=True)
class Folds:
    """Rows for cross-validation.

    Parameters
    ----------
    examples : Examples
        All rows of the category ``training``.
    sides : list of (ndarray, ndarray)
        Which of them train and which validate, in each fold.
    place : callable
        Where row i came from, for people.
    """

    examples: Examples
    sides: list[tuple[Indexes, Indexes]]
    place: Place


@dataclass(frozen=True)
class Prepared:
    """Checked examples and settings: all that the training of a network needs to know.

    Parameters
    ----------
    entry : NetworkEntry
        Which kind of network.
    learn_block : LearnBlock
        What is trained.
    c_name : str
        Prefix of its C files and symbols.
    settings : KerasSettings
        What the request amounts to.
    input_shape : tuple of int
        Shape of one row.
    inputs : list of Column
        Name and unit of each value of a row.
    classes : tuple of str
        What the outputs of a classifier mean, sorted; empty for a regression.
    training, validation, testing : Examples
        Rows to learn from, to choose the best epoch and the integer scales by, and of the category
        ``testing``; the last may be empty.
    validation_place : callable
        Where row i of `validation` came from, for people.
    folds : Folds or None
        All rows and how they are divided, where cross-validation is asked for; `training` and `validation`
        are then those of the first fold.
    digest : str
        SHA-256 over all that was read.
    warnings : list of str
        What a person should know.
    weights : Path or None
        Weights of the pretrained network that is trained on, where it is one.
    """

    entry: NetworkEntry
    learn_block: LearnBlock
    c_name: str
    settings: KerasSettings
    input_shape: Shape
    inputs: list[Column]
    classes: tuple[str, ...]
    training: Examples
    validation: Examples
    testing: Examples
    validation_place: Place
    folds: Folds | None
    digest: str
    warnings: list[str]
    weights: Path | None = None

    def on(self, trains: Indexes, validates: Indexes) -> Prepared:
        """The same with other rows of `folds` to train on and to validate."""
        assert self.folds is not None
        examples, place = self.folds.examples, self.folds.place
        return replace(
            self,
            training=examples.take(trains),
            validation=examples.take(validates),
            validation_place=lambda row: place(int(validates[row])),
        )


def prepare(spec: Spec) -> Prepared:
    """Read, cut, label, check and split.

    Parameters
    ----------
    spec : Spec
        The job.

    Returns
    -------
    Prepared

    Raises
    ------
    DatasetError
        The rows cannot be trained on; the message names the row and the column.
    TrainingError
        The request does not fit the rows or the learn block; the message names the member.
    ExportError
        No C identifier can be made of the learn block's name, or another block has the same one.
    """
    try:
        request = convert(spec.request, SetKerasParameterRequest)
        learn_block = convert(spec.learn_block, LearnBlock)
        impulse = convert(spec.impulse, Impulse)
        entry = NETWORKS[learn_block.type]
        dataset = load_dataset(spec.database, spec.project_id)
        inputs = learn_block_outputs(impulse, learn_block, dataset.columns)
        input_shape = learn_block_shape(impulse, learn_block, dataset.columns)
        settings = keras_settings(entry, request, input_shape)
        weights = find_weights(settings.layers[0].layer, spec.weights_dir) if entry.transfer else None
    except InvalidMember as error:
        raise TrainingError(error.message) from error
    c_name = block_c_name(impulse, learn_block)

    def features(category: str) -> Features:
        made = extract_features(impulse, learn_block, dataset.columns, dataset.of(category))
        check_finite(made.rows, inputs, made.place)
        return made

    known, testing = features("training"), features("testing")
    classes = tuple(sorted({label for label in known.labels if label})) if entry.classifies else ()
    if entry.classifies and len(classes) < 2:
        found = f"all labelled {classes[0]!r}" if classes else "without labels"
        raise DatasetError(f"the training rows are {found}: a classifier needs two labels or more")
    examples = _examples(known, classes, input_shape, entry)
    groups = _groups(known, settings.validation_key)
    divided = None
    if settings.folds is not None:
        sides = folds(len(examples), settings.folds.num_folds, spec.seed, groups)
        divided = Folds(examples, sides, known.place)
        trains, validates = sides[0]
    else:
        trains, validates = split(len(examples), settings.validation_share, spec.seed, groups)
    training, validation = examples.take(trains), examples.take(validates)
    if entry.classifies and divided is None:
        check_sides(training.targets, validation.targets, classes)
    return Prepared(
        entry=entry,
        learn_block=learn_block,
        c_name=c_name,
        settings=settings,
        input_shape=input_shape,
        inputs=inputs,
        classes=classes,
        training=training,
        validation=validation,
        testing=_examples(testing, classes, input_shape, entry),
        validation_place=lambda row: known.place(int(validates[row])),
        folds=divided,
        digest=dataset.digest,
        warnings=[],
        weights=weights,
    )


def _examples(found: Features, classes: Sequence[str], shape: Shape, entry: NetworkEntry) -> Examples:
    rows = found.rows.reshape(len(found), *shape)
    if entry.classifies:
        return Examples(rows, one_hot(found.labels, classes, found.place))
    return Examples(rows, numbers(found.labels, found.place))


def _groups(known: Features, key: str | None) -> list[str | None] | None:
    """What the metadata of each row's recording say under a key; None where no key is asked for."""
    if key is None:
        return None
    found = [samples.metadata.get(key) for samples, _ in known.places]
    if not any(found):
        keys = sorted({name for samples, _ in known.places for name in samples.metadata})
        raise TrainingError(
            f"customValidationMetadataKey: no training sample has {key!r} in its metadata; there is "
            f"{', '.join(keys) or 'none at all'}"
        )
    return found
