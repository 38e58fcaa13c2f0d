"""The page in a real browser: on a phone, on a desk, in the dark, on paper."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from daemon.data.index import Column
from tests.report.browser import measure, print_out, screenshot
from tests.test_pipeline import Plant
from tests.trainers.rows import blobs

WIDTHS = [320, 360, 768, 1280]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind; one with names as long as they get."""
    made = {}
    for kind, name in (("anomaly", "Press 3"), ("anomaly-gmm", "W" * 128)):
        columns = [Column(name + str(number), "kg·m²/s") for number in range(5)]
        plant = Plant(tmp_path_factory.mktemp("version"), columns)
        normal = blobs(60, 5, seed=2)
        plant.add("training", blobs(300, 5))
        plant.add("testing", normal)
        plant.add("anomaly", normal[:25] + 3 * normal.std(axis=0))
        directory, _ = plant.train(kind, block={"name": name}, request={"skipEmbeddingsAndMemory": False})
        made[kind] = directory / "report.html"
    return made


@pytest.fixture(scope="module")
def measured(pages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the browser makes of each page at each width."""
    told = measure(tmp_path_factory.mktemp("browser"), pages, WIDTHS)
    return {one["name"]: one for one in told}


@pytest.mark.parametrize("kind", ["anomaly", "anomaly-gmm"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_reaches_over_the_side(measured: dict[str, dict[str, Any]], kind: str, width: int) -> None:
    told = measured[f"{kind} {width}"]
    assert told["content"] <= told["width"] == width
    assert told["wide"] == []
    # Letters of the pictures stay readable: at least 9 pixels from line to line.
    assert told["letters"] >= 9
    assert told["columns"] == (6 if width > 960 else 3 if width > 576 else 2)


def test_on_a_phone_no_table_of_usual_names_scrolls(measured: dict[str, dict[str, Any]]) -> None:
    assert measured["anomaly 360"]["scrolled"] == []


def test_nothing_is_fetched(measured: dict[str, dict[str, Any]]) -> None:
    assert {name: told["fetched"] for name, told in measured.items() if told["fetched"]} == {}


def test_the_dark_has_a_dark_page(pages: dict[str, Path], tmp_path: Path) -> None:
    (told,) = measure(
        tmp_path, {"anomaly": pages["anomaly"]}, [360], "--blink-settings=preferredColorScheme=0"
    )
    assert max(int(part) for part in re.findall(r"\d+", told["paper"])[:3]) < 64


@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_seen(pages: dict[str, Path], tmp_path: Path, width: int) -> None:
    picture = screenshot(tmp_path, pages["anomaly"], width, 2400)
    assert struct.unpack(">II", picture[16:24]) == (width, 2400)
    # An empty page of that size takes a tenth of it.
    assert len(picture) > 60_000


def test_it_prints_on_a4(pages: dict[str, Path], tmp_path: Path) -> None:
    paper = print_out(tmp_path, pages["anomaly"])
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 7
    sizes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper)
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
