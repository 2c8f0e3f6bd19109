"""What an embedding is made of: the words of a name, pairs of them, and the character n-grams of a word."""

import re
import unicodedata
from itertools import pairwise
from zlib import crc32

__all__ = ["buckets", "pairs", "words"]

_WORD = r"[a-z0-9\x80-\U0010ffff]"
# letters joined as in M&A, P&L, I/O (but not C/C++); .NET; and words as in C++, C#, Node.js
_TOKENS = re.compile(
    rf"{_WORD}(?:[&/]{_WORD})+(?![a-z0-9\x80-\U0010ffff+#])|\.net(?!{_WORD})|{_WORD}(?:{_WORD}|[+#.])*"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_GRAM_SIZES = (3, 4)  # characters


def _fold(name: str) -> str:
    """A name in lower case, without accents; other scripts keep their letters, marks and digits only."""
    if name.isascii():
        return name.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", name).lower())
    return "".join(
        character if character.isascii() or unicodedata.category(character)[0] in "LMN" else " "
        for character in unicodedata.normalize("NFKC", plain)
    )


def words(name: str) -> list[str]:
    """Words of a name in its order: ``["node.js"]``, ``["c++"]``, ``["m&a"]``, ``["ci", "cd"]``."""
    return [token.rstrip(".") for token in _TOKENS.findall(_fold(name))]


def pairs(tokens: list[str]) -> list[str]:
    """Each two neighbours among the words of a name, with a space between."""
    return [f"{first} {second}" for first, second in pairwise(tokens)]


def buckets(word: str, n_buckets: int, first: int = 0) -> list[int]:
    """Buckets of a word's character n-grams, its ends marked by angle brackets, and of the whole word.

    The bucket of an n-gram is the CRC-32 of its UTF-8, modulo their number; counted from `first`.
    """
    marked = f"<{word}>"
    grams = [marked]
    for size in _GRAM_SIZES:
        if size < len(marked):
            grams += [marked[start : start + size] for start in range(len(marked) - size + 1)]
    return [first + crc32(gram.encode()) % n_buckets for gram in grams]
