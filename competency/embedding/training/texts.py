"""Texts as rows of the table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812, torch's own habit

from competency.embedding.tokens import buckets, pairs, words
from competency.embedding.training.recipe import Ids

__all__ = ["Batch", "Ragged", "Texts"]


class Ragged:
    """Lists of integers of different lengths."""

    def __init__(self, lists: Iterable[Sequence[int]]) -> None:
        lists = list(lists)
        self.lengths = np.array([len(items) for items in lists], dtype=np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.flat = np.array([item for items in lists for item in items], dtype=np.int64)

    def take(self, ids: Ids) -> tuple[Ids, Ids]:
        """Some of the lists, one after the other, and where each starts."""
        lengths = self.lengths[ids]
        starts = np.cumsum(lengths) - lengths
        within = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        return self.flat[np.repeat(self.starts[ids], lengths) + within], starts


def _renumber(values: Ids, n: int) -> tuple[Ids, Ids]:
    """The distinct values, ascending, all below n, and the place of each value among them."""
    used = np.zeros(n, dtype=bool)
    used[values] = True
    distinct = used.nonzero()[0]
    place = np.empty(n, dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[values]


class Texts:
    """All texts of the training, each as the rows that it is made of."""

    def __init__(self, terms: Sequence[str], n_buckets: int) -> None:
        self.texts: list[str] = []
        self._ids: dict[str, int] = {}
        self._terms = {term: row for row, term in enumerate(terms)}
        self._n_buckets = n_buckets
        self.n_rows = len(terms) + n_buckets

    def add(self, text: str) -> int:
        """Number of a text."""
        place = self._ids.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place

    def freeze(self) -> None:
        """Take the texts apart; none may be added afterwards."""
        units: dict[str, int] = {}
        lists = []
        for text in self.texts:
            tokens = words(text)
            known_pairs = [pair for pair in pairs(tokens) if pair in self._terms]
            lists.append([units.setdefault(unit, len(units)) for unit in (*tokens, *known_pairs)])
        self._of_text = Ragged(lists)
        self._of_unit = Ragged(self.rows(unit) for unit in units)
        self.n_units = len(units)
        self.is_word = np.zeros(self.n_rows, dtype=bool)
        self.is_word[[row for term, row in self._terms.items() if " " not in term]] = True

    def rows(self, unit: str) -> list[int]:
        """Rows of a word or a pair of words."""
        own = [self._terms[unit]] if unit in self._terms else []
        return own if " " in unit else own + buckets(unit, self._n_buckets, len(self._terms))

    def frequency(self) -> NDArray[np.int64]:
        """In how many texts each row occurs, once for each occurrence of it."""
        units = np.bincount(self._of_text.flat, minlength=self.n_units)
        return np.bincount(self._of_unit.flat, np.repeat(units, self._of_unit.lengths), minlength=self.n_rows).astype(
            np.int64
        )

    def batch(self, ids: Ids, phrases: Ids, keep: Callable[[Ids], NDArray[np.bool_]]) -> "Batch":
        """Texts behind phrases (-1: none) as the rows that they are made of, but for those that are not to be kept."""
        own, own_starts = self._of_text.take(ids)
        with_phrase = phrases >= 0
        before, before_starts = self._of_text.take(phrases[with_phrase])
        units, inverse = _renumber(np.concatenate([own, before]), self.n_units)
        rows, starts = self._of_unit.take(units)
        kept = keep(rows).astype(np.float32)
        used, places = _renumber(rows, self.n_rows)
        arrays = (used, places, starts, kept, inverse[: len(own)], own_starts, with_phrase.nonzero()[0],
                  inverse[len(own) :], before_starts)  # fmt: skip
        return Batch(*map(torch.from_numpy, arrays))


@dataclass(frozen=True)
class Batch:
    """Texts as sums of units, and units as sums of the rows of the table that are used."""

    used: torch.Tensor  # rows of the table, each once
    rows: torch.Tensor  # of the units, one after the other, as places among the rows that are used
    starts: torch.Tensor  # of each unit among them
    kept: torch.Tensor  # 1, or 0 for a row that is left out
    units: torch.Tensor  # of the texts, one after the other
    text_starts: torch.Tensor
    with_phrase: torch.Tensor  # places of the texts that stand behind a phrase
    phrase_units: torch.Tensor
    phrase_starts: torch.Tensor

    def embed(self, table: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the texts, shape (n, dim), from the rows of the table that are used."""
        units = F.embedding_bag(self.rows, table, self.starts, mode="sum", per_sample_weights=self.kept)
        sums = F.embedding_bag(self.units, units, self.text_starts, mode="sum")
        if len(self.with_phrase):
            behind = F.embedding_bag(self.phrase_units, units, self.phrase_starts, mode="sum")
            sums = sums.index_add(0, self.with_phrase, behind)
        return F.normalize(sums, dim=1)
