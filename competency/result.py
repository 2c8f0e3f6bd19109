"""The result of a match."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from competency.proficiency import levels_of, mixture_quantiles
from competency.scoring import Model, Scores, SkillScore
from competency.skills import Skill

__all__ = ["MatchResult"]

Array = NDArray[np.float64]


def frozen(array: Array) -> Array:
    """The array itself, read-only from now on."""
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class MatchResult:
    """How well a candidate's skills meet a job's required skills. The arrays are read-only.

    `interval` and `pairwise_scores` are computed once, when they are first read.

    Parameters
    ----------
    required, candidate : tuple of Skill
        The two lists that were matched.
    overall_score : float
        Score of the whole match, in [0, 1].
    """

    required: tuple[Skill, ...]
    candidate: tuple[Skill, ...]
    overall_score: float
    _scores: Scores = field(repr=False)  # of all pairs that were scored together
    _pair: int = field(repr=False)
    _rows: slice = field(repr=False)
    _model: Model = field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: with the figures of its own pair only, and without what is computed when it is read."""
        own = self._scores.of_pair(self._pair, self._rows)
        rows = slice(0, len(self.required))
        return type(self), (self.required, self.candidate, self.overall_score, own, 0, rows, self._model)

    @property
    def probability(self) -> Array:
        """Score of each requirement, in [0, 1], shape (n_required,)."""
        return self._scores.probability[self._rows]

    @property
    def mean(self) -> Array:
        """Mean of the proficiency predicted for each requirement, shape (n_required,)."""
        return self._scores.mean[self._rows]

    @property
    def variance(self) -> Array:
        """Variance of the proficiency predicted for each requirement, shape (n_required,)."""
        return self._scores.variance[self._rows]

    @property
    def similarities(self) -> Array:
        """Cosine similarities, as computed or given, shape (n_candidate, n_required)."""
        return self._scores.similarities[self._rows].T

    @cached_property
    def interval(self) -> Array:
        """Ends of the 95 % interval of each predicted proficiency, shape (n_required, 2)."""
        config, levels = self._model.config, self._scores.candidates.levels
        interval = np.zeros((len(self.required), 2))
        np.add(self.mean, config.dissimilar.margin, out=interval[:, 1])
        similar = (self._scores.best[self._rows] >= config.dissimilar.below).nonzero()[0]
        if len(similar):
            weights = self._scores.weights[self._rows].take(similar, axis=0)
            own = weights[0].nonzero()[0]
            if len(own) < len(levels.ratio):  # the candidate's levels, not those of all who were scored together
                levels, weights = levels_of(tuple(levels.ratio[own].tolist()), config.beta), weights.take(own, axis=1)
            interval[similar] = mixture_quantiles(weights, levels, self._model.interval_ends)
        return frozen(interval)

    @cached_property
    def pairwise_scores(self) -> Array:
        """Score of each candidate skill against each required skill, shape (n_candidate, n_required)."""
        return frozen(self._model.pairwise(self._scores, self._pair, self._rows, self._spelled_the_same()).T)

    @property
    def shares(self) -> Array:
        """Share of each candidate skill in the prediction of each requirement, shape (n_candidate, n_required)."""
        candidates = self._scores.candidates
        ratio = candidates.levels.ratio.take(candidates.level[self._pair])
        weights = self._model.weights(self.similarities, ratio[:, None])
        return frozen(weights / weights.sum(axis=0))

    def _spelled_the_same(self) -> Iterator[tuple[int, int]]:
        """Places of the required and the candidate skills whose names are identical."""
        last: dict[str, int] = {}  # the last required skill of each name
        before: dict[int, int] = {}  # the one before it that has the same name
        for j in self._scores.required.named[self._rows].nonzero()[0].tolist():
            name = self.required[j].name
            if name in last:
                before[j] = last[name]
            last[name] = j
        candidate = self.candidate
        for i in range(len(candidate) if last else 0):  # enumerate would make a tuple for each
            if candidate[i].name in last:
                yield (j := last[candidate[i].name]), i
                while j in before:
                    yield (j := before[j]), i

    @property
    def skill_scores(self) -> Sequence[SkillScore]:
        """One record for each required skill, in the order of the job; made when it is read."""
        return SkillScores(self)

    def to_dict(self) -> dict[str, Any]:
        """The result of competency-api, of plain Python objects, ready for JSON.

        Returns
        -------
        dict
            ``{"overall_score", "skill_scores": [{"skill_name", "probability", "confidence_interval": {"lower",
            "upper"}, "mean", "variance"}], "skill_similarities": {required: {candidate: value}}, "pairwise_scores":
            {required: {candidate: value}}}``. Of names that repeat the last one counts in the two maps; the similarity
            of two names that are spelled the same is 1 there.
        """
        similarities = self.similarities.T.copy()
        for j, i in self._spelled_the_same():
            similarities[j, i] = 1.0
        return {
            "overall_score": self.overall_score,
            "skill_scores": [
                {
                    "skill_name": score.skill_name,
                    "probability": score.probability,
                    "confidence_interval": {"lower": score.interval[0], "upper": score.interval[1]},
                    "mean": score.mean,
                    "variance": score.variance,
                }
                for score in self.skill_scores
            ],
            "skill_similarities": self._map(similarities),
            "pairwise_scores": self._map(self.pairwise_scores.T),
        }

    def _map(self, rows: Array) -> dict[str, dict[str, float]]:
        names = [skill.name for skill in self.candidate]
        return {
            skill.name: dict(zip(names, row, strict=True))
            for skill, row in zip(self.required, rows.tolist(), strict=True)
        }


class SkillScores(Sequence[SkillScore]):
    """The scores of a result as records, which are made from its arrays when they are read."""

    __slots__ = ("_result",)

    def __init__(self, result: MatchResult) -> None:
        self._result = result

    def __len__(self) -> int:
        return len(self._result.required)

    @overload
    def __getitem__(self, place: int) -> SkillScore: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[SkillScore, ...]: ...
    def __getitem__(self, place: int | slice) -> SkillScore | tuple[SkillScore, ...]:
        if isinstance(place, slice):
            return tuple(self)[place]
        result = self._result
        low, high = result.interval[place].tolist()
        arrays = (result.probability, result.mean, result.variance)
        probability, mean, variance = (float(array[place]) for array in arrays)
        return SkillScore(result.required[place].name, probability, mean, variance, (low, high))

    def __iter__(self) -> Iterator[SkillScore]:
        result = self._result
        names = [skill.name for skill in result.required]
        columns = (result.probability.tolist(), result.mean.tolist(), result.variance.tolist())
        return map(SkillScore._make, zip(names, *columns, zip(*result.interval.T.tolist(), strict=True), strict=True))

    def __repr__(self) -> str:
        return repr(tuple(self))
