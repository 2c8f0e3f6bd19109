"""Passes over a pool: who may be among the best is scored, or everyone."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from competency.columns import joined_places
from competency.domains import DOMAINS
from competency.pool import CandidatePool
from competency.ranking.plan import AT_ONCE, BY_BYTES, FEW, ITEMS, Likely, Plan
from competency.ranking.ranker import Ranker

__all__ = ["Entries", "all_candidates", "best_candidates", "blocks", "likely_best"]

Codes = NDArray[np.intp]
Array = NDArray[np.float64]

_SAMPLE = 7680  # candidates
_RUNS = 16  # of candidates who follow each other, in a sample
_LEAST_BEST = 32  # of a sample, so that they say something of all


def blocks(pool: CandidatePool, plan: Plan) -> Iterator[slice]:
    """The candidates, block by block."""
    offsets, start = pool.offsets, 0
    while start < len(pool):
        stop = min(start + plan.block_candidates, len(pool))
        last = offsets[start] + plan.block_entries
        stop = start + max(int(offsets[start : stop + 1].searchsorted(last, side="right")) - 1, 1)
        yield slice(start, stop)
        start = stop


class Entries(NamedTuple):
    """The skills of some candidates that follow each other.

    Parameters
    ----------
    items : ndarray of int32, shape (n_entry,)
        One candidate's behind the other's.
    offsets : ndarray of intp, shape (n_candidate + 1,)
        The entries of candidate `c` are ``items[offsets[c]:offsets[c + 1]]``.
    """

    items: NDArray[np.int32]
    offsets: Codes

    @classmethod
    def of(cls, pool: CandidatePool, block: slice) -> Self:
        """Those of a block; `PoolError` where they are damaged."""
        pool.check_entries(block)
        offsets = pool.offsets[block.start : block.stop + 1].astype(np.intp)
        return cls(pool.items[offsets[0] : offsets[-1]], offsets - offsets[0])

    def sums(self, gains: NDArray[np.float32], places: NDArray[np.int32] | None) -> NDArray[np.float32]:
        """For each candidate the sums of rows of `gains`, those of its items or of their places.

        Returns
        -------
        ndarray of float32, shape (n_candidate, n_job)
        """
        rows = self.items.copy() if places is None else places.take(self.items)  # scipy copies what is part of more
        ones = np.ones(len(rows), np.float32)
        shape = (len(self.offsets) - 1, len(gains))
        sums: NDArray[np.float32] = csr_array((ones, rows, self.offsets.astype(np.int32)), shape=shape) @ gains
        return sums


class _Top:
    """The best scores so far; of equal ones the first in the pool."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.n_scored = 0
        self.positions: Codes = np.empty(0, np.intp)
        self.scores: Array = np.empty(0)
        self._positions: Codes = np.empty(0, np.intp)  # of those who are noted
        self._gains = np.empty(0, np.float32)

    @property
    def least(self) -> float:
        """The score that a candidate must reach."""
        return float(self.scores[-1]) if len(self.scores) == self._size else -math.inf

    def note(self, ranker: Ranker, positions: Codes, gains: NDArray[np.float32]) -> None:
        """Take note of candidates who may be among the best, by what their skills add; of no more than a block has."""
        if len(self._positions) + len(positions) > ranker.plan.block_candidates:
            self.settle(ranker)
        self._positions = np.concatenate([self._positions, positions])
        self._gains = np.concatenate([self._gains, gains])
        if len(self._positions) >= ranker.plan.block_candidates:
            self.settle(ranker)

    def settle(self, ranker: Ranker) -> None:
        """Score those who were noted, the most likely first, as long as they may be among the best."""
        order = np.argsort(-self._gains, kind="stable")
        positions, gains = self._positions[order], self._gains[order]
        self._positions, self._gains = self._positions[:0].copy(), self._gains[:0].copy()
        for start in range(0, len(order), BY_BYTES):
            n_likely = np.count_nonzero(gains >= ranker.least_gain(self.least))
            if n_likely <= start:
                break
            self._settle_by_bytes(positions[start : min(start + BY_BYTES, n_likely)], ranker)

    def _settle_by_bytes(self, positions: Codes, ranker: Ranker) -> None:
        bounds = ranker.bounds(positions)
        order = np.argsort(-bounds, kind="stable")
        done, step = 0, AT_ONCE
        while done < len(order) and bounds[order[done]] >= self.least:
            chosen = order[done : done + step]
            self._settle_closely(positions[chosen[bounds[chosen] >= self.least]], ranker)
            done, step = done + step, 2 * step

    def _settle_closely(self, positions: Codes, ranker: Ranker) -> None:
        bounds = ranker.closer_bounds(positions)
        order = np.argsort(-bounds, kind="stable")
        step = max(self._size, FEW)
        for start in range(0, len(positions), step):
            chosen = order[start : start + step]
            self._add(positions[chosen[bounds[chosen] >= self.least]], ranker)

    def _add(self, positions: Codes, ranker: Ranker) -> None:
        if not len(positions):
            return
        self.n_scored += len(positions)
        scores = np.concatenate([self.scores, ranker.score(positions)])
        positions = np.concatenate([self.positions, positions])
        best = np.lexsort((positions, -scores))[: self._size]
        self.positions, self.scores = positions[best], scores[best]


def best_candidates(
    rankers: Sequence[Ranker], top: int, by_item: bool, progress: Callable[[int], None] | None
) -> list[tuple[Codes, Array, int]]:
    """For each job the positions and scores of the best candidates, and how many had to be scored in full.

    Parameters
    ----------
    rankers : sequence of Ranker
        Of the same pool and plan.
    top : int
        How many candidates are asked for.
    by_item : bool
        Whether to look gains up by items, not by their names.
    progress : callable, optional
        Called with the number of candidates looked at so far.
    """
    pool = rankers[0].pool
    tops = [_Top(min(top, len(pool))) for _ in rankers]
    gains = np.stack([ranker.gains() for ranker in rankers], axis=1)
    places: NDArray[np.int32] | None = pool.item_name
    if by_item:
        gains, places = _rows_of(gains, pool.item_name), None
    for block in blocks(pool, rankers[0].plan):
        _add_block(rankers, tops, gains, places, block)
        if progress is not None:
            progress(block.stop)
    for ranker, of_job in zip(rankers, tops, strict=True):
        of_job.settle(ranker)
    return [(of_job.positions, of_job.scores, of_job.n_scored) for of_job in tops]


def likely_best(ranker: Ranker, top: int | None) -> Likely:
    """What a sample from all the pool says of the candidates who are looked at more closely.

    Raises
    ------
    PoolError
        Where the entries of the sample are damaged.
    """
    pool, n_top = ranker.pool, min(top or 1, len(ranker.pool))
    step, n_run = (-(-n // _RUNS) for n in (len(pool), min(_SAMPLE, len(pool))))
    runs = [slice(start, min(start + n_run, len(pool))) for start in range(0, len(pool), step)]
    entries = [Entries.of(pool, run) for run in runs]
    gains = ranker.gains()[:, None]
    sums = np.concatenate([of_run.sums(gains, pool.item_name) for of_run in entries])
    sample = np.concatenate([np.arange(run.start, run.stop) for run in runs])
    bounds = np.concatenate([ranker.bounds(sample[i : i + BY_BYTES]) for i in range(0, len(sample), BY_BYTES)])
    by_bytes = sample[np.argsort(-bounds, kind="stable")]
    n_closely = max(2 * n_top, AT_ONCE) * -(-len(sample) // ranker.plan.block_candidates)
    bounds = ranker.closer_bounds(by_bytes[:n_closely])
    order = np.argsort(-bounds, kind="stable")
    closely = by_bytes[order]
    n_best = min(max(round(n_top * len(sample) / len(pool)), _LEAST_BEST), n_top, len(sample))
    least = ranker.least_gain(float(bounds[order[min(n_top, len(order)) - 1]]))
    return Likely(
        by_bytes=ranker.sizes(by_bytes),
        closely=ranker.sizes(closely),
        n_best=n_best,
        n_item=_distinct_items(ranker, closely[:n_best], n_top),
        noted=np.count_nonzero(sums >= least) / len(sample),
        n_domain=max(_most_domains(pool, of_run) for of_run in entries) if top is None else len(DOMAINS),
    )


def _most_domains(pool: CandidatePool, entries: Entries) -> int:
    """The most domains that one of some candidates has skills of."""
    candidate = np.arange(len(entries.offsets) - 1).repeat(np.diff(entries.offsets))
    has = np.zeros((len(entries.offsets) - 1, len(DOMAINS)), np.bool_)
    has[candidate, pool.domains_of(entries.items)] = True
    return int(has.sum(axis=1).max())


def _distinct_items(ranker: Ranker, positions: Codes, n: int) -> float:
    """About how many distinct items so many candidates have, by Heaps' law from those of some and of half of them."""
    pool, n_entry, n_item = ranker.pool, [], []
    for some in (positions[::2], positions):
        items = pool.items.take(joined_places(pool.offsets[some], ranker.sizes(some)))
        n_entry.append(len(items))
        n_item.append(len(np.unique(items)))
    power = math.log(n_item[1] / n_item[0]) / math.log(n_entry[1] / n_entry[0]) if n_entry[1] > n_entry[0] else 1.0
    return float(min(n_item[1] * (n / len(positions)) ** power, len(pool.item_name)))


def _rows_of(gains: NDArray[np.float32], names: NDArray[np.int32]) -> NDArray[np.float32]:
    """The rows of some names, taken in blocks, because numpy makes places of 8 bytes of all that it takes at a time."""
    rows = np.empty((len(names), gains.shape[1]), np.float32)
    for start in range(0, len(names), ITEMS):
        some = slice(start, start + ITEMS)
        rows[some] = gains.take(names[some], axis=0)
    return rows


def _add_block(
    rankers: Sequence[Ranker],
    tops: Sequence[_Top],
    gains: NDArray[np.float32],
    places: NDArray[np.int32] | None,
    block: slice,
) -> None:
    """Add the best of some candidates; a function, so that nothing of a block is alive while the next is looked at."""
    pool = rankers[0].pool
    entries = Entries.of(pool, block)
    sums = entries.sums(gains, places)
    for ranker, of_job, gain in zip(rankers, tops, sums.T, strict=True):
        likely = np.flatnonzero(gain >= ranker.least_gain(of_job.least))
        of_job.note(ranker, likely + block.start, gain[likely])


def all_candidates(ranker: Ranker, progress: Callable[[int], None] | None) -> tuple[Codes, Array, int]:
    """Positions and scores of everyone, the best first, and how many they are."""
    scores = np.empty(len(ranker.pool))
    for block in blocks(ranker.pool, ranker.plan):
        scores[block] = ranker.score_all(block)
        if progress is not None:
            progress(block.stop)
    positions = np.argsort(-scores, kind="stable")
    return positions, scores[positions], len(positions)
