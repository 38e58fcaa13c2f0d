"""The Akida variant of a network, from the rows of its training to a model that answers alike.

It is a network of its own: the same layers in the form that the chip has, trained on the same rows as the
integers that the chip takes. Nothing that goes wrong with it costs the int8 network.
"""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from daemon.errors import AkidaArchitecture, AkidaGateFailed, AkidaRefused, JobError, TrainingError
from daemon.networks.evaluation import answer, float_predict
from daemon.networks.preparation import Prepared
from daemon.networks.progress import Emitter
from daemon.networks.quantizing import objective_of
from daemon.networks.scores import Answers
from daemon.quantize.akida import convert, edge
from daemon.quantize.akida.inputs import InputCoding, coding_of
from daemon.quantize.akida.metatf import load_akida, versions
from daemon.quantize.akida.model import EDGE_MODEL, MODEL, potentials, read, softmax, write
from daemon.quantize.akida.targets import check_fits, resolve
from daemon.quantize.network import FloatRows
from daemon.trainers.keras.akida_layers import akida_plan
from daemon.trainers.keras.akida_network import build_akida_network, last_relu
from daemon.trainers.keras.data import Examples
from daemon.trainers.keras.fit import Epoch, Phase, fit
from daemon.trainers.keras.network import build_optimizer
from daemon.trainers.keras.runtime import reseed
from daemon.wire.worker import AKIDA_BEGUN, Progress, Spec

#: Epochs with few bits, and how many of them may pass without a better one.
_EPOCHS, _PATIENCE = 30, 10

#: Share of the job's time that all training may take: converting and writing come after it.
_OF_TIME = 0.8

#: Share of the stage ``quantize`` that is left for the variant.
_LEFT = 0.1

#: How often the process may die while MetaTF, which is native code, is at work: once may be bad luck.
_TRIES = 2


@dataclass(frozen=True)
class AkidaVariant:
    """What came of it.

    Parameters
    ----------
    files : dict of str to bytes
        The ``.fbz`` files by their names; none where there is no variant.
    answers : Answers or None
        To the rows that validate.
    facts : dict
        Member ``akida`` of the manifest.
    """

    files: dict[str, bytes]
    answers: Answers | None
    facts: dict[str, Any]

    @property
    def warning(self) -> str | None:
        """Why there is no variant; None where there is one."""
        return None if self.files else f"no Akida variant: {self.facts['message']}"


def make_akida_variant(
    spec: Spec, prepared: Prepared, emit: Emitter, began: float | None = None
) -> AkidaVariant | None:
    """Make the variant, or find out why there is none.

    Parameters
    ----------
    spec : Spec
        The job.
    prepared : Prepared
        Its rows and settings.
    emit : Emitter
        Hears of epochs, and of what comes of it.
    began : float, optional
        When the worker began, on the monotonic clock; now where left out.

    Returns
    -------
    AkidaVariant or None
        None where nobody asks for one.
    """
    if not is_asked_for(spec, prepared):
        return None
    begun = Path(spec.staging_dir).parent / AKIDA_BEGUN
    try:
        akida = load_akida()
        _count(begun)
        made = _Making(spec, prepared, emit, akida, time.monotonic() if began is None else began).make()
    except TrainingError as error:
        made = refused(error.code, error.message)
    except JobError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever MetaTF raises
        emit.log("warn", traceback.format_exc())
        made = refused(AkidaRefused.code, f"unexpected {type(error).__name__}: {error}")
    begun.unlink(missing_ok=True)
    return made


def is_asked_for(spec: Spec, prepared: Prepared) -> bool:
    """Whether the learn block or the configuration asks for a variant."""
    return prepared.settings.wants_akida or (spec.akida.always and prepared.entry.classifies)


def refused(code: str, message: str) -> AkidaVariant:
    """No variant, and why."""
    return AkidaVariant({}, None, {"made": False, "code": code, "message": message})


def _count(begun: Path) -> None:
    """Leave a mark for the worker that comes after this one, if MetaTF ends it."""
    with begun.open("ab") as marks:
        if marks.tell() >= _TRIES:
            raise AkidaRefused(
                "the process has ended without a word while MetaTF was at work", stage="quantize"
            )
        marks.write(b".")
        os.fsync(marks.fileno())


class _Making:
    """A variant under way."""

    def __init__(self, spec: Spec, prepared: Prepared, emit: Emitter, akida: Any, began: float) -> None:
        self._spec, self._prepared, self._emit, self._began = spec, prepared, emit, began
        self._akida, self._target = akida, resolve(akida, spec.akida.target)
        self._trained = 0

    def make(self) -> AkidaVariant:
        """Train with few bits, convert, and compare.

        Raises
        ------
        AkidaRefused
            There can be none.
        """
        prepared, generation = self._prepared, self._target.generation
        learning = prepared.settings.edge_learning
        plan = akida_plan(prepared.settings.layers, prepared.input_shape, generation)
        convert.load_cnn2snn()
        coding = coding_of(prepared.training.rows, plan.shape, generation)
        coded = coded_rows(prepared, coding)
        reseed(self._spec.seed)
        outputs = prepared.training.targets.shape[1]
        network = build_akida_network(plan, outputs, coding.levels.dtype, coding.levels.most)
        self._fit(network, coded, prepared.settings.epochs, "in the form that Akida has")
        exact = coded.training.rows.astype(coding.levels.dtype)
        few = convert.quantized(network, coding, generation, exact)
        self._fit(few, coded, _EPOCHS, "with few bits, for Akida", patience=_PATIENCE)
        content = write(convert.convert(few, generation))
        program = check_fits(self._akida, content, self._target)
        answers = answer(partial(ask, self._akida, content, coding), prepared.validation)
        agreement = agreement_of(answers, answer(float_predict(few), coded.validation))
        check_agreement(agreement, self._spec.akida.min_agreement)
        files = {MODEL: content}
        facts = {
            "made": True,
            "target": self._target.name,
            "generation": generation,
            "packages": versions(),
            "input": coding.as_dict(),
            "agreement": agreement,
            "program": program,
        }
        if learning is not None:
            try:
                files[EDGE_MODEL] = self._edge_model(few, coded, coding)
                facts["edgeLearning"] = {
                    "made": True,
                    "classes": learning.classes,
                    "neurons": learning.neurons,
                    "learnt": [],
                }
            except TrainingError as error:
                facts["edgeLearning"] = {"made": False, "code": error.code, "message": error.message}
                self._emit.log("warn", f"no model that learns on the chip: {error.message}")
        self._emit.log("info", f"the Akida variant fits on {self._target.name} and decides like its network")
        return AkidaVariant(files, answers, facts)

    def _edge_model(self, network: Any, coded: Prepared, coding: InputCoding) -> bytes:
        """The model with a head that learns: what comes before is trained to give one bit."""
        learning = self._prepared.settings.edge_learning
        assert learning is not None
        relu = last_relu(network)
        if self._target.generation != "v1" or relu is None:
            why = "Akida v2 does not learn" if relu else "a dense or conv2d layer must come before the output"
            raise AkidaArchitecture(f"akidaEdgeLearningConfig: {why}", stage="quantize")
        few = convert.binary(network, relu)
        self._fit(few, coded, _EPOCHS, "with one bit before the head that learns", patience=_PATIENCE)
        model = convert.convert(few, "v1")
        exact = coded.training.rows.astype(coding.levels.dtype)
        edge.put_head(self._akida, model, exact, learning.classes, learning.neurons)
        content = write(model)
        check_fits(self._akida, content, self._target)
        return content

    def _fit(
        self, network: Any, coded: Prepared, epochs: int, purpose: str, patience: int | None = None
    ) -> None:
        settings = self._prepared.settings
        self._emit.log("info", f"up to {epochs} epochs of training, {purpose}")
        make_optimizer = partial(build_optimizer, settings.learning_rate, learned=settings.learned_optimizer)
        fit(
            network,
            [Phase(epochs, make_optimizer, patience=patience)],
            coded.training,
            coded.validation,
            # Variations are of features, and these are integers.
            replace(objective_of(self._prepared), augment=None, autograph=True),
            seed=self._spec.seed,
            hear=self._hear,
        )
        self._trained += 1

    def _hear(self, epoch: Epoch) -> None:
        """Tell of an epoch; give up where the job would run out of time, and lose its int8 network."""
        limit = self._spec.limits.seconds
        if limit is not None and time.monotonic() - self._began + epoch.eta_s > limit * _OF_TIME:
            raise AkidaRefused(
                f"training it would take longer than jobs.timeout_s leaves, {limit:.0f} s for the whole job: "
                "raise it, or ask for fewer trainingCycles",
                stage="quantize",
            )
        # The stage has come far before this, and how often a network will be trained here is not known yet.
        fraction = 1 - _LEFT * 0.5 ** (self._trained + epoch.number / epoch.epochs)
        self._emit.tell(
            Progress("quantize", fraction, epoch.metrics, epoch.number, epoch.epochs, epoch.eta_s)
        )


def coded_rows(prepared: Prepared, coding: InputCoding) -> Prepared:
    """The same rows as the integers that the chip takes, as float32."""

    def coded(examples: Examples) -> Examples:
        return Examples(coding.encode(examples.rows).astype(np.float32), examples.targets)

    return replace(prepared, training=coded(prepared.training), validation=coded(prepared.validation))


def ask(akida: Any, content: bytes, coding: InputCoding, rows: FloatRows) -> FloatRows:
    """What a saved model answers to rows of features: probabilities."""
    return softmax(potentials(read(akida, content), coding.encode(rows)))


def agreement_of(answers: Answers, network: Answers) -> dict[str, int]:
    """On how many rows the saved model decides like the network that it was made of."""
    return {"rows": len(answers), "same": int((answers.chosen == network.chosen).sum())}


def check_agreement(agreement: dict[str, int], least: float) -> None:
    """The gate of the variant.

    Raises
    ------
    AkidaGateFailed
        They differ on more rows than the bound lets them, and on more than one.
    """
    rows, differ = agreement["rows"], agreement["rows"] - agreement["same"]
    if differ > max(1, (1 - least) * rows + 1e-9):
        raise AkidaGateFailed(
            f"the saved model decides otherwise than its network on {differ} of the {rows} rows that "
            "validate: train longer, use more neurons, or lower keras.akida.min_agreement",
            stage="quantize",
        )
