"""Sizes, times and ratios, for people."""

import re
from decimal import Decimal

__all__ = ["EQUAL", "decimals", "format_bytes", "parse_bytes", "percent", "ratio", "seconds", "short", "written"]

EQUAL = 1e-9  # what a ratio may differ from 1 by rounding
_SCALES = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def format_bytes(size: float) -> str:
    """A size with three significant digits, in powers of 1,000: ``832 bytes``, ``14.4 kB``, ``2.05 MB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= 0.9995 * scale:
            value = size / scale
            return f"{value:,.0f} {unit}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".") + f" {unit}"
    return f"{size:.0f} bytes"


def parse_bytes(text: str) -> int:
    """Bytes of a size such as ``832 bytes``, ``14.4 kB``, ``2 MB`` or ``1 GB``.

    Raises
    ------
    ValueError
        Where it is no such size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(bytes|kB|MB|GB)", text.strip())
    if not found:
        raise ValueError(f"size {text!r}: expected a number and one of {', '.join(_SCALES)}, such as 256 MB")
    return round(float(found[1]) * _SCALES[found[2]])


def seconds(value: float) -> str:
    """A time for people."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= 0.9995 * scale:
            return f"{short(value / scale)} {unit}"
    return f"{short(value / 1e-9)} ns"


def short(value: float) -> str:
    """Three digits; with an exponent below a millionth only."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else written(value, ".3g")


def written(value: float, form: str) -> str:
    """A number in a format of Python's, but with an exponent below a millionth only, as JavaScript has it."""
    return str(Decimal(format(value, form))).lower()


def ratio(value: float) -> str:
    """A ratio with three decimals, with three digits where it is small, and with more where it is nearly one."""
    if value < 0.1:
        return written(value, "#.3g")
    return f"{value:.{decimals(value - 1, 3)}f}"


def decimals(difference: float, least: int) -> int:
    """How many decimals show a difference, if there is one."""
    if abs(difference) < EQUAL:
        return least
    return max(least, -int(f"{difference:.0e}".split("e")[1]))


def percent(share: float, digits: int = 0) -> str:
    """A share of one, such as ``20 %``."""
    return f"{100 * share:,.{digits}f} %"
