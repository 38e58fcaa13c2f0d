"""Numbers as a reader wants them."""

from __future__ import annotations

import math


def quantity(value: float) -> str:
    """A measured value with three significant digits; no exponent between 0.001 and a million."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    sign = "−" if value < 0 else ""
    if size < 0.001 or size >= 999_950:
        mantissa, exponent = f"{size:.2e}".split("e")
        return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    if size >= 1000:
        return f"{sign}{size:,.0f}"
    shown = f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}"
    return sign + (shown.rstrip("0").rstrip(".") if "." in shown else shown)


def area(value: float) -> str:
    """An area under a ROC curve, or a correlation: four decimals, for differences of 0.005 matter."""
    return f"{value:.4f}" if math.isfinite(value) else "–"


def share(value: float) -> str:
    """A share of rows in percent; none and all are said of exactly none and all."""
    percent = 100 * value
    shown = f"{percent:.1f}"
    if shown in {"0.0", "100.0"} and value not in {0.0, 1.0}:
        shown = f"{min(max(percent, 0.01), 99.99):.2f}"
    return shown.removesuffix(".0") + " %"


def one_in(value: float) -> str:
    """A share as ``about one in 140``; what cannot be said so, in percent."""
    if not 0 < value <= 0.4:
        return share(value)
    return f"about one in {round(1 / value):,}"


def size(count: int) -> str:
    """Bytes, exactly: what a linker script needs."""
    return f"{count:,} B"


def rows(count: int, kind: str = "row") -> str:
    """``1 row``, ``7,000 rows``."""
    return f"{count:,} {kind}{'' if count == 1 else 's'}"
