"""Headless Chromium, started afresh for each look at a page."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.harness import PATIENCE

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

#: What a script beside the page reads of it; the page itself runs none.
_MEASURE = """
const told = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const letters = [...page.querySelectorAll("svg text")].map((one) => one.getBoundingClientRect().height);
  const wide = [...page.querySelectorAll("body *:not(details:not([open]) *)")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.right > root.clientWidth + 1 && !one.closest("svg") && !one.closest(".scroll");
  });
  const scrolled = [...page.querySelectorAll(".scroll:not(details:not([open]) *)")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1);
  told.push({
    name: frame.name,
    width: root.clientWidth,
    content: root.scrollWidth,
    wide: wide.map((one) => one.outerHTML.slice(0, 120)),
    scrolled: scrolled.map((one) => one.querySelector("caption").textContent),
    letters: Math.min(...letters),
    columns: view.getComputedStyle(page.querySelector(".tiles")).gridTemplateColumns.split(" ").length,
    paper: view.getComputedStyle(page.body).backgroundColor,
    fetched: view.performance.getEntriesByType("resource").map((one) => one.name),
  });
}
const result = document.createElement("pre");
result.id = "measured";
result.textContent = JSON.stringify(told);
document.body.append(result);
"""


def chromium(directory: Path, *arguments: str) -> str:
    """Run it once with a profile of its own; returns what it prints.

    Raises
    ------
    AssertionError
        It is not installed, or fails.
    """
    program = shutil.which("chromium")
    if program is None:
        raise AssertionError("chromium is not installed; `make test` installs it")
    profile = directory / "profile"
    try:
        done = subprocess.run(
            [program, *_FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
    finally:
        shutil.rmtree(profile, ignore_errors=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measure(directory: Path, pages: dict[str, Path], widths: list[int], *flags: str) -> list[dict[str, Any]]:
    """Lay pages out at several widths at once and say what came of it.

    Parameters
    ----------
    directory : Path
        Where to work.
    pages : dict of str to Path
        Pages by name.
    widths : list of int
        Of the windows, in pixels.
    *flags : str
        Further flags of the browser.
    """
    frames = [
        f'<iframe name="{name} {width}" width="{width}" height="800" style="border:0" '
        f'srcdoc="{html.escape(page.read_text(encoding="utf-8"))}"></iframe>'
        for name, page in pages.items()
        for width in widths
    ]
    wrapper = directory / "measure.html"
    script = f"<script>window.onload = () => {{{_MEASURE}}}</script>"
    wrapper.write_text(
        f"<!doctype html><meta charset=utf-8><body>{''.join(frames)}{script}", encoding="utf-8"
    )
    printed = chromium(directory, *flags, "--dump-dom", wrapper.as_uri())
    found = re.search(r'<pre id="measured">(.*?)</pre>', printed, re.DOTALL)
    assert found, printed[-2000:]
    told: list[dict[str, Any]] = json.loads(html.unescape(found[1]))
    assert len(told) == len(frames)
    return told


def screenshot(directory: Path, page: Path, width: int, height: int) -> bytes:
    """A picture of the upper part of a page, as PNG."""
    picture = directory / f"{page.stem}-{width}.png"
    chromium(directory, f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri())
    return picture.read_bytes()


def print_out(directory: Path, page: Path) -> bytes:
    """A page on paper, as PDF."""
    paper = directory / f"{page.stem}.pdf"
    chromium(directory, "--no-pdf-header-footer", f"--print-to-pdf={paper}", page.as_uri())
    return paper.read_bytes()
