"""A job and a pool: bounds and scores of some candidates."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from competency.columns import candidate_columns, joined_places, tiled
from competency.domains import DOMAINS
from competency.pool import CandidatePool
from competency.proficiency import levels_of, moments
from competency.ranking.codes import NAMED, SLACK, Bands, intervals
from competency.ranking.plan import AT_ONCE, FEW, Plan, Sizes
from competency.scoring import Candidates, Model, Requirements, Scores
from competency.similarity import cosine_rows

__all__ = ["Ranker"]

_Number = TypeVar("_Number", bound=np.number)
Codes = NDArray[np.intp]
Array = NDArray[np.float64]

_OTHER = np.array([0.0, 1.0, 0.0, -1.0])  # the rule of a requirement that is predicted as another skill, with factor 1
_LEVELS = 128  # whose moments are made together
_SAMPLE = 2048  # names at least that say what is usual, of a larger vocabulary


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
        self._rules = model.bound_rules(*intervals(), sizes.ratios[-1])
        self._rules[1, NAMED] = 0  # the same skill, or a dissimilar one
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

    def sizes(self, positions: Codes) -> NDArray[np.int64]:
        """How many skills candidates have."""
        return self.pool.offsets[positions + 1] - self.pool.offsets[positions]

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
        if least - rule.cap <= rule.largest_score + SLACK:
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
        return float(self._usual.mean()) + rounding + SLACK

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
        overall += SLACK  # first, so that rounding takes the bonus from nobody
        # distinct pairs of domains over all pairs: what the harmony can be at most
        room = self._n_domain * np.minimum(sizes, len(DOMAINS)) / (sizes * len(self._bounds))
        bonus = (room > rule.harmony_above) & (overall >= rule.least_score)
        overall[bonus] = np.maximum(overall[bonus], np.minimum(overall[bonus], rule.largest_score) + rule.cap)
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
        starts = self.pool.offsets[positions]
        sizes = self.pool.offsets[positions + 1] - starts
        ends = np.add.accumulate(self._sizes.of_one_bound(sizes))  # in bytes of heap
        bounds = np.empty(len(positions))
        start = done = 0
        while start < len(positions):
            last = min(int(ends.searchsorted(done + self.plan.stack_bytes, side="right")), start + AT_ONCE)
            some = slice(start, max(last, start + 1))
            bounds[some] = self._bound_closely(starts[some], sizes[some])
            start, done = some.stop, ends[some.stop - 1]
        return bounds

    def score(self, positions: Codes) -> Array:
        """Overall scores of some candidates, as `SkillMatcher.match` computes them."""
        overall = np.empty(len(positions))
        for stack, scores in self.scores(positions, AT_ONCE):
            overall[stack] = scores.overall
            del scores  # before the next ones are made
        return overall

    def score_all(self, block: slice) -> Array:
        """Overall scores of candidates that follow each other, by similarities that are right to 1e-6."""
        self.pool.check_entries(block)
        positions = np.arange(block.start, block.stop)
        overall = np.empty(len(positions))
        for stack, items in self._stacks(positions, self._sizes.of_one_closely, lambda _: len(positions)):
            overall[stack] = self._score_closely(items)
        return overall

    def scores(self, positions: Codes, most: int = FEW) -> Iterator[tuple[Codes, Scores]]:
        """Scores of some candidates, at most so many together, as `SkillMatcher.match` has them; first their places."""
        for stack, items in self._stacks(
            positions, self._sizes.of_one, lambda size: min(self._sizes.at_once(size), most)
        ):
            yield stack, self._score_exactly(items)

    def _stacks(
        self, positions: Codes, of_one: Callable[[int], int], most: Callable[[int], int]
    ) -> Iterator[tuple[Codes, NDArray[np.int32]]]:
        """Places of candidates of equally many skills, at most so many; items, shape (n_pair, n_candidate)."""
        sizes = self.sizes(positions)
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

    def _bound_closely(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> Array:
        """Upper bounds by weights that lie between those of the two ends of a code's interval.

        A weighted mean is highest where all values above a certain one have their highest weight, and all others their
        least: every band of levels is tried as that one.
        """
        items = self.pool.items.take(joined_places(starts, sizes))
        codes = self._codes.take(self.pool.item_name.take(items), axis=0)
        best = np.maximum.reduceat(codes, np.add.accumulate(sizes) - sizes, axis=0)
        n_band = len(self._bands.weights)
        band = self._bands.of_level.take(self.pool.item_columns.level.take(items))
        weights = self._bands.weights.take(codes + (256 * band)[:, None])
        del codes
        band += np.arange(0, n_band * len(sizes), n_band).repeat(sizes)
        # least weights of the bands, and what they may be more, shape (n_candidate, n_band, n_required)
        sums = _sums_of_rows(weights.view(np.float64), band, n_band * len(sizes)).reshape(len(sizes), n_band, -1, 2)
        del weights
        least, more = sums[..., 0], sums[..., 1]
        # what each band adds to the sums, shape (n_band, n_candidate, n_required)
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
        return self._with_bonus(self._overall(bounds.T), sizes)

    def _score_exactly(self, items: NDArray[np.int32]) -> Scores:
        names = self.pool.item_name.take(items).astype(np.intp)
        named = (self._codes[names] == NAMED).any(axis=1)
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
        of_domain = _sums_of_rows(cells, candidates.group * n_pair + pair[:, None], n_group * n_pair)
        main = _first_largest(of_domain.reshape(n_group, n_pair, n_required))
        del of_domain
        weights = _sums_of_rows(cells, candidates.level * n_pair + pair[:, None], n_level * n_pair)
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
        return [(int(name), int(column)) for name, column in np.argwhere(self._codes == NAMED)]


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
    """Sums of rows: row `i` counts for row ``places.flat[i]`` of `n_sum`."""
    n_row = len(cells)
    ones, starts = np.ones(n_row), np.arange(n_row + 1)
    sums: Array = csc_array((ones, places.ravel(), starts), shape=(n_sum, n_row)) @ cells
    return sums
