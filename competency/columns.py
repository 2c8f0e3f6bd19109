"""From lists of skills to the columns that the scoring model takes."""

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from competency.config import BetaPrior
from competency.domains import DOMAINS
from competency.proficiency import levels_of
from competency.scoring import Candidates, Requirements
from competency.skills import Skill

__all__ = ["columns", "first_places"]


def columns(
    jobs: Sequence[Sequence[Skill]], candidates: Sequence[Sequence[Skill]], prior: BetaPrior
) -> tuple[Requirements, Candidates]:
    """Columns of pairs whose candidates have equally many skills.

    Parameters
    ----------
    jobs, candidates : sequences of length n_pair
        The skills of each pair.
    prior : BetaPrior
        What the levels become distributions by.
    """
    required, offered = list(chain.from_iterable(jobs)), list(chain.from_iterable(candidates))
    shape = (len(candidates), len(candidates[0]))
    thresholds, ratios = _ratios(required), _ratios(offered).reshape(shape)
    distinct_thresholds, distinct_ratios = _distinct(thresholds), _distinct(ratios.ravel())
    domains = _domains(offered).reshape(shape)
    named: list[bool] = []
    for job, candidate in zip(jobs, candidates, strict=True):
        keys = set(map(_KEY, candidate))
        named += map(keys.__contains__, map(_KEY, job))
    return (
        Requirements(
            threshold=thresholds,
            thresholds=distinct_thresholds,
            threshold_code=np.array(distinct_thresholds).searchsorted(thresholds),
            domain=_domains(required),
            named=np.array(named),
            pair=np.arange(len(jobs)).repeat(list(map(len, jobs))),
        ),
        Candidates(
            ratio=ratios,
            highest=np.maximum.reduce(ratios, axis=1),
            levels=levels_of(distinct_ratios, prior),
            level=np.array(distinct_ratios).searchsorted(ratios),
            domain=domains,
            first_of_domain=first_places(domains),
        ),
    )


_KEY = attrgetter("key")
_RATIO = attrgetter("level.ratio")
_DOMAIN = attrgetter("resolved_domain")
_DOMAIN_CODES = {domain: code for code, domain in enumerate(DOMAINS)}


def _ratios(skills: Sequence[Skill]) -> NDArray[np.float64]:
    return np.fromiter(map(_RATIO, skills), np.float64, len(skills))


def _distinct(ratios: NDArray[np.float64]) -> tuple[float, ...]:
    ordered = np.sort(ratios)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return tuple(ordered[first].tolist())


def _domains(skills: Sequence[Skill]) -> NDArray[np.intp]:
    return np.fromiter(map(_DOMAIN_CODES.__getitem__, map(_DOMAIN, skills)), np.intp, len(skills))


def first_places(domains: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each skill of each candidate, the place of the first skill of the same domain."""
    n_pair, n_candidate = domains.shape
    bins = domains + np.arange(0, n_pair * len(DOMAINS), len(DOMAINS))[:, None]
    first = np.empty(n_pair * len(DOMAINS), np.intp)
    # of the places that are written to one bin the last stays, and they are written from the last skill to the first
    first[bins[:, ::-1]] = np.arange(n_candidate - 1, -1, -1)
    return first[bins]
