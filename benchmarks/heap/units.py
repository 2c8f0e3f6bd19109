"""Sizes, for people."""

__all__ = ["format_bytes"]


def format_bytes(size: float) -> str:
    """A size with three significant digits, in powers of 1,000: ``832 bytes``, ``14.4 kB``, ``2.05 MB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= 0.9995 * scale:
            value = size / scale
            return f"{value:,.0f} {unit}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".") + f" {unit}"
    return f"{size:.0f} bytes"
