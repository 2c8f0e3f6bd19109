"""From lists of skills to the columns that the scoring model takes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain

import numpy as np
from numpy.typing import NDArray

from competency.config import BetaPrior
from competency.domains import DOMAINS, SkillDomain
from competency.proficiency import levels_of
from competency.scoring import Candidates, Requirements
from competency.skills import Skill

__all__ = ["columns", "domain_groups"]

_DOMAIN_CODES = {domain: code for code, domain in enumerate(DOMAINS)}


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
    shape = len(candidates), len(candidates[0])
    required_ratios = [skill.level.ratio for skill in required]
    offered_ratios = [skill.level.ratio for skill in offered]
    threshold, thresholds = np.array(required_ratios), tuple(sorted(set(required_ratios)))
    ratio, ratios = np.array(offered_ratios), tuple(sorted(set(offered_ratios)))
    named: list[bool] = []
    number: list[int] = []
    domains: list[list[int]] = []
    for job, candidate in zip(jobs, candidates, strict=True):
        keys = {skill.key for skill in candidate}
        named += [skill.key in keys for skill in job]
        of_skills = [skill.resolved_domain for skill in candidate]
        numbers = {domain: place for place, domain in enumerate(dict.fromkeys(of_skills), len(ratios))}
        number += [numbers[domain] for domain in of_skills]
        domains.append(_codes(numbers))
    n_group = max(map(len, domains))
    bins = np.empty((shape[0], 2, shape[1]), np.intp)
    bins[:, 0] = np.array(ratios).searchsorted(ratio).reshape(shape)
    bins[:, 1] = np.array(number).reshape(shape)
    sizes = list(map(len, jobs))
    return (
        Requirements(
            threshold=threshold,
            thresholds=thresholds,
            threshold_code=np.array(thresholds).searchsorted(threshold),
            domain=np.array(_codes([skill.resolved_domain for skill in required])),
            named=np.array(named),
            pair=np.arange(len(jobs)).repeat(sizes),
            first=np.array([0, *accumulate(sizes[:-1])]),
            n_required=np.array(sizes),
        ),
        Candidates(
            ratio=ratio.reshape(shape),
            levels=levels_of(ratios, prior),
            bins=bins,
            # padded, so that all pairs have equally many
            domain_of_group=np.array([codes + codes[:1] * (n_group - len(codes)) for codes in domains]),
        ),
    )


def _codes(domains: Iterable[SkillDomain]) -> list[int]:
    return [_DOMAIN_CODES[domain] for domain in domains]


def domain_groups(domains: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of domains and `domain_of_group` of `Candidates`, from codes of shape (n_pair, n_candidate)."""
    n_pair, n_candidate = domains.shape
    pair, place = np.arange(n_pair)[:, None], np.arange(n_candidate)
    bins = domains + len(DOMAINS) * pair
    first = np.empty(n_pair * len(DOMAINS), np.intp)
    # of the places that are written to one bin the last stays, and they are written from the last skill to the first
    first[bins[:, ::-1].ravel()] = np.tile(place[::-1], n_pair)
    place_of_first = first[bins]
    number = (place_of_first == place).cumsum(axis=1) - 1
    group = number[pair, place_of_first]
    domain_of_group = domains[:, :1].repeat(group.max() + 1, axis=1)
    domain_of_group[pair, group] = domains
    return group, domain_of_group
