"""Edge Impulse's payload that trains a network: every member of ``SetKerasParameterRequest``.

Field names and meanings follow Edge Impulse's public API; what a member does here is said in
``docs/keras.md``. Bounds that need no other member stand here, the others in
`daemon.trainers.keras.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=1, le=65536)]
_Share = Annotated[float, Meta(gt=0, lt=1)]
_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Strength = Literal["none", "low", "high"]

LayerType = Literal[
    "dense",
    "conv1d",
    "conv2d",
    "reshape",
    "flatten",
    "dropout",
    "batchNormalization",
    "transfer_mobilenetv2_a35",
    "transfer_mobilenetv2_a1",
    "transfer_mobilenetv2_a05",
    "transfer_mobilenetv2_160_a1",
    "transfer_mobilenetv2_160_a75",
    "transfer_mobilenetv2_160_a5",
    "transfer_mobilenetv2_160_a35",
    "transfer_mobilenetv1_a25_d100",
    "transfer_mobilenetv1_a2_d100",
    "transfer_mobilenetv1_a1_d100",
    "transfer_kws_mobilenetv1_a1_d100",
    "transfer_kws_mobilenetv2_a35_d100",
    "transfer_kws_syntiant_ndp10x",
    "transfer_kws_conv2d_tiny",
    "object_ssd_mobilenet_v2_fpnlite_320x320",
    "fomo_mobilenet_v2_a01",
    "fomo_mobilenet_v2_a35",
    "transfer_organization",
    "transfer_akidanet_imagenet_160_a100",
    "transfer_akidanet_imagenet_160_a50",
    "transfer_akidanet_imagenet_160_a25",
    "transfer_akidanet_imagenet_224_a100",
    "transfer_akidanet_imagenet_224_a50",
    "transfer_akidanet_imagenet_224_a25",
    "fomo_akidanet_a50",
    "fomo_ad_gmm",
    "fomo_ad_patchcore",
]
Variant = Literal["int8", "float32", "akida"]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class KerasVisualLayer(_Body, frozen=True):
    """One layer of a network that is put together from a list.

    Parameters
    ----------
    type : str
        Which layer.
    neurons : int or None
        Units of a dense layer, filters of a convolution, units of the layer before a transfer model's last.
    kernel_size : int or None
        Rows (and columns) that a convolution sees at once.
    dropout_rate : float or None
        Share of the inputs that are dropped while training.
    columns : int or None
        Columns of a reshape.
    stack : int or None
        Convolutions one after another before the pooling.
    enabled : bool
        False leaves the layer out.
    organization_model_id : int or None
        Model of an organization at Edge Impulse, for ``transfer_organization``.
    """

    type: LayerType
    neurons: Annotated[int, Meta(ge=0, le=65536)] | None = None
    kernel_size: _Count | None = None
    dropout_rate: Annotated[float, Meta(ge=0, lt=1)] | None = None
    columns: _Count | None = None
    stack: Annotated[int, Meta(ge=1, le=16)] | None = None
    enabled: bool = True
    organization_model_id: int | None = None


class AugmentationPolicySpectrogram(_Body, frozen=True):
    """How training spectrograms are varied; the other members count only where `enabled`."""

    enabled: bool
    warping: bool = False
    freq_masking: _Strength = "none"
    time_masking: _Strength = "none"
    gaussian_noise: _Strength = "none"


class AkidaEdgeLearningConfig(_Body, frozen=True):
    """A model that learns further classes on an Akida chip."""

    enabled: bool
    additional_classes: float | None = None
    neurons_per_class: float | None = None


class KFoldsValidationConfig(_Body, frozen=True):
    """Cross-validation.

    Parameters
    ----------
    num_folds : int
        Parts that the rows are divided into; each validates once.
    include_final_training_run : bool
        Whether the model in the end is trained on all rows; else that of the best fold is kept.
    extra_epochs : int
        Epochs of the final run beyond the median of the folds' best epochs.
    """

    num_folds: Annotated[int, Meta(ge=2, le=20)]
    include_final_training_run: bool = False
    extra_epochs: Annotated[int, Meta(ge=0, le=100_000)] = 0


class BlockParameters(_Body, frozen=True):
    """What visual anomaly blocks are told: members of PatchCore and of the GMM."""

    backbone: Annotated[str, Meta(max_length=128)] | None = None
    num_layers: int | None = None
    pool_size: int | None = None
    sampling_ratio: float | None = None
    num_nearest_neighbors: int | None = None


class SetKerasParameterRequest(_Body, frozen=True):
    """Settings of a network, and the request that trains it; only members that are given are set.

    Parameters
    ----------
    mode : str or None
        ``visual``: `visual_layers` are the network; ``expert``: `script` makes and trains it.
    training_cycles : int or None
        Epochs.
    batch_size : int or None
        Rows of a step.
    train_test_split : float or None
        Share of the rows that validate.
    custom_parameters : dict of str to str or None
        Further parameters by name, values as text.

    Notes
    -----
    The other members are described in ``docs/keras.md``, all in one table.
    """

    mode: Literal["visual", "expert"] | None = None
    minimum_confidence_rating: Annotated[float, Meta(ge=0, le=1)] | None = None
    selected_model_type: Variant | Literal["requiresRetrain"] | None = None
    script: Annotated[str, Meta(min_length=1)] | None = None
    visual_layers: Annotated[list[KerasVisualLayer], Meta(max_length=64)] | None = None
    training_cycles: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    learning_rate: Annotated[float, Meta(gt=0, le=1)] | None = None
    batch_size: _Count | None = None
    train_test_split: _Share | None = None
    auto_class_weights: bool | None = None
    use_learned_optimizer: bool | None = None
    augmentation_policy_image: Literal["none", "all"] | None = None
    augmentation_policy_spectrogram: AugmentationPolicySpectrogram | None = None
    profile_int8: bool | None = msgspec.field(name="profileInt8", default=None)
    skip_embeddings_and_memory: bool | None = None
    akida_edge_learning_config: AkidaEdgeLearningConfig | None = None
    custom_validation_metadata_key: _Name | None = None
    show_advanced_training_settings: bool | None = None
    show_augmentation_training_settings: bool | None = None
    custom_parameters: (
        Annotated[dict[_Name, Annotated[str, Meta(max_length=1024)]], Meta(max_length=64)] | None
    ) = None
    anomaly_capacity: Literal["low", "medium", "high"] | None = None
    last_shown_model_variant: Variant | None = None
    block_parameters: BlockParameters | None = None
    training_processor: Literal["cpu", "gpu"] | None = None
    k_folds_validation_config: KFoldsValidationConfig | None = None
    assert_gpu_usage_percentage: float | None = None
