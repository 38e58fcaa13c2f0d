"""Power is lost while flash is written: the old model runs afterwards, or the new one, never none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.campaign import knobs
from tests.firmware.power import BEFORE, RECORD, UNIT, operations, prepare, strike


@pytest.mark.parametrize("before", BEFORE)
def test_power_is_lost_at_some_operations(before: str, tmp_path: Path) -> None:
    old = prepare(before, tmp_path / "prepared")
    last = operations(before)
    # The erasure, some of the blob, and each of the record and of what comes around it.
    for cut in (1, 2, 17, *range(last - RECORD // UNIT - 1, last + 2)):
        assert strike(tmp_path / "prepared", old, [cut], tmp_path / "flash") == (cut <= last)


@pytest.mark.campaign
@pytest.mark.parametrize("before", BEFORE)
def test_power_is_lost_at_each_operation(before: str, tmp_path: Path) -> None:
    old = prepare(before, tmp_path / "prepared")
    for cut in range(1, operations(before) + 2):
        assert strike(tmp_path / "prepared", old, [cut], tmp_path / "flash") == (cut <= operations(before))


@pytest.mark.campaign
@pytest.mark.parametrize("before", BEFORE)
def test_power_is_lost_again_and_again(before: str, tmp_path: Path) -> None:
    rng = random.Random(knobs.SEED)
    old = prepare(before, tmp_path / "prepared")
    for _ in range(knobs.POWER_CUTS // len(BEFORE)):
        cuts = [rng.randrange(1, operations(before) + 2) for _ in range(rng.randrange(2, 6))]
        strike(tmp_path / "prepared", old, cuts, tmp_path / "flash")
