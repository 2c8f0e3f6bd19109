"""How a pool is ranked within a memory budget: the sizes of blocks and stacks, and the heap that these take."""

import functools
import math
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Any, TypeVar

import numpy as np

from competency.domains import DOMAINS
from competency.errors import ConfigError, as_integer, shown
from competency.pool import CandidatePool
from competency.proficiency import MOST_LEVELS
from competency.scoring import MOST_CELLS
from competency.similarity import vectors_at_a_time

__all__ = ["Plan", "Sizes", "group_plan", "parse_budget", "parse_top"]

NAMES = 256  # whose codes are made at one time
ITEMS = 8192  # whose gains are looked up together
BY_BYTES = 1024  # candidates bounded by bytes together
AT_ONCE = 64  # bounded closely first, of those who are likely; then twice as many, and so on; so many in one stack
FEW = 16  # of these that are scored in full together at least; results that are made together at most
_FEW_LEVELS = 64  # that any number of candidates are scored in full with
_MOST_COLUMNS = 256  # required skills of jobs that share a pass
_BLOCK_CANDIDATES = 7680  # of a block
_BLOCK_ENTRIES = 153_600
_STACK_BYTES = 1_000_000
_CLOSELY = 9  # times as much for ranking everyone, where every candidate is in a stack
_LEAST_SHARE = 1 / 128  # of the usual size of blocks; smaller ones would spend the time on calls

# What the heap holds beside arrays whose sizes are known, in bytes but for the first.
_BUFFERED = 8192  # elements that numpy casts together
_BUFFERS = 20_000  # that numpy casts through, where candidates are bounded by bytes
_CLOSE_BUFFERS = 122_000  # likewise, where similarities become weights
_OBJECTS = 4_000  # of what is not an array
_OF_JOB = 12_000  # that each job takes besides, whatever it requires
_OF_CALL = 11_000  # of the objects that scoring some candidates takes
_OF_STACK = 3_000  # of those that are kept of it, with the results
_RESERVE = 100_000  # of a budget for what stacks leave to Python's lists of free objects
_OF_LENGTH = 1_000  # of it more for each number of skills that candidates have


@dataclass(frozen=True)
class Plan:
    """How a pool will be ranked.

    Parameters
    ----------
    block_candidates, block_entries : int
        Candidates that are bounded together at most, and skills that these have at most.
    stack_bytes : int
        Heap that candidates who are scored in full together may take; a single one may take more.
    peak_bytes : int
        Predicted high-water mark of the heap, without mapped files and what a library for matrix products takes for
        threads of its own (OpenBLAS with two: 160 kB). How many skills the best candidates have is not known before:
        where numbers of skills differ, a large top may take a fifth more or less. A budget also has room for what may
        be more than predicted.
    """

    block_candidates: int
    block_entries: int
    stack_bytes: int
    peak_bytes: int


def parse_top(top: int | None) -> int | None:
    """How many candidates are asked for, as a plain integer; `ConfigError` where it is no such number."""
    number = as_integer(top)
    if top is not None and (number is None or number < 1):
        raise ConfigError(f"top {shown(top)}: expected an integer of 1 or more, or None")
    return number


_Size = TypeVar("_Size", float, "np.ndarray[Any, Any]")

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def parse_budget(budget: int | str | None) -> float:
    """Bytes of a memory budget such as 256_000_000 or "256 MB"; infinite for None.

    Raises
    ------
    ConfigError
        Where it is neither.
    """
    if budget is None:
        return math.inf
    number = as_integer(budget)
    if number is not None and number > 0:
        return min(number, sys.maxsize)  # more is no float, perhaps
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", budget.lower()) if isinstance(budget, str) else None
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise ConfigError(f"memory_budget {shown(budget)}: expected a number of bytes, or text such as '256 MB'")
    return float(match[1]) * _UNITS[match[2]]


class Sizes:
    """What the heap of ranking a pool consists of, in bytes; the figures are those of the arrays in this package.

    Parameters
    ----------
    pool : CandidatePool
        The pool.
    lengths : sequence of int
        How many skills each of the jobs requires that are ranked for together.
    top : int, optional
        How many candidates are asked for.
    explain : bool, default False
        Whether it is asked for which skills carried each requirement.
    """

    def __init__(self, pool: CandidatePool, lengths: Sequence[int], top: int | None, explain: bool = False) -> None:
        self._pool = pool
        self._n_required = max(lengths)
        self._lengths = lengths
        self._top = top
        self._explain = explain
        self.ratios = pool.item_columns.ratios

    def plan(self, share: float, certain: bool = False) -> Plan:
        """The plan with blocks of a share of their usual size; if `certain`, the peak is the highest that may be."""
        pool, n_required, n_column = self._pool, self._n_required, sum(self._lengths)
        n_names, n_item, mean_size = len(pool.embeddings), len(pool.item_name), len(pool.items) / len(pool)
        n_candidates = min(max(int(share * _BLOCK_CANDIDATES), 1), len(pool))
        n_entries = max(int(share * _BLOCK_ENTRIES), pool.most_skills)
        stack = int(share * _STACK_BYTES) * (_CLOSELY if self._top is None else 1)
        in_block = min(n_candidates, max(int(n_entries / mean_size), 1))

        fixed = n_column * (n_names + 8 * 256 + 4 * pool.dim + 24 * self._n_band) + 16 * 256 * self._n_band
        fixed += _OBJECTS + _OF_JOB * self.n_jobs
        heap: float = max(20 * n_column * min(n_names, NAMES), 32 * 256 * self._n_band)  # coding, making bands
        heap = max(heap, _OBJECTS + n_required * (6400 + 36 * self._n_band))
        if self._top is None:
            scoring = 24 * in_block + 8 * len(pool) + self._scoring_all(stack, in_block, certain)
            heap = max(heap, 4 * n_required * n_names + max(scoring, 32 * len(pool)))
        else:
            gains = 4 * (n_item if self.by_item else self.n_jobs * n_names)
            heap = max(heap, 4 * self.n_jobs * n_names + max(4096 * n_required, 1024 * n_required + 16 * n_names))
            if self.by_item:
                heap = max(heap, 4 * n_names + gains + 12 * min(ITEMS, n_item))
            heap = max(heap, gains + self._passing(n_candidates, in_block, n_entries, stack, certain))
            heap = max(heap, self._results(stack, certain))
        heap += (_RESERVE + _OF_LENGTH * len(self._of_size)) * certain
        return Plan(n_candidates, n_entries, stack, int(fixed + heap))

    def _passing(self, n_candidates: int, in_block: int, n_entries: int, stack: int, certain: bool) -> float:
        """What adding gains takes, and scoring those who may be among the best."""
        pool, n_jobs = self._pool, self.n_jobs
        skills = min(in_block * (pool.most_skills if certain else len(pool.items) / len(pool)), n_entries)
        noted = min(-(-n_candidates // in_block) * in_block, len(pool))  # they are settled as soon as they are so many
        others = 12 * (n_jobs - 1) * noted
        adding = (8 if self.by_item else 12) * skills + (20 + 4 * n_jobs) * in_block + 12 * noted
        by_bytes = min(BY_BYTES, noted)
        bounding = (104 + 10 * self._n_required) * by_bytes + _BUFFERS
        closely = self._closely(stack, min(noted, AT_ONCE), certain)
        exactly = self._exactly(stack, max(self._n_top, FEW), AT_ONCE, certain)
        settling = (28 + 4 * n_jobs) * in_block + 20 * noted + max(bounding, 16 * by_bytes + max(closely, exactly))
        return others + max(adding, settling)

    def _results(self, stack: int, certain: bool) -> float:
        """What the results take, and scoring the last of them, who have the most skills."""
        pool, n_top = self._pool, self._n_top
        lengths, numbers = pool.list_lengths
        most = [min(max(stack // self.of_one(size), 1), self.at_once(size), FEW) for size in lengths.tolist()]
        results: float
        if certain:  # all have the most skills, and in one stack are the levels that any may have
            alike = np.diff(np.minimum(np.add.accumulate(numbers[::-1]), n_top), prepend=0)[::-1]
            n_stack = float(min(n_top, len(lengths) + n_top // min(most)))
            n_level = float(max(map(self._n_level, (lengths * np.minimum(most, n_top)).tolist(), repeat(certain))))
        else:
            alike = n_top * numbers / len(pool)
            together = np.minimum(np.maximum(alike, 1), most)  # in one stack
            n_stack = float(np.maximum(alike / most, -np.expm1(-alike)).sum())
            n_level = float(alike.dot([self._n_level(n, certain) for n in (lengths * together).tolist()])) / n_top
        skills = float(alike.dot(lengths))
        results = n_stack * (_OF_STACK + (48 * n_level if self._many_levels else 0)) * self.n_jobs
        for n in self._lengths:
            results += skills * (8 * n + 24) + n_top * (n * (8 * n_level + 92 + 460 * self._explain) + 400)
        of_skill = 320 + 48 * self._many_levels + 2 * len(pool.name_bytes) / len(pool.embeddings)
        results += of_skill * min(self.n_jobs * skills, len(pool.item_name))  # each skill is one object
        shares = 24 * pool.most_skills * self._n_required * self._explain
        if certain:
            return max(results + shares, results + self._exactly(stack, n_top, FEW, certain))
        size, n_last = pool.most_skills, math.ceil(float(together[-1]))
        last = self._of_scores(size, n_last, self._n_level(size * n_last, certain))
        return max(results + shares, results * (1 - n_last / n_top) + last)

    def _exactly(self, stack: int, among: int, most: int, certain: bool) -> float:
        """What scoring some candidates in full takes, at most so many together."""

        def scores(size: int, n: int) -> float:
            return self._of_scores(size, n, self._n_level(size * n, certain))

        def at_most(size: int) -> int:
            return min(self.at_once(size), most)

        return self._largest(stack, among, self.of_one, scores, certain, at_most)

    def _scoring_all(self, stack: int, in_block: int, certain: bool) -> float:
        """What scoring everyone of a block by the similarities of all names takes."""

        def scores(size: int, n: int) -> float:
            return self._of_close_scores(size, n, self._n_level(size * n, certain))

        return self._largest(stack, in_block, self.of_one_closely, scores, certain)

    def _largest(
        self,
        stack: int,
        among: int,
        of_one: Callable[[int], int],
        of_many: Callable[[int, int], float],
        certain: bool,
        at_most: Callable[[int], int] | None = None,
    ) -> float:
        """What the largest stack takes of those that some candidates are scored in: equally many skills each."""
        largest = 0.0
        for size, n_alike in self._of_size:
            share = min(among / len(self._pool), 1.0)
            likely = share * n_alike + 2 * math.sqrt(share * (1 - share) * n_alike)
            n = min(n_alike, among, n_alike if certain else math.ceil(likely))
            n = min(n, max(stack // of_one(size), 1), at_most(size) if at_most else n)
            largest = max(largest, of_many(size, n))
        return largest

    @functools.cached_property
    def _of_size(self) -> list[tuple[int, int]]:
        """How many skills candidates have, and how many candidates have so many."""
        lengths, numbers = self._pool.list_lengths
        return list(zip(lengths.tolist(), numbers.tolist(), strict=True))

    @property
    def n_jobs(self) -> int:
        """How many jobs are ranked for together."""
        return len(self._lengths)

    @property
    def by_item(self) -> bool:
        """Whether gains are looked up by items: for one job few enough numbers for the cache; not for a small pool."""
        return self.n_jobs == 1 and len(self._pool.item_name) < len(self._pool.items)

    @property
    def _n_top(self) -> int:
        return min(self._top or 0, len(self._pool))

    @property
    def _n_band(self) -> int:
        """Bands of levels that candidates are bounded with."""
        return min(len(self.ratios), MOST_LEVELS)

    @property
    def _many_levels(self) -> bool:
        """Whether a stack is scored with its own levels, not with all."""
        return len(self.ratios) > MOST_LEVELS

    def at_once(self, size: int) -> int:
        """How many candidates of so many skills are scored in full together at most.

        The levels of all of them take memory for each: where a pool has many, few are scored together.
        """
        return AT_ONCE if len(self.ratios) <= _FEW_LEVELS else int(-(-_FEW_LEVELS // size))

    def _n_level(self, n_skills: float, certain: bool) -> int:
        """Levels that candidates of so many skills in all are scored with: at most, or those of a random draw."""
        n_level = len(self.ratios)
        if not self._many_levels:  # all are looked at
            return n_level
        return min(n_level, int(n_skills) if certain else math.ceil(n_level * -math.expm1(-n_skills / n_level)))

    def of_one(self, size: int) -> int:
        """What scoring one candidate in full takes, of as many as may be scored together."""
        n = self.at_once(size)
        return math.ceil(self._of_scores(size, n, self._n_level(size * n, certain=True)) / n)

    def _of_scores(self, size: int, n: int, n_level: int) -> float:
        """What scoring candidates in full takes, who have so many levels."""
        n_required, dim = self._n_required, self._pool.dim
        rows, cells = n_required * n, n_required * n * size
        vectors = 4 * n * min(size, vectors_at_a_time(n_required)) * (dim + n_required)
        products = 4 * cells + max(vectors, 8 * cells)
        n_code = min(max(n_level, min(size, len(DOMAINS))), MOST_LEVELS)
        one_hot = 8 * min(n * size * n_code, max(MOST_CELLS, size * n_code))
        mixing = 8 * cells + 8 * rows * (n_level + 1) + 8 * min(cells, MOST_CELLS)
        mixing += max(one_hot, 8 * min(cells, MOST_CELLS) * self._many_levels)
        moments = 40 * n_required * n_level if self._many_levels else 0  # others are kept
        summing = 8 * cells + rows * (48 * n_level + 320) + moments
        return _OF_CALL + 64 * n * size + max(products, mixing, summing)

    def of_one_bound(self, size: _Size) -> _Size:
        """What bounding a candidate of so many skills by all its similarities and levels takes."""
        return self._of_bounds(size, 1)

    def _of_bounds(self, n_entry: _Size, n: int) -> _Size:
        """What bounding candidates closely takes, who have so many skills in all."""
        n_required, n_band = self._n_required, self._n_band
        gathering = n_entry * (25 * n_required + 20)
        summing = n_entry * (16 * n_required + 44) + 16 * n * n_required * n_band
        bounding = n_entry * 12 + n * n_required * (24 * n_band + 90)
        most: _Size = np.maximum(np.maximum(gathering, summing), bounding)
        return most

    def _closely(self, stack: int, n: int, certain: bool) -> float:
        """What bounding so many candidates closely takes, unless these are cut into stacks."""
        lengths, numbers = self._pool.list_lengths
        chance = lengths * numbers / len(self._pool.items)  # the more skills, the likelier a high bound
        mean = float(lengths.dot(chance))
        deviation = math.sqrt(float(((lengths - mean) ** 2).dot(chance)))
        n_entry = n * self._pool.most_skills if certain else n * mean + 2 * math.sqrt(n) * deviation
        largest = max(stack, float(self.of_one_bound(self._pool.most_skills)))
        return _OF_CALL + min(float(self._of_bounds(n_entry, n)), largest)

    def of_one_closely(self, size: int) -> int:
        """What scoring one candidate by the similarities of all names takes."""
        n_level = len(self.ratios) if not self._many_levels else min(size, len(self.ratios))
        summing = max(12 * size + 8, 8 * (size + 1 + max(n_level, 1 + min(size, len(DOMAINS)))))
        return 50 * size + self._n_required * max(summing, 280)

    def _of_close_scores(self, size: int, n: int, n_level: int) -> float:
        """What scoring candidates by the similarities of all names takes, who have so many levels."""
        rows = self._n_required * n
        mixing = rows * max(12 * size + 8, 8 * (size + 1 + max(n_level, 1 + min(size, len(DOMAINS)))), 280)
        mixing += min(15 * rows * size, _CLOSE_BUFFERS)
        moments = (80 if self._many_levels else 40) * self._n_required * n_level
        summing = rows * (8 * n_level + 40) + moments + 16 * min(5 * rows * n_level, _BUFFERED)
        return _OF_CALL + 50 * n * size + max(mixing, summing)


def group_plan(
    pool: CandidatePool, lengths: Sequence[int], top: int | None, budget: float, explain: bool = False
) -> tuple[Sizes, Plan]:
    """How many jobs are ranked for together, of those whose lengths are given, and how.

    As many as share a pass with profit and keep the heap within the budget; where a single job does not, its blocks are
    cut smaller. Larger blocks than the usual ones gain nothing.

    Raises
    ------
    ConfigError
        Where the budget is too small.
    """
    n_jobs = 1 if top is None else max(bisect_right(list(accumulate(lengths)), _MOST_COLUMNS), 1)
    sizes, share = Sizes(pool, lengths[:n_jobs], top, explain), 1.0
    if math.isinf(budget):
        return sizes, sizes.plan(share)
    while (most := sizes.plan(share, certain=True)).peak_bytes > budget and n_jobs > 1:
        n_jobs //= 2
        sizes = Sizes(pool, lengths[:n_jobs], top, explain)
    while most.peak_bytes > budget:
        share *= 0.8
        if share < _LEAST_SHARE:
            raise ConfigError(f"memory_budget of {budget:.0f} bytes: expected at least {most.peak_bytes}")
        most = sizes.plan(share, certain=True)
    return sizes, sizes.plan(share)
