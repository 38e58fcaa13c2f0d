"""``customParameters`` of a network: read, or refused with the name of the parameter."""

from __future__ import annotations

import pytest

from daemon.errors import InvalidMember
from daemon.wire.compression import Compression, read_compression


def test_what_is_left_out_is_not_done() -> None:
    assert read_compression({}) == Compression(
        qat=False, pruning=None, clustering=None, per_channel_dense=False
    )
    assert read_compression({"quantization": "post-training", "denseScales": "per-tensor"}) == Compression()


def test_every_parameter_is_read() -> None:
    parameters = {"quantization": "qat", "pruning": "0.5", "clustering": "16", "denseScales": "per-channel"}
    assert read_compression(parameters) == Compression(
        qat=True, pruning=0.5, clustering=16, per_channel_dense=True
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("prunning", "0.5", "is unknown, did you mean pruning?"),
        ("optimizer", "sgd", "is unknown, known are pruning, clustering, quantization, denseScales"),
        ("quantization", "int4", "'int4' is none of post-training, qat"),
        ("denseScales", "", "'' is none of per-tensor, per-channel"),
        ("pruning", "0", "'0' is no share of the weights: greater than 0 and at most 0.95"),
        ("pruning", "0.96", "'0.96' is no share of the weights: greater than 0 and at most 0.95"),
        ("pruning", "nan", "'nan' is no share of the weights: greater than 0 and at most 0.95"),
        ("pruning", "half", "'half' is no share of the weights: greater than 0 and at most 0.95"),
        ("clustering", "1", "'1' is no number of weights: 2 to 256"),
        ("clustering", "257", "'257' is no number of weights: 2 to 256"),
        ("clustering", "-2", "'-2' is no number of weights: 2 to 256"),
        ("clustering", "٤", "'٤' is no number of weights: 2 to 256"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str, problem: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        read_compression({name: value})
    assert refused.value.message == f"customParameters.{name}: {problem}"
