"""SHA-512 and Ed25519 of the reference firmware."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest

from tests.campaign import knobs
from tests.firmware_export.core import signatures
from tests.firmware_export.core.answering import Core
from tests.firmware_export.core.signatures import ORDER, Signed


def test_digests_are_sha512_in_whatever_pieces_the_message_comes(core: Core) -> None:
    rng = random.Random(1)
    for length in (*range(260), 1000, 4096):
        data = rng.randbytes(length)
        for piece in (1, 7, 128, 5000):
            assert core.sha512(data, piece) == hashlib.sha512(data).digest(), (length, piece)


def test_the_published_signatures_are_right(core: Core) -> None:
    vectors = signatures.published()
    assert len(vectors) == 5
    for one in vectors:
        assert core.verify(one.signature, one.key, one.message)


def check_against_pynacl(core: Core, keys: int, record: Callable[[str, object], None]) -> None:
    rng = random.Random(knobs.SEED)
    tried = accepted = 0
    for _ in range(keys):
        good = signatures.signed(rng)
        for one in (good, *signatures.mutations(good, rng)):
            verdict = core.verify(one.signature, one.key, one.message)
            assert verdict == one.right(), one
            tried, accepted = tried + 1, accepted + verdict
    record("signatures", f"{tried}, of which {accepted} are right")
    assert accepted == keys


def test_random_and_changed_signatures_get_pynacls_verdict(
    core: Core, record_property: Callable[[str, object], None]
) -> None:
    check_against_pynacl(core, 20, record_property)


@pytest.mark.campaign
def test_random_and_changed_signatures_by_the_thousand_get_pynacls_verdict(
    core: Core, record_property: Callable[[str, object], None]
) -> None:
    check_against_pynacl(core, knobs.SIGNING_KEYS, record_property)


def test_odd_points_are_refused_as_key_and_as_r(core: Core) -> None:
    rng = random.Random(2)
    good = signatures.signed(rng)
    for point in signatures.odd_points():
        h = int.from_bytes(hashlib.sha512(good.signature[:32] + point + good.message).digest(), "little")
        # As if the key were the neutral point, what it takes for a signature is known to all.
        for s in (good.signature[32:], bytes(32), (h % ORDER).to_bytes(32, "little")):
            for one in (
                Signed(good.signature[:32] + s, point, good.message),
                Signed(point + s, good.key, good.message),
                Signed(point + s, point, good.message),
            ):
                assert core.verify(one.signature, one.key, one.message) is False
                assert one.right() is False


def test_points_with_a_part_of_small_order_get_pynacls_verdict(core: Core) -> None:
    rng = random.Random(3)
    for torsion in ((signatures.TORSION, b""), (b"", signatures.TORSION), (signatures.TORSION,) * 2):
        for _ in range(4):
            one = signatures.signed(rng, *torsion)
            assert core.verify(one.signature, one.key, one.message) == one.right()
