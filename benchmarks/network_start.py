"""The training of a network as a user waits for it: until its first epoch, and the memory that it takes.

``python -m benchmarks.network_start [--runs N]`` prints one table. A real daemon on a local Mosquitto trains
a network on scikit-learn's digits, without a worker that waits (`worker.warm = false`) and with one.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import DIGITS, digits, send, set_up, train_path
from tests.reliability.scenes import worker_of
from tests.scenario import TERMINAL

_BODY = {"trainingCycles": 30, "learningRate": 0.005, "skipEmbeddingsAndMemory": True}
_BARS = {"cold": 4.0, "warm": 0.5}
_PATIENCE = 300.0
_MIB = 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="trainings of each, the fastest counts (default 3)"
    )
    runs = parser.parse_args().runs
    print(f"{'':<52}{'measured':>10}{'bar':>8}")
    for kind, bar in _BARS.items():
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(Path(folder)).start()
            config = "[worker]\nwarm = true\n" if kind == "warm" else ""
            daemon = Daemon(Path(folder), broker.port, device="bench", config=config)
            try:
                with daemon.start().client() as client:
                    client.subscribe(f"{client.root}/jobs/#")
                    set_up(client, DIGITS, digits(700))
                    measured = [_train(client, daemon, waits=kind == "warm") for _ in range(runs)]
            finally:
                daemon.stop()
                broker.stop()
        first = min(one["first"] for one in measured)
        verdict = "holds" if first <= bar else "NO"
        print(f"{f'request to first epoch message, {kind} worker, s':<52}{first:>10.2f}{bar:>8g}  {verdict}")
    told, used = measured[0]["told"], max(one["used"] for one in measured)
    print(f"{'memory of a worker, MiB, and what was estimated':<52}{used:>10.0f}{told:>8.0f}")


def _train(client: Client, daemon: Daemon, *, waits: bool) -> dict[str, float]:
    """Train once; seconds until an epoch was told of, MiB that were used, and that were estimated."""
    if waits:
        worker = wait_until("a worker", lambda: worker_of(daemon), _PATIENCE)
        # It is ready once it waits and computes no more.
        wait_until("a worker that waits", lambda: _is_idle(worker), _PATIENCE)
    seen: list[float] = []
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(daemon, seen, done))
    watcher.start()
    began = time.perf_counter()
    job_id = send(client, train_path(), _BODY)["id"]
    wait_until("an epoch", lambda: _told(client, job_id, "progress", "epoch"), _PATIENCE)
    first = time.perf_counter() - began
    wait_until("the end", lambda: _told(client, job_id, "status", "finished"), _PATIENCE)
    done.set()
    watcher.join()
    lines = client.request("get", f"api/{DIGITS}/jobs/{job_id}/stdout").body["stdout"]
    estimates = [re.search(r"will take about ([\d,]+) MiB", line["data"]) for line in lines]
    told = next(float(found[1].replace(",", "")) for found in estimates if found)
    return {"first": first, "used": max(seen), "told": told}


def _told(client: Client, job_id: int, leaf: str, member: str) -> Any:
    topic = f"{client.root}/jobs/{job_id}/{leaf}"
    payloads = [json.loads(m.payload) for m in list(client.seen) if m.topic == topic and m.payload]
    if any(payload.get("state") in TERMINAL and payload["error"] for payload in payloads):
        raise SystemExit(f"the training failed: {payloads[-1]['error']}")
    return any(payload.get(member) for payload in payloads)


def _watch(daemon: Daemon, seen: list[float], done: threading.Event) -> None:
    """Take down the worker's own memory until the end."""
    while not done.is_set():
        try:
            text = Path(f"/proc/{worker_of(daemon)}/status").read_text()
            seen.append(int(re.search(r"RssAnon:\s+(\d+)", text)[1]) * 1024 / _MIB)  # type: ignore[index]
        except (OSError, TypeError):
            pass
        time.sleep(0.05)


def _is_idle(process_id: int) -> bool:
    """Whether a process has not computed for a second."""

    def ticks() -> int:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(1)
    return ticks() == before and before > 100


if __name__ == "__main__":
    main()
