"""One process for all the tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firmware_export.core.answering import Core, core_process


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    with core_process(tmp_path_factory.mktemp("core")) as started:
        yield started
