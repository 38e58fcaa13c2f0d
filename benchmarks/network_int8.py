"""int8 networks, and their C, against the float networks they were made from.

``python -m benchmarks.network_int8`` trains each set as a whole job, with the gate's defaults. It prints the
accuracy (R2 of a regression) of the float network, of the int8 file and of the compiled C on rows that took
no part in the training; the bytes of the file; what quantization after training takes, the least of five
times; and which method the gate accepted. Of the two times the processor's is judged: it is one thread that
works, and what else the machine does is not its own. Recordings are read where they are.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.anomaly_auc import Silent
from benchmarks.network_sets import NetworkSet, Rows, network_sets
from daemon.data.index import Column, DataIndex, Recording
from daemon.database import Database
from daemon.wire.worker import Progress, Spec

#: What int8 may lose, of accuracy or R2, and how long quantization after training may take.
LOSS_BAR, SECONDS_BAR = 0.01, 0.2

_LOOP = """
#include "net.h"
static int64_t scratch[(NET_SCRATCH_BYTES + 7) / 8];
void answer(const float *rows, size_t count, float *scores) {
  static int8_t in[NET_INPUT_LEN], out[NET_OUTPUT_LEN];
  for (size_t i = 0; i < count; i++) {
    net_quantize(rows + i * NET_INPUT_LEN, in);
    net_invoke(in, out, scratch);
    net_dequantize(out, scores + i * NET_OUTPUT_LEN);
  }
}
"""


class _Unheard(Silent):
    """Nobody listens to these jobs."""

    def enter(self, stage: str) -> None:
        """Say nothing."""

    def tell(self, progress: Progress) -> None:
        """Say nothing."""

    def check(self) -> None:
        """Nobody cancels."""


@dataclass(frozen=True)
class Line:
    """Figures of one set: accuracies or R2s, and the rest."""

    float32: float
    int8: float
    compiled: float
    method: str
    size: int
    seconds: float
    processor: float

    @property
    def holds(self) -> bool:
        """Whether it keeps to the bars."""
        return self.float32 - min(self.int8, self.compiled) <= LOSS_BAR and self.processor <= SECONDS_BAR


def measure(data: NetworkSet) -> Line:
    """Train one set as a job, compile its C, and judge all three."""
    from daemon.networks import pipeline

    with tempfile.TemporaryDirectory() as directory:
        database, version = Path(directory) / "trainerd.db", Path(directory) / "work" / "version"
        version.mkdir(parents=True)
        _store(database, data)
        pipeline.run(_spec(database, version, data), _Unheard())
        manifest = json.loads((version / "manifest.json").read_bytes())
        answers = _compiled(version / "c", data.test, max(len(manifest["classes"]), 1))
        seconds, processor = _conversion(version / "model.keras", data.train)
        size = (version / "model_int8.tflite").stat().st_size
    figure = "testingR2" if data.kind == "keras-regression" else "testingAccuracy"
    return Line(
        float32=manifest["metrics"]["float32"][figure],
        int8=manifest["metrics"]["int8"][figure],
        compiled=_figure(answers, data.test_labels, manifest["classes"]),
        method=manifest["gate"]["method"],
        size=size,
        seconds=seconds,
        processor=processor,
    )


def _store(path: Path, data: NetworkSet) -> None:
    database = Database(path)
    database.open()
    columns = [Column(f"c{number}") for number in range(data.train.shape[1])]
    with database.transaction():
        for category, rows, labels in (
            ("training", data.train, data.train_labels),
            ("testing", data.test, data.test_labels),
        ):
            recording = Recording(columns, 0, rows.astype("<f4").tobytes(), labels=labels)
            DataIndex(database).add(1, category, recording)
    database.close()


def _spec(database: Path, version: Path, data: NetworkSet) -> Spec:
    block = {"id": 9, "type": data.kind, "name": "net", "dsp": [2]}
    return Spec(
        job_id=1,
        project_id=1,
        learn_id=9,
        version=1,
        database=str(database),
        staging_dir=str(version),
        learn_block=block,
        impulse={
            "inputBlocks": [{"id": 1, "type": "features"}],
            "dspBlocks": [{"id": 2, "type": "raw"}],
            "learnBlocks": [block],
        },
        request={"visualLayers": data.layers, "trainingCycles": data.epochs, "learningRate": 0.002},
    )


def _compiled(folder: Path, rows: Rows, outputs: int) -> Rows:
    """What the C answers, compiled for this machine: (n, d) to (n, outputs)."""
    (folder / "loop.c").write_text(_LOOP)
    library = folder / "net.so"
    command = ["gcc", "-std=c99", "-O2", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(folder / "loop.c"), str(folder / "net.c"), "-lm"], check=True)
    given, answers = np.ascontiguousarray(rows, np.float32), np.empty((len(rows), outputs), np.float32)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (given, answers)]
    ctypes.CDLL(str(library)).answer(pointers[0], ctypes.c_size_t(len(rows)), pointers[1])
    return answers


def _figure(answers: Rows, labels: list[str], classes: list[str]) -> float:
    if classes:
        return float(
            np.mean(
                [classes[said] == label for said, label in zip(answers.argmax(axis=1), labels, strict=True)]
            )
        )
    wanted: npt.NDArray[Any] = np.array([float(label) for label in labels])
    return float(1 - np.mean((answers[:, 0] - wanted) ** 2) / np.var(wanted))


def _conversion(path: Path, rows: Rows) -> tuple[float, float]:
    """Seconds, and of the processor, that quantization after training takes at the least."""
    import tf_keras

    from daemon.quantize.network import convert_int8

    model = tf_keras.models.load_model(path, compile=False)
    took = []
    for _ in range(5):
        began, worked = time.perf_counter(), time.process_time()
        convert_int8(model, rows)
        took.append((time.perf_counter() - began, time.process_time() - worked))
    return min(seconds for seconds, _ in took), min(processor for _, processor in took)


def main() -> None:
    """Measure and print."""
    from daemon.trainers.keras.runtime import load_tensorflow

    load_tensorflow(2, 3)
    heads = ("float32", "int8", "C", "lost", "bytes", "seconds", "processor")
    print(f"{'set, layers':<26}" + "".join(f"{head:>10}" for head in heads) + "  method")
    print(f"{'bar':<26}{'':>30}{f'<= {LOSS_BAR}':>10}{'':>20}{f'<= {SECONDS_BAR}':>10}")
    for data in network_sets():
        line = measure(data)
        lost = line.float32 - min(line.int8, line.compiled)
        print(
            f"{data.name:<26}{line.float32:>10.4f}{line.int8:>10.4f}{line.compiled:>10.4f}{lost:>+10.4f}"
            f"{line.size:>10}{line.seconds:>10.3f}{line.processor:>10.3f}  {line.method:<14}"
            f"{'holds' if line.holds else 'FAILS'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
