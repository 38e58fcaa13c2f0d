"""Fixtures of ATK's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.atk.workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
