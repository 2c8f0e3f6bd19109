"""Sizes and times, for people."""

import re

__all__ = ["format_bytes", "parse_bytes", "percent", "seconds", "short"]

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
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if value >= factor:
            return f"{short(value / factor)} {unit}"
    return f"{short(value / 1e-6)} µs"


def short(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(share: float, digits: int = 0) -> str:
    """A share of one, such as ``20 %``."""
    return f"{100 * share:.{digits}f} %"
