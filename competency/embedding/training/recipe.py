"""What is learned from, and how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from competency.embedding.corpus import Entry
from competency.families import Knowledge

__all__ = ["Corpus", "Ids", "Progress", "Recipe"]

Ids = NDArray[np.int64]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Corpus:
    """What is known of names.

    Parameters
    ----------
    entries : sequence of Entry
        Skills with all their names; those held out are left alone.
    others : sequence of Entry
        Other things with several names, such as occupations.
    related : sequence of pairs
        Names of skills that have to do with each other.
    needs : sequence of pairs
        An occupation, and a skill that it needs.
    groups : sequence of pairs
        A name, and what kind of thing it is.
    names : sequence of str
        Further names, about which nothing is known.
    words : sequence of str
        Words of the language, which are worth a row, the more common first.
    knowledge : Knowledge
        Families and fields.
    """

    entries: Sequence[Entry]
    others: Sequence[Entry] = ()
    related: Sequence[tuple[str, str]] = ()
    needs: Sequence[tuple[str, str]] = ()
    groups: Sequence[tuple[str, str]] = ()
    names: Sequence[str] = ()
    words: Sequence[str] = ()
    knowledge: Knowledge = field(default_factory=Knowledge)


@dataclass(frozen=True)
class Recipe:
    """Sizes of the table, and how it is trained."""

    seed: int = 0
    dim: int = 176
    part: int = 2  # dimensions that share a byte in the file
    width: int = 256  # of the layer
    n_buckets: int = 4096
    max_bytes: int = 4_000_000  # of the file
    n_pairs: int = 2500
    steps: int = 3000
    averaged: float = 0.25  # share of the steps, the last ones, whose mean goes into the file
    rate: float = 0.004  # of the table
    layer_rate: float = 0.001
    dropout: float = 0.1  # of rows of words
    batch: int = 512
    temperature: float = 0.05
    shift: float = 0.45  # share of the mean of names that is taken from each

    @property
    def n_terms(self) -> int:
        """Rows that the file has room for, beside those of the buckets."""
        row = self.dim // self.part + 2
        layer = 2 * self.dim * self.width + 2 * (2 * self.width + self.dim) + 4 * self.dim
        return (self.max_bytes - 128 - 256 * 4 * self.part - layer - self.n_buckets * row) // (row + 5)
