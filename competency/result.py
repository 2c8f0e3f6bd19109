"""The result of a match."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.scoring import SkillScore
from competency.skills import Skill

__all__ = ["MatchResult"]

Array = NDArray[np.float64]

_NAME = attrgetter("name")


@dataclass(frozen=True, eq=False)
class MatchResult:
    """How well a candidate's skills meet a job's required skills. The arrays are read-only.

    Parameters
    ----------
    required, candidate : tuple of Skill
        The two lists that were matched.
    overall_score : float
        Score of the whole match, in [0, 1].
    probability, mean, variance : ndarray of float64, shape (n_required,)
        Score of each requirement; mean and variance of the proficiency predicted for it.
    interval : ndarray of float64, shape (n_required, 2)
        Ends of the 95 % interval of that proficiency.
    similarities : ndarray of float64, shape (n_candidate, n_required)
        Cosine similarities, as computed or given.
    pairwise_scores : ndarray of float64, shape (n_candidate, n_required)
        Score of each candidate skill against each required skill.
    """

    required: tuple[Skill, ...]
    candidate: tuple[Skill, ...]
    overall_score: float
    probability: Array
    mean: Array
    variance: Array
    interval: Array
    similarities: Array
    pairwise_scores: Array

    @property
    def skill_scores(self) -> tuple[SkillScore, ...]:
        """One record for each required skill, in the order of the job."""
        columns = (self.probability, self.mean, self.variance, self.interval)
        return tuple(
            SkillScore(skill.name, probability, mean, variance, (lower, upper))
            for skill, probability, mean, variance, (lower, upper) in zip(
                self.required, *(column.tolist() for column in columns), strict=True
            )
        )

    def _spelled_the_same(self) -> list[tuple[int, int]]:
        """Places of the required and the candidate skills whose names are identical."""
        required, candidate = list(map(_NAME, self.required)), list(map(_NAME, self.candidate))
        shared = set(required).intersection(candidate)
        places: dict[str, list[int]] = {name: [] for name in shared}
        for i in [i for i, name in enumerate(candidate) if name in shared]:
            places[candidate[i]].append(i)
        return [(j, i) for j in [j for j, name in enumerate(required) if name in shared] for i in places[required[j]]]

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
