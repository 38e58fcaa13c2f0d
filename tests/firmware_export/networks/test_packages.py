"""Packages drop into a project: they compile there, and their self-tests pass."""

from __future__ import annotations

import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from firmware_export.networks.exporting import FORMATS, Options, export_network
from firmware_export.networks.figures import OverBudget
from hw_tests.network_shapes import Chain, dense
from tests.firmware_export.networks.compiled import WARNINGS
from tests.firmware_export.networks.oracles import RUNTIMES

LABELS = ("idle", 'a "b" \\', "grün", "off")
RISCV = ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "--specs=picolibc.specs", "-std=c99")
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m33", "-mthumb", "-std=c99")


def _small() -> bytes:
    chain = Chain((1, 9, 9, 2), 7).conv(8, (3, 3)).depthwise().conv(6, (1, 1))
    return chain.average().dense(4, 0).softmax().finish()


def _run(command: list[object]) -> None:
    subprocess.run(list(map(str, command)), check=True)


def _export(tmp_path: Path, format_: str, model: bytes | None = None) -> list[Path]:
    return export_network(model or _small(), "net", tmp_path, Options(format_, LABELS))[1]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_bytes_each_time(format_: str, tmp_path: Path) -> None:
    first, second = (_export(tmp_path / name, format_) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_cmake_builds_and_passes_its_self_test(tmp_path: Path) -> None:
    _export(tmp_path / "package", "cmake")
    build = tmp_path / "build"
    flags = f"-DCMAKE_C_FLAGS={' '.join(WARNINGS)}"
    subprocess.run(["cmake", "-S", tmp_path / "package", "-B", build, flags], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    subprocess.run(["ctest", "--test-dir", build], check=True, capture_output=True)
    said = subprocess.run([build / "net_example"], check=True, capture_output=True, text=True).stdout
    assert said.splitlines()[1].startswith('a "b" \\ ') and said.splitlines()[2].startswith("grün ")


def test_an_arduino_library_compiles_for_avr_and_arm(tmp_path: Path) -> None:
    (archive,) = _export(tmp_path, "arduino", dense())
    zipfile.ZipFile(archive).extractall(tmp_path)
    library = tmp_path / "net"
    properties = (library / "library.properties").read_text()
    assert all(f"{key}=" in properties for key in ("name", "version", "author", "sentence", "architectures"))
    # What the IDE makes of a sketch, less the core of a board.
    (tmp_path / "Arduino.h").write_text(
        "#pragma once\n#include <stddef.h>\nstruct Port { void begin(long); void print(int);"
        " void println(const char *); };\nextern Port Serial;\n"
    )
    avr = ["-mmcu=atmega2560", "-Os"]
    arm = ["-mcpu=cortex-m4", "-mthumb", "-Os"]
    for compiler, flags in (("avr", avr), ("arm-none-eabi", arm)):
        c = [
            f"{compiler}-gcc",
            "-std=gnu11",
            *flags,
            *WARNINGS,
            "-c",
            library / "src/net.c",
            "-o",
            tmp_path / "o",
        ]
        _run(c)
        sketch = library / "examples/SelfTest/SelfTest.ino"
        options = [
            "-x",
            "c++",
            "-std=gnu++11",
            "-include",
            tmp_path / "Arduino.h",
            f"-I{library / 'src'}",
            "-c",
        ]
        _run([f"{compiler}-g++", *options, *flags, sketch, "-o", tmp_path / "o"])


def _compile(compiler: tuple[str, ...], folder: Path, include: Path, *sources: Path) -> None:
    for source in sources:
        command: list[object] = [
            *compiler,
            *WARNINGS,
            "-Os",
            f"-I{include}",
            "-c",
            source,
            "-o",
            folder / "out.o",
        ]
        _run(command)


@pytest.mark.parametrize("compiler", [RISCV, ARM], ids=["riscv", "arm"])
def test_an_esp_idf_component_has_its_parts_and_compiles(compiler: tuple[str, ...], tmp_path: Path) -> None:
    _export(tmp_path, "esp-idf")
    root = tmp_path / "net"
    assert 'idf_component_register(SRCS "src/net.c"' in (root / "CMakeLists.txt").read_text()
    assert "version:" in (root / "idf_component.yml").read_text()
    main = root / "examples/self_test/main/main.c"
    _compile(compiler, tmp_path, root / "include", root / "src/net.c", root / "examples/use.c", main)


@pytest.mark.parametrize("compiler", [RISCV, ARM], ids=["riscv", "arm"])
def test_a_zephyr_module_has_its_parts_and_compiles(compiler: tuple[str, ...], tmp_path: Path) -> None:
    _export(tmp_path, "zephyr")
    root = tmp_path / "net"
    assert "cmake: zephyr" in (root / "zephyr/module.yml").read_text()
    assert "config NET" in (root / "zephyr/Kconfig").read_text()
    assert "CONFIG_NET=y" in (root / "samples/self_test/prj.conf").read_text()
    printk = tmp_path / "zephyr/sys/printk.h"
    printk.parent.mkdir(parents=True)
    printk.write_text("int printk(const char *, ...);\n")
    (root / "include/zephyr").symlink_to(tmp_path / "zephyr")
    _compile(compiler, tmp_path, root / "include", root / "src/net.c", root / "samples/self_test/src/main.c")


def test_tflm_runs_in_the_arena_that_is_named(tmp_path: Path) -> None:
    for model in (_small(), dense()):
        header, text = _export(tmp_path, "tflm", model)
        subprocess.run(["gcc", "-std=c99", *WARNINGS, "-c", text, "-o", tmp_path / "out.o"], check=True)
        found = re.search(r"ARENA_BYTES (\d+)", header.read_text())
        assert found is not None
        if "tflite-micro" in RUNTIMES:
            from tflite_micro.python.tflite_micro import runtime

            runtime.Interpreter.from_bytes(model, arena_size=int(found[1])).invoke()
        assert "resolver.AddSoftmax();" in header.read_text()


def test_nothing_is_written_over_budget(tmp_path: Path) -> None:
    for options, word in ((Options(ram=100), "RAM"), (Options(flash=100), "flash")):
        with pytest.raises(OverBudget, match=word):
            export_network(_small(), "net", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
