"""The daemon itself: what it costs while nothing happens, and how fast it answers.

``python -m benchmarks.daemon [--seconds N] [--requests N]`` prints one table. A real daemon on a local
Mosquitto trains one model; then it is left alone and its memory, processor time and writes are read from
/proc; then it gets posts, one after the other, each of which is on disk before its reply is sent.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.cli.command import IMPULSE, trainerd, write_table
from tests.harness import PATIENCE, Broker, Client, Daemon

_REQUEST = {"axes": [0, 1, 2], "clusterCount": 4, "minimumConfidenceRating": 0.3}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="how long it is left alone (default 60)")
    parser.add_argument("--requests", type=int, default=1000, help="posts that are timed (default 1000)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder)).start()
        daemon = Daemon(Path(folder), broker.port, device="bench")
        try:
            daemon.start()
            _train_once(daemon)
            idle = _idle(daemon, wanted.seconds)
            delays = _delays(daemon, wanted.requests)
        finally:
            daemon.stop()
            broker.stop()
    quantiles = statistics.quantiles(delays, n=100)
    rows = (
        ("resident memory after one job, MiB", idle["mib"], 32),
        (f"processor over {wanted.seconds} s, %", idle["percent"], 0.2),
        (f"written over {wanted.seconds} s, bytes", idle["written"], 0),
        (f"request to durable reply, p50 of {len(delays)}, ms", quantiles[49], 8),
        (f"request to durable reply, p99 of {len(delays)}, ms", quantiles[98], 25),
    )
    print(f"{'the daemon':<46}{'measured':>10}{'bar':>8}")
    for name, measured, bar in rows:
        print(f"{name:<46}{measured:>10.2f}{bar:>8}  {'holds' if measured <= bar else 'NO'}")


def _train_once(daemon: Daemon) -> None:
    table = write_table(daemon.directory / "rows.csv")
    trainerd("import", "1", table, config=daemon.config_file)
    with daemon.client() as client:
        client.request("post", "api/1/impulse", IMPULSE)
    done = trainerd(
        *("train", "anomaly", "1", "7", "--watch", "--body", "-"),
        config=daemon.config_file,
        stdin=json.dumps(_REQUEST),
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def _idle(daemon: Daemon, seconds: int) -> dict[str, float]:
    """Memory in MiB, processor time in percent of one core, bytes written."""
    # What the job left to do is not idling.
    time.sleep(3)
    before = _counters(daemon)
    time.sleep(seconds)
    after = _counters(daemon)
    ticks = os.sysconf("SC_CLK_TCK")
    return {
        "mib": after["rss"] / 2**20,
        "percent": 100 * (after["ticks"] - before["ticks"]) / ticks / seconds,
        "written": after["written"] - before["written"],
    }


def _counters(daemon: Daemon) -> dict[str, int]:
    assert daemon.process is not None
    folder = Path(f"/proc/{daemon.process.pid}")
    stat = (folder / "stat").read_text().rpartition(")")[2].split()
    io = dict(line.split(": ") for line in (folder / "io").read_text().splitlines())
    return {
        "rss": int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
        "ticks": int(stat[11]) + int(stat[12]),
        "written": int(io["write_bytes"]),
    }


def _delays(daemon: Daemon, count: int) -> list[float]:
    """Milliseconds from each request to its reply."""
    answered = threading.Event()
    delays = []
    with daemon.client() as client:
        client.paho.on_message = lambda *_: answered.set()
        for number in range(count):
            answered.clear()
            began = time.perf_counter()
            _post(client, number)
            if not answered.wait(PATIENCE):
                raise SystemExit("no reply")
            delays.append(1000 * (time.perf_counter() - began))
    return delays


def _post(client: Client, number: int) -> paho.MQTTMessageInfo:
    """Store a setting: a transaction of the smallest kind."""
    properties: Any = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = f"{client.reply_topic}/bench"
    properties.CorrelationData = str(number).encode()
    body = json.dumps({"clusterCount": 2 + number % 7})
    topic = f"{client.root}/post/api/1/training/anomaly/7"
    return client.paho.publish(topic, body, qos=1, properties=properties)


if __name__ == "__main__":
    main()
