"""A crowd: candidates by the thousand, made as arrays, because one by one they would take minutes.

As in `common`, inputs never change. All numbers come from `random.Random.randbytes`, which gives the same in every
version of Python; numpy promises that of none of its generators. Candidates are made by the thousand, so that a small
crowd is the beginning of a large one.
"""

import functools
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

N_FIELDS = 175  # each of ten families of eight names
FIELD = 80
FAMILY = 8
N_NAMES = N_FIELDS * FIELD  # 14,000
N_SKILLS = 20  # of a candidate
N_REQUIRED = 25
OWN_FIELD_SHARE = 2 / 3  # of a candidate's skills; the rest comes from anywhere
LEVELS = 5
DIM = 256
CHUNK = 1000

Names = NDArray[np.int32]


class Crowd(NamedTuple):
    """Skills of candidates: places of their names, none twice, and levels; of shape (n_candidate, N_SKILLS)."""

    names: Names
    levels: NDArray[np.int64]


def _uniform(rng: random.Random, *shape: int) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return np.frombuffer(rng.randbytes(4 * int(np.prod(shape))), "<u4").reshape(shape) / 2**32


@functools.cache
def _zipf(n: int) -> NDArray[np.float64]:
    """Cumulative shares of Zipf's law (exponent 1) over n ranks."""
    weights = np.cumsum(1 / np.arange(1, n + 1))
    return np.asarray(weights / weights[-1])


@functools.cache
def _by_popularity() -> NDArray[np.intp]:
    """Places of names: the first of every field, then the second of every field, and so on."""
    return np.arange(N_NAMES).reshape(N_FIELDS, FIELD).T.ravel()


def _repeated(names: Names) -> NDArray[np.bool_]:
    """Where a name stands that the same row has before."""
    order = np.argsort(names, axis=1, kind="stable")
    ordered = np.take_along_axis(names, order, axis=1)
    repeated = np.zeros(names.shape, bool)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return repeated


def _thousand(number: int) -> Crowd:
    rng = random.Random(f"crowd/{number}")
    field = (_uniform(rng, CHUNK) * N_FIELDS).astype(np.intp)
    own = _uniform(rng, CHUNK, N_SKILLS) < OWN_FIELD_SHARE
    levels = 1 + (_uniform(rng, CHUNK, N_SKILLS) * LEVELS).astype(np.int64)
    names = np.empty((CHUNK, N_SKILLS), np.int32)
    people, wanted = np.arange(CHUNK), np.ones(names.shape, bool)
    while len(people):
        rows, columns = wanted.nonzero()
        rows = people[rows]
        share = _uniform(rng, len(rows))
        from_field = field[rows] * FIELD + _zipf(FIELD).searchsorted(share)
        from_anywhere = _by_popularity()[_zipf(N_NAMES).searchsorted(share)]
        names[rows, columns] = np.where(own[rows, columns], from_field, from_anywhere)
        wanted = _repeated(names[people])
        left = wanted.any(axis=1)
        people, wanted = people[left], wanted[left]
    return Crowd(names, levels)


@functools.cache
def crowd(n_candidates: int) -> Crowd:
    """Candidates as people are: two thirds of their skills from one field, the rest from anywhere, by Zipf's law."""
    chunks = [_thousand(number) for number in range(-(-n_candidates // CHUNK))]
    names, levels = (np.concatenate(column)[:n_candidates] for column in zip(*chunks, strict=True))
    return Crowd(names, levels)


def _directions(seed: str, n: int) -> NDArray[np.float64]:
    vectors = 2 * _uniform(random.Random(seed), n, DIM) - 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@functools.cache
def vectors() -> NDArray[np.float32]:
    """Unit vectors of the names, shape (N_NAMES, DIM): near for names of one field, nearer for those of one family."""
    name = np.arange(N_NAMES)
    mixed = (
        np.sqrt(0.4) * _directions("crowd/names", N_NAMES)
        + np.sqrt(0.35) * _directions("crowd/families", N_NAMES // FAMILY)[name // FAMILY]
        + np.sqrt(0.25) * _directions("crowd/fields", N_FIELDS)[name // FIELD]
    )
    return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


def text(name: int) -> str:
    """A name."""
    return f"Skill {name}"


class CrowdEmbedder:
    """Looks the vectors of the crowd's names up."""

    dim = DIM
    fingerprint = "suite-crowd-1"

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names, float32, shape (n_names, dim), of unit length."""
        return vectors()[[int(name.removeprefix("Skill ")) for name in names]]


def job(kind: str) -> list[tuple[int, int]]:
    """Names and levels that a job requires.

    Of one field for "fits" and, each of another one, for "field 0" to "field 174"; from the whole vocabulary for
    "nobody fits".
    """
    rng = random.Random(f"crowd job/{kind}")
    first = FIELD * int(kind.removeprefix("field ")) if kind.startswith("field ") else 0
    required: dict[int, int] = {}
    while len(required) < N_REQUIRED:
        share = rng.random()
        name = int(share * N_NAMES) if kind == "nobody fits" else first + int(_zipf(FIELD).searchsorted(share))
        required.setdefault(name, 1 + int(rng.random() * LEVELS))
    return list(required.items())


def _joined(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return np.frombuffer("".join(texts).encode(), np.uint8).copy(), ends


@functools.cache
def candidate_pool(n_candidates: int) -> Any:
    """The library's own pool of a crowd, made of its columns: `CandidatePool.build` takes minutes for a million."""
    from competency import CandidatePool, SkillDomain

    people = crowd(n_candidates)
    name_bytes, name_offsets = _joined([text(name) for name in range(N_NAMES)])
    id_bytes, id_offsets = _joined([str(number) for number in range(n_candidates)])
    item_name = np.arange(N_NAMES, dtype=np.int32).repeat(LEVELS)
    return CandidatePool(
        offsets=np.arange(n_candidates + 1, dtype=np.int64) * N_SKILLS,
        items=(people.names * LEVELS + people.levels - 1).astype(np.int32).ravel(),
        item_name=item_name,
        item_value=np.tile(np.arange(1, LEVELS + 1, dtype=np.int64), N_NAMES),
        item_max=np.full(N_NAMES * LEVELS, LEVELS, np.int64),
        item_domain=(item_name // FIELD % len(SkillDomain)).astype(np.int8),
        embeddings=vectors(),
        name_bytes=name_bytes,
        name_offsets=name_offsets,
        id_bytes=id_bytes,
        id_offsets=id_offsets,
        fingerprint=CrowdEmbedder.fingerprint,
        _where="crowd",
        _checksums={},
    )


def required_skills(kind: str) -> list[Any]:
    """The library's own skills of a job."""
    from competency import ProficiencyLevel, Skill, SkillDomain

    domains = sorted(SkillDomain)
    return [
        Skill(text(name), ProficiencyLevel(level, LEVELS), domains[name // FIELD % len(domains)])
        for name, level in job(kind)
    ]
