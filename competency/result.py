"""The result of a match."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.proficiency import Levels, levels_of, mixture_quantiles
from competency.scoring import Model, SkillScore
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
    probability, mean, variance : ndarray of float64, shape (n_required,)
        Score of each requirement; mean and variance of the proficiency predicted for it.
    similarities : ndarray of float64, shape (n_candidate, n_required)
        Cosine similarities, as computed or given.
    """

    required: tuple[Skill, ...]
    candidate: tuple[Skill, ...]
    overall_score: float
    probability: Array
    mean: Array
    variance: Array
    similarities: Array
    _mixtures: Array = field(repr=False)  # (n_level, n_required), as `Scores.weights`
    _levels: Levels = field(repr=False)
    _model: Model = field(repr=False)

    @cached_property
    def interval(self) -> Array:
        """Ends of the 95 % interval of each predicted proficiency, shape (n_required, 2)."""
        config = self._model.config
        interval = np.zeros((len(self.required), 2))
        np.add(self.mean, config.dissimilar.margin, out=interval[:, 1])
        similar = np.logical_or.reduce(self._mixtures, axis=0).nonzero()[0]
        if len(similar):
            weights, levels = self._mixtures.T.take(similar, axis=0), self._levels
            present = np.logical_or.reduce(weights, axis=0)
            if not present.all():  # the candidate's own levels, not those of all who were scored together
                levels = levels_of(tuple(levels.ratio[present].tolist()), config.beta)
                weights = weights.compress(present, axis=1)
            weights /= np.add.reduce(weights, axis=1, keepdims=True)
            ends = np.array([config.mixture.lower, config.mixture.upper])
            interval[similar] = mixture_quantiles(weights, levels, ends)
        return frozen(interval)

    @cached_property
    def pairwise_scores(self) -> Array:
        """Score of each candidate skill against each required skill, shape (n_candidate, n_required)."""
        ratio = np.array([skill.level.ratio for skill in self.candidate])
        threshold = np.array([skill.level.ratio for skill in self.required])
        scores = self._model.pairwise(self.similarities.T, ratio, threshold, self._spelled_the_same())
        return frozen(scores.T)

    @property
    def shares(self) -> Array:
        """Share of each candidate skill in the prediction of each requirement, shape (n_candidate, n_required)."""
        ratio = np.array([skill.level.ratio for skill in self.candidate])
        weights = self._model.weights(self.similarities, ratio[:, None])
        return frozen(weights / weights.sum(axis=0))

    def _spelled_the_same(self) -> list[tuple[int, int]]:
        """Places of the required and the candidate skills whose names are identical."""
        required, candidate = [skill.name for skill in self.required], [skill.name for skill in self.candidate]
        shared = set(required).intersection(candidate)
        if not shared:
            return []
        places: dict[str, list[int]] = {name: [] for name in shared}
        for i in compress(range(len(candidate)), map(shared.__contains__, candidate)):
            places[candidate[i]].append(i)
        rows = compress(range(len(required)), map(shared.__contains__, required))
        return [(j, i) for j in rows for i in places[required[j]]]

    @property
    def skill_scores(self) -> tuple[SkillScore, ...]:
        """One record for each required skill, in the order of the job."""
        columns = (self.probability.tolist(), self.mean.tolist(), self.variance.tolist())
        intervals = zip(*self.interval.T.tolist(), strict=True)
        names = [skill.name for skill in self.required]
        return tuple(map(SkillScore._make, zip(names, *columns, intervals, strict=True)))

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
