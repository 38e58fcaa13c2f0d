"""Names, literals and comments of generated C."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.cprint import WIDTH, braced, comment, float_literal, int32_literal
from firmware_export.errors import NameRefused
from firmware_export.naming import identifier


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Press 3 (K-means)", "press_3_k_means"),
        ("kmeans", "kmeans"),
        ("  Motor/Pump--A ", "motor_pump_a"),
        ("3rd axis", "m3rd_axis"),
        ("int", "int_"),
        ("Class", "class_"),
        ("co_await", "co_await_"),
        ("__init__", "init"),
        ("Gehäuse", "geh_use"),
    ],
)
def test_names_become_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected


@pytest.mark.parametrize("name", ["", "---", "温度"])
def test_a_name_that_leaves_nothing_is_refused(name: str) -> None:
    with pytest.raises(NameRefused, match="letters and digits"):
        identifier(name)


def test_a_clash_is_refused() -> None:
    with pytest.raises(NameRefused, match="'press_3', which another model has"):
        identifier("Press 3", taken={"press_3"})


def test_float_literals_read_back_as_the_same_float() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 2000, dtype=np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        values = bits[np.isfinite(bits)]
    for value in values.tolist():
        text = float_literal(value)
        assert text.endswith("f")
        assert np.float32(text[:-1]) == np.float32(value)
    assert float_literal(1.0) == "1.0f"
    assert float_literal(1e30) == "1e+30f"


def test_the_least_integer_has_a_form_that_compilers_take() -> None:
    assert int32_literal(-(2**31)) == "(-2147483647 - 1)"
    assert int32_literal(-5) == "-5"


def test_arrays_stay_within_the_width() -> None:
    assert braced(["1", "2"]) == "{1, 2}"
    text = braced(map(str, range(1000)), 4)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert [int(part) for part in text.strip("{}").replace(",", " ").split()] == list(range(1000))


def test_comments_cannot_be_closed_from_inside() -> None:
    text = comment(["a */ b"])
    assert text == "/* a * / b */"
    assert max(map(len, comment(["word " * 200]).splitlines())) <= WIDTH
