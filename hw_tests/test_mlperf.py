"""Outside runners drive a board by MLPerf Tiny's text commands, over the line that models come over."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from hw_tests.hardware import Hardware
from hw_tests.mlperf_runner import Runner
from hw_tests.models import dense

ROWS = 3


def test_a_runner_loads_rows_and_reads_what_the_oracle_says(hardware: Hardware) -> None:
    if not hardware.has_text:
        pytest.skip(f"{hardware.name} goes without text commands")
    model = dense()
    inputs = model.rows(ROWS)
    size = len(inputs) // ROWS
    with hardware.running(model) as place:
        # A sample would take the row that was loaded.
        with SerialLink(place.port, place.baud) as link:
            session = BoardSession(link)
            info = session.info()
            if hardware.has_sensor:
                session.sample_every(0)
        with Runner.at(place.port, place.baud) as runner:
            assert runner.send("name") == [f"m-name-dut-[{info.board}]"]
            assert f"m-model-[{model.name}]" in runner.send("profile")
            assert runner.send(f"db load {size + 1}")[0].startswith("e-")
            for at in range(0, len(inputs), size):
                row = inputs[at : at + size]
                expected = np.frombuffer(model.answer(row), np.int8).tolist()
                assert runner.load(row) == ["m-load-done"]
                assert runner.infer(5, 1)[0] == expected
                assert runner.send("results") == [f"m-results-[{','.join(map(str, expected))}]"]
