"""The scoring model on arrays: how well candidates' skills meet each required skill, and the jobs as a whole.

A row is one required skill of one pair of a job and a candidate. Rows whose candidates have equally many skills are
scored together. Whatever is scored together, a row's figures are the same to the last bit: sums over skills are exact,
in any order, and all others run in one that does not depend on the shape of an array.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise, product
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency.config import LinearBand, ScoringConfig
from competency.domains import DOMAINS
from competency.errors import ConfigError, shown
from competency.proficiency import MOST_LEVELS, Levels, moments, share_met

__all__ = ["STRATEGIES", "Candidates", "Model", "Requirements", "Scores", "SkillScore"]

STRATEGIES = ("default", "conservative", "aggressive")
LARGEST_SIMILARITY = 1.01  # a cosine, with room for the rounding of half-precision vectors

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

MOST_CELLS = 32_768  # of a block; larger ones would leave the processor's cache
_LEAST_CELLS = 2560  # of a block; smaller ones would spend their time on calls
_MET = 1 - 1e-12  # a mean of so much of a threshold equals it but for rounding
_BLOCKS = 8  # that a large match is cut into at least, so that temporary arrays stay small beside the result
_COARSE = 12  # weights are rounded to multiples of 2 ** (_COARSE - 52), or of more where there are very many
_ONE_HOT = [np.eye(n) for n in range(MOST_LEVELS + 1)]  # a product with rows sums by code; more would be nearly all 0


class SkillScore(NamedTuple):
    """How well a candidate meets one required skill.

    Parameters
    ----------
    skill_name : str
        The required skill, as spelled in the job.
    probability : float
        Score of the requirement, in [0, 1], after the strategy's change.
    mean, variance : float
        Of the proficiency predicted for the required skill.
    interval : (float, float)
        95 % interval of that proficiency.
    """

    skill_name: str
    probability: float
    mean: float
    variance: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Requirements:
    """Rows to score, those of a pair next to each other.

    Parameters
    ----------
    threshold : ndarray of float64, shape (n_row,)
        Ratios of the required levels.
    thresholds : tuple of float
        The distinct ones, ascending.
    threshold_code : ndarray of intp, shape (n_row,)
        Place of each row's threshold among them.
    domain : ndarray of intp, shape (n_row,)
        Codes of the required domains.
    named : ndarray of bool, shape (n_row,)
        Whether a candidate skill has the required name, normalised.
    pair : ndarray of intp, shape (n_row,)
        Which of the candidates each row is about.
    first, n_required : ndarray of intp, shape (n_pair,)
        The first row of each pair, and how many it has.
    """

    threshold: Array
    thresholds: tuple[float, ...]
    threshold_code: Codes
    domain: Codes
    named: NDArray[np.bool_]
    pair: Codes
    first: Codes
    n_required: Codes


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates of equally many skills.

    Parameters
    ----------
    levels : Levels
        The distinct levels of the skills; there may be more.
    level : ndarray of intp, shape (n_pair, n_candidate)
        Place of each skill's level among them.
    group : ndarray of intp, shape (n_pair, n_candidate)
        Number of each skill's domain, in the order in which the candidate's domains first appear.
    domain_of_group : ndarray of intp, shape (n_pair, n_group)
        Codes of the domains, by that number; one that has no skill has the domain of one that has.
    """

    levels: Levels
    level: Codes
    group: Codes
    domain_of_group: Codes


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of rows and pairs; those that results show are read-only.

    Parameters
    ----------
    required : Requirements
    candidates : Candidates
        What was scored.
    similarities : ndarray of float64, shape (n_row, n_candidate)
        Cosine similarities of each row's requirement to the skills of its candidate.
    best : ndarray of float64, shape (n_row,)
        The best of each row.
    overall : ndarray of float64, shape (n_pair,)
        Score of each pair.
    probability, mean, variance : ndarray of float64, shape (n_row,)
        Score of each row; mean and variance of the proficiency predicted for it.
    weights : ndarray of float64, shape (n_row, n_level)
        Mixtures of the levels, not scaled; a requirement that is too dissimilar is not predicted by its own.
    """

    required: Requirements
    candidates: Candidates
    similarities: Array
    best: Array
    overall: Array
    probability: Array
    mean: Array
    variance: Array
    weights: Array

    def __post_init__(self) -> None:
        for array in (self.similarities, self.probability, self.mean, self.variance):
            array.setflags(write=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, name) for name in self.__slots__)  # arrays are read-only again

    def of_pair(self, pair: int, rows: slice) -> "Scores":
        """The figures of one pair; `rows` are its."""
        required, candidates = self.required, self.candidates
        n_row = rows.stop - rows.start
        return Scores(
            Requirements(
                threshold=required.threshold[rows],
                thresholds=required.thresholds,
                threshold_code=required.threshold_code[rows],
                domain=required.domain[rows],
                named=required.named[rows],
                pair=np.zeros(n_row, np.intp),
                first=np.zeros(1, np.intp),
                n_required=np.array([n_row]),
            ),
            Candidates(
                levels=candidates.levels,
                level=candidates.level[pair : pair + 1],
                group=candidates.group[pair : pair + 1],
                domain_of_group=candidates.domain_of_group[pair : pair + 1],
            ),
            similarities=self.similarities[rows],
            best=self.best[rows],
            overall=self.overall[pair : pair + 1],
            probability=self.probability[rows],
            mean=self.mean[rows],
            variance=self.variance[rows],
            weights=self.weights[rows],
        )


def check_strategy(strategy: str) -> str:
    """The strategy's name; `ConfigError` where there is none of that name."""
    if strategy not in STRATEGIES:
        raise ConfigError(f"unknown strategy {shown(strategy)}: expected one of {', '.join(STRATEGIES)}")
    return strategy


class Model:
    """The scoring model with its constants, ready for arrays.

    Parameters
    ----------
    config : ScoringConfig
        The constants.
    strategy : {"default", "conservative", "aggressive"}
        How uncertainty counts.
    """

    def __init__(self, config: ScoringConfig, strategy: str) -> None:
        self.config = config
        self.strategy = check_strategy(strategy)
        rule = config.strategies
        # what else than the mean the overall score is made of: the probability that it finds, and its share
        self.extreme: tuple[np.ufunc, float] | None = {
            "default": None,
            "conservative": (np.minimum, rule.least_share),
            "aggressive": (np.maximum, rule.largest_share),
        }[strategy]
        self._penalty = np.array([[config.penalties.between(a, b) for b in DOMAINS] for a in DOMAINS])
        self._limits, self._curves, self._domain_factor = _bands(config, self._penalty)
        # share of the direct match: constant, slope over the variance, and cap, where the mean is too low and where not
        self._shares = np.array(
            [
                (ratio.base + ratio.confidence_weight, -ratio.confidence_weight, ratio.cap)
                for ratio in (config.unmet, config.met)
            ],
            np.float64,  # constants may be integers
        ).T.copy()
        # base, and weights of the similarity and of the level, the lowest band first
        bands = [(band.base, band.similarity_weight, band.level_weight) for band in config.pair[::-1]]
        self._pair_bands = tuple(np.array(bands, np.float64).T.copy())
        self._pair_limits = [np.array(band.above, np.float64) for band in config.pair[:-1]]
        mixture = config.mixture
        self.interval_ends = np.array([mixture.lower, mixture.upper], np.float64)
        self._largest_weight = max(LARGEST_SIMILARITY * (1 + mixture.level_weight), mixture.least_weight)

    def score(self, similarities: Array, required: Requirements, candidates: Candidates) -> Scores:
        """Score rows.

        Parameters
        ----------
        similarities : ndarray of float64, shape (n_row, n_candidate)
            Cosine similarities of each row's requirement to the skills of its candidate.
        """
        best = np.maximum.reduce(similarities, axis=1)
        weights, main_domain = self._mix(similarities, required, candidates)
        # Sums run from one level to the next: zeros of levels that only others have do not change them.
        terms = moments(required.thresholds, candidates.levels).take(required.threshold_code, axis=2)
        terms *= weights.T[:, None]
        sums = np.add.reduce(terms, axis=0)
        del terms  # which are far more
        overall, probability, mean, variance = self.score_mixtures(best, sums, main_domain, required, candidates)
        return Scores(required, candidates, similarities, best, overall, probability, mean, variance, weights)

    def score_mixtures(
        self, best: Array, sums: Array, main_domain: Codes, required: Requirements, candidates: Candidates
    ) -> tuple[Array, Array, Array, Array]:
        """Score rows whose mixtures are known.

        Parameters
        ----------
        best : ndarray of float64, shape (n_row,)
            The best similarity of each row.
        sums : ndarray of float64, shape (5, n_row)
            Sums of what `moments` has of the levels, times their weights; overwritten.
        main_domain : ndarray of intp, shape (n_row,)
            Code of the domain with the largest sum of weights.

        Returns
        -------
        overall, probability, mean, variance : ndarray of float64
            As in `Scores`.
        """
        sums /= sums[0].copy()
        mean, direct, exceed = sums[1], sums[3], sums[4]
        variance = sums[2] - mean * mean
        band = self._limits.searchsorted(best)
        rules = self._curves.take(band, axis=2)
        curves = rules[2]  # by Horner's rule, in place: factor of the square, slope and constant, and then the cap
        curves *= best
        curves += rules[1]
        curves *= best
        curves += rules[0]
        np.minimum(curves, rules[3], out=curves)
        boost, bonus, base = curves
        bonus *= self._domain_factor[band, required.domain, main_domain]
        probability = self._similar(best, required, boost, bonus, mean, variance, direct, exceed)

        rule = self.config.dissimilar
        dissimilar = best < rule.below
        if np.count_nonzero(dissimilar):
            highest = candidates.levels.ratio.take(np.maximum.reduce(candidates.level, axis=1)).take(required.pair)
            highest *= rule.level_weight
            highest += 1
            base *= highest
            np.minimum(base, 1.0, out=base)
            np.copyto(probability, base, where=dissimilar)
            np.copyto(mean, base, where=dissimilar)
            np.copyto(variance, rule.variance, where=dissimilar)
        probability = self._adjusted(probability, variance, best)
        return self._overall(probability, best, required, candidates), probability, mean, variance

    def pairwise(self, scores: Scores, pair: int, rows: slice, same: Iterable[tuple[int, int]]) -> Array:
        """Scores of each candidate skill of a pair against each of its required skills.

        They are at most 1, and negative only where the similarity is.

        Parameters
        ----------
        scores : Scores
        pair : int
        rows : slice
            Of the pair.
        same : iterable of (int, int)
            Row and column of the skills that are spelled the same.

        Returns
        -------
        ndarray of float64, shape (n_required, n_candidate)
        """
        cells = scores.similarities[rows].copy()
        for place in same:
            cells[place] = 1.0
        required, candidates = scores.required, scores.candidates
        met = moments(required.thresholds, candidates.levels)[:, 3].T.take(required.threshold_code[rows], axis=0)
        level = candidates.level[pair]
        for block in _row_blocks(*cells.shape):
            self._score_pairs(cells[block], met[block], level)
        return cells

    def _score_pairs(self, cells: Array, met: Array, level: Codes) -> None:
        """Pairwise scores of some rows, in place of their similarities; `met` has the share that each level meets."""
        above, n_below = np.empty(cells.shape, np.bool_), np.zeros(cells.shape, np.uint8)
        of_above = above.view(np.uint8)
        for limit in self._pair_limits:
            np.greater(cells, limit, out=above)
            n_below += of_above
        band = n_below.astype(np.intp)
        base, slope, level_weight = self._pair_bands
        of_band = np.empty(cells.shape)  # without mode="clip", take would buffer it
        cells *= slope.take(band, out=of_band, mode="clip")
        cells += base.take(band, out=of_band, mode="clip")
        level_weight.take(band, out=of_band, mode="clip")
        of_band *= met.take(level, axis=1, out=band.view(np.float64), mode="clip")  # bands are not needed any more
        cells += of_band

    def weights(self, similarity: NDArray[np.floating], ratio: Array) -> Array:
        """Weights of candidate skills in the mixture that predicts a proficiency, not scaled."""
        rule = self.config.mixture
        weights: Array = similarity * (1 + rule.level_weight * ratio)
        return np.maximum(weights, rule.least_weight, out=weights)

    def _mix(self, similarities: Array, required: Requirements, candidates: Candidates) -> tuple[Array, Codes]:
        """Weights of the levels, shape (n_row, n_level), and main domains of the rows."""
        rule = self.config.mixture
        n_row, n_candidate = similarities.shape
        factor = (1 + rule.level_weight * candidates.levels.ratio).take(candidates.level)[:, None]
        n_level, n_group = len(candidates.levels.ratio), candidates.domain_of_group.shape[1]
        weights = np.empty((n_row, n_level))
        main = np.empty(n_row, np.intp)
        # Weights are rounded to multiples of the last bit of a number above any sum of theirs: such sums are exact.
        coarse = math.ldexp(1.5, max(_COARSE, math.frexp(n_candidate * self._largest_weight)[1]))
        least = max(rule.least_weight, math.ulp(coarse))  # so that none is rounded to 0
        for pairs, rows in _pair_blocks(required.n_required, n_candidate, min(max(n_level, n_group), MOST_LEVELS)):
            cells = similarities[rows].reshape(pairs.stop - pairs.start, -1, n_candidate) * factor[pairs]
            np.maximum(cells, least, out=cells)
            cells += coarse
            cells -= coarse
            weights[rows] = _sums(cells, candidates.level[pairs], n_level)
            # of equally heavy domains argmax takes the one that appears first
            main[rows] = _sums(cells, candidates.group[pairs], n_group).argmax(axis=1)
            del cells  # before the next ones are made
        return weights, candidates.domain_of_group[required.pair, main]

    def _similar(
        self,
        best: Array,
        required: Requirements,
        boost: Array,
        bonus: Array,
        mean: Array,
        variance: Array,
        direct: Array,
        exceed: Array,
    ) -> Array:
        """Scores of rows that a mixture predicts the proficiency of; `bonus` has the factor of the domains in it."""
        rule = self.config.same_skill
        shares = self._shares.take(mean >= _MET * required.threshold, axis=1)
        share = shares[1]  # constant, slope and cap, in place
        share *= variance
        share += shares[0]
        share *= boost
        np.minimum(share, shares[2], out=share)
        probability: Array = direct - exceed
        probability *= share
        probability += exceed
        probability *= bonus
        same = required.named | (best > rule.above)
        if np.count_nonzero(same):
            met = share_met(mean.copy(), required.threshold)
            met *= rule.span
            met += rule.base
            np.copyto(probability, met, where=same)
        return probability

    def _adjusted(self, probability: Array, variance: Array, best: Array) -> Array:
        """Probabilities after the strategy's change."""
        rule = self.config.strategies
        if self.strategy == "conservative":
            return probability * (1 - rule.variance_weight * variance)
        if self.strategy == "aggressive":
            boosted = np.minimum(probability * (1 + rule.boost * (best - rule.boost_above)), 1.0)
            return np.where(best > rule.boost_above, boosted, probability)
        return probability

    def bound_rules(self, low: Array, high: Array, highest: float) -> Array:
        """What `bound_probabilities` needs to know of intervals of similarities.

        Parameters
        ----------
        low, high : ndarray of float64, shape (n_interval,)
            Ends of the intervals that the best similarity of a requirement may lie in.
        highest : float
            The highest ratio of a level that a candidate may have.

        Returns
        -------
        ndarray of float64, shape (4, n_interval)
            The highest score of a dissimilar requirement, 0 where it is similar; the highest factor of one that is
            predicted as another skill, 0 where none is; 1 where it may be the same skill, else 0; and `high`.
        """
        rule = self.config.dissimilar
        far = np.where(low < rule.far_below, rule.far_base, 0.0)
        near = rule.near_base - (np.maximum(low, rule.far_below) - rule.far_below)
        base = np.maximum(far, np.where(high >= rule.far_below, near, 0.0))
        dissimilar = np.minimum(base * (1 + rule.level_weight * highest), 1.0)
        # the highest factor of all bands that an interval meets; slopes are never negative
        factor = np.zeros(len(low))
        for band, (above, up_to) in enumerate(pairwise([-math.inf, *self._limits.tolist(), math.inf])):
            constant, slope, square, cap = self._curves[:, 1, band]
            bonus = np.minimum(constant + high * (slope + high * square), cap)
            meets = (high >= above) & (low <= up_to)
            factor = np.maximum(factor, np.where(meets, bonus * self._domain_factor[band].max(), 0.0))
        same = self.config.same_skill.above
        return np.array(
            [
                np.where(low < rule.below, dissimilar, 0.0),
                np.where((high >= rule.below) & (low <= same), factor, 0.0),
                high > same,
                high,
            ]
        )

    def bound_probabilities(self, rules: Array, mean: Array, met: Array, exceed: Array, threshold: Array) -> Array:
        """Upper bounds of the probabilities of requirements.

        Parameters
        ----------
        rules : ndarray of float64, shape (4, ...)
            Of the intervals of their best similarities, by `bound_rules`.
        mean, met, exceed : ndarray of float64
            What the moments of that name are at most, for each requirement.
        threshold : ndarray of float64
            Ratios of the required levels.
        """
        dissimilar, factor, same, high = rules
        raw = np.where(met > exceed, exceed + self._shares[2].max() * (met - exceed), exceed)
        rule = self.config.same_skill
        bounds = np.maximum(same * (rule.base + rule.span * share_met(mean.copy(), threshold)), raw * factor)
        np.maximum(bounds, dissimilar, out=bounds)
        return self._adjusted(bounds, np.zeros(1), high)

    def _overall(self, probability: Array, best: Array, required: Requirements, candidates: Candidates) -> Array:
        """Scores of the pairs."""
        first, n_required = required.first, required.n_required
        overall = np.add.reduceat(probability, first) / n_required
        if self.extreme is not None:
            ufunc, share = self.extreme
            overall = (1 - share) * overall + share * ufunc.reduceat(probability, first)
        coherence, n_candidate = self.config.coherence, candidates.level.shape[1]
        for pair, score in enumerate(overall.tolist()):
            if coherence.least_score <= score <= coherence.largest_score:
                rows = slice(first[pair], first[pair] + n_required[pair])
                domains = candidates.domain_of_group[pair]
                overall[pair] += self._coherence_bonus(best[rows], required.domain[rows], domains, n_candidate)
        return np.minimum(overall, 1.0, out=overall)

    def _coherence_bonus(self, best: Array, required: Codes, candidate: Codes, n_candidate: int) -> float:
        """Bonus for a pair; the harmony of its domains divides by all pairs of skills, as competency-api does."""
        rule = self.config.coherence
        # no two domains count twice: long lists have no harmony
        most_pairs = min(len(required), len(DOMAINS)) * min(n_candidate, len(DOMAINS))
        if most_pairs <= rule.harmony_above * len(required) * n_candidate:
            return 0.0
        similarity = fmean(best.tolist())
        if min(len(required), n_candidate) < rule.least_skills or similarity <= rule.similarity_above:
            return 0.0
        domains = product(sorted(set(required.tolist())), sorted(set(candidate.tolist())))
        harmony = sum(1 - float(self._penalty[a, b]) for a, b in domains) / (len(required) * n_candidate)
        if harmony <= rule.harmony_above:
            return 0.0
        bonus = rule.base + rule.similarity_weight * (similarity - rule.similarity_above)
        return min(bonus + rule.harmony_weight * (min(harmony, 1.0) - rule.harmony_above), rule.cap)


def _row_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Blocks of the rows of a matrix that are small beside all of it, and fit a processor's cache."""
    most_cells = min(max(n_rows * n_columns // _BLOCKS, _LEAST_CELLS), MOST_CELLS)
    step = max(most_cells // n_columns, 1)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)


def _pair_blocks(n_required: Codes, n_candidate: int, n_code: int) -> Iterator[tuple[slice, slice]]:
    """Pairs and rows that fit a processor's cache: some pairs of equally many rows, or some rows of one pair.

    So do the rows, `n_code` for each pair, that their cells are multiplied with.
    """
    most_rows = max(MOST_CELLS // n_candidate, 1)
    pair = row = 0
    for length, alike in groupby(n_required.tolist()):
        n_pair = sum(1 for _ in alike)
        step = max(most_rows // max(length, n_code), 1)
        for first in range(pair, pair + n_pair, step):
            pairs = slice(first, min(first + step, pair + n_pair))
            last_row = row + length * (pairs.stop - first)
            for start in range(row, last_row, most_rows):
                yield pairs, slice(start, min(start + most_rows, last_row))
            row = last_row
        pair += n_pair


def _sums(cells: Array, codes: Codes, n_code: int) -> Array:
    """Sums of each row's cells by their codes, shape (n_row, n_code).

    Parameters
    ----------
    cells : ndarray of float64, shape (n_pair, n_row of a pair, n_candidate)
        Rounded, so that their sums are exact.
    codes : ndarray of intp, shape (n_pair, n_candidate)
        Of the columns of each pair.
    n_code : int
        How many there are.
    """
    sums: Array
    if n_code < len(_ONE_HOT):
        sums = np.matmul(cells, _ONE_HOT[n_code].take(codes, axis=0))
    else:
        n_sum = cells.shape[0] * cells.shape[1] * n_code
        bins = np.arange(0, n_sum, n_code).reshape(*cells.shape[:2], 1) + codes[:, None]
        sums = np.asarray(np.bincount(bins.ravel(), cells.ravel(), n_sum), np.float64)
    return sums.reshape(-1, n_code)


def _bands(config: ScoringConfig, penalty: Array) -> tuple[Array, Array, Array]:
    """What the best similarity decides: one band up to the first limit, one from each limit on.

    Returns
    -------
    limits : ndarray of float64, shape (n_band - 1,)
        Ascending.
    curves : ndarray of float64, shape (4, 3, n_band)
        Of boost, bonus, and what is the base where the skills are too dissimilar and 0 elsewhere: constant, slope,
        factor of the square, and cap.
    domain_factor : ndarray of float64, shape (n_band, n_domain, n_domain)
        By the required domain and the main domain.
    """
    rule = config.dissimilar
    # a similarity that is not below is above the largest number that is
    below, far_below = math.nextafter(rule.below, -math.inf), math.nextafter(rule.far_below, -math.inf)
    starts = sorted(
        {below, far_below} | {b.above for bands in (config.boost, config.bonus, config.domain) for b in bands}
    )
    curves, factors = [], []
    for start in starts:
        boost = next(band for band in config.boost if start >= band.above)
        bonus = next((band for band in config.bonus if start >= band.above), None)
        domain = next(band for band in config.domain if start >= band.above)
        lowest = (0.0, 0.0, config.lowest_bonus.square, config.lowest_bonus.cap)
        far, near = (rule.far_base, 0.0, 0.0, math.inf), (rule.near_base + rule.far_below, -1.0, 0.0, math.inf)
        base = (0.0, 0.0, 0.0, math.inf) if start >= below else near if start >= far_below else far
        curves.append([_line(boost), _line(bonus) if bonus else lowest, base])
        factors.append(1 - np.minimum(domain.weight * penalty, domain.cap))
    return np.array(starts[1:]), np.array(curves).transpose(2, 1, 0).copy(), np.array(factors)


def _line(band: LinearBand) -> tuple[float, float, float, float]:
    return band.base - band.slope * band.origin, band.slope, 0.0, math.inf
