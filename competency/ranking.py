"""Ranking a pool: the best candidates for a job, without scoring everyone in full.

Every candidate's score is bounded from above three times, each time more closely, and of fewer candidates: those whose
bound reaches the current top. First by a sum of what each skill adds for all requirements together. Then by the best
similarity for each requirement, found as one byte that says what the requirement's probability is at most. Then by all
similarities and levels. Only those who still may be among the best are scored, by the code that `SkillMatcher.match`
runs on its own rows.
"""

import functools
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from competency import families
from competency.columns import candidate_columns, tiled
from competency.domains import DOMAINS
from competency.errors import ConfigError, shown
from competency.names import normalise
from competency.pool import CandidatePool, key_checksum
from competency.proficiency import MOST_LEVELS, levels_of, moments
from competency.result import MatchResult
from competency.scoring import Candidates, Model, Requirements, Scores, most_cells
from competency.similarity import cosine_rows, vectors_at_a_time
from competency.skills import Skill

__all__ = ["Carrier", "Plan", "Ranked", "Ranking"]

_Number = TypeVar("_Number", bound=np.number)
Codes = NDArray[np.intp]
Array = NDArray[np.float64]

_SLACK = 2e-6  # a product of other shape rounds differently, by less than this
_NAMED = 255  # code of a name that is the required one
_STEPS = 260  # of similarities between 0 and 1, each with a code, up to the first that is of the same skill for sure
_EDGES = np.concatenate([[-1.01], np.arange(249) / _STEPS, [1.01]])  # of the similarities that a code stands for
_NAMES = 256  # whose codes are made at one time
_COLUMNS = 32  # of a product that is made in small pieces, which would take twice as long for more of them
_ALONE = 1 << 18  # multiplications of a product that OpenBLAS does not share between threads
_MOST_COLUMNS = 256  # required skills of jobs that share a pass
_OTHER = np.array([0.0, 1.0, 0.0, -1.0])  # the rule of a requirement that is predicted as another skill, with factor 1
_LEVELS = 128  # whose moments are made together
_SAMPLE = 2048  # names at least that say what is usual, of a larger vocabulary
_ITEMS = 8192  # whose gains are looked up together
_BLOCK_CANDIDATES = 8192  # of a block
_BY_BYTES = 1024  # bounded by bytes together
_AT_ONCE = 64  # bounded closely first, of those who are likely; then twice as many, and so on; so many in one stack
_FEW = 16  # of these that are scored in full together at least; results that are made together at most
_FEW_LEVELS = 64  # that any number of candidates are scored in full with
_BLOCK_ENTRIES = 163_840
_STACK_BYTES = 1_000_000
_CLOSELY = 9  # times as much for ranking everyone, where every candidate is in a stack
_BUFFERED = 8192  # elements that numpy casts together
_BUFFERS = 20_000  # bytes that numpy casts through, where candidates are bounded by bytes
_CLOSE_BUFFERS = 122_000  # likewise, where similarities become weights
_OBJECTS = 4_000  # bytes of what is not an array
_OF_JOB = 12_000  # bytes that each job takes besides, whatever it requires
_OF_CALL = 11_000  # bytes of the objects that scoring some candidates takes
_OF_STACK = 3_000  # bytes of those that are kept of it, with the results
_RESERVE = 100_000  # bytes of a budget for what stacks leave to Python's lists of free objects
_OF_LENGTH = 1_000  # bytes of it more for each number of skills that candidates have
_LEAST_SHARE = 1 / 128  # of the usual size of blocks; smaller ones would spend the time on calls


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
        threads of its own (OpenBLAS with two: 160 kB). A budget also has room for what may be more than predicted.
    """

    block_candidates: int
    block_entries: int
    stack_bytes: int
    peak_bytes: int


class Carrier(NamedTuple):
    """A candidate skill behind a requirement's score.

    Parameters
    ----------
    name : str
        The candidate skill.
    similarity : float
        Its cosine similarity to the required one.
    share : float
        Its share in the prediction, in [0, 1].
    family : str or None
        The family of names that do the same job (see `competency.families`) that it shares with the required skill;
        None where it shares none, or has the same name.
    """

    name: str
    similarity: float
    share: float
    family: str | None


class Ranked(Protocol):
    """What was ranked: a pool, or many that are taken for one."""

    def __len__(self) -> int:
        """How many candidates there are."""

    def candidate_id(self, position: int) -> str:
        """The id of a candidate."""

    def skills(self, position: int) -> tuple[Skill, ...]:
        """The skills of a candidate."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best candidates of a pool for a job, the best first; of equal scores the first in the pool.

    Parameters
    ----------
    positions : ndarray of intp, shape (n_top,)
        Their positions in the pool.
    scores : ndarray of float64, shape (n_top,)
        Overall scores, those of `SkillMatcher.match` to the last bit; where everyone was ranked they are right to 1e-6,
        except where a similarity lies within 1e-6 of a step of the model.
    results : tuple of MatchResult
        The matches in full; empty where everyone was ranked.
    carriers : tuple of tuple of tuple of Carrier
        For each candidate and each requirement the skills that carried it, the most important first; empty where it
        was not asked for.
    n_scored : int
        How many candidates had to be scored in full.
    pool : CandidatePool
        The pool.
    """

    positions: Codes
    scores: Array
    results: tuple[MatchResult, ...] = field(repr=False)
    carriers: tuple[tuple[tuple[Carrier, ...], ...], ...] = field(repr=False)
    n_scored: int
    pool: Ranked = field(repr=False)

    @functools.cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the candidates."""
        return tuple(map(self.pool.candidate_id, self.positions.tolist()))


def carriers(result: MatchResult, most: int = 3) -> tuple[tuple[Carrier, ...], ...]:
    """For each requirement the candidate skills with the largest share in its prediction."""
    shares = result.shares
    names = [skill.name for skill in result.candidate]

    def carrier(i: int, j: int) -> Carrier:
        family = families.shared(result.required[j].name, names[i])
        similarity, share = float(result.similarities[i, j]), float(shares[i, j])
        return Carrier(names[i], similarity, share, family.name if family else None)

    return tuple(
        tuple(carrier(i, j) for i in np.argsort(-shares[:, j], kind="stable")[:most].tolist())
        for j in range(len(result.required))
    )


def check_top(top: int | None) -> None:
    """Raise `ConfigError` where it is no number of candidates that can be asked for."""
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise ConfigError(f"top {shown(top)}: expected an integer of 1 or more, or None")


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
    if isinstance(budget, int) and not isinstance(budget, bool) and budget > 0:
        return budget
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", budget.lower()) if isinstance(budget, str) else None
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise ConfigError(f"memory_budget {shown(budget)}: expected a number of bytes, or text such as '256 MB'")
    return float(match[1]) * _UNITS[match[2]]


@functools.cache
def _intervals() -> tuple[Array, Array]:
    """The least and the highest similarity that each code may stand for; a name that is required may have any."""
    low, high = np.full(256, -1.01), np.full(256, 1.01)
    low[: len(_EDGES) - 1], high[: len(_EDGES) - 1] = _EDGES[:-1], _EDGES[1:]
    return low - _SLACK, high + _SLACK


class Sizes:
    """What the heap of ranking a pool consists of, in bytes; the figures are those of the arrays in this module.

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
        heap: float = max(20 * n_column * min(n_names, _NAMES), 32 * 256 * self._n_band)  # coding, making bands
        heap = max(heap, _OBJECTS + n_required * (6400 + 36 * self._n_band))
        if self._top is None:
            scoring = 24 * in_block + 8 * len(pool) + self._scoring_all(stack, in_block, certain)
            heap = max(heap, 4 * n_required * n_names + max(scoring, 32 * len(pool)))
        else:
            gains = 4 * (n_item if self.by_item else self.n_jobs * n_names)
            heap = max(heap, 4 * self.n_jobs * n_names + max(4096 * n_required, 1024 * n_required + 16 * n_names))
            if self.by_item:
                heap = max(heap, 4 * n_names + gains + 12 * min(_ITEMS, n_item))
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
        by_bytes = min(_BY_BYTES, noted)
        bounding = (104 + 10 * self._n_required) * by_bytes + _BUFFERS
        closely = self._largest(stack, min(noted, _AT_ONCE), self.of_one_bound, self._of_bounds, certain)
        exactly = self._exactly(stack, max(self._n_top, _FEW), _AT_ONCE, certain)
        settling = (28 + 4 * n_jobs) * in_block + 20 * noted + max(bounding, 16 * by_bytes + max(closely, exactly))
        return others + max(adding, settling)

    def _results(self, stack: int, certain: bool) -> float:
        """What the results take, and scoring the last of them."""
        pool, n_top = self._pool, self._n_top
        lengths, numbers = (column.astype(np.float64) for column in pool.list_lengths)
        skills: float
        if certain:  # those who have the most skills
            counted = np.minimum(np.add.accumulate(numbers[::-1]), n_top)
            skills = float(np.diff(counted, prepend=0).dot(lengths[::-1]))
        else:  # the more skills, the more likely
            skills = n_top * float((numbers * lengths).dot(lengths)) / len(pool.items)
        sizes = [int(size) for size in lengths]
        at_once = [(size, min(max(stack // self.of_one(size), 1), self.at_once(size), _FEW)) for size in sizes]
        n_last = min(n_top, *(most for _, most in at_once))
        n_stack = min(n_top, len(lengths) + n_top // n_last)
        n_level = max(self._n_level(int(size * min(most, n_top)), certain) for size, most in at_once)
        results: float = n_stack * (_OF_STACK + (48 * n_level if self._many_levels else 0)) * self.n_jobs
        for n in self._lengths:
            results += skills * (8 * n + 24) + n_top * (n * (8 * n_level + 92 + 460 * self._explain) + 400)
        of_skill = 320 + 48 * self._many_levels + 2 * len(pool.name_bytes) / len(pool.embeddings)
        results += of_skill * min(self.n_jobs * skills, len(pool.item_name))  # each skill is one object
        shares = 24 * pool.most_skills * self._n_required * self._explain
        kept = results if certain else results * (1 - n_last / n_top)  # of all but the last stack
        return max(results + shares, kept + self._exactly(stack, n_top, _FEW, certain))

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
            likely = among * n_alike / len(self._pool)
            n = min(n_alike, among, n_alike if certain else math.ceil(likely + 2 * math.sqrt(likely)))
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
        return _AT_ONCE if len(self.ratios) <= _FEW_LEVELS else int(-(-_FEW_LEVELS // size))

    def _n_level(self, n_skills: int, certain: bool) -> int:
        """Levels that candidates of so many skills in all are scored with: at most, or those of a random draw."""
        n_level = len(self.ratios)
        if not self._many_levels:  # all are looked at
            return n_level
        return min(n_level, n_skills if certain else math.ceil(n_level * -math.expm1(-n_skills / n_level)))

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
        mixing = 8 * cells + 8 * rows * (n_level + min(size, len(DOMAINS))) + 40 * most_cells(rows, size)
        moments = 40 * n_required * n_level if self._many_levels else 0  # others are kept
        summing = 8 * cells + rows * (48 * n_level + 320) + moments
        return _OF_CALL + 64 * n * size + max(products, mixing, summing)

    def of_one_bound(self, size: int) -> int:
        """What bounding one candidate by all its similarities and levels takes."""
        n_required, n_band = self._n_required, self._n_band
        summing = n_required * (17 * size + 16 * n_band) + 8 * n_band * size
        return 16 * size + max(25 * n_required * size, summing, n_required * (24 * n_band + 90))

    def _of_bounds(self, size: int, n: int) -> float:
        """What bounding candidates by all their similarities and levels takes."""
        skills = n * size
        banding = skills * (17 * self._n_required + 9 * self._n_band) + 8 * min(skills * self._n_band, _BUFFERED)
        return _OF_CALL + max(n * self.of_one_bound(size), 16 * skills + banding)

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


class Bands(NamedTuple):
    """Levels that candidates are bounded with as one: time and memory do not depend on how many levels there are.

    Parameters
    ----------
    of_level : ndarray of intp, shape (n_level,)
        The band of each level of a pool, ascending.
    weights : ndarray of complex128, shape (n_band, 256)
        The least weight in a mixture that a skill of a band and a code may have, and, as imaginary part, how much more
        it may be.
    """

    of_level: Codes
    weights: NDArray[np.complex128]

    @classmethod
    def of(cls, model: Model, ratios: Array) -> Self:
        """Bands of as many levels each, of those whose ratios are given, ascending."""
        n_band = min(len(ratios), MOST_LEVELS)
        of_level = np.arange(len(ratios)) * n_band // len(ratios)
        first = of_level.searchsorted(np.arange(n_band))
        ends = ratios[first], ratios[np.append(first[1:], len(ratios)) - 1]
        (least, other), (most, another) = (
            [model.weights(similarity, ratio[:, None]) for ratio in ends] for similarity in _intervals()
        )
        np.minimum(least, other, out=least)
        np.maximum(most, another, out=most)
        most -= least
        weights = np.empty(least.shape, np.complex128)
        weights.real, weights.imag = least, most
        return cls(of_level, weights)


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
    while True:
        sizes = Sizes(pool, lengths[:n_jobs], top, explain)
        most, share = sizes.plan(1.0, certain=True), 1.0
        if most.peak_bytes <= budget or n_jobs == 1:
            break
        n_jobs //= 2
    while most.peak_bytes > budget:
        share *= 0.8
        if share < _LEAST_SHARE:
            raise ConfigError(f"memory_budget of {budget:.0f} bytes: expected at least {most.peak_bytes}")
        most = sizes.plan(share, certain=True)
    return sizes, sizes.plan(share)


def name_codes(
    pool: CandidatePool, jobs: Sequence[Sequence[str]], units: NDArray[np.float32]
) -> list[NDArray[np.uint8]]:
    """For each job the codes of the similarities of all names to the required ones, shape (n_name, n_required).

    Parameters
    ----------
    pool : CandidatePool
        The names.
    jobs : sequence of sequence of str
        The normalised names of the required skills of each job.
    units : ndarray of float32, shape (n_required of all jobs, dim)
        Their vectors, of unit length.
    """
    codes = [np.empty((len(pool.embeddings), len(keys)), np.uint8) for keys in jobs]
    few = len(units) <= _COLUMNS
    step = _NAMES if few else 4 * _NAMES
    for start in range(0, len(pool.embeddings), step):
        block = slice(start, start + step)
        vectors = pool.embeddings[block]
        products = _small_products(vectors, units) if few else vectors @ units.T
        products *= _STEPS
        products += 1
        np.clip(products, 0, len(_EDGES) - 2, out=products)
        first = 0
        for of_job, keys in zip(codes, jobs, strict=True):
            of_job[block] = products[:, first : first + len(keys)]
            first += len(keys)
        del products  # before the next ones are made
    for of_job, keys in zip(codes, jobs, strict=True):
        for column, key in enumerate(keys):
            for name in np.flatnonzero(pool.key_checksums == key_checksum(key)):
                if normalise(pool.name(int(name))) == key:
                    of_job[name, column] = _NAMED
    return codes


def _small_products(rows: NDArray[np.float32], units: NDArray[np.float32]) -> NDArray[np.float32]:
    """``rows @ units.T`` in pieces that take one thread: on a busy machine each would wait for all the others."""
    dim = rows.shape[1]
    step = max(_ALONE // (_COLUMNS * dim), 1)
    n_piece, whole = len(rows) // step, len(rows) // step * step
    products = np.empty((len(rows), len(units)), np.float32)
    pieces = rows[:whole].reshape(n_piece, step, dim)
    np.matmul(pieces, units.T, out=products[:whole].reshape(n_piece, step, len(units)))
    np.matmul(rows[whole:], units.T, out=products[whole:])
    return products


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


class Ranker:
    """A job and a pool, prepared.

    Parameters
    ----------
    model : Model
        The scoring model.
    required : Requirements
        The rows of the job, for one pair.
    units : ndarray of float32, shape (n_required, dim)
        Vectors of the required skills, of unit length.
    codes : ndarray of uint8, shape (n_name, n_required)
        Codes of the similarities of all names to them.
    pool : CandidatePool
        The pool.
    bands : Bands
        Of the levels in the pool.
    sizes : Sizes
        What the heap consists of.
    plan : Plan
        How large the blocks are.
    """

    def __init__(
        self,
        model: Model,
        required: Requirements,
        units: NDArray[np.float32],
        codes: NDArray[np.uint8],
        pool: CandidatePool,
        bands: Bands,
        sizes: Sizes,
        plan: Plan,
    ) -> None:
        self._model = model
        self._required = required
        self.units = units
        self._codes = codes
        self.pool = pool
        self.plan = plan
        self._sizes = sizes
        self._rules = model.bound_rules(*_intervals(), sizes.ratios[-1])
        self._rules[1, _NAMED] = 0  # the same skill, or a dissimilar one
        self._bands = bands
        mean, met, exceed = self._highest_moments()
        # Of a mixture that predicts another skill, and of one that predicts the same: what its sum bounds. One code may
        # be of either.
        other = model.bound_probabilities(_OTHER, mean, met, exceed, required.threshold)
        self._highest = np.concatenate([other, mean, np.maximum(other, mean)], axis=1)
        of_same, of_other = self._rules[2] > 0, self._rules[1] > 0
        self._first_column = self.n_required * np.where(of_same, np.where(of_other, 2, 1), 0)
        # of each requirement's probability, by the code of its best similarity: no mixture is above its best level
        self._bounds = model.bound_probabilities(
            self._rules[:, None], mean[-1, :, None], met[-1, :, None], exceed[-1, :, None], required.threshold[:, None]
        )
        self._n_domain = len(set(required.domain.tolist()))

    def _highest_moments(self) -> NDArray[np.float64]:
        """Mean, share met and probability of more, the highest up to each band, shape (3, n_band, n_required)."""
        ratios, band = self._sizes.ratios, self._bands.of_level
        highest = np.zeros((len(self._bands.weights), 3, len(self._required.thresholds)))
        for start in range(0, len(ratios), _LEVELS):
            some = slice(start, start + _LEVELS)
            levels = levels_of(tuple(ratios[some].tolist()), self._model.config.beta)
            np.maximum.at(highest, band[some], moments(self._required.thresholds, levels)[:, [1, 3, 4]])
        np.maximum.accumulate(highest, axis=0, out=highest)
        return highest.take(self._required.threshold_code, axis=2).swapaxes(0, 1)

    @property
    def n_required(self) -> int:
        """Required skills of the job."""
        return len(self.units)

    @functools.cached_property
    def _usual(self) -> Array:
        """Of each requirement the bound that an average candidate has one skill above, shape (n_required,)."""
        some = self._codes[:: max(len(self._codes) // _SAMPLE, 1)]  # any value would do, this one only spares work
        above = len(some) * len(self.pool) / len(self.pool.items)
        usual = np.empty(self.n_required)
        for place, (column, bounds) in enumerate(zip(some.T, self._bounds, strict=True)):
            n_above = np.add.accumulate(np.bincount(column, minlength=256)[::-1])[::-1]
            usual[place] = bounds[np.count_nonzero(n_above > above) - 1]
        return usual

    def gains(self) -> NDArray[np.float32]:
        """What each name adds to the usual bound of an overall score at most, shape (n_name,)."""
        more = (np.maximum(self._bounds - self._usual[:, None], 0) / self.n_required).astype(np.float32)
        gains = np.zeros(len(self._codes), np.float32)
        for column, of_code in zip(self._codes.T, more, strict=True):
            gains += of_code.take(column)
        return gains

    def least_gain(self, least: float) -> float:
        """What a candidate's skills must add at least, so that its overall score may reach `least`."""
        rule = self._model.config.coherence
        if least - rule.cap <= rule.largest_score:
            least = min(least, max(least - rule.cap, rule.least_score))
        extreme, share = self._model.extreme or (None, 0.0)
        if extreme is np.maximum:  # a smallest one is no larger than the mean
            least -= share * float(self._bounds.max())
            least = least / (1 - share) if share < 1 else -math.inf
        return least - self._usual_mean

    @functools.cached_property
    def _usual_mean(self) -> float:
        """The usual bound of an overall score, with room for the rounding of sums of gains."""
        rounding = (self.pool.most_skills + self.n_required) * float(np.finfo(np.float32).eps)
        return float(self._usual.mean()) + rounding + _SLACK

    def bounds(self, positions: Codes) -> Array:
        """Upper bounds of the overall scores of some candidates, by the best similarity for each requirement."""
        starts = self.pool.offsets[positions]
        sizes = self.pool.offsets[positions + 1] - starts
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        bounds = np.empty((self.n_required, len(order)))
        for column, of_code, row in zip(self._best_codes(starts[order], sizes).T, self._bounds, bounds, strict=True):
            of_code.take(column, out=row, mode="clip")
        overall = np.empty(len(order))
        overall[order] = self._with_bonus(self._overall(bounds), sizes)
        return overall

    def _best_codes(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Codes of the best similarities, shape (n_candidate, n_required); those with the most skills stand first."""
        best = np.zeros((len(sizes), self.n_required), np.uint8)
        found = np.empty_like(best)
        # one skill of each candidate at a time, of those that have so many
        n_active = len(sizes)
        for place in range(int(sizes.max(initial=0))):
            while sizes[n_active - 1] <= place:
                n_active -= 1
            active = slice(0, n_active)
            names = self.pool.item_name.take(self.pool.items.take(starts[active] + place))
            self._codes.take(names, axis=0, out=found[active], mode="clip")
            np.maximum(best[active], found[active], out=best[active])
        return best

    def _with_bonus(self, overall: Array, sizes: Codes) -> Array:
        """Bounds of the overall scores of candidates of so many skills, from those before any bonus."""
        rule = self._model.config.coherence
        # distinct pairs of domains over all pairs: what the harmony can be at most
        room = self._n_domain * np.minimum(sizes, len(DOMAINS)) / (sizes * len(self._bounds))
        bonus = (room > rule.harmony_above) & (overall >= rule.least_score)
        overall[bonus] = np.maximum(overall[bonus], np.minimum(overall[bonus], rule.largest_score) + rule.cap)
        overall += _SLACK
        return overall

    def _overall(self, bounds: Array) -> Array:
        """Bounds of the overall scores before any bonus, from those of the requirements, shape (n_required, n)."""
        overall: Array = bounds.mean(axis=0)
        if self._model.extreme is not None:
            extreme, share = self._model.extreme
            overall = (1 - share) * overall + share * extreme.reduce(bounds, axis=0)
        return overall

    def closer_bounds(self, positions: Codes) -> Array:
        """Upper bounds of the overall scores of some candidates, by all their similarities and levels."""
        return self._in_stacks(positions, self._bound_closely, self._sizes.of_one_bound, lambda _: _AT_ONCE)

    def score(self, positions: Codes) -> Array:
        """Overall scores of some candidates, as `SkillMatcher.match` computes them."""
        overall = np.empty(len(positions))
        for stack, scores in self.scores(positions, _AT_ONCE):
            overall[stack] = scores.overall
            del scores  # before the next ones are made
        return overall

    def score_all(self, block: slice) -> Array:
        """Overall scores of candidates that follow each other, by similarities that are right to 1e-6."""
        self.pool.check_entries(block)
        positions = np.arange(block.start, block.stop)
        return self._in_stacks(positions, self._score_closely, self._sizes.of_one_closely, lambda _: len(positions))

    def scores(self, positions: Codes, most: int = _FEW) -> Iterator[tuple[Codes, Scores]]:
        """Scores of some candidates, at most so many together, as `SkillMatcher.match` has them; first their places."""
        for stack, items in self._stacks(
            positions, self._sizes.of_one, lambda size: min(self._sizes.at_once(size), most)
        ):
            yield stack, self._score_exactly(items)

    def _in_stacks(
        self,
        positions: Codes,
        score: Callable[[NDArray[np.int32]], Array],
        of_one: Callable[[int], int],
        most: Callable[[int], int],
    ) -> Array:
        """Scores of some candidates, a stack at a time."""
        scores = np.empty(len(positions))
        for stack, items in self._stacks(positions, of_one, most):
            scores[stack] = score(items)
        return scores

    def _stacks(
        self, positions: Codes, of_one: Callable[[int], int], most: Callable[[int], int]
    ) -> Iterator[tuple[Codes, NDArray[np.int32]]]:
        """Places of candidates of equally many skills, at most so many; items, shape (n_pair, n_candidate)."""
        sizes = self.pool.offsets[positions + 1] - self.pool.offsets[positions]
        for size in np.unique(sizes).tolist():
            places = np.flatnonzero(sizes == size)
            step = min(max(self.plan.stack_bytes // of_one(size), 1), most(size))
            for start in range(0, len(places), step):
                stack = places[start : start + step]
                yield stack, self.pool.items[self.pool.offsets[positions[stack]][:, None] + np.arange(size)]

    def _columns(self, items: NDArray[np.int32]) -> Candidates:
        """Columns of candidates by their items, shape (n_pair, n_candidate)."""
        columns = self.pool.item_columns
        level = columns.level.take(items).astype(np.intp)
        return candidate_columns(columns.ratios, level, self.pool.domains_of(items), self._model.config.beta)

    def _requirements(self, named: NDArray[np.bool_]) -> Requirements:
        """The rows of as many pairs as `named` has rows, shape (n_pair, n_required)."""
        one, n_pair = self._required, len(named)
        return Requirements(
            threshold=tiled(one.threshold, n_pair),
            thresholds=one.thresholds,
            threshold_code=tiled(one.threshold_code, n_pair),
            domain=tiled(one.domain, n_pair),
            named=named.ravel(),
            pair=np.arange(n_pair).repeat(named.shape[1]),
            first=np.arange(0, named.size, named.shape[1]),
            n_required=np.full(n_pair, named.shape[1]),
        )

    def _bound_closely(self, items: NDArray[np.int32]) -> Array:
        """Upper bounds by weights that lie between those of the two ends of a code's interval.

        A weighted mean is highest where all values above a certain one have their highest weight, and all others their
        least: every band of levels is tried as that one.
        """
        n_pair, size = items.shape
        n_band = len(self._bands.weights)
        band = self._bands.of_level.take(self.pool.item_columns.level.take(items))
        codes = self._codes.take(self.pool.item_name.take(items), axis=0)
        best = _largest(codes)
        weights = self._bands.weights.take(codes + (256 * band)[:, :, None])
        of_band = (band[:, None] == np.arange(n_band)[:, None]).astype(np.float64)
        # least weights of the bands, and what they may be more, shape (n_pair, n_band, n_required)
        sums = np.matmul(of_band, weights.view(np.float64).reshape(n_pair, size, -1)).reshape(n_pair, n_band, -1, 2)
        del codes, weights, of_band
        least, more = sums[..., 0], sums[..., 1]
        # what each band adds to the sums, shape (n_band, n_pair, n_required)
        highest = self._highest.take(self._first_column.take(best) + np.arange(self.n_required), axis=1)
        weight = np.add.reduce(least, axis=1)
        total = np.einsum("plr,lpr->pr", least, highest)
        most = total / weight
        for number in range(n_band - 1, -1, -1):
            total += more[:, number] * highest[number]
            weight += more[:, number]
            np.maximum(most, total / weight, out=most)
        rules = self._rules.take(best, axis=1)
        # one number each: it is of the mean where the skill is the same, and else of what the other two come to
        bounds = self._model.bound_probabilities(rules, most, most, most, self._required.threshold)
        return self._with_bonus(self._overall(bounds.T), np.full(n_pair, size))

    def _score_exactly(self, items: NDArray[np.int32]) -> Scores:
        names = self.pool.item_name.take(items).astype(np.intp)
        named = (self._codes[names] == _NAMED).any(axis=1)
        similarities = cosine_rows(self.units[None], self.pool.embeddings, names)
        return self._model.score(similarities, self._requirements(named), self._columns(items))

    def _score_closely(self, items: NDArray[np.int32]) -> Array:
        names, candidates = self.pool.item_name.take(items).astype(np.intp), self._columns(items)
        n_pair, size = names.shape
        n_required = len(self.units)
        similarities = self._similarities.take(names.ravel(), axis=0)
        best = _largest(similarities.reshape(n_pair, size, n_required))
        ratio = candidates.levels.ratio.take(candidates.level)
        cells = self._model.weights(similarities, ratio.reshape(-1, 1))
        del similarities
        pair = np.arange(n_pair)
        n_level, n_group = len(candidates.levels.ratio), candidates.domain_of_group.shape[1]
        level, group = candidates.bins.swapaxes(0, 1)
        of_domain = _sums_of_rows(cells, (group - n_level) * n_pair + pair[:, None], n_group)
        main = _first_largest(of_domain.reshape(n_group, n_pair, n_required))
        del of_domain
        weights = _sums_of_rows(cells, level * n_pair + pair[:, None], n_level)
        del cells
        table = moments(self._required.thresholds, candidates.levels).take(self._required.threshold_code, axis=2)
        sums = np.einsum("lpr,lkr->kpr", weights.reshape(-1, n_pair, n_required), table)
        del weights
        named = np.zeros((n_pair, n_required), np.bool_)
        for name, column in self._named:
            named[:, column] |= (names == name).any(axis=1)
        overall, *_ = self._model.score_mixtures(
            best.ravel().astype(np.float64),
            sums.reshape(len(sums), -1),
            candidates.domain_of_group[pair[:, None], main].ravel(),
            self._requirements(named),
            candidates,
        )
        return overall

    @functools.cached_property
    def _similarities(self) -> NDArray[np.float32]:
        """Cosine similarities of all names to the required ones, shape (n_name, n_required)."""
        similarities: NDArray[np.float32] = self.pool.embeddings @ self.units.T
        return np.clip(similarities, -1, 1, out=similarities)

    @functools.cached_property
    def _named(self) -> list[tuple[int, int]]:
        """Names that are a required one, and which."""
        return [(int(name), int(column)) for name, column in np.argwhere(self._codes == _NAMED)]


def _largest(cells: NDArray[_Number]) -> NDArray[_Number]:
    """Maxima along the middle axis, in a fraction of the time of `np.max`, which takes them row by row."""
    largest = cells[:, 0].copy()
    for place in range(1, cells.shape[1]):
        np.maximum(largest, cells[:, place], out=largest)
    return largest


def _first_largest(layers: Array) -> NDArray[np.int8]:
    """`np.argmax` along the first axis, without the copy that it makes."""
    largest, place = layers[0].copy(), np.zeros(layers.shape[1:], np.int8)
    for number, layer in enumerate(layers[1:], 1):
        np.putmask(place, layer > largest, number)
        np.maximum(largest, layer, out=largest)
    return place


def _sums_of_rows(cells: Array, places: Codes, n_sum: int) -> Array:
    """Sums of rows: row `i` counts for row ``places.flat[i]`` of ``n_sum * len(places)``."""
    n_row = len(cells)
    shape = (n_sum * len(places), n_row)
    ones, starts = np.ones(n_row), np.arange(n_row + 1)
    sums: Array = csc_array((ones, places.ravel(), starts), shape=shape) @ cells
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
        """Take note of candidates who may be among the best, by what their skills add."""
        self._positions = np.concatenate([self._positions, positions])
        self._gains = np.concatenate([self._gains, gains])
        if len(self._positions) >= ranker.plan.block_candidates:
            self.settle(ranker)

    def settle(self, ranker: Ranker) -> None:
        """Score those who were noted, the most likely first, as long as they may be among the best."""
        order = np.argsort(-self._gains, kind="stable")
        positions, gains = self._positions[order], self._gains[order]
        self._positions, self._gains = self._positions[:0].copy(), self._gains[:0].copy()
        for start in range(0, len(order), _BY_BYTES):
            n_likely = np.count_nonzero(gains >= ranker.least_gain(self.least))
            if n_likely <= start:
                break
            self._settle_by_bytes(positions[start : min(start + _BY_BYTES, n_likely)], ranker)

    def _settle_by_bytes(self, positions: Codes, ranker: Ranker) -> None:
        bounds = ranker.bounds(positions)
        order = np.argsort(-bounds, kind="stable")
        done, step = 0, _AT_ONCE
        while done < len(order) and bounds[order[done]] >= self.least:
            chosen = order[done : done + step]
            self._settle_closely(positions[chosen[bounds[chosen] >= self.least]], ranker)
            done, step = done + step, 2 * step

    def _settle_closely(self, positions: Codes, ranker: Ranker) -> None:
        bounds = ranker.closer_bounds(positions)
        order = np.argsort(-bounds, kind="stable")
        step = max(self._size, _FEW)
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


def _rows_of(gains: NDArray[np.float32], names: NDArray[np.int32]) -> NDArray[np.float32]:
    """The rows of some names, taken in blocks, because numpy makes places of 8 bytes of all that it takes at a time."""
    rows = np.empty((len(names), gains.shape[1]), np.float32)
    for start in range(0, len(names), _ITEMS):
        some = slice(start, start + _ITEMS)
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
