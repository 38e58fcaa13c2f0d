"""A training after another one keeps to the code that boards have, where it can."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from tests.harness import Broker, Daemon
from tests.scenario import KMEANS, PROJECT, acquisition, set_up_project, train, wait_for_end

TARGETS = """
[targets.press]
board = "mps2-an386"
port = "socket://127.0.0.1:1"
"""
#: Enough of them, and spread enough, for inputs of 8 bits.
ROWS = np.random.default_rng(0).uniform(-10, 10, (1000, 3)).round(3).tolist()


def test_inputs_stay_as_wide_as_they_were(broker: Broker) -> None:
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        daemon = Daemon(Path(folder), broker.port, device="press-again", config=TARGETS)
        try:
            with daemon.start().client() as client:
                client.subscribe(f"{client.root}/jobs/#")
                set_up_project(client)
                reply = client.request("post", f"api/{PROJECT}/training/data", acquisition(ROWS))
                assert reply.status == 200, reply.body
                assert wait_for_end(client, train(client))["result"]["inputBits"] == 8
                # As if 8 bits had been too coarse for the rows of that time.
                version = daemon.state_dir / f"projects/{PROJECT}/models/{KMEANS}/1"
                manifest = json.loads((version / "manifest.json").read_text())
                manifest["result"]["inputBits"] = 16
                (version / "manifest.json").write_text(json.dumps(manifest))
                assert wait_for_end(client, train(client))["result"]["inputBits"] == 16
        finally:
            daemon.stop()
