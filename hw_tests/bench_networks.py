"""What an inference costs on a microcontroller, beside TensorFlow Lite Micro with CMSIS-NN.

``python -m hw_tests.bench_networks [PART OF A NAME]`` prints one table. Guest instructions of QEMU: exact
and repeatable, and not cycles; the worst of the test vectors. Code is flash without weights and
requantisation, built with ``--gc-sections``, over the same program without the network. RAM is scratch
and stack; the input and output buffers are the caller's, and extra.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from firmware_export.networks import ir
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import Source, source
from firmware_export.networks.emit_vectors import vectors_header
from firmware_export.networks.exporting import sample_inputs
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run as simulate
from hw_tests.boards import BOARDS, SUPPORT, Board, build, build_counter, flash_bytes, run
from hw_tests.keras_shapes import make

VECTORS = 2


@dataclass(frozen=True)
class Bars:
    """What a shape is held against.

    Attributes
    ----------
    m4f, m3 : int
        Instructions.
    code, ram : int
        Bytes, on the M4F.
    others_m4f, others_m3, others_m55 : int
        Instructions of TensorFlow Lite Micro with CMSIS-NN.
    others_code, others_ram : int
        Its code without the model; its arena and stack.
    """

    m4f: int
    m3: int
    code: int
    ram: int
    others_m4f: int
    others_m3: int
    others_m55: int
    others_code: int
    others_ram: int


BARS = {
    "dense 33-20-10-4": Bars(4_000, 6_500, 2_000, 400, 7_516, 8_572, 5_266, 34_648, 2_340),
    "autoencoder 33": Bars(4_000, 6_500, 2_000, 400, 8_552, 9_662, 3_932, 28_000, 2_676),
    "autoencoder 640": Bars(400_000, 850_000, 2_000, 3_000, 582_880, 955_986, 149_925, 28_000, 3_712),
    "DS-CNN": Bars(4_200_000, 8_000_000, 5_000, 20_000, 7_700_736, 10_535_005, 1_816_720, 53_264, 24_240),
    "ResNet-8": Bars(
        16_000_000, 31_000_000, 6_000, 52_000, 29_865_086, 41_849_494, 4_913_656, 51_072, 56_416
    ),
    "MobileNetV1 0.25 96": Bars(
        13_000_000, 24_000_000, 7_000, 70_000, 24_101_540, 31_960_236, 6_557_948, 53_264, 102_128
    ),
    "the same, half dead": Bars(
        9_100_000, 16_800_000, 7_000, 70_000, 24_101_540, 31_960_236, 6_557_948, 53_264, 102_128
    ),
}


@dataclass(frozen=True)
class Cost:
    """What one inference took.

    Attributes
    ----------
    instructions : int
    code : int
        Bytes without parameters.
    """

    instructions: int
    code: int


def write(network: ir.Network, folder: Path, *, vectors: int = VECTORS) -> Source:
    """``net.h``, ``net.c``, and ``net_test_vectors.h`` from the network with all its channels."""
    cleaned = clean(network)
    made = source(cleaned, "net")
    inputs = sample_inputs(network)[-vectors:]
    (folder / "net.h").write_text(header(cleaned, "net", made.plan.size))
    (folder / "net.c").write_text(made.text)
    (folder / "net_test_vectors.h").write_text(vectors_header(inputs, simulate(network, inputs), "net"))
    return made


def measure(board: Board, made: Source, counter: Path, folder: Path, level: str = "-O2") -> Cost:
    """Build and run what ``write`` has put into the folder."""
    flags = (level, "-std=c99", f"-I{folder}")
    program = SUPPORT / "network.c"
    with_network = build(board, [program, folder / "net.c"], folder / "net.elf", flags=flags)
    without = build(board, [program], folder / "empty.elf", flags=(*flags, "-DEMPTY"))
    done = run(board, with_network, counter=counter, timeout_s=300)
    if done.status != 0:
        raise RuntimeError(f"{board.name}: status {done.status}: {done.text}")
    size = flash_bytes(with_network) - flash_bytes(without) - made.parameter_bytes
    # The first region is empty: what calling and leaving the markers costs.
    return Cost(max(done.counts[1:]) - done.counts[0], size)


def stack_bytes(folder: Path) -> int:
    """Stack of the deepest chain of calls, bounded by the four deepest frames that the compiler reports."""
    command = ["arm-none-eabi-gcc", *BOARDS["M4F"].flags, "-mthumb", "-O2", "-std=c99", "-fstack-usage"]
    subprocess.run([*command, "-c", str(folder / "net.c"), "-o", str(folder / "net.o")], check=True)
    frames = [int(line.split("\t")[1]) for line in (folder / "net.su").read_text().splitlines()]
    return sum(sorted(frames)[-4:])


def main() -> None:
    """Print the table."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print(
        f"{'one inference':22} {'core':4} {'level':5} {'instructions':>12} {'bar':>11} {'TFLM':>11}", end=""
    )
    print(f"  {'code':>6} {'bar':>6} {'TFLM':>7}  {'RAM':>6} {'bar':>6} {'TFLM':>7}  {'weights':>7}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counter = build_counter(folder)
        for shape, bars in BARS.items():
            if wanted.lower() not in shape.lower():
                continue
            network = read(make(shape))
            made = write(network, folder)
            ram = made.plan.size + stack_bytes(folder)
            for core, level, bar, others in (
                ("M4F", "-O2", bars.m4f, bars.others_m4f),
                ("M4F", "-Os", bars.m4f, bars.others_m4f),
                ("M3", "-O2", bars.m3, bars.others_m3),
                ("M55", "-O2", bars.others_m55, bars.others_m55),
            ):
                cost = measure(BOARDS[core], made, counter, folder, level)
                print(f"{shape:22} {core:4} {level:5} {cost.instructions:12,} {bar:11,} {others:11,}", end="")
                print(f"  {cost.code:6,} {bars.code:6,} {bars.others_code:7,}", end="")
                print(f"  {ram:6,} {bars.ram:6,} {bars.others_ram:7,}  {made.parameter_bytes:7,}")


if __name__ == "__main__":
    main()
