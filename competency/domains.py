"""The domains of skills: which one a name belongs to, and how far apart two are."""

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from competency.errors import ConfigError, SkillError, shown
from competency.names import normalise

__all__ = ["DomainPenalties", "SkillDomain", "classify", "domain_penalty"]


class SkillDomain(StrEnum):
    """The field of work that a skill belongs to."""

    FINANCE = "finance"
    MARKETING = "marketing"
    SALES = "sales"
    HR = "hr"
    OPERATIONS = "operations"
    SOFTWARE_DEVELOPMENT = "software_development"
    DATA_SCIENCE = "data_science"
    IT_SUPPORT = "it_support"
    DEVOPS = "devops"
    CYBERSECURITY = "cybersecurity"
    LEADERSHIP = "leadership"
    COMMUNICATION = "communication"
    PROJECT_MANAGEMENT = "project_management"
    GENERAL = "general"

    __hash__ = str.__hash__  # that of the plain text, which it equals; Enum's own is a Python function


DOMAINS = tuple(sorted(SkillDomain))  # a domain's code is its place here


def as_domain(value: object) -> SkillDomain:
    """The domain that a text or a `SkillDomain` names; `SkillError` for any other value."""
    try:
        return SkillDomain(value)  # type: ignore[arg-type]
    except ValueError:
        accepted = ", ".join(SkillDomain)
        raise SkillError(f"unknown domain {shown(value)}: expected one of {accepted}") from None


# One word: "node.js", ".net", "c++", "c#" hold together; "&" reads as "and"; all else separates words.
_WORD = re.compile(r"(?:(?<!\w)\.)?[^\W_]+(?:\.[^\W_]+)*[+#]*|&")


def _words(text: str) -> tuple[str, ...]:
    return tuple("and" if word == "&" else word for word in _WORD.findall(normalise(text)))


@dataclass(frozen=True)
class _Vocabulary:
    terms: dict[tuple[str, ...], SkillDomain]  # count anywhere in a name
    names: dict[tuple[str, ...], SkillDomain]  # count as the whole name only
    longest: int  # words in the longest term


@functools.cache
def _vocabulary() -> _Vocabulary:
    tables = tomllib.loads(resources.files("competency").joinpath("data/domains.toml").read_text("utf-8"))
    columns: dict[str, dict[tuple[str, ...], SkillDomain]] = {"terms": {}, "names": {}}
    for domain, table in tables.items():
        for kind, texts in table.items():
            for text in texts:
                if columns[kind].setdefault(_words(text), SkillDomain(domain)) != domain:
                    raise ConfigError(f"{text!r} stands in two domains of domains.toml")
    return _Vocabulary(**columns, longest=max(map(len, columns["terms"])))


def _spans(words: tuple[str, ...], longest: int) -> Iterator[tuple[str, ...]]:
    for start in range(len(words)):
        for stop in range(start + 1, min(start + longest, len(words)) + 1):
            yield words[start:stop]


@functools.lru_cache(maxsize=16_384)
def classify(name: str) -> SkillDomain:
    """Domain of a skill's name.

    Whole words and phrases of the name are looked up in ``data/domains.toml``. The longest match (in characters)
    decides, of equally long ones the first; a name without a match is `SkillDomain.GENERAL`.

    Parameters
    ----------
    name : str
        The name in any spelling: case, white space and Unicode compatibility forms do not matter.

    Raises
    ------
    SkillError
        Where `name` is not text.

    Examples
    --------
    >>> classify("CI/CD Pipelines").value
    'devops'
    >>> classify("Email").value  # although it contains "ai"
    'general'
    """
    if not isinstance(name, str):
        raise SkillError(f"skill name {shown(name)}: expected text")
    words = _words(name)
    vocabulary = _vocabulary()
    if words in vocabulary.names:
        return vocabulary.names[words]
    matches = [span for span in _spans(words, vocabulary.longest) if span in vocabulary.terms]
    if not matches:
        return SkillDomain.GENERAL
    return vocabulary.terms[max(matches, key=lambda span: len(" ".join(span)))]


def _is_domain(value: object) -> bool:
    return isinstance(value, str) and value in DOMAINS


def _is_related(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(_is_domain, value[:2]))


@dataclass(frozen=True)
class DomainPenalties:
    """Distance between two domains; the first rule that applies decides.

    Parameters
    ----------
    related : tuple of (SkillDomain, SkillDomain, float)
        Pairs of neighbouring domains, in either order, with their penalty.
    transferable : tuple of SkillDomain
        Domains whose skills carry over to any other.
    transferable_penalty, general_penalty, other_penalty : float
        Where either domain is transferable; where either is `SkillDomain.GENERAL`; for all other pairs.

    Raises
    ------
    ConfigError
        Where a penalty is not a number in [0, 1], or `related` or `transferable` is something else.

    Notes
    -----
    The values are those of competency-api 0.4.0.
    """

    related: tuple[tuple[SkillDomain, SkillDomain, float], ...] = (
        (SkillDomain.SOFTWARE_DEVELOPMENT, SkillDomain.DATA_SCIENCE, 0.15),
        (SkillDomain.SOFTWARE_DEVELOPMENT, SkillDomain.DEVOPS, 0.10),
        (SkillDomain.MARKETING, SkillDomain.SALES, 0.20),
    )
    transferable: tuple[SkillDomain, ...] = (
        SkillDomain.LEADERSHIP,
        SkillDomain.COMMUNICATION,
        SkillDomain.PROJECT_MANAGEMENT,
    )
    transferable_penalty: float = 0.30
    general_penalty: float = 0.20
    other_penalty: float = 0.60

    def __post_init__(self) -> None:
        if not (isinstance(self.related, tuple) and all(map(_is_related, self.related))):
            raise ConfigError(f"related domains {shown(self.related)}: expected a tuple of (domain, domain, penalty)")
        if not (isinstance(self.transferable, tuple) and all(map(_is_domain, self.transferable))):
            raise ConfigError(f"transferable domains {shown(self.transferable)}: expected a tuple of domains")
        penalties = [penalty for _, _, penalty in self.related]
        for penalty in [*penalties, self.transferable_penalty, self.general_penalty, self.other_penalty]:
            if not (isinstance(penalty, int | float) and 0 <= penalty <= 1):
                raise ConfigError(f"domain penalty {shown(penalty)}: expected a number in [0, 1]")

    def between(self, a: SkillDomain, b: SkillDomain) -> float:
        """Penalty in [0, 1] between two domains; the same in both directions."""
        if a == b:
            return 0.0
        for first, second, penalty in self.related:
            if (a, b) in ((first, second), (second, first)):
                return penalty
        if a in self.transferable or b in self.transferable:
            return self.transferable_penalty
        if SkillDomain.GENERAL in (a, b):
            return self.general_penalty
        return self.other_penalty


def domain_penalty(a: SkillDomain | str, b: SkillDomain | str) -> float:
    """Penalty in [0, 1] between two domains: 0 for the same one, 0.6 for two that are unrelated.

    Raises
    ------
    SkillError
        Where `a` or `b` is not a domain.
    """
    return DomainPenalties().between(as_domain(a), as_domain(b))
