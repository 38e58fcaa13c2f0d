"""The payloads of ATK, the Trusted Analytics Toolkit: commands, frames, models.

Names, defaults and messages are ATK's; what they do here is said in ``docs/atk.md``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from daemon.errors import InvalidMember

#: ATK's models and commands live in this project.
PROJECT = 0

MODEL_TYPES = ("model:gmm", "model:k_means")

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Columns = Annotated[list[_Name], Meta(max_length=1024)]
_Type = Literal["int32", "int64", "float32", "float64"]
_INT32_MAX = 2**31 - 1
#: Squares of scaled values, and their reciprocals, stay within float64.
_LEAST_SCALING = 1e-30


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Uri(_Body, frozen=True):
    """A reference to a model or frame, as ATK writes it in replies."""

    uri: str


#: The id, a URI that ends in it, or an object that holds the URI.
Reference = int | str | Uri


class TrainArguments(_Body, frozen=True):
    """What the trainings have in common; see ``docs/atk.md``."""

    model: Reference
    frame: Reference
    observation_columns: _Columns = []
    column_scalings: list[float] = []
    k: int = 2
    max_iterations: int = 100
    seed: _Int64 | None = None

    def __post_init__(self) -> None:
        """Check what ATK checks, with its own messages."""
        if not self.observation_columns:
            raise InvalidMember(
                "arguments.observation_columns", "observationColumn must not be null nor empty"
            )
        if not self.column_scalings:
            raise InvalidMember("arguments.column_scalings", "columnWeights must not be null or empty")
        if len(self.column_scalings) != len(self.observation_columns):
            raise InvalidMember(
                "arguments.column_scalings",
                "Length of columnWeights and observationColumns needs to be the same",
            )
        for number, scaling in enumerate(self.column_scalings):
            if not _LEAST_SCALING <= abs(scaling) <= 1 / _LEAST_SCALING:
                raise InvalidMember(
                    f"arguments.column_scalings[{number}]",
                    f"{scaling:g} leaves nothing of the column, or nothing of the others: "
                    f"{_LEAST_SCALING:g} to {1 / _LEAST_SCALING:g}, or do not name the column",
                )
        if self.k < 1:
            raise InvalidMember("arguments.k", "k must be at least 1")
        if self.max_iterations < 1:
            raise InvalidMember("arguments.max_iterations", "maxIterations must be a positive value")
        for name in ("k", "max_iterations"):
            if getattr(self, name) > _INT32_MAX:
                raise InvalidMember(f"arguments.{name}", "is no int32")


class GmmTrainArguments(TrainArguments, frozen=True):
    """Arguments of ``model:gmm/train``."""

    convergence_tol: float = 0.01


class KMeansTrainArguments(TrainArguments, frozen=True):
    """Arguments of ``model:k_means/train``."""

    max_iterations: int = 20
    epsilon: float = 1e-4
    initialization_mode: Literal["k-means||", "random"] = "k-means||"


class PredictArguments(_Body, frozen=True):
    """Arguments of the predictions; the columns of the training where none are named."""

    model: Reference
    frame: Reference
    observation_columns: _Columns | None = None


class NewArguments(_Body, frozen=True):
    """Arguments of the commands that make a model."""

    dummy_model_ref: Any = None
    name: _Name | None = None


class PublishArguments(_Body, frozen=True):
    """Arguments of ``model:k_means/publish``."""

    model: Reference


class Command(_Body, frozen=True, tag_field="name"):
    """A command: its name says which arguments it takes.

    Attributes
    ----------
    model_type : str
        Type of the models that it works on.
    """

    model_type: ClassVar[str]
    arguments: Any

    @property
    def name(self) -> str:
        """The command's name on the wire."""
        return str(type(self).__struct_config__.tag)


class TrainCommand(Command, frozen=True):
    """Trains a model on a frame."""

    arguments: TrainArguments


class GmmTrain(TrainCommand, frozen=True, tag="model:gmm/train"):
    """Trains a Gaussian mixture."""

    model_type = "model:gmm"
    arguments: GmmTrainArguments


class KMeansTrain(TrainCommand, frozen=True, tag="model:k_means/train"):
    """Trains K-means."""

    model_type = "model:k_means"
    arguments: KMeansTrainArguments


class PredictCommand(Command, frozen=True):
    """Makes a frame with the cluster of each row."""

    arguments: PredictArguments


class GmmPredict(PredictCommand, frozen=True, tag="model:gmm/predict"):
    """Predicts by a Gaussian mixture."""

    model_type = "model:gmm"
    arguments: PredictArguments


class KMeansPredict(PredictCommand, frozen=True, tag="model:k_means/predict"):
    """Predicts by K-means."""

    model_type = "model:k_means"
    arguments: PredictArguments


class NewCommand(Command, frozen=True):
    """Makes a model."""

    arguments: NewArguments = NewArguments()


class GmmNew(NewCommand, frozen=True, tag="model:gmm/new"):
    """Makes a Gaussian mixture without training it."""

    model_type = "model:gmm"
    arguments: NewArguments = NewArguments()


class KMeansNew(NewCommand, frozen=True, tag="model:k_means/new"):
    """Makes a K-means model without training it."""

    model_type = "model:k_means"
    arguments: NewArguments = NewArguments()


class KMeansPublish(Command, frozen=True, tag="model:k_means/publish"):
    """Says where the files of a trained model are."""

    model_type = "model:k_means"
    arguments: PublishArguments


COMMANDS = (GmmNew, GmmTrain, GmmPredict, KMeansNew, KMeansTrain, KMeansPredict, KMeansPublish)

CommandRequest: Any = GmmNew | GmmTrain | GmmPredict | KMeansNew | KMeansTrain | KMeansPredict | KMeansPublish


class _CancelArguments(_Body, frozen=True):
    status: Literal["cancel"]


class CancelRequest(_Body, frozen=True):
    """What a running command is told; to cancel is all that there is."""

    arguments: _CancelArguments
    name: str = ""


class CountRequest(_Body, frozen=True):
    """Which part of a listing is wanted."""

    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    count: Annotated[int, Meta(ge=0, le=1000)] = 100


class RowsRequest(_Body, frozen=True):
    """Which rows of a frame are wanted; none where `count` is left out."""

    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    count: Annotated[int, Meta(ge=0, le=10_000)] = 0


class NewFrame(_Body, frozen=True):
    """A frame: its columns with their types, and its first rows."""

    schema: Annotated[list[tuple[_Name, _Type]], Meta(min_length=1, max_length=1024)]
    rows: list[list[float]] = []
    name: _Name | None = None


class MoreRows(_Body, frozen=True):
    """Rows for the end of a frame."""

    rows: list[list[float]]


class NewModel(_Body, frozen=True):
    """A model that is still to be trained."""

    model_type: Literal["model:gmm", "model:k_means"]
    name: _Name | None = None


def reference_id(reference: Reference, kind: str) -> int:
    """The id that a reference means.

    Parameters
    ----------
    reference : int, str or Uri
        As it was sent.
    kind : str
        ``model`` or ``frame``: the member of the arguments that it stands in.

    Raises
    ------
    InvalidMember
        It is no reference, or one to another kind of thing.
    """
    place = f"arguments.{kind}"
    text = reference.uri if isinstance(reference, Uri) else str(reference)
    found = re.fullmatch(r"(?:.*?(?P<kind>\w+)/)?(?P<id>[0-9]{1,16})", text)
    if found is None or not 1 <= int(found["id"]) < 2**53:
        raise InvalidMember(place, f"{text[:64]!r} is no {kind}: send its id, or a URI that ends in it")
    if found["kind"] in ("models", "frames") and found["kind"] != f"{kind}s":
        raise InvalidMember(place, f"{text!r} is no {kind}")
    return int(found["id"])
