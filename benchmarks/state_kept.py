"""What a job costs the disk, and how soon a broker that lost everything knows it again.

``python -m benchmarks.state_kept [--jobs N] [--away SECONDS]`` prints one table. A real daemon predicts by a
small model of ATK: such a job makes nothing but nine rows, so all that goes to the disk, a file system of its
own whose device counts, is states, replies, logs and the file system's journal. Then the daemon's broker,
which keeps nothing on disk, is killed, stays away for a while and comes back empty.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from tests.atk.conversation import result, run
from tests.campaign.endurance import prepare
from tests.harness import Broker, Daemon, wait_until
from tests.reliability.failing_disk import FailingDisk, failing_disk
from tests.reliability.scenes import retained

#: Kilobytes for each job, and seconds until everything retained is right again.
_MOST_KB, _MOST_S = 150, 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=20, help="jobs that are done (default 20)")
    parser.add_argument("--away", type=int, default=10, help="how long the broker is away (default 10)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder) / "daemon", 0, device="bench")
        with failing_disk(Path(folder), daemon.state_dir) as disk:
            if disk is None:
                raise SystemExit("only root may mount the file system whose writes are counted")
            broker = Broker(Path(folder)).start()
            daemon.port = broker.port
            try:
                daemon.start()
                kilobytes = _written_for_a_job(daemon, disk, wanted.jobs)
                seconds = _until_known_again(daemon, broker, wanted.away)
            finally:
                daemon.stop()
                broker.stop()
    rows = (
        (f"written to the disk for a job, mean of {wanted.jobs}, kB", kilobytes, _MOST_KB),
        (f"all retained again after {wanted.away} s without a broker, s", seconds, _MOST_S),
    )
    print(f"{'the state':<60}{'measured':>10}{'bar':>8}")
    for name, measured, bar in rows:
        print(f"{name:<60}{measured:>10.1f}{bar:>8}  {'holds' if measured <= bar else 'NO'}")


def _written_for_a_job(daemon: Daemon, disk: FailingDisk, jobs: int) -> float:
    """Kilobytes that reach the disk from a job's request to its end."""
    with daemon.client() as client:
        body = json.loads(prepare(client))
        before = disk.written()
        for _ in range(jobs):
            result(run(client, body))
        # Replies that have arrived are forgotten a little later, on the disk too.
        time.sleep(1)
        return (disk.written() - before) / jobs / 1000


def _until_known_again(daemon: Daemon, broker: Broker, away: int) -> float:
    """Seconds from the return of a broker that remembers nothing until it holds everything that it held."""

    def held() -> str:
        told = retained(daemon)
        told.get("state", {}).pop("sessionId", None)
        return json.dumps(told, sort_keys=True)

    before = held()
    broker.kill()
    time.sleep(away)
    broker.start()
    began = time.monotonic()
    wait_until("everything to be retained again", lambda: held() == before, 3 * _MOST_S)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
