"""A training job against calling scikit-learn on the same rows in a fresh process.

``python -m benchmarks.job_overhead [--runs N]`` prints one table: seconds of each, their difference, and
the bar (1.15 times scikit-learn plus 0.5 s). The job is the real worker process, from its start to the
version on disk, with ``skipEmbeddingsAndMemory: true``; both get the same number of threads.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from daemon.data.index import Column, DataIndex, Recording
from daemon.database import Database
from daemon.wire.worker import Spec, WorkerLimits

#: What a job may cost: this factor of scikit-learn's time, and this many seconds more.
FACTOR, EXTRA_S = 1.15, 0.5

_PLAIN = """
import sys
import numpy as np
from sklearn.preprocessing import StandardScaler
rows = StandardScaler().fit_transform(np.load(sys.argv[1]).astype(np.float64))
if sys.argv[2] == "anomaly":
    from sklearn.cluster import KMeans
    KMeans(int(sys.argv[3]), n_init=10, random_state=3).fit(rows)
else:
    from sklearn.mixture import GaussianMixture
    GaussianMixture(int(sys.argv[3]), reg_covar=1e-3, random_state=3).fit(rows)
"""

_CASES = (
    ("anomaly", 8, 2000, 8),
    ("anomaly", 32, 7000, 30),
    ("anomaly", 32, 20000, 30),
    ("anomaly-gmm", 4, 2000, 8),
    ("anomaly-gmm", 4, 7000, 30),
    ("anomaly-gmm", 16, 20000, 30),
)


def make_rows(count: int, width: int) -> npt.NDArray[np.float32]:
    """Eight clouds on correlated axes: what a machine with eight states looks like."""
    random = np.random.default_rng(0)
    centres = random.normal(scale=4, size=(8, width))[random.integers(8, size=count)]
    rows: npt.NDArray[np.float32] = (
        centres + random.normal(size=(count, width)) @ random.normal(size=(width, width)) / width**0.5
    ).astype(np.float32)
    return rows


def store(path: Path, rows: npt.NDArray[np.float32]) -> list[str]:
    """Import rows as project 1; returns the names of the columns."""
    names = [f"c{number}" for number in range(rows.shape[1])]
    database = Database(path)
    database.open()
    with database.transaction():
        recording = Recording([Column(name) for name in names], 0, rows.astype("<f4").tobytes())
        DataIndex(database).add(1, "training", recording)
    database.close()
    return names


def job_spec(database: Path, staging: Path, kind: str, clusters: int, width: int, threads: int) -> Spec:
    """The spec of a training of project 1 on all columns."""
    learn_block = {"id": 7, "type": kind, "name": "model", "dsp": [2]}
    return Spec(
        job_id=1,
        project_id=1,
        learn_id=7,
        version=1,
        database=str(database),
        staging_dir=str(staging),
        learn_block=learn_block,
        impulse={
            "inputBlocks": [{"id": 1, "type": "features"}],
            "dspBlocks": [{"id": 2, "type": "raw"}],
            "learnBlocks": [learn_block],
        },
        request={
            "axes": list(range(width)),
            "clusterCount": clusters,
            "minimumConfidenceRating": 0.3,
            "skipEmbeddingsAndMemory": True,
        },
        limits=WorkerLimits(threads=threads, nice=0),
    )


def timed(command: list[str], line: bytes, threads: int) -> float:
    """Seconds that a process takes, from its start to its end."""
    caps = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    environment = {**os.environ, **caps}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        said = process.stdout.read()
        status = process.wait()
        taken = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{command} ended with {status}:\n{said.decode()}")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts (default 3)")
    runs = parser.parse_args().runs
    threads = os.cpu_count() or 1
    print(f"{'training':<34}{'scikit-learn s':>15}{'job s':>8}{'over s':>8}{'bar s':>8}")
    for kind, clusters, count, width in _CASES:
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            rows = make_rows(count, width)
            np.save(folder / "rows.npy", rows)
            store(folder / "trainerd.db", rows)
            staging = folder / "version"
            spec = job_spec(folder / "trainerd.db", staging, kind, clusters, width, threads)
            plain, job = [], []
            for _ in range(runs):
                command = [sys.executable, "-c", _PLAIN, str(folder / "rows.npy"), kind, str(clusters)]
                plain.append(timed(command, b"", threads))
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir()
                command = [sys.executable, "-m", "daemon.worker.child"]
                job.append(timed(command, msgspec.json.encode(spec) + b"\n", threads))
        alone, whole = statistics.median(plain), statistics.median(job)
        bar = FACTOR * alone + EXTRA_S
        name = f"{kind} k={clusters}, {count} x {width}"
        figures = f"{alone:>15.2f}{whole:>8.2f}{whole - alone:>8.2f}{bar:>8.2f}"
        print(f"{name:<34}{figures}  {'holds' if whole <= bar else 'FAILS'}", flush=True)


if __name__ == "__main__":
    main()
