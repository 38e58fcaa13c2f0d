"""``pytest hw_tests`` runs on emulated boards, with ``--target CONFIG`` on those of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw_tests.hardware import EMULATED, Hardware


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--target``."""
    parser.addoption(
        "--target",
        metavar="CONFIG",
        help="a trainerd.toml whose [targets] are real boards: the tests flash them and run there",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``hardware`` on every board."""
    if "hardware" not in metafunc.fixturenames:
        return
    config = metafunc.config.getoption("--target", default=None)
    boards = EMULATED if config is None else _configured(Path(config))
    metafunc.parametrize("hardware", boards, ids=[board.name for board in boards])


def _configured(path: Path) -> tuple[Hardware, ...]:
    # Not needed, nor to be had, where all boards are emulated.
    from hw_tests.configured import configured

    return configured(path)
