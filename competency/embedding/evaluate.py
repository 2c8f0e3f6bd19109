"""How good an embedder is: how well it finds a skill by another name, and tells pairs of names apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from competency.embedding.base import Embedder, embed
from competency.embedding.corpus import Entry, read_lines
from competency.errors import InputError, shown

__all__ = ["Retrieval", "auc", "cosines", "looks_alike", "read_labelled_pairs", "retrieval", "synonym_queries"]

_BLOCK = 512  # queries that are compared with all labels at one time
_HARD = 0.2  # share of character trigrams, below which two names do not look alike


@dataclass(frozen=True)
class Retrieval:
    """Shares of queries whose answer comes first, or among the first ten, and the mean reciprocal rank."""

    n: int
    r_at_1: float
    r_at_10: float
    mrr: float

    @classmethod
    def of(cls, ranks: NDArray[np.integer]) -> Self:
        """Figures of ranks, which count from 1."""
        if not len(ranks):
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(ranks), float((ranks <= 1).mean()), float((ranks <= 10).mean()), float((1 / ranks).mean()))

    def __str__(self) -> str:
        return f"R@1 {self.r_at_1:.3f}  R@10 {self.r_at_10:.3f}  MRR {self.mrr:.3f}  ({self.n:,} queries)"


def _trigrams(name: str) -> set[str]:
    text = f" {name.lower()} "
    return {text[start : start + 3] for start in range(len(text) - 2)}


def looks_alike(first: str, second: str) -> bool:
    """Whether two names share a fifth or more of their character trigrams (Jaccard)."""
    a, b = _trigrams(first), _trigrams(second)
    return len(a & b) >= _HARD * len(a | b)


def synonym_queries(entries: Sequence[Entry], limit: int = 4000, seed: int = 0) -> list[tuple[str, int]]:
    """Alternative labels of held-out entries, and the places of their entries; at most `limit`, drawn by a seed."""
    queries = [
        (name, place)
        for place, entry in enumerate(entries)
        if entry.held_out
        for name in entry.alternatives
        if name.lower() != entry.label.lower()
    ]
    drawn = np.random.default_rng(seed).permutation(len(queries))[:limit]
    return [queries[i] for i in drawn.tolist()]


def ranks(embedder: Embedder, queries: Sequence[tuple[str, int]], labels: Sequence[str]) -> NDArray[np.intp]:
    """Rank of each query's answer among all labels, by cosine; labels of equal cosine come first."""
    targets = embed(embedder, labels)
    answers = np.array([answer for _, answer in queries], dtype=np.intp)
    found = np.empty(len(queries), np.intp)
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosines = embed(embedder, [name for name, _ in queries[block]]) @ targets.T
        own = np.take_along_axis(cosines, answers[block, None], axis=1)
        found[block] = (cosines >= own).sum(axis=1)
    return found


def retrieval(
    embedder: Embedder, queries: Sequence[tuple[str, int]], labels: Sequence[str]
) -> tuple[Retrieval, Retrieval]:
    """How well labels are found by other names: by all of them, and by those that do not look like the label."""
    found = ranks(embedder, queries, labels)
    hard = np.array([not looks_alike(name, labels[answer]) for name, answer in queries], dtype=bool)
    return Retrieval.of(found), Retrieval.of(found[hard])


def read_labelled_pairs(path: str | Path) -> dict[str, list[tuple[str, str]]]:
    """Pairs of names by label: columns ``label``, ``a`` and ``b``, tabs between; lines that start with # are left out.

    Raises
    ------
    InputError
        Where the file is not such a table.
    """
    header, *rows = [line.split("\t") for line in read_lines(path) if not line.startswith("#")] or [[]]
    if header != ["label", "a", "b"]:
        raise InputError(f"{path}: columns {shown(header)}: expected label, a and b, with tabs between")
    pairs: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if len(row) != 3:
            raise InputError(f"{path}: line {shown(row)}: expected a label and two names, with tabs between")
        pairs.setdefault(row[0], []).append((row[1], row[2]))
    return pairs


def cosines(embedder: Embedder, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
    """Cosine similarity of each pair of names."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    place = {name: i for i, name in enumerate(names)}
    vectors = embed(embedder, names)
    first, second = (vectors[[place[pair[side]] for pair in pairs]] for side in (0, 1))
    similar: NDArray[np.float32] = np.einsum("ij,ij->i", first, second)
    return similar


def auc(positive: Iterable[float], negative: Iterable[float]) -> float:
    """Chance that one drawn from `positive` is greater than one drawn from `negative`; equal ones count half."""
    high, low = np.sort(np.fromiter(positive, float)), np.sort(np.fromiter(negative, float))
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.sum() / (2 * len(high) * len(low)))
