"""Families of names that do the same job, and the fields that skills belong to."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

from competency.domains import SkillDomain, as_domain
from competency.errors import ConfigError, SkillError, shown
from competency.names import normalise

__all__ = [
    "Family",
    "Field",
    "Knowledge",
    "all_families",
    "all_fields",
    "fields_of",
    "of",
    "parse",
    "preferred",
    "shared",
    "synonyms",
]

_MOST_FAMILIES = 3  # of one member: jobs that one thing truly does
_FEWEST_MEMBERS = 3


@dataclass(frozen=True)
class Family:
    """Names that a recruiter would take one for another.

    Parameters
    ----------
    name : str
        Its name, such as "CI/CD servers".
    does : str
        What each member does, in a sentence.
    domain : SkillDomain
        The domain of the job that they do.
    members : tuple of str
        Their preferred names.
    spellings : tuple of (str, tuple of str)
        Members with their other spellings and abbreviations; members without such are left out.
    """

    name: str
    does: str
    domain: SkillDomain
    members: tuple[str, ...]
    spellings: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Field:
    """A field of work or knowledge, and what belongs to it.

    Parameters
    ----------
    name : str
        Its name, such as "Web Development".
    members : tuple of str
        The skills that belong to it; they may be fields themselves.
    spellings : tuple of str
        Other spellings and abbreviations of its name.
    """

    name: str
    members: tuple[str, ...]
    spellings: tuple[str, ...] = ()


_T = TypeVar("_T")
_Owner = TypeVar("_Owner", Family, Field)


@dataclass(frozen=True)
class Knowledge:
    """All that such a file says, and the places of each name in it.

    Parameters
    ----------
    families : tuple of Family
    fields : tuple of Field
    stands_for : dict
        The preferred names of each normalised name or spelling: of an ambiguous one several.
    spellings : dict
        All spellings of each normalised preferred name, itself first.
    """

    families: tuple[Family, ...] = ()
    fields: tuple[Field, ...] = ()
    stands_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @functools.cached_property
    def _families_of(self) -> dict[str, tuple[Family, ...]]:
        return _by_member(self.families)

    @functools.cached_property
    def _fields_of(self) -> dict[str, tuple[Field, ...]]:
        return _by_member(self.fields)

    def of(self, name: str) -> tuple[Family, ...]:
        """The families of a name in any spelling."""
        return _found(self._families_of, self.preferred(name))

    def fields_of(self, name: str) -> tuple[Field, ...]:
        """The fields that a name in any spelling belongs to."""
        return _found(self._fields_of, self.preferred(name))

    def preferred(self, name: str) -> tuple[str, ...]:
        """The preferred names that a spelling may stand for."""
        return self.stands_for.get(_key(name), ())

    def shared(self, a: str, b: str) -> Family | None:
        """The first family of two different names."""
        if _key(a) == _key(b):
            return None
        others = self.of(b)
        return next((family for family in self.of(a) if family in others), None)

    def holds(self, a: str, b: str) -> bool:
        """Whether it says that two names do the same job, or are spellings of one."""
        return self.shared(a, b) is not None or not set(self.preferred(a)).isdisjoint(self.preferred(b))


def of(name: str) -> tuple[Family, ...]:
    """The families of a name in any spelling, in the order of the file; empty for a name that is in none.

    Parameters
    ----------
    name : str
        A name, another spelling or an abbreviation; case and white space do not matter. An ambiguous one ("TF") has
        the families of all that it may stand for.

    Raises
    ------
    SkillError
        Where `name` is not text.

    Examples
    --------
    >>> [family.name for family in of("k8s")]
    ['Container orchestrators']
    """
    return _knowledge().of(name)


def fields_of(name: str) -> tuple[Field, ...]:
    """The fields that a name in any spelling belongs to; `SkillError` where it is not text.

    Examples
    --------
    >>> "Agile" in [field.name for field in fields_of("scrum")]
    True
    """
    return _knowledge().fields_of(name)


def preferred(name: str) -> tuple[str, ...]:
    """The preferred names that a spelling may stand for, mostly one; empty for one that is unknown.

    Examples
    --------
    >>> preferred("K8S"), preferred("TF")
    (('Kubernetes',), ('TensorFlow', 'Terraform'))
    """
    return _knowledge().preferred(name)


def synonyms(name: str) -> tuple[str, ...]:
    """All other spellings of a name, the preferred one first; empty for one that has none or is unknown.

    Examples
    --------
    >>> synonyms("Kubernetes"), synonyms("k8s")[0]
    (('k8s',), 'Kubernetes')
    """
    key = _key(name)
    spellings = _knowledge().spellings
    return tuple(other for whole in preferred(name) for other in spellings[normalise(whole)] if normalise(other) != key)


def shared(a: str, b: str) -> Family | None:
    """The first family of two different names; None where there is none, or where both are one name.

    Examples
    --------
    >>> shared("Jenkins", "GitLab CI").name
    'CI/CD servers'
    """
    return _knowledge().shared(a, b)


def all_families() -> tuple[Family, ...]:
    """All families."""
    return _knowledge().families


def all_fields() -> tuple[Field, ...]:
    """All fields."""
    return _knowledge().fields


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise SkillError(f"skill name {shown(name)}: expected text")
    return normalise(name)


def _found(table: Mapping[str, tuple[_T, ...]], names: Iterable[str]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(entry for name in names for entry in table.get(normalise(name), ())))


@functools.cache
def _knowledge() -> Knowledge:
    return parse(resources.files("competency").joinpath("data/families.toml").read_text("utf-8"))


def parse(text: str) -> Knowledge:
    """The knowledge in a text of TOML, written as the head of ``families.toml`` says.

    Raises
    ------
    ConfigError
        Where it is not, or contradicts itself.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{error}; expected TOML") from None
    _check_keys("families", tables, set(), {"family", "field", "spellings", "ambiguous"})
    families = tuple(map(_family, _tables("family", tables.get("family", []))))
    fields = tuple(map(_field, _tables("field", tables.get("field", []))))
    others = _spellings("names", tables.get("spellings", {}))

    owners: tuple[Family | Field, ...] = (*families, *fields)
    of_fields = tuple((owner.name, owner.spellings) for owner in fields)
    names: dict[str, str] = {}
    for owner in owners:
        for member in owner.members:
            if names.setdefault(normalise(member), member) != member:
                raise ConfigError(f"member {member!r} of {owner.name!r} is {names[normalise(member)]!r} elsewhere")
    for what, several in (("field", of_fields), ("name with spellings", others)):
        for name, _ in several:
            if names.setdefault(normalise(name), name) != name:
                raise ConfigError(f"{what} {name!r} is {names[normalise(name)]!r} elsewhere")
    spellings = {key: [name] for key, name in names.items()}
    stands_for = {key: [name] for key, name in names.items()}
    for whole, own in (*(pair for family in families for pair in family.spellings), *of_fields, *others):
        for spelling in own:
            key = normalise(spelling)
            if key in names:
                raise ConfigError(f"spelling {spelling!r} of {whole!r} is a name of its own")
            if whole not in stands_for.setdefault(key, []):
                stands_for[key].append(whole)
                spellings[normalise(whole)].append(spelling)
    ambiguous = {key for key, wholes in stands_for.items() if len(wholes) > 1}
    if ambiguous != (listed := set(map(normalise, _texts("ambiguous", tables.get("ambiguous", []))))):
        raise ConfigError(f"'ambiguous' and the spellings that stand for several names differ: {ambiguous ^ listed}")

    known = Knowledge(
        families=families,
        fields=fields,
        stands_for={key: tuple(wholes) for key, wholes in stands_for.items()},
        spellings={key: tuple(own) for key, own in spellings.items()},
    )
    for key, homes in known._families_of.items():
        if len(homes) > _MOST_FAMILIES:
            raise ConfigError(f"{names[key]!r} is in {len(homes)} families: expected at most {_MOST_FAMILIES}")
    return known


def _by_member(owners: Iterable[_Owner]) -> dict[str, tuple[_Owner, ...]]:
    by_member: dict[str, list[_Owner]] = {}
    for owner in owners:
        for member in owner.members:
            by_member.setdefault(normalise(member), []).append(owner)
    return {key: tuple(several) for key, several in by_member.items()}


def _family(table: dict[str, Any]) -> Family:
    _check_keys("family", table, {"name", "does", "domain", "members"}, {"spellings"})
    name = table["name"]
    members = _texts(f"members of {name!r}", table["members"], _FEWEST_MEMBERS)
    spellings = _spellings(repr(name), table.get("spellings", {}))
    for member, _ in spellings:
        if member not in members:
            raise ConfigError(f"spellings of {member!r} in {name!r}: expected a member of it")
    try:
        domain = as_domain(table["domain"])
    except SkillError as error:
        raise ConfigError(f"family {name!r}: {error}") from None
    return Family(name, table["does"], domain, members, spellings)


def _field(table: dict[str, Any]) -> Field:
    _check_keys("field", table, {"name", "members"}, {"spellings"})
    name = table["name"]
    members = _texts(f"members of field {name!r}", table["members"], _FEWEST_MEMBERS)
    return Field(name, members, _texts(f"spellings of field {name!r}", table.get("spellings", [])))


def _spellings(of: str, table: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(table, dict):
        raise ConfigError(f"spellings {shown(table)} of {of}: expected a table of names")
    return tuple((name, _texts(f"spellings of {name!r}", others, 1)) for name, others in table.items())


def _tables(what: str, tables: object) -> list[dict[str, Any]]:
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        raise ConfigError(f"{what} {shown(tables)}: expected tables, each behind [[{what}]]")
    return tables


def _check_keys(what: str, table: Mapping[str, Any], required: set[str], optional: set[str]) -> None:
    missing, unknown = required - table.keys(), table.keys() - required - optional
    if missing or unknown:
        raise ConfigError(
            f"{what} {shown(table.get('name', ''))} with keys {sorted(table)}: expected {sorted(required)}, "
            f"and perhaps {sorted(optional)}"
        )
    for key in table.keys() & {"name", "does"}:
        if not (isinstance(table[key], str) and table[key].strip()):
            raise ConfigError(f"{key} {shown(table[key])} of a {what}: expected text")


def _texts(what: str, texts: object, fewest: int = 0) -> tuple[str, ...]:
    if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        raise ConfigError(f"{what} {shown(texts)}: expected a list of names")
    keys = list(map(normalise, texts))
    if not all(keys):
        raise ConfigError(f"{what} {shown(texts)}: expected a list of names")
    if len(set(keys)) < len(keys):
        twice = next(text for text, key in zip(texts, keys, strict=True) if keys.count(key) > 1)
        raise ConfigError(f"{what}: {twice!r} stands there twice")
    if len(keys) < fewest:
        raise ConfigError(f"{what} {shown(texts)}: expected {fewest} or more")
    return tuple(texts)
