"""Skills as people state them: a name, a proficiency level and a domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from competency.domains import SkillDomain, as_domain, classify
from competency.errors import SkillError, as_integer, shown
from competency.names import normalise

__all__ = ["MAX_NAME_LENGTH", "ProficiencyLevel", "Skill"]

MAX_NAME_LENGTH = 1_000


def _integer(what: str, value: object) -> int:
    number = as_integer(value)
    if number is None:
        raise SkillError(f"{what} {shown(value)}: expected an integer")
    return number


class _Ratio:
    """What is computed once; a base has it, so that it is no field."""

    __slots__ = ("ratio",)
    ratio: float


@dataclass(frozen=True, slots=True)
class ProficiencyLevel(_Ratio):
    """A level of proficiency, `value` out of `max`.

    Parameters
    ----------
    value : int
        Level reached, ``0 <= value <= max``.
    max : int
        Highest level of the scale, 1 or more.

    Attributes
    ----------
    ratio : float
        `value` / `max`, in [0, 1].

    Raises
    ------
    SkillError
        Where either is not an integer or out of range.
    """

    value: int
    max: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _integer("level value", self.value))
        object.__setattr__(self, "max", _integer("level max", self.max))
        if self.max < 1:
            raise SkillError(f"level max {shown(self.max)}: expected 1 or more")
        if not 0 <= self.value <= self.max:
            raise SkillError(f"level value {shown(self.value)}: expected 0 to {shown(self.max)}")
        object.__setattr__(self, "ratio", self.value / self.max)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value, self.max)


class _Derived:
    __slots__ = ("key", "resolved_domain")  # as in `_Ratio`
    key: str
    resolved_domain: SkillDomain


@dataclass(frozen=True, slots=True)
class Skill(_Derived):
    """A skill that a candidate has or a job requires.

    Parameters
    ----------
    name : str
        1 to 1,000 characters; reported as given, compared by its normalised form.
    level : ProficiencyLevel
        Proficiency that the candidate has, or that the job requires.
    domain : SkillDomain or str, optional
        Field of work; `None` leaves it to `classify`.

    Attributes
    ----------
    key : str
        The normalised name: skills of equal keys are the same skill.
    resolved_domain : SkillDomain
        The domain given, or else the one that `classify` finds for the name.

    Raises
    ------
    SkillError
        Where one of them is not usable.
    """

    name: str
    level: ProficiencyLevel
    domain: SkillDomain | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise SkillError(f"skill name {shown(self.name)}: expected text")
        if len(self.name) > MAX_NAME_LENGTH:
            raise SkillError(
                f"skill name {shown(self.name)}: expected at most {MAX_NAME_LENGTH} characters, not {len(self.name)}"
            )
        if not self.name.isascii() and any("\ud800" <= character <= "\udfff" for character in self.name):
            raise SkillError(f"skill name {shown(self.name)}: expected Unicode text without lone surrogates")
        object.__setattr__(self, "key", normalise(self.name))
        if not self.key:
            raise SkillError(f"skill name {shown(self.name)}: expected more than white space")
        if not isinstance(self.level, ProficiencyLevel):
            raise SkillError(f"level {shown(self.level)} of skill {shown(self.name)}: expected a ProficiencyLevel")
        if self.domain is not None:
            object.__setattr__(self, "domain", as_domain(self.domain))
        object.__setattr__(self, "resolved_domain", self.domain or classify(self.name))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.level, self.domain)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The skill that a JSON object describes.

        Parameters
        ----------
        data : mapping
            ``{"name": "Python", "level": {"value": 4, "max": 5}}``, optionally with ``"domain"``; other keys are
            ignored, so that records with more in them can be used as they are.

        Raises
        ------
        SkillError
            Where `data` is no such object, or a value in it is not usable.
        """
        if not isinstance(data, Mapping):
            raise SkillError(f"skill {shown(data)}: expected an object with name and level")
        for key in ("name", "level"):
            if key not in data:
                raise SkillError(f"skill {shown(dict(data))}: {key!r} is missing")
        level = data["level"]
        if not isinstance(level, Mapping) or not {"value", "max"} <= level.keys():
            raise SkillError(
                f"level {shown(level)} of skill {shown(data['name'])}: expected an object with value and max"
            )
        try:
            parsed = ProficiencyLevel(level["value"], level["max"])
        except SkillError as error:
            raise SkillError(f"skill {shown(data['name'])}: {error}") from None
        return cls(data["name"], parsed, data.get("domain"))
