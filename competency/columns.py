"""From lists of skills to the columns that the scoring model takes.

`np.add.accumulate` stands for `cumsum`, which makes its name anew in each call: 59 bytes that live until Python's cache
of attributes lets go of them, so that the peak of the heap would differ from process to process.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from operator import attrgetter
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from competency.config import BetaPrior
from competency.domains import DOMAINS, SkillDomain
from competency.proficiency import MOST_LEVELS, levels_of
from competency.scoring import Candidates, Requirements
from competency.skills import Skill

__all__ = [
    "SkillLists",
    "candidate_columns",
    "columns",
    "domain_groups",
    "joined_places",
    "stacked_columns",
    "tiled",
    "used_levels",
]

Codes = NDArray[np.intp]
Array = NDArray[np.float64]
_Number = TypeVar("_Number", bound=np.number)

_RATIO, _DOMAIN, _KEY = map(attrgetter, ("level.ratio", "resolved_domain", "key"))
_FIRST = np.zeros(1, np.intp)  # row of the only pair
_DOMAIN_CODES = {domain: code for code, domain in enumerate(DOMAINS)}


def columns(required: Sequence[Skill], candidate: Sequence[Skill], prior: BetaPrior) -> tuple[Requirements, Candidates]:
    """Columns of one pair.

    Parameters
    ----------
    required, candidate : sequence of Skill
        The skills of the pair.
    prior : BetaPrior
        What the levels become distributions by.
    """
    n_required, n_candidate = len(required), len(candidate)
    threshold = np.fromiter(map(_RATIO, required), np.float64, n_required)
    ratio = np.fromiter(map(_RATIO, candidate), np.float64, n_candidate)
    thresholds = tuple(sorted(set(map(_RATIO, required))))
    levels = levels_of(tuple(sorted(set(map(_RATIO, candidate)))), prior)
    keys = set(map(_KEY, candidate))
    number: dict[SkillDomain, int] = defaultdict(count().__next__)  # numbers domains as they come
    group = np.fromiter(map(number.__getitem__, map(_DOMAIN, candidate)), np.intp, n_candidate)
    return (
        Requirements(
            threshold=threshold,
            thresholds=thresholds,
            threshold_code=np.array(thresholds).searchsorted(threshold),
            domain=np.fromiter(map(_DOMAIN_CODES.__getitem__, map(_DOMAIN, required)), np.intp, n_required),
            named=np.fromiter(map(keys.__contains__, map(_KEY, required)), np.bool_, n_required),
            pair=np.zeros(n_required, np.intp),
            first=_FIRST,
            n_required=np.full(1, n_required),
        ),
        Candidates(
            levels=levels,
            level=levels.ratio.searchsorted(ratio)[None],
            group=group[None],
            domain_of_group=np.fromiter(map(_DOMAIN_CODES.__getitem__, number), np.intp, len(number))[None],
        ),
    )


@dataclass(frozen=True, slots=True)
class SkillLists:
    """Many lists of skills, one after the other, as codes.

    Parameters
    ----------
    names : list of str
        The distinct names.
    ratios : ndarray of float64
        The distinct ratios of levels, ascending.
    start, length : ndarray of intp, shape (n_list,)
        The first skill of each list, and how many it has.
    name, key, domain, level : ndarray of intp, shape (n_skill,)
        Of each skill: the places of its name and of its ratio, and numbers that stand for its key and its domain.
    """

    names: list[str]
    ratios: Array
    start: Codes
    length: Codes
    name: Codes
    key: Codes
    domain: Codes
    level: Codes

    @classmethod
    def of(cls, lists: Iterable[Sequence[Skill]]) -> Self:
        """The columns of lists."""
        kept = list(lists)
        length = np.array(list(map(len, kept)), np.intp)
        skills = list(chain.from_iterable(kept))
        n_skill = len(skills)
        codes: dict[str, int] = defaultdict(count().__next__)  # numbers names as they come
        name = np.fromiter(map(codes.__getitem__, [skill.name for skill in skills]), np.intp, n_skill)
        one = np.empty(len(codes), np.intp)  # place of a skill that has the name
        one[name] = np.arange(n_skill)
        keys: dict[str, int] = defaultdict(count().__next__)
        key = np.array([keys[skills[i].key] for i in one.tolist()], np.intp)
        ratio = np.fromiter([skill.level.ratio for skill in skills], np.float64, n_skill)
        ratios = np.unique(ratio)
        return cls(
            names=list(codes),
            ratios=ratios,
            start=np.add.accumulate(length) - length,
            length=length,
            name=name,
            key=key.take(name),
            domain=np.fromiter([_DOMAIN_CODES[skill.resolved_domain] for skill in skills], np.intp, n_skill),
            level=ratios.searchsorted(ratio),
        )

    def places(self, lists: Codes) -> Codes:
        """Places of the skills of some lists, one list after the other."""
        return joined_places(self.start[lists], self.length[lists])


def joined_places(start: NDArray[np.integer], length: NDArray[np.integer]) -> Codes:
    """Places of the entries of some lists, one list after the other, from the first of each and how many it has."""
    places: Codes = (start - np.add.accumulate(length) + length).repeat(length)
    places += np.arange(len(places))
    return places


def stacked_columns(
    lists: SkillLists, n_required: Codes, required: Codes, offered: Codes, prior: BetaPrior
) -> tuple[Requirements, Candidates]:
    """Columns of pairs whose candidates have equally many skills.

    Parameters
    ----------
    lists : SkillLists
        The skills.
    n_required : ndarray of intp, shape (n_pair,)
        How many skills each job requires.
    required : ndarray of intp, shape (n_row,)
        Places of the required skills, one job's behind the other's.
    offered : ndarray of intp, shape (n_pair, n_candidate)
        Places of the candidates' skills.
    prior : BetaPrior
        What the levels become distributions by.
    """
    pair = np.arange(len(n_required)).repeat(n_required)
    ratios, threshold_code = used_levels(lists.ratios, lists.level[required])
    named = lists.key[offered].take(pair, axis=0) == lists.key[required][:, None]
    return (
        Requirements(
            threshold=ratios.take(threshold_code),
            thresholds=tuple(ratios.tolist()),
            threshold_code=threshold_code,
            domain=lists.domain[required],
            named=np.logical_or.reduce(named, axis=1),
            pair=pair,
            first=np.add.accumulate(n_required) - n_required,
            n_required=n_required,
        ),
        candidate_columns(lists.ratios, lists.level[offered], lists.domain[offered], prior),
    )


def candidate_columns(ratios: Array, level: Codes, domain: Codes, prior: BetaPrior) -> Candidates:
    """Columns of candidates.

    Parameters
    ----------
    ratios : ndarray of float64
        Of levels, ascending.
    level, domain : ndarray of intp, shape (n_pair, n_candidate)
        Places of the skills' levels among them, and codes of their domains.
    prior : BetaPrior
        What the levels become distributions by.
    """
    used, level = used_levels(ratios, level)
    group, domain_of_group = domain_groups(domain)
    return Candidates(
        # of many levels hardly any other candidates have the same
        levels=levels_of(tuple(used.tolist()), prior, keep=used is ratios),
        level=level,
        group=group,
        domain_of_group=domain_of_group,
    )


def tiled(row: NDArray[_Number], n: int) -> NDArray[_Number]:
    """A row many times; unlike `np.tile`, without tuples that Python would keep for the next ones of their length."""
    return row[None].repeat(n, axis=0).ravel()


def used_levels(values: Array, codes: Codes) -> tuple[Array, Codes]:
    """Of many values those that the codes are of, and their places among them."""
    if len(values) <= MOST_LEVELS:
        return values, codes
    used, places = np.unique(codes, return_inverse=True)
    return values[used], places.reshape(codes.shape)


def domain_groups(domains: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of domains and `domain_of_group` of `Candidates`, from codes of shape (n_pair, n_candidate)."""
    n_pair, n_candidate = domains.shape
    pair, place = np.arange(n_pair)[:, None], np.arange(n_candidate)
    bins = domains + len(DOMAINS) * pair
    first = np.empty(n_pair * len(DOMAINS), np.intp)
    # of the places that are written to one bin the last stays, and they are written from the last skill to the first
    first[bins[:, ::-1].ravel()] = tiled(place[::-1], n_pair)
    place_of_first = first[bins]
    number = np.add.accumulate(place_of_first == place, axis=1, dtype=np.intp) - 1
    group = number[pair, place_of_first]
    domain_of_group = domains[:, :1].repeat(group.max() + 1, axis=1)
    domain_of_group[pair, group] = domains
    return group, domain_of_group
