"""Parameters that a program may exchange: asked for by a macro; without it no instruction is another."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from firmware_export.anomaly import export
from firmware_export.networks.exporting import export_network
from firmware_export.packages.table import Options
from hw_tests.network_shapes import Chain
from tests.firmware_export.c_programs import STRICT
from tests.firmware_export.test_golden import tiny_gmm, tiny_kmeans

TARGETS = {
    "host": ("gcc",),
    "M0": ("arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb"),
    "M4F": ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "M55": ("arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard"),
    "ATmega328P": ("avr-gcc", "-mmcu=atmega328p"),
}


def network() -> bytes:
    return Chain((1, 12), 0).dense(8).dense(4).softmax().finish()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sources")
    for make in (tiny_kmeans, tiny_gmm):
        name = make.__name__.removeprefix("tiny_")
        export(make(folder / f"{name}.npz"), name, folder)
    export_network(network(), "net", folder, Options(updatable=True))
    return {name: folder / f"{name}.c" for name in ("kmeans", "gmm", "net")}


def without_the_hook(text: str, name: str) -> str:
    """The text as it is where parameters cannot be exchanged."""
    upper = name.upper()
    text = re.sub(
        rf"^#ifdef {upper}_UPDATABLE\n(?:(?!#e).*\n)*(?:#else\n((?:(?!#e).*\n)*))?#endif\n",
        r"\1",
        text,
        flags=re.MULTILINE,
    )
    for macro, value in re.findall(rf"^#define ({upper}_(?:LINKAGE|PARAMS)) (.*)$", text, re.MULTILINE):
        text = re.sub(rf"^#define {macro} .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(rf"\b{macro}\b", value, text)
    assert f"{upper}_UPDATABLE" not in text and "in_use" not in text
    return text


def compiled(target: str, source: Path, *flags: str) -> bytes:
    made = source.with_suffix(".o")
    command = [*TARGETS[target], "-std=c99", "-O2", *STRICT, *flags, "-I", str(source.parent)]
    subprocess.run([*command, "-c", str(source), "-o", str(made)], check=True)
    return made.read_bytes()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["kmeans", "gmm", "net"])
def test_without_the_macro_the_object_is_that_of_a_text_without_the_hook(
    sources: dict[str, Path], name: str, target: str, tmp_path: Path
) -> None:
    plain = tmp_path / "plain" / f"{name}.c"
    plain.parent.mkdir()
    plain.write_text(without_the_hook(sources[name].read_text(), name))
    (plain.parent / f"{name}.h").write_text(sources[name].with_suffix(".h").read_text())
    expected = compiled(target, plain)
    assert compiled(target, sources[name]) == expected
    assert compiled(target, sources[name], f"-D{name.upper()}_UPDATABLE") != expected


def test_a_network_has_the_hook_where_it_was_exported_so(tmp_path: Path) -> None:
    export_network(network(), "net", tmp_path, Options())
    assert "UPDATABLE" not in (tmp_path / "net.c").read_text()
