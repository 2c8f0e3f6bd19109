"""The errors that bad input raises."""

import operator
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

__all__ = [
    "ClusterError",
    "CompetencyError",
    "ConfigError",
    "EmbedderError",
    "InputError",
    "PoolError",
    "SimilarityError",
    "SkillError",
]


_T = TypeVar("_T")


class CompetencyError(ValueError, RuntimeError):
    """Base of every error this package raises for bad input.

    It is a `RuntimeError` too, because competency-api raises that.
    """


class SkillError(CompetencyError):
    """A skill, its name, level or domain, or a list of skills, is not usable."""


class SimilarityError(CompetencyError):
    """A similarity matrix has the wrong shape or values."""


class EmbedderError(CompetencyError):
    """An embedder returned something that is not a matrix of embeddings."""


class ConfigError(CompetencyError):
    """A strategy or a constant of the scoring model is out of range."""


class InputError(CompetencyError):
    """A file or text could not be read as the JSON that is expected."""


class ClusterError(CompetencyError):
    """A cluster that should rank pools cannot be used, or failed."""


class PoolError(CompetencyError):
    """A pool of candidates, its file, or a record that should go into it, is not usable."""


def shown(value: object, limit: int = 60) -> str:
    """`repr` of a value, cut to `limit` characters, for an error message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python prints; brackets nested too deep
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def as_integer(value: object) -> int | None:
    """An integer, of Python or numpy, as a plain one; None for all else, also for a bool."""
    if type(value) is int:
        return value
    try:
        return None if isinstance(value, bool | np.bool_) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def each(what: str, values: Iterable[_T], expected: str, error: type[CompetencyError] = SkillError) -> Iterator[_T]:
    """The values one by one; an error that names them where they are nothing to go through."""
    try:
        return iter(values)
    except TypeError:
        raise error(f"{what} {shown(values)}: expected {expected}") from None
