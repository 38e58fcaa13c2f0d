"""From a request to what the training of a network is told; without TensorFlow and numpy.

The daemon calls this for a request before it makes a job of it, the worker again when it runs the job.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.errors import InvalidMember
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.shapes import Placed, Shape, place_layers, told
from daemon.trainers.table import NetworkEntry
from daemon.wire.compression import Compression, read_compression
from daemon.wire.keras import (
    AkidaEdgeLearningConfig,
    AugmentationPolicySpectrogram,
    KerasVisualLayer,
    KFoldsValidationConfig,
    SetKerasParameterRequest,
)
from daemon.wire.members import given

DEFAULT_LEARNING_RATE = 0.0005
DEFAULT_BATCH_SIZE = 32
DEFAULT_VALIDATION_SHARE = 0.2
DEFAULT_CONFIDENCE = 0.6

#: Members that are about a network of visual layers, and nothing to a script.
_FOR_LAYERS = (
    "visualLayers",
    "autoClassWeights",
    "useLearnedOptimizer",
    "augmentationPolicyImage",
    "augmentationPolicySpectrogram",
    "kFoldsValidationConfig",
    "trainingProcessor",
)


#: Neurons of each class that is learnt on the chip, where nobody says.
DEFAULT_NEURONS = 50

_MOST_CLASSES, _MOST_NEURONS = 256, 1024


@dataclass(frozen=True)
class EdgeLearning:
    """What an Akida model can learn on the chip.

    Parameters
    ----------
    classes : int
        How many classes.
    neurons : int
        Neurons of each.
    """

    classes: int
    neurons: int


@dataclass(frozen=True)
class KerasSettings:
    """What the training of a network is told.

    Parameters
    ----------
    mode : str
        ``visual``: `layers` are the network; ``expert``: `script` makes and trains it.
    layers : tuple of Placed
        The layers before the output layer, with the shapes between them; empty in expert mode.
    script : str or None
        The script, in expert mode.
    epochs : int
        Training cycles.
    learning_rate : float
        Of Adam, greater than 0 and at most 1.
    batch_size : int
        Rows of a step.
    validation_share : float
        Share of the rows that validate, between 0 and 1.
    validation_key : str or None
        Rows with the same value of this metadata key are all on one side of the split.
    folds : KFoldsValidationConfig or None
        Cross-validation, where asked for.
    class_weights : bool
        Whether each class weighs the same, however many rows it has.
    learned_optimizer : bool
        Whether the optimizer finds its step by itself, and the learning rate means nothing.
    image_augmentation : bool
        Whether training images are varied.
    spectrogram_augmentation : AugmentationPolicySpectrogram or None
        How training spectrograms are varied, where they are.
    profile_int8 : bool
        Whether the memory and the operations of the int8 variant are wanted.
    embeddings_and_memory : bool
        Whether a 2-D embedding and the model's memory are wanted.
    minimum_confidence : float
        A classification below it counts as uncertain.
    variant : str
        ``int8``, ``float32`` or ``akida``: what is used in the end.
    edge_learning : EdgeLearning or None
        What the Akida variant can learn on the chip, where that is asked for.
    processor : str
        ``cpu`` or ``gpu``.
    compression : Compression
        How the network becomes int8.
    custom_parameters : dict of str to str
        Further parameters by name.
    ignored : dict of str to str
        Members of the request that have no effect, and why.
    """

    mode: str
    layers: tuple[Placed, ...]
    script: str | None
    epochs: int
    learning_rate: float
    batch_size: int
    validation_share: float
    validation_key: str | None
    folds: KFoldsValidationConfig | None
    class_weights: bool
    learned_optimizer: bool
    image_augmentation: bool
    spectrogram_augmentation: AugmentationPolicySpectrogram | None
    profile_int8: bool
    embeddings_and_memory: bool
    minimum_confidence: float
    variant: str
    edge_learning: EdgeLearning | None
    processor: str
    compression: Compression
    custom_parameters: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Numbers that are learnt before the output layer."""
        return sum(placed.parameters for placed in self.layers)

    @property
    def wants_akida(self) -> bool:
        """Whether an Akida variant is asked for."""
        return self.variant == "akida" or self.edge_learning is not None


def keras_settings(
    entry: NetworkEntry, request: SetKerasParameterRequest, input_shape: Shape | None
) -> KerasSettings:
    """Put together what a training is told.

    Parameters
    ----------
    entry : NetworkEntry
        The kind of network.
    request : SetKerasParameterRequest
        The stored settings of the learn block, with the request's members in their place.
    input_shape : tuple of int or None
        Shape of one row: ``(features,)``, or ``(rows, columns, channels)`` of an image; None where that is
        not known yet: then `layers` is empty and what depends on shapes is not checked.

    Returns
    -------
    KerasSettings

    Raises
    ------
    InvalidMember
        A member is out of range, does not fit the others, or cannot be done here.
    """
    mode = request.mode or "visual"
    layers, ignored = _layers(entry, request, mode, input_shape)
    _refuse_what_is_not_made(entry, request)
    _report(entry, request, mode, ignored)
    settings = KerasSettings(
        mode=mode,
        layers=layers,
        script=_script(request, mode),
        epochs=request.training_cycles or entry.default_epochs,
        learning_rate=request.learning_rate or DEFAULT_LEARNING_RATE,
        batch_size=request.batch_size or DEFAULT_BATCH_SIZE,
        validation_share=request.train_test_split or DEFAULT_VALIDATION_SHARE,
        validation_key=request.custom_validation_metadata_key,
        folds=request.k_folds_validation_config if mode == "visual" else None,
        class_weights=bool(request.auto_class_weights) and entry.classifies,
        learned_optimizer=bool(request.use_learned_optimizer),
        image_augmentation=request.augmentation_policy_image == "all",
        spectrogram_augmentation=_enabled(request.augmentation_policy_spectrogram),
        profile_int8=request.profile_int8 is not False,
        embeddings_and_memory=not request.skip_embeddings_and_memory,
        minimum_confidence=_or_default(request.minimum_confidence_rating, DEFAULT_CONFIDENCE),
        variant=request.selected_model_type or "int8",
        edge_learning=_edge_learning(request.akida_edge_learning_config),
        processor=request.training_processor or "cpu",
        compression=_compression(request, mode),
        custom_parameters=request.custom_parameters or {},
        ignored=ignored,
    )
    if mode == "visual" and input_shape is not None:
        _check_augmentation(settings, input_shape)
    return settings


def default_layers(entry: NetworkEntry, input_shape: Shape) -> list[KerasVisualLayer]:
    """The layers where nobody has named any: those that Edge Impulse's Studio begins with.

    Parameters
    ----------
    entry : NetworkEntry
        The kind of network.
    input_shape : tuple of int
        Shape of one row.
    """
    if entry.transfer:
        return [KerasVisualLayer("transfer_mobilenetv2_a35")]
    if len(input_shape) == 1:
        return [KerasVisualLayer("dense", neurons=20), KerasVisualLayer("dense", neurons=10)]
    return [
        KerasVisualLayer("conv2d", neurons=32, kernel_size=3),
        KerasVisualLayer("conv2d", neurons=16, kernel_size=3),
        KerasVisualLayer("flatten"),
        KerasVisualLayer("dropout", dropout_rate=0.25),
    ]


def _layers(
    entry: NetworkEntry, request: SetKerasParameterRequest, mode: str, input_shape: Shape | None
) -> tuple[tuple[Placed, ...], dict[str, str]]:
    if mode == "expert":
        return (), {}
    asked = request.visual_layers
    if asked is None:
        asked = default_layers(entry, input_shape or (1,))
    layers, ignored = settle_layers(asked)
    for layer in layers:
        if layer.transfer != entry.transfer:
            kind = "keras-transfer-image" if layer.transfer else "keras or keras-regression"
            raise InvalidMember(f"{layer.place}.type", f"{layer.type} is for a block of type {kind}")
    if entry.transfer and not layers:
        raise InvalidMember("visualLayers", "names no network: give one transfer_mobilenet* layer")
    return () if input_shape is None else tuple(place_layers(layers, input_shape)), ignored


def _compression(request: SetKerasParameterRequest, mode: str) -> Compression:
    """What the parameters say; those of a script are its own."""
    return read_compression(request.custom_parameters or {}) if mode == "visual" else Compression()


def _script(request: SetKerasParameterRequest, mode: str) -> str | None:
    if mode == "visual":
        return None
    if request.script is None:
        raise InvalidMember("script", "is required in mode expert and missing")
    return request.script


def _refuse_what_is_not_made(entry: NetworkEntry, request: SetKerasParameterRequest) -> None:
    if request.selected_model_type == "requiresRetrain":
        raise InvalidMember("selectedModelType", "requiresRetrain is no variant: use int8, float32 or akida")
    if entry.classifies:
        return
    edge = request.akida_edge_learning_config
    for place, asked in (
        ("selectedModelType", request.selected_model_type == "akida"),
        ("akidaEdgeLearningConfig.enabled", edge is not None and edge.enabled),
    ):
        if asked:
            raise InvalidMember(place, "a regression has no Akida variant: only classifiers have one")


def _edge_learning(asked: AkidaEdgeLearningConfig | None) -> EdgeLearning | None:
    if asked is None or not asked.enabled:
        return None
    if asked.additional_classes is None:
        raise InvalidMember(
            "akidaEdgeLearningConfig.additionalClasses", "is required where enabled is true, and missing"
        )
    return EdgeLearning(
        _whole("additionalClasses", asked.additional_classes, _MOST_CLASSES),
        _whole("neuronsPerClass", _or_default(asked.neurons_per_class, DEFAULT_NEURONS), _MOST_NEURONS),
    )


def _whole(member: str, value: float, most: int) -> int:
    """A number that Edge Impulse's schema lets be any, as the whole number that it must be."""
    if value % 1 or not 1 <= value <= most:
        raise InvalidMember(
            f"akidaEdgeLearningConfig.{member}", f"{value:g} is no whole number of 1 to {most}"
        )
    return int(value)


def _report(
    entry: NetworkEntry, request: SetKerasParameterRequest, mode: str, ignored: dict[str, str]
) -> None:
    """Add the members that have no effect, with the reason."""
    anomalies, script = "only visual anomaly detection has it", "mode is expert: the script decides on it"
    if mode == "expert":
        reasons = dict.fromkeys(_FOR_LAYERS, script)
    else:
        reasons = {"script": "mode is visual: only mode expert runs a script"}
        if request.use_learned_optimizer:
            reasons["learningRate"] = "useLearnedOptimizer finds the step by itself"
        if request.k_folds_validation_config:
            reasons["trainTestSplit"] = "kFoldsValidationConfig says what validates"
    if not entry.classifies:
        reasons["autoClassWeights"] = "a regression has no classes"
        reasons["minimumConfidenceRating"] = "a regression has no confidence"
    reasons["anomalyCapacity"] = reasons["blockParameters"] = anomalies
    reasons["assertGpuUsagePercentage"] = "how busy a GPU was is not measured"
    ignored.update({name: why for name, why in reasons.items() if name in given(request)})


def _check_augmentation(settings: KerasSettings, input_shape: Shape) -> None:
    """Augmentation needs to know what is above, below, before and after in a row."""
    grid = len(input_shape) == 3 or (settings.layers and settings.layers[0].layer.type == "reshape")
    if grid:
        return
    for place, wanted in (
        ("augmentationPolicyImage", settings.image_augmentation),
        ("augmentationPolicySpectrogram.enabled", settings.spectrogram_augmentation is not None),
    ):
        if wanted:
            raise InvalidMember(
                place, f"the network sees {told(input_shape)}: begin visualLayers with a reshape layer"
            )


def _enabled(policy: AugmentationPolicySpectrogram | None) -> AugmentationPolicySpectrogram | None:
    return policy if policy is not None and policy.enabled else None


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value
