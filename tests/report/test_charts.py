"""Numbers, bins, ticks and colours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from daemon.report.figures import one_in, quantity, share
from daemon.report.histogram import Bins, band_axis
from daemon.report.markup import Markup, element, named
from daemon.report.style import STYLE
from daemon.report.svg import ticks


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.3, "0.3"),
        (1.0, "1"),
        (-2.0548, "−2.05"),
        (23.46, "23.5"),
        (999.9, "1000"),
        (12345.6, "12,346"),
        (3e-9, "3e-9"),
        (0.00042, "4.2e-4"),
        (-3.4e38, "−3.4e38"),
        (float("nan"), "–"),
    ],
)
def test_quantities_have_three_digits(value: float, shown: str) -> None:
    assert quantity(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.9999, "99.99 %"),
        (0.0001, "0.01 %"),
        (1e-9, "0.01 %"),
        (0.127, "12.7 %"),
    ],
)
def test_none_and_all_are_said_of_exactly_none_and_all(value: float, shown: str) -> None:
    assert share(value) == shown


def test_rates_are_said_as_one_in_so_many() -> None:
    assert one_in(1 / 140) == "about one in 140"
    assert one_in(0.9) == "90 %"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3.63, 4.1), (1e-9, 3e-9), (-1e30, 1e30), (5, 5), (99, 101)]
)
@pytest.mark.parametrize("most", [2, 5, 6])
def test_ticks_are_few_round_and_inside(low: float, high: float, most: int) -> None:
    made = ticks(low, high, most)
    assert 1 <= len(made) <= most
    room = 1e-6 * (high - low)
    assert all(low - room <= value <= high + room for value in made)


@pytest.mark.parametrize("threshold", [0.1, 0.3, -0.5])
def test_a_bin_begins_at_the_threshold(threshold: float) -> None:
    scores = np.array([-1.0, -0.4, np.nextafter(threshold, -np.inf), threshold, 0.5])
    bins = Bins.around(scores, [], threshold)
    counts, beyond = bins.fill(scores)
    edge = round((threshold - bins.low) / bins.width)
    assert sum(counts[edge:]) + beyond == int((scores >= threshold).sum())
    assert sum(counts) + beyond == len(scores)


def test_far_scores_leave_room_for_the_others() -> None:
    training = np.linspace(-1, 0, 100)
    far = np.full(50, 1000.0)
    bins = Bins.around(training, [far], 0.1)
    counts, beyond = bins.fill(far)
    assert beyond == 50
    assert sum(counts) == 0
    assert bins.percent(0.0) > 15


@pytest.mark.parametrize(("threshold", "sign"), [(1000.0, "→"), (-1000.0, "←")])
def test_a_threshold_outside_is_pointed_at(threshold: float, sign: str) -> None:
    assert f"{sign} threshold" in band_axis(Bins.around(np.linspace(-1, 0, 9), [], threshold))


def test_markup_is_escaped_once() -> None:
    inner = element("b", "a < b & c")
    assert inner == "<b>a &lt; b &amp; c</b>"
    assert element("p", inner, title='"<') == '<p title="&quot;&lt;"><b>a &lt; b &amp; c</b></p>'
    assert isinstance(inner, Markup)


def test_long_names_are_cut() -> None:
    assert named("x" * 1000) == f"<bdi>{'x' * 63}…</bdi>"


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_stand_out(scheme: int) -> None:
    roots = re.findall(r":root\{(.*?)\}", STYLE)
    colours = dict(re.findall(r"--([\w-]+):#([0-9a-f]{3,6})", roots[scheme]))

    def contrast(one: str, two: str) -> float:
        dark, bright = sorted((luminance(colours[one]), luminance(colours[two])))
        return (bright + 0.05) / (dark + 0.05)

    for text in ("ink", "muted", "link", "good"):
        for ground in ("paper", "panel"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("warn", "warn-panel") >= 4.5
    assert contrast("ink", "warn-panel") >= 4.5
    for mark in ("training", "normal", "recorded", "made", "edge"):
        for ground in ("paper", "panel"):
            assert contrast(mark, ground) >= 3.0, (mark, ground)
