"""Edge Impulse's payloads that the daemon takes: impulse, acquisition, anomaly training and its settings.

Field names and meanings follow Edge Impulse's public API; what a member does here is said in
``docs/mqtt-api.md`` and ``docs/training.md``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

_Id = Annotated[int, Meta(ge=1, le=2**53 - 1)]
_Axis = Annotated[int, Meta(ge=0, le=65535)]
_Text = Annotated[str, Meta(max_length=256)]
#: Milliseconds: a nanosecond to thirty years.
_Span = Annotated[float, Meta(ge=1e-6, le=1e12)]
_Category = Literal["training", "testing", "anomaly"]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class ThresholdOption(_Body, frozen=True):
    """One choice of a threshold that is picked from a list."""

    description: str
    value: str


class BlockThreshold(_Body, frozen=True):
    """A threshold of a learn block.

    Parameters
    ----------
    key : str
        ``min_anomaly_score`` for anomaly blocks.
    value : float or str
        The threshold; a string must hold a number.
    description, help_text, suggested_value, suggested_value_text, dropdown_options
        Text for people; stored and echoed.
    """

    key: _Text
    value: float | str
    description: _Text = ""
    help_text: Annotated[str, Meta(max_length=2048)] = ""
    suggested_value: float | None = None
    suggested_value_text: _Text | None = None
    dropdown_options: list[ThresholdOption] | None = None


class ImpulseThreshold(_Body, frozen=True):
    """A threshold that a learn block is to have; a value in text must hold a number."""

    block_id: _Id
    key: _Text
    value: float | str


class SetImpulseThresholdsRequest(_Body, frozen=True):
    """Thresholds of learn blocks that may be trained already.

    Parameters
    ----------
    thresholds : list of ImpulseThreshold
        One for each learn block.
    allow_creating_regenerate_model_testing_jobs, force_run_regenerate_model_testing_in_job
        What clients send; the figures of a new version are always made by its job.
    """

    thresholds: Annotated[list[ImpulseThreshold], Meta(min_length=1, max_length=64)]
    allow_creating_regenerate_model_testing_jobs: bool | None = None
    force_run_regenerate_model_testing_in_job: bool | None = None


class StartTrainingRequestAnomaly(_Body, frozen=True):
    """Start of a K-means or GMM training; which of the two is said by the learn block.

    Parameters
    ----------
    axes : list of int
        Indexes of DSP outputs to train on, each once.
    minimum_confidence_rating : float
        Deprecated threshold; used for K-means where `thresholds` says nothing.
    cluster_count : int or None
        Clusters of K-means, components of a GMM.
    skip_embeddings_and_memory : bool or None
        Leave out the 2-D embedding and the measured memory.
    thresholds : list of BlockThreshold or None
        ``min_anomaly_score`` sets the model's threshold.
    k_folds_validation_config, assert_gpu_usage_percentage
        What newer clients send; taken and reported as ignored.
    """

    axes: Annotated[list[_Axis], Meta(min_length=1, max_length=4096)]
    minimum_confidence_rating: float
    cluster_count: Annotated[int, Meta(ge=1, le=65535)] | None = None
    skip_embeddings_and_memory: bool | None = None
    thresholds: Annotated[list[BlockThreshold], Meta(max_length=16)] | None = None
    k_folds_validation_config: dict[str, Any] | None = None
    assert_gpu_usage_percentage: float | None = None


class SetAnomalyParameterRequest(_Body, frozen=True):
    """Stored settings of an anomaly learn block; members not given stay as they are."""

    axes: Annotated[list[_Axis], Meta(min_length=1, max_length=4096)] | None = None
    minimum_confidence_rating: float | None = None
    cluster_count: Annotated[int, Meta(ge=1, le=65535)] | None = None
    thresholds: Annotated[list[BlockThreshold], Meta(max_length=16)] | None = None


class InputBlock(_Body, frozen=True):
    """Where an impulse takes its data from.

    Parameters
    ----------
    type : str
        ``features`` for a feature table, ``time-series`` for recordings, ``image`` for a feature table whose
        rows are images.
    window_size_ms, window_increase_ms, frequency_hz : float or None
        Windows of a time series: length and step in milliseconds, sampling rate in hertz.
    image_width, image_height : int or None
        Pixels of an image; its values come row by row, the channels of a pixel together.
    """

    id: _Id
    type: Literal["features", "time-series", "image"]
    name: _Text = ""
    title: _Text = ""
    window_size_ms: _Span | None = None
    window_increase_ms: _Span | None = None
    frequency_hz: Annotated[float, Meta(ge=1e-9, le=1e9)] | None = None
    image_width: Annotated[int, Meta(ge=1, le=1024)] | None = None
    image_height: Annotated[int, Meta(ge=1, le=1024)] | None = None


class DspBlock(_Body, frozen=True):
    """What makes features out of the input.

    Parameters
    ----------
    axes : list of str or None
        Columns that the block reads; all where left out.
    input : int or None
        The input block; the only one where left out.
    """

    id: _Id
    type: Annotated[str, Meta(max_length=64)]
    name: _Text = ""
    title: _Text = ""
    axes: Annotated[list[str], Meta(min_length=1)] | None = None
    input: _Id | None = None


class LearnBlock(_Body, frozen=True):
    """What is trained.

    Parameters
    ----------
    type : str
        ``anomaly`` (K-means) or ``anomaly-gmm``.
    name : str
        Becomes the prefix of the C symbols.
    dsp : list of int
        DSP blocks whose outputs are its inputs.
    scaling : str or None
        ``standard`` (default) or ``none``; GMM only.
    score : str or None
        ``edge`` (default: distance from the edge of the nearest cluster) or ``distance``; K-means only.
    """

    id: _Id
    type: Annotated[str, Meta(max_length=64)]
    dsp: Annotated[list[_Id], Meta(min_length=1)]
    name: _Text = ""
    title: _Text = ""
    scaling: Literal["standard", "none"] | None = None
    score: Literal["edge", "distance"] | None = None


class Impulse(_Body, frozen=True):
    """Input block, DSP blocks, learn blocks."""

    input_blocks: Annotated[list[InputBlock], Meta(min_length=1, max_length=1)]
    dsp_blocks: Annotated[list[DspBlock], Meta(min_length=1, max_length=64)]
    learn_blocks: Annotated[list[LearnBlock], Meta(min_length=1, max_length=64)]


class Sensor(_Body, frozen=True):
    """A column of an acquisition: its name and the unit of its values."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    units: Annotated[str, Meta(max_length=64)] = "N/A"


class AcquisitionPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of an acquisition.

    Parameters
    ----------
    device_type : str
        What recorded it.
    interval_ms : float
        Time between rows; 0 makes each row a sample of a feature table.
    sensors : list of Sensor
        The columns.
    values : list or UNSET
        Rows of numbers, shape (rows, sensors); flat for a single sensor; or a reference to binary values
        behind a CBOR object (`daemon.wire.attachment`).
    values_base64 : bytes or UNSET
        The same rows as little-endian float32, in JSON in base64, instead of `values`.
    device_name : str or None
        Which device recorded it.
    """

    device_type: _Text
    interval_ms: Annotated[float, Meta(ge=0)]
    sensors: Annotated[list[Sensor], Meta(min_length=1, max_length=32768)]
    values: list[Any] | UnsetType = UNSET
    values_base64: bytes | UnsetType = UNSET
    device_name: _Text | None = None


class Protected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Version and signature algorithm of an acquisition object."""

    ver: Literal["v1"]
    alg: Literal["HS256", "none"]
    iat: float | None = None


class Acquisition(_Body, frozen=True):
    """An Edge Impulse acquisition object, with the upload's headers as members.

    Parameters
    ----------
    payload : AcquisitionPayload
        The values.
    protected, signature
        Edge Impulse's envelope: whether it is signed, and the signature as 64 hexadecimal digits.
    label : str or None
        Label of all rows.
    labels : list of str or None
        Label of each row of a feature table.
    file_name : str or None
        Name of the sample.
    metadata : dict or None
        Free text by key.
    """

    payload: AcquisitionPayload
    protected: Protected | None = None
    signature: _Text | None = None
    label: _Text | None = None
    labels: list[_Text] | None = None
    file_name: _Text | None = None
    metadata: dict[str, str] | None = None


class EditSampleLabelRequest(_Body, frozen=True):
    """Another label of a sample; none where it is left out."""

    label: _Text | None = None


class RenameSampleRequest(_Body, frozen=True):
    """Another name of a sample."""

    name: _Text


class MoveRawDataRequest(_Body, frozen=True):
    """Another category of a sample."""

    new_category: _Category


class SetSampleMetadataRequest(_Body, frozen=True):
    """Another metadata of a sample; none where it is left out."""

    metadata: dict[str, str] | None = None


class RawDataRequest(_Body, frozen=True):
    """Which samples are listed."""

    category: _Category
    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    limit: Annotated[int, Meta(ge=0, le=1000)] = 100
