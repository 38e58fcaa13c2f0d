"""``make campaign``; ``CAMPAIGN_KILLS`` and ``CAMPAIGN_SEED`` say how many and which."""

from __future__ import annotations

import pytest

from tests.campaign.__main__ import main


@pytest.mark.campaign
def test_nothing_is_lost_whatever_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        assert main([]) == 0
