"""Networks that were trained before: which there are, and where their weights lie; without TensorFlow.

Weights are files that somebody has put into a directory of the device, beside ``SHA256SUMS`` as the program
``sha256sum`` writes it. None is fetched: a gateway may have no way out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import InvalidMember, TrainingError
from daemon.trainers.keras.layers import Layer

SUMS = "SHA256SUMS"

_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Pretrained:
    """A network that was trained before.

    Parameters
    ----------
    family : str
        ``MobileNetV1`` or ``MobileNetV2``.
    alpha : float
        How wide its layers are.
    file : str
        Its weights, without the classifier.
    parameters : int
        How many they are.
    values : int
        Values between its layers, for each pixel of an image.
    """

    family: str
    alpha: float
    file: str
    parameters: int
    values: int


def _v1(alpha: float, file: str, parameters: int, values: int) -> Pretrained:
    return Pretrained("MobileNetV1", alpha, file, parameters, values)


def _v2(alpha: float, side: int, parameters: int, values: int) -> Pretrained:
    # Names as Keras gives them; of 0.1 and 0.05 it has none.
    file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{side}_no_top.h5"
    return Pretrained("MobileNetV2", alpha, file, parameters, values)


#: By the type of layer.
PRETRAINED = {
    "transfer_mobilenetv2_a35": _v2(0.35, 96, 410_208, 187),
    "transfer_mobilenetv2_a1": _v2(0.1, 96, 93_312, 142),
    "transfer_mobilenetv2_a05": _v2(0.05, 96, 52_320, 138),
    "transfer_mobilenetv2_160_a1": _v2(1.0, 160, 2_257_984, 434),
    "transfer_mobilenetv2_160_a75": _v2(0.75, 160, 1_382_064, 384),
    "transfer_mobilenetv2_160_a5": _v2(0.5, 160, 706_224, 237),
    "transfer_mobilenetv2_160_a35": _v2(0.35, 160, 410_208, 187),
    "transfer_mobilenetv1_a25_d100": _v1(0.25, "mobilenet_2_5_128_tf_no_top.h5", 218_544, 84),
    "transfer_mobilenetv1_a2_d100": _v1(0.2, "mobilenet_0.2_96_tf_no_top.h5", 142_259, 65),
    "transfer_mobilenetv1_a1_d100": _v1(0.1, "mobilenet_0.1_96_tf_no_top.h5", 39_881, 32),
}


def find_weights(layer: Layer, directory: str | None) -> Path:
    """The file with the weights of a network; its content is not looked at yet.

    Parameters
    ----------
    layer : Layer
        A network that was trained before.
    directory : str or None
        ``keras.weights_dir``.

    Raises
    ------
    InvalidMember
        It is not there, or not in the list; the message names it and says what to do.
    """
    file = PRETRAINED[layer.type].file
    place = f"{layer.place}.type"
    needs = f"{layer.type} needs the weights {file}"
    if directory is None:
        raise InvalidMember(
            place, f"{needs}: set keras.weights_dir, and put the file and its line of {SUMS} there"
        )
    path = Path(directory) / file
    if not path.is_file():
        raise InvalidMember(place, f"{needs}, which are not in {directory}: put the file there")
    if _listed(path) is None:
        raise InvalidMember(place, f"{needs}, which {directory}/{SUMS} does not list: add its line")
    return path


def check_weights(path: Path) -> None:
    """Hold a file against the list beside it; raises `TrainingError` where it is another one."""
    wanted, found = _listed(path), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            found.update(block)
    if found.hexdigest() != wanted:
        raise TrainingError(
            f"{path} is not the file that {SUMS} lists: its sha256 is {found.hexdigest()}", stage="prepare"
        )


def _listed(path: Path) -> str | None:
    """Digest of a file in the list beside it."""
    try:
        lines = (path.parent / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = (re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line.rstrip()) for line in lines)
    return next((line[1].lower() for line in found if line and line[2] == path.name), None)
