"""What a score costs on a microcontroller: instructions and bytes, beside what they are held against.

``python -m hw_tests.bench`` prints one table. Guest instructions of QEMU: exact and repeatable, and not
cycles; the worst of eight inputs. Bytes are flash: one ELF built with ``-Os`` and ``--gc-sections``,
parameters and everything that the score pulls in, over the same program without it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.gate import choose
from daemon.trainers.base import AnomalyTask, AnomalyTrainer
from daemon.trainers.gmm import Trainer as GmmTrainer
from daemon.trainers.kmeans import Trainer as KMeansTrainer
from firmware_export.anomaly import export
from firmware_export.cprint import braced, float_literal
from hw_tests.boards import BOARDS, SUPPORT, Board, build, build_counter, flash_bytes, run

DIMENSIONS, CLUSTERS, ROWS = 8, 4, 8


@dataclass(frozen=True)
class Case:
    """A model to measure, with its bars and what others need for the same model.

    Attributes
    ----------
    title : str
    trainer : AnomalyTrainer
    options : dict
    instructions : dict
        Bar by core.
    flash : int
        Bar for the bytes, on either core.
    anchor : str
        Whose figures the next two are.
    anchor_instructions, anchor_bytes : dict
        By core.
    """

    title: str
    trainer: AnomalyTrainer
    options: dict[str, str]
    instructions: dict[str, int]
    flash: int
    anchor: str
    anchor_instructions: dict[str, int]
    anchor_bytes: dict[str, int]


CASES = (
    Case(
        f"K-means k={CLUSTERS} d={DIMENSIONS}",
        KMeansTrainer(),
        {"score": "edge"},
        {"M4F": 300, "M3": 450},
        550,
        "Edge Impulse",
        {"M4F": 5319, "M3": 10220},
        {"M4F": 2244, "M3": 3892},
    ),
    Case(
        f"GMM full k={CLUSTERS} d={DIMENSIONS}",
        GmmTrainer(),
        {"scaling": "standard"},
        {"M4F": 600, "M3": 900},
        1400,
        "emlearn",
        {"M4F": 4163, "M3": 48028},
        {"M4F": 4784, "M3": 6592},
    ),
)


def _rows() -> npt.NDArray[np.float64]:
    """Four correlated clouds on axes of very different size, as float32 has them."""
    rng = np.random.default_rng(3)
    clouds = [
        rng.normal(0.0, 4.0, DIMENSIONS)
        + rng.normal(size=(500, DIMENSIONS)) @ (np.eye(DIMENSIONS) + rng.normal(0.0, 0.6, (DIMENSIONS,) * 2))
        for _ in range(CLUSTERS)
    ]
    size = 10.0 ** rng.uniform(-2.0, 2.0, DIMENSIONS)
    rows = np.concatenate(clouds) * size + rng.normal(0.0, 5.0, DIMENSIONS) * size
    return np.asarray(rows.astype(np.float32), dtype=np.float64)


def integer_model(case: Case, rows: npt.NDArray[np.float64], clusters: int = CLUSTERS) -> IntegerModel:
    """Train, set the threshold, and quantize as a job does."""
    axes = np.arange(rows.shape[1], dtype=np.uint16)
    model = case.trainer.fit(AnomalyTask(axes, rows, clusters, case.options, 3)).model
    model = replace(model, threshold=max(0.1, float(np.percentile(model.score(rows), 99))))
    integer, report = choose(model, rows)
    if not report.passed:
        raise RuntimeError(f"{case.title}: no integer model passes: {report.chosen.failed}")
    return integer


def _inputs(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Half of them ordinary rows, half of them far outside."""
    rng = np.random.default_rng(5)
    ordinary = rows[rng.integers(0, len(rows), ROWS // 2)]
    far = rows.mean(axis=0) + rng.normal(0.0, 6.0, (ROWS - ROWS // 2, DIMENSIONS)) * rows.std(axis=0)
    return np.asarray(np.concatenate([ordinary, far]), dtype=np.float32)


def measure(board: Board, source: Path, counter: Path, folder: Path) -> tuple[int, int]:
    """Instructions of the worst input, and bytes, of a generated model.

    Parameters
    ----------
    board : Board
    source : Path
        ``<name>.c``, with ``vectors.h`` beside it.
    counter : Path
        The counting plugin.
    folder : Path
        For images.
    """
    flags = ("-Os", "-std=c99", f"-I{source.parent}")
    program = SUPPORT / "measure.c"
    with_model = build(board, [program, source], folder / "model.elf", flags=flags)
    without = build(board, [program], folder / "empty.elf", flags=(*flags, "-DEMPTY"))
    done = run(board, with_model, counter=counter)
    if done.status != 0:
        raise RuntimeError(f"{board.name}: status {done.status}: {done.text}")
    # The first region is empty: what calling and leaving the markers costs.
    return max(done.counts[1:]) - done.counts[0], flash_bytes(with_model) - flash_bytes(without)


def write_model(integer: IntegerModel, rows: npt.NDArray[np.float32], name: str, folder: Path) -> Path:
    """Export a model, with rows for ``measure.c`` beside it; gives its source."""
    integer.save(folder / "model_int8.npz")
    _, source = export(folder / "model_int8.npz", name, folder)
    values = braced(braced(map(float_literal, row.tolist()), 2) for row in rows)
    (folder / "vectors.h").write_text(
        f'#include "{name}.h"\n#define ROWS {len(rows)}\n#define SCORE {name}_score\n'
        f"static const float rows[ROWS][{name.upper()}_INPUT_LEN] = {values};\n"
    )
    return source


def main() -> None:
    """Print the table."""
    rows = _rows()
    heads = f"{'instructions':>12} {'bar':>5}   {'bytes':>5} {'bar':>5}   others"
    print(f"{'score of one row':26} {'core':4} {heads}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counter = build_counter(folder)
        for case in CASES:
            integer = integer_model(case, rows)
            source = write_model(integer, _inputs(rows), "model", folder)
            title = f"{case.title}, {integer.inputs.bits} bits"
            for core, bar in case.instructions.items():
                instructions, size = measure(BOARDS[core], source, counter, folder)
                others = f"{case.anchor} {case.anchor_instructions[core]:,}, {case.anchor_bytes[core]:,} B"
                print(f"{title:26} {core:4} {instructions:12} {bar:5}   {size:5} {case.flash:5}   {others}")


if __name__ == "__main__":
    main()
