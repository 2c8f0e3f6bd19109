"""How a pool is ranked within a memory budget: the sizes of blocks and stacks, and the heap that these take."""

import functools
import math
import re
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from competency.domains import DOMAINS
from competency.errors import ConfigError, as_integer, shown
from competency.pool import CandidatePool
from competency.proficiency import MOST_LEVELS
from competency.scoring import MOST_CELLS
from competency.similarity import vectors_at_a_time

__all__ = ["Likely", "Plan", "Sizes", "group_plan", "parse_budget", "parse_top"]

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
_ITEMS_LOOKED_AT = 4096  # of many
_KEPT_ARRAYS = 7  # of each size, by numpy
_KEPT_ELEMENTS = 127  # of such an array at most
_KEPT_TUPLES = 2000  # of each size, by Python
_LEAST_SHARE = 1 / 128  # of the usual size of blocks; smaller ones would spend the time on calls

# What the heap holds beside arrays whose sizes are known, in bytes but for the first.
_BUFFERED = 8192  # elements that numpy casts together
_BUFFERS = 4_000  # that numpy casts through, where candidates are bounded by bytes
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
        threads of its own (OpenBLAS with two: 160 kB). A sample of the candidates says how many skills the best have,
        and how many of these are the same. A budget also has room for what may be more than predicted.
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


@dataclass(frozen=True)
class Likely:
    """What a sample says of the candidates who are looked at more closely.

    Parameters
    ----------
    by_bytes : ndarray of int64, shape (n_sample,)
        How many skills the candidates of the sample have, those with the highest bounds by bytes first.
    closely : ndarray of int64, shape (n,)
        How many the first of them have, those with the highest closer bounds first.
    n_best : int
        How many of them stand for the best of the pool.
    n_item : float
        Distinct items of as many of the best as are asked for.
    noted : float
        Share of the candidates who may be among the best, by the sums of gains.
    n_domain : int
        The most domains that a candidate has skills of, where everyone is ranked.
    """

    by_bytes: NDArray[np.int64]
    closely: NDArray[np.int64]
    n_best: int
    n_item: float
    noted: float
    n_domain: int

    def number(self, n: int, among: int) -> int:
        """How many of the sample stand for the best of some candidates, among so many."""
        return max(round(n * len(self.by_bytes) / among), 1)


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

    def plan(self, share: float) -> Plan:
        """The plan with blocks of a share of their usual size, and the highest peak that may be."""
        n_candidates = min(max(int(share * _BLOCK_CANDIDATES), 1), len(self._pool))
        n_entries = max(int(share * _BLOCK_ENTRIES), self._pool.most_skills)
        stack = int(share * _STACK_BYTES) * (_CLOSELY if self._top is None else 1)
        reserve = _RESERVE + _OF_LENGTH * len(self._of_size)
        return Plan(n_candidates, n_entries, stack, self._peak(n_candidates, n_entries, stack, None) + reserve)

    def predicted(self, plan: Plan, likely: Likely) -> Plan:
        """A plan with the peak that is to be expected."""
        peak = self._peak(plan.block_candidates, plan.block_entries, plan.stack_bytes, likely)
        return replace(plan, peak_bytes=peak)

    def _peak(self, n_candidates: int, n_entries: int, stack: int, likely: Likely | None) -> int:
        """The peak that is to be expected, or, here and in what follows, the highest that may be, for None."""
        pool, n_required, n_column = self._pool, self._n_required, sum(self._lengths)
        n_names, n_item, mean_size = len(pool.embeddings), len(pool.item_name), len(pool.items) / len(pool)
        in_block = min(n_candidates, max(int(n_entries / mean_size), 1))

        fixed = n_column * (n_names + 8 * 256 + 4 * pool.dim + 24 * self._n_band) + 16 * 256 * self._n_band
        fixed += _OBJECTS + _OF_JOB * self.n_jobs
        heap: float = max(20 * n_column * min(n_names, NAMES), 32 * 256 * self._n_band)  # coding, making bands
        heap = max(heap, _OBJECTS + n_required * (6400 + 36 * self._n_band))
        if self._top is None:
            scoring = 24 * in_block + 8 * len(pool) + self._scoring_all(stack, in_block, likely)
            heap = max(heap, 4 * n_required * n_names + max(scoring, 32 * len(pool)))
            heap += self._kept(in_block, likely)
        else:
            gains = 4 * (n_item if self.by_item else self.n_jobs * n_names)
            heap = max(heap, 4 * self.n_jobs * n_names + max(4096 * n_required, 1024 * n_required + 16 * n_names))
            if self.by_item:
                heap = max(heap, 4 * n_names + gains + 12 * min(ITEMS, n_item))
            heap = max(heap, gains + self._passing(n_candidates, in_block, n_entries, stack, likely))
            heap = max(heap, self._results(stack, likely))
        return int(fixed + heap)

    def _passing(self, n_candidates: int, in_block: int, n_entries: int, stack: int, likely: Likely | None) -> float:
        """What adding gains takes, and scoring those who may be among the best."""
        pool, n_jobs = self._pool, self.n_jobs
        skills = min(in_block * (len(pool.items) / len(pool) if likely else pool.most_skills), n_entries)
        noted = min(n_candidates, len(pool))  # they are settled before they are more
        waiting: float = min(n_candidates, len(pool) - in_block)  # noted while a block is added
        if likely:  # first everyone is noted, and settled for the first time; later ones wait for the last block
            noted = min(max(n_candidates // in_block, 1) * in_block, len(pool))
            later = max(len(pool) - noted - in_block, 0)
            waiting = max(noted - in_block, min(likely.noted * later, n_candidates))
        others = 12 * (n_jobs - 1) * noted
        adding = (8 if self.by_item else 12) * skills + (20 + 4 * n_jobs) * in_block + 12 * waiting
        by_bytes = min(BY_BYTES, noted)
        bounding = (104 + 10 * self._n_required) * by_bytes + _BUFFERS
        closely = self._closely(stack, min(noted, AT_ONCE), noted, likely)
        exactly = self._exactly(stack, min(noted, max(self._n_top, FEW)), noted, AT_ONCE, likely)
        settling = (28 + 4 * n_jobs) * in_block + 20 * noted + max(bounding, 16 * by_bytes + max(closely, exactly))
        return others + max(adding, settling)

    def _kept(self, in_block: int, likely: Likely | None) -> float:
        """What numpy and Python keep for the next small arrays and tuples, where many small stacks are scored."""
        lengths, numbers = self._pool.list_lengths
        n_block, mean = -(-len(self._pool) // in_block), numbers * (in_block / len(self._pool))
        n_stack = n_block * float(-np.expm1(-mean).sum())
        # of those who are the only ones of their block that have so many skills
        alone = -np.expm1(-n_block * mean * np.exp(-mean)) if likely else lengths > 0
        kept = 8 * _KEPT_ARRAYS * float((lengths * alone)[lengths <= _KEPT_ELEMENTS].sum())
        return kept + 56 * min(4 * n_stack, _KEPT_TUPLES)

    def _results(self, stack: int, likely: Likely | None) -> float:
        """What the results take, and scoring the last of them."""
        pool, n_top = self._pool, self._n_top
        lengths, alike = self._alike(likely)
        most = [min(max(stack // self.of_one(size), 1), self.at_once(size), FEW) for size in lengths.tolist()]
        together = np.minimum(np.maximum(alike, 1) if likely else n_top, most)  # in one stack
        levels = [self._n_level(n, likely) for n in (lengths * together).tolist()]
        if likely:
            n_stacks = float(np.maximum(alike / most, -np.expm1(-alike)).sum())
            n_level = float(alike.dot(levels)) / n_top
        else:
            n_stacks, n_level = float(min(n_top, len(lengths) + n_top // min(most))), float(max(levels))
        skills = float(alike.dot(lengths))
        results = n_stacks * (_OF_STACK + (48 * n_level if self._many_levels else 0)) * self.n_jobs
        for n in self._lengths:
            results += skills * (8 * n + 24) + n_top * (n * (8 * n_level + 92) + 400)
        n_item = likely.n_item if likely else min(self.n_jobs * skills, len(pool.item_name))
        results += n_item * self._of_skill(likely)  # each skill is one object
        reasons = 460 * n_top * sum(self._lengths) * self._explain
        if self.n_jobs > 1:  # those of the jobs before are there while results are made
            results += reasons
        reasons += 24 * pool.most_skills * self._n_required * self._explain
        if not likely:
            return results + max(reasons, self._exactly(stack, n_top, n_top, FEW, likely))
        heap, left = results + reasons, 0  # stacks are scored one after the other, those with the most skills at last
        for size, number, at_most in zip(lengths.tolist()[::-1], alike.tolist()[::-1], most[::-1], strict=True):
            n_alike = max(round(number), 1)
            n_stack = min(n_alike, at_most)
            for n in (n_alike % n_stack, n_stack):  # the last one has what is left over
                before = results * max(1 - (left + n * size) / skills, 0)
                heap = max(heap, before + self._of_scores(size, n, self._n_level(size * n, likely)))
                left += n * size
            left += (n_alike // n_stack - 1) * n_stack * size
        return heap

    def _alike(self, likely: Likely | None) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """How many skills the best have, ascending, and how many of them have so many."""
        if likely:
            lengths, of_best = np.unique(likely.closely[: likely.n_best], return_counts=True)
            return lengths, of_best * (self._n_top / likely.n_best)
        lengths, numbers = self._pool.list_lengths
        return lengths, np.diff(np.minimum(np.add.accumulate(numbers[::-1]), self._n_top), prepend=0.0)[::-1]

    def _of_skill(self, likely: Likely | None) -> float:
        """What a skill takes as an object: its name twice, and integers that Python does not keep anyway."""
        pool, most = self._pool, 256
        if likely:
            step = -(-len(pool.item_max) // _ITEMS_LOOKED_AT)
            n_integer = sum(float((column[::step] > most).mean()) for column in (pool.item_value, pool.item_max))
        else:
            n_integer = 2.0 * bool(pool.item_max.max() > most)
        return 320 + 32 * n_integer + 2 * len(pool.name_bytes) / len(pool.embeddings)

    def _exactly(self, stack: int, n_best: int, among: int, most: int, likely: Likely | None) -> float:
        """What scoring the best of so many candidates in full takes, at most so many together."""
        alike: list[tuple[int, float]] = [*self._of_size]
        if likely:
            sizes = likely.closely[: likely.number(n_best, among)]
            lengths, numbers = np.unique(sizes, return_counts=True)
            alike = list(zip(lengths.tolist(), (numbers * (n_best / len(sizes))).tolist(), strict=True))
        largest = 0.0
        for size, n_alike in alike:
            n = min(math.ceil(n_alike), n_best, max(stack // self.of_one(size), 1), self.at_once(size), most)
            largest = max(largest, self._of_scores(size, n, self._n_level(size * n, likely)))
        return largest

    def _scoring_all(self, stack: int, in_block: int, likely: Likely | None) -> float:
        """What scoring everyone of a block by the similarities of all names takes."""
        largest, share = 0.0, min(in_block / len(self._pool), 1.0)
        for size, n_alike in self._of_size:
            # in the block of many that has the most of them
            n = math.ceil(share * n_alike + 2 * math.sqrt(share * (1 - share) * n_alike)) if likely else n_alike
            n = min(n, n_alike, in_block, max(stack // self.of_one_closely(size), 1))
            n_domain = min(size, likely.n_domain if likely else len(DOMAINS))
            largest = max(largest, self._of_close_scores(size, n, self._n_level(size * n, likely), n_domain))
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

    def _n_level(self, n_skills: float, likely: Likely | None) -> int:
        """Levels that candidates of so many skills in all are scored with: at most, or those of a random draw."""
        n_level = len(self.ratios)
        if not self._many_levels:  # all are looked at
            return n_level
        return min(n_level, math.ceil(n_level * -math.expm1(-n_skills / n_level)) if likely else int(n_skills))

    def of_one(self, size: int) -> int:
        """What scoring one candidate in full takes, of as many as may be scored together."""
        n = self.at_once(size)
        return math.ceil(self._of_scores(size, n, self._n_level(size * n, None)) / n)

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
        summing = 8 * cells + rows * (48 * n_level + 272) + moments
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

    def _closely(self, stack: int, n: int, among: int, likely: Likely | None) -> float:
        """What bounding some of so many candidates closely takes, unless these are cut into stacks."""
        n_entry = n * (float(likely.by_bytes[: likely.number(n, among)].mean()) if likely else self._pool.most_skills)
        largest = max(stack, float(self.of_one_bound(self._pool.most_skills)))
        return _OF_CALL + min(float(self._of_bounds(n_entry, n)), largest)

    def of_one_closely(self, size: int) -> int:
        """What scoring one candidate by the similarities of all names takes."""
        n_level = len(self.ratios) if not self._many_levels else min(size, len(self.ratios))
        summing = max(12 * size + 8, 8 * (size + 1 + max(n_level, 1 + min(size, len(DOMAINS)))))
        return 50 * size + self._n_required * max(summing, 232)

    def _of_close_scores(self, size: int, n: int, n_level: int, n_domain: int) -> float:
        """What scoring candidates by the similarities of all names takes, who have so many levels and domains."""
        rows = self._n_required * n
        mixing = rows * max(12 * size + 8, 8 * (size + 1 + max(n_level, 1 + n_domain)), 232)
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
    while (plan := sizes.plan(share)).peak_bytes > budget and n_jobs > 1:
        n_jobs //= 2
        sizes = Sizes(pool, lengths[:n_jobs], top, explain)
    while plan.peak_bytes > budget:
        share *= 0.8
        if share < _LEAST_SHARE:
            raise ConfigError(f"memory_budget of {budget:.0f} bytes: expected at least {plan.peak_bytes}")
        plan = sizes.plan(share)
    return sizes, plan
