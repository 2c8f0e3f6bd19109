"""What a ranking says: the best candidates, and which of their skills carried it."""

import functools
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from competency import families
from competency.result import MatchResult
from competency.skills import Skill

__all__ = ["Carrier", "Ranked", "Ranking", "carriers"]

Codes = NDArray[np.intp]
Array = NDArray[np.float64]


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
