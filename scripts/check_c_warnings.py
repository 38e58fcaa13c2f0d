"""Compile exported C of sample models with every warning as an error: part of `make check`.

One K-means and one GMM of each width of inputs and of extreme shapes, and networks, with all
compilers that the tests use, as C99, as gnu11 and as C++17, with and without floats. And the reference
firmware's core, which is C.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from daemon.models.anomaly import AnomalyModel, GmmModel, KMeansModel
from daemon.quantize.anomaly import quantize
from firmware_export.anomaly import export
from firmware_export.ir import TestVectors
from firmware_export.networks.exporting import export_network
from firmware_export.packages.table import Options
from hw_tests.core_cases import CORE
from hw_tests.network_shapes import ds_cnn, resnet_8

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
_M55 = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard")
_NEWLIB = ("--target=arm-none-eabi", "-isystem", "/usr/lib/arm-none-eabi/include")
COMPILERS = (
    ("gcc", "-std=c99"),
    ("gcc", "-std=gnu11"),
    ("clang", "-std=c99"),
    ("g++", "-xc++", "-std=c++17"),
    ("clang++", "-xc++", "-std=c++17"),
    ("arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m0", "-mthumb"),
    ("arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    ("arm-none-eabi-gcc", "-std=c99", *_M55),
    ("arm-none-eabi-g++", "-xc++", "-std=c++17", *_M55),
    ("clang", "-std=c99", *_M55, *_NEWLIB),
)


def models(rng: np.random.Generator) -> Iterator[AnomalyModel]:
    """Models of one input and of many, of one cluster and of many."""
    for clusters, inputs in ((1, 1), (8, 5), (3, 40)):
        axes = np.arange(inputs, dtype=np.uint16)
        mean, scale = rng.normal(size=inputs), rng.uniform(0.5, 2, inputs)
        centres = rng.normal(size=(clusters, inputs))
        yield KMeansModel(axes, mean, scale, centres, rng.uniform(0.5, 1, clusters), 0.3)
        covariances = np.broadcast_to(np.eye(inputs), (clusters, inputs, inputs)).copy()
        weights = np.full(clusters, 1 / clusters)
        yield GmmModel(axes, mean, scale, weights, centres, covariances, -float(inputs), 1.0, 3.0)


def write_sources(directory: Path) -> list[Path]:
    """The C of every model at every width, and a file that includes each of its headers."""
    rng = np.random.default_rng(0)
    sources = []
    for number, (model, bits) in enumerate(itertools.product(models(rng), (8, 16))):
        rows = rng.normal(size=(64, model.mean.size)) * model.scale + model.mean
        integer = quantize(model, rows, bits=bits, headroom=2.0)
        integer.save(directory / "model.npz")
        features = rows[:4].astype(np.float32)
        inputs = integer.quantize(features)
        vectors = TestVectors(features, inputs, integer.score_q(inputs), integer.is_anomaly(features))
        name = f"model_{number}"
        export(directory / "model.npz", name, directory, vectors)
        user = directory / f"{name}_user.c"
        user.write_text(f'#include "{name}.h"\n#include "{name}_test_vectors.h"\nint {name}_user;\n')
        sources += [directory / f"{name}.c", user]
    return sources


def write_networks(directory: Path) -> list[Path]:
    """The C of networks, in the default form and in the updatable one."""
    for name, model, updatable in (("net_0", ds_cnn(), False), ("net_1", resnet_8(), True)):
        export_network(model, name, directory, Options(updatable=updatable))
    return [directory / "net_0.c", directory / "net_1.c"]


def main() -> int:
    """Compile everything; the exit status."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        networks = write_networks(Path(folder))
        core = sorted(CORE.glob("*.c"))
        sources = write_sources(Path(folder)) + networks + core
        for compiler, no_float in itertools.product(COMPILERS, (False, True)):
            for source in sources:
                define = [f"-D{source.stem.upper()}_NO_FLOAT"] if no_float else []
                if no_float and (source in networks + core or source.stem.endswith("_user")):
                    continue
                if source in core and "-xc++" in compiler:
                    continue
                command = [*compiler, *STRICT, *define, "-Os", "-c", str(source), "-o", f"{folder}/out.o"]
                failed += subprocess.run(command, check=False).returncode != 0
    print(f"C: {len(sources)} files, {2 * len(COMPILERS)} ways to compile, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
