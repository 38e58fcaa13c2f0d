"""Packages drop into a project: they compile there, and their self-tests pass."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from daemon.packaging import export_model
from daemon.quantize.anomaly import quantize
from firmware_export.errors import OverBudget, UnsupportedModel
from firmware_export.packages.table import FORMATS, Options
from hw_tests.network_shapes import Chain, dense
from tests.firmware_export.networks.compiled import WARNINGS
from tests.firmware_export.networks.oracles import RUNTIMES
from tests.quantize.models import model_of

KINDS = ("network", "kmeans", "gmm")
every_kind = pytest.mark.parametrize("kind", KINDS)
LABELS = ("idle", 'a "b" \\', "grün", "off")
RISCV = ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs", "-std=c99")
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m33", "-mthumb", "-std=c99")


def _small() -> bytes:
    chain = Chain((1, 9, 9, 2), 7).conv(8, (3, 3)).depthwise().conv(6, (1, 1))
    return chain.average().dense(4, 0).softmax().finish()


def _run(command: list[object]) -> None:
    subprocess.run(list(map(str, command)), check=True)


def _file(kind: str, folder: Path) -> Path:
    """A model's file: a network, or an anomaly model of four features and inputs of 8 or 16 bits."""
    if kind == "network":
        path = folder / "model.tflite"
        path.write_bytes(_small())
        return path
    model, rows = model_of(kind, 3, 4)
    path = folder / "model_int8.npz"
    quantize(model, rows, bits=8 if kind == "kmeans" else 16, headroom=2.0).save(path)
    return path


def _export(kind: str, tmp_path: Path, format_: str) -> list[Path]:
    return export_model(_file(kind, tmp_path), "net", tmp_path / "out", Options(format_, LABELS))[1]


@every_kind
@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_bytes_each_time(format_: str, kind: str, tmp_path: Path) -> None:
    if (kind, format_) in {("kmeans", "tflm"), ("gmm", "tflm")}:
        with pytest.raises(UnsupportedModel, match="another format"):
            _export(kind, tmp_path, format_)
        assert not (tmp_path / "out").exists()
        return
    first = {path: path.read_bytes() for path in _export(kind, tmp_path, format_)}
    assert first == {path: path.read_bytes() for path in _export(kind, tmp_path, format_)}


@every_kind
def test_cmake_builds_and_passes_its_self_test(kind: str, tmp_path: Path) -> None:
    _export(kind, tmp_path, "cmake")
    build = tmp_path / "build"
    flags = f"-DCMAKE_C_FLAGS={' '.join(WARNINGS)}"
    subprocess.run(["cmake", "-S", tmp_path / "out", "-B", build, flags], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    subprocess.run(["ctest", "--test-dir", build], check=True, capture_output=True)
    said = subprocess.run([build / "net_example"], check=True, capture_output=True, text=True).stdout
    if kind == "network":
        assert said.splitlines()[1].startswith('a "b" \\ ') and said.splitlines()[2].startswith("grün ")
    else:
        assert re.fullmatch(r"score -?\d+/1000: (an anomaly|normal)\n", said)


@every_kind
def test_a_self_test_fails_where_one_output_is_wrong(kind: str, tmp_path: Path) -> None:
    _export(kind, tmp_path, "cmake")
    vectors = tmp_path / "out/test/net_test_vectors.h"
    before, name, rest = re.split("(test_outputs|test_score_q)", vectors.read_text(), maxsplit=1)
    # The first number of the outputs, off by one.
    wrong = re.sub(r"(\{\s*\{?\s*)(-?\d+)", lambda found: found[1] + str(int(found[2]) ^ 1), rest, count=1)
    vectors.write_text(before + name + wrong)
    sources = [tmp_path / "out/src/net.c", tmp_path / "out/test/self_test.c"]
    program = tmp_path / "self_test"
    _run(["gcc", "-std=c99", f"-I{tmp_path / 'out/include'}", *sources, "-o", program])
    assert subprocess.run([program], check=False).returncode == 1


ARDUINO = """#pragma once
#include <stddef.h>
#include <stdio.h>
struct Port {
  void begin(long) {}
  void print(int number) { printf("%d", number); }
  void println(const char *text) { printf("%s", text); }
};
static Port Serial;
"""
"""What the IDE puts before a sketch, less the core of a board."""


@every_kind
def test_an_arduino_library_compiles_for_avr_and_arm_and_passes_its_self_test(
    kind: str, tmp_path: Path
) -> None:
    (archive,) = _export(kind, tmp_path, "arduino")
    zipfile.ZipFile(archive).extractall(tmp_path)
    library = tmp_path / "net"
    properties = (library / "library.properties").read_text()
    assert all(f"{key}=" in properties for key in ("name", "version", "author", "sentence", "architectures"))
    assert "quantize\tKEYWORD2" in (library / "keywords.txt").read_text()
    (tmp_path / "Arduino.h").write_text(ARDUINO)
    sketch = library / "examples/SelfTest/SelfTest.ino"
    before = ["-xc++", "-std=gnu++11", "-include", tmp_path / "Arduino.h", f"-I{library / 'src'}"]
    for compiler, flags in (
        ("avr-", ["-mmcu=atmega2560"]),
        ("arm-none-eabi-", ["-mcpu=cortex-m4", "-mthumb"]),
    ):
        source, out = library / "src/net.c", ["-Os", "-o", tmp_path / "o"]
        _run([f"{compiler}gcc", "-std=gnu11", *flags, *WARNINGS, "-c", source, *out])
        _run([f"{compiler}g++", *before, *flags, "-c", sketch, *out])
    (tmp_path / "main.cpp").write_text("void setup();\nint main() { setup(); }\n")
    _run(["gcc", "-c", library / "src/net.c", "-o", tmp_path / "net.o"])
    _run(
        [
            "g++",
            *before,
            sketch,
            tmp_path / "main.cpp",
            "-xnone",
            tmp_path / "net.o",
            "-o",
            tmp_path / "sketch",
        ]
    )
    said = subprocess.run([tmp_path / "sketch"], check=True, capture_output=True, text=True).stdout
    assert said == "0 test vectors failed"


AVR_PORT = """#pragma once
#include <avr/io.h>
#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <stddef.h>
struct Port {
  void begin(long) { UCSR0B = 1 << TXEN0; }
  void put(char letter) { while (!(UCSR0A & (1 << UDRE0))) {} UDR0 = letter; }
  void print(int number) { put('0' + number / 10); put('0' + number % 10); }
  void println(const char *text) { while (*text) put(*text++); put('\\n'); }
};
static Port Serial;
"""
"""The same over the serial port of an ATmega."""

AVR_MAIN = """#include <avr/interrupt.h>
#include <avr/sleep.h>
void setup();
int main() { setup(); cli(); sleep_enable(); for (;;) sleep_cpu(); }
"""


@every_kind
def test_an_arduino_self_test_passes_on_an_emulated_atmega(kind: str, tmp_path: Path) -> None:
    (archive,) = _export(kind, tmp_path, "arduino")
    zipfile.ZipFile(archive).extractall(tmp_path)
    (tmp_path / "Arduino.h").write_text(AVR_PORT)
    (tmp_path / "main.cpp").write_text(AVR_MAIN)
    library = tmp_path / "net"
    chip = ["-mmcu=atmega2560", "-Os"]
    _run(["avr-gcc", *chip, "-c", library / "src/net.c", "-o", tmp_path / "net.o"])
    before = ["-xc++", "-include", tmp_path / "Arduino.h", f"-I{library / 'src'}"]
    sources = [library / "examples/SelfTest/SelfTest.ino", tmp_path / "main.cpp"]
    program = tmp_path / "sketch.elf"
    _run(["avr-g++", *chip, *before, *sources, "-xnone", tmp_path / "net.o", "-o", program])
    simulator = ["simavr", "-m", "atmega2560", "-f", "16000000", str(program)]
    done = subprocess.run(simulator, check=True, capture_output=True, text=True, timeout=60)
    assert "00 test vectors failed" in done.stdout + done.stderr


def _compile(compiler: tuple[str, ...], folder: Path, include: Path, *sources: Path) -> None:
    for source in sources:
        _run([*compiler, *WARNINGS, "-Os", f"-I{include}", "-c", source, "-o", folder / "out.o"])


@every_kind
@pytest.mark.parametrize("compiler", [RISCV, ARM], ids=["riscv", "arm"])
def test_an_esp_idf_component_has_its_parts_and_compiles(
    compiler: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    _export(kind, tmp_path, "esp-idf")
    root = tmp_path / "out/net"
    assert 'idf_component_register(SRCS "src/net.c"' in (root / "CMakeLists.txt").read_text()
    assert "version:" in (root / "idf_component.yml").read_text()
    main = root / "examples/self_test/main/main.c"
    _compile(compiler, tmp_path, root / "include", root / "src/net.c", root / "examples/use.c", main)


@every_kind
@pytest.mark.parametrize("compiler", [RISCV, ARM], ids=["riscv", "arm"])
def test_a_zephyr_module_has_its_parts_and_compiles(
    compiler: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    _export(kind, tmp_path, "zephyr")
    root = tmp_path / "out/net"
    assert "cmake: zephyr" in (root / "zephyr/module.yml").read_text()
    assert "config NET" in (root / "zephyr/Kconfig").read_text()
    assert "CONFIG_NET=y" in (root / "samples/self_test/prj.conf").read_text()
    printk = tmp_path / "zephyr/sys/printk.h"
    printk.parent.mkdir(parents=True)
    printk.write_text("int printk(const char *, ...);\n")
    (root / "include/zephyr").symlink_to(tmp_path / "zephyr")
    main, use = root / "samples/self_test/src/main.c", root / "samples/use.c"
    _compile(compiler, tmp_path, root / "include", root / "src/net.c", main, use)


def test_a_readme_tells_threshold_axes_and_scales(tmp_path: Path) -> None:
    _export("gmm", tmp_path, "cmake")
    said = (tmp_path / "out/README.md").read_text()
    assert "A score at or above 3 is an anomaly (`NET_THRESHOLD`)" in said
    assert "Feature 2 (grün): output 2 of the signal processing, input = value * " in said
    _export("network", tmp_path, "cmake")
    assert 'Labels: idle, a "b" \\, grün, off' in (tmp_path / "out/README.md").read_text()


def test_names_that_are_too_few_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="3 labels for 4 features"):
        export_model(_file("kmeans", tmp_path), "net", tmp_path / "out", Options(labels=("a", "b", "c")))


def test_tflm_runs_in_the_arena_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    for model in (_small(), dense()):
        path.write_bytes(model)
        _, (header, text) = export_model(path, "net", tmp_path / "out", Options("tflm", LABELS))
        subprocess.run(["gcc", "-std=c99", *WARNINGS, "-c", text, "-o", tmp_path / "out.o"], check=True)
        found = re.search(r"ARENA_BYTES (\d+)", header.read_text())
        assert found is not None
        if "tflite-micro" in RUNTIMES:
            from tflite_micro.python.tflite_micro import runtime

            runtime.Interpreter.from_bytes(model, arena_size=int(found[1])).invoke()
        assert "resolver.AddSoftmax();" in header.read_text()


@every_kind
def test_nothing_is_written_over_budget(kind: str, tmp_path: Path) -> None:
    for options, word in ((Options(ram=50), "RAM"), (Options(flash=100), "flash")):
        with pytest.raises(OverBudget, match=word):
            export_model(_file(kind, tmp_path), "net", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("kind", "parts"), [("kmeans", 4), ("kmeans", 1), ("gmm", 3)])
@pytest.mark.parametrize("length", [1, 6, 8, 9, 24])
def test_what_an_anomaly_model_costs_is_what_a_compiler_says(
    kind: str, parts: int, length: int, tmp_path: Path
) -> None:
    model, rows = model_of(kind, parts, length)
    quantize(model, rows, bits=16, headroom=2.0).save(tmp_path / "model_int8.npz")
    found, _ = export_model(tmp_path / "model_int8.npz", "net", tmp_path, Options())
    core = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
    _run(
        [
            "arm-none-eabi-gcc",
            *core,
            "-O2",
            "-fstack-usage",
            "-c",
            tmp_path / "net.c",
            "-o",
            tmp_path / "net.o",
        ]
    )
    symbols = subprocess.run(
        ["arm-none-eabi-nm", "-S", tmp_path / "net.o"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    sizes = {words[3]: int(words[1], 16) for words in map(str.split, symbols) if len(words) == 4}
    parameters = sizes.pop("net_params")
    stack = max(int(line.split("\t")[1]) for line in (tmp_path / "net.su").read_text().splitlines())
    assert parameters == found.parameters
    # Estimates are rounded up, and not for show.
    assert sum(sizes.values()) <= found.code <= 2 * sum(sizes.values())
    assert stack <= found.stack
