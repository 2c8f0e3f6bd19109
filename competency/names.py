"""Spellings of a name that count as the same."""

import unicodedata

__all__ = ["normalise"]


def normalise(name: str) -> str:
    """The form in which names are compared: NFKC, lower case, white space trimmed and collapsed."""
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())
