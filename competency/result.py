"""The result of a match."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.scoring import SkillScore
from competency.skills import Skill

__all__ = ["MatchResult"]

NameMap = dict[str, dict[str, float]]


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
    probability: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    interval: NDArray[np.float64]
    similarities: NDArray[np.float64]
    pairwise_scores: NDArray[np.float64]
    _similarity_map: NameMap = field(repr=False)
    _pairwise_map: NameMap = field(repr=False)

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
            "skill_similarities": {name: dict(row) for name, row in self._similarity_map.items()},
            "pairwise_scores": {name: dict(row) for name, row in self._pairwise_map.items()},
        }
