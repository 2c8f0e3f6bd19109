import numpy as np
import pytest

from competency import (
    CandidatePool,
    ConfigError,
    EmbedderError,
    HashingEmbedder,
    PoolError,
    ProficiencyLevel,
    Skill,
    SkillMatcher,
    StaticEmbedder,
    distributed,
)
from competency.errors import as_integer

INTEGERS = [np.int64, np.int8, np.uint8, np.array]


class Described(HashingEmbedder):
    """An embedder whose `dim` is of whatever type."""

    def __init__(self, dim):
        super().__init__(16)
        self._given = dim

    @property
    def dim(self):
        return self._given


@pytest.fixture(scope="module")
def pool():
    skills = [Skill(f"skill {i}", ProficiencyLevel(1 + i % 5, 5)) for i in range(40)]
    return CandidatePool.build(((str(i), skills[i : i + 20]) for i in range(20)), HashingEmbedder(16))


def test_what_is_an_integer():
    for value in (5, *(integer(5) for integer in INTEGERS)):
        assert type(as_integer(value)) is int
        assert as_integer(value) == 5
    for value in (None, True, np.True_, 5.0, np.float64(5), "5", b"5", np.array([5]), np.array([5, 6])):
        assert as_integer(value) is None


@pytest.mark.parametrize("integer", INTEGERS)
def test_integers_of_numpy_are_taken_as_plain_ones(pool, integer):
    job, matcher = pool.skills(0), SkillMatcher(HashingEmbedder(integer(16)))
    ranking = matcher.rank(job, pool, integer(7))
    plain = matcher.rank(job, pool, 7)
    np.testing.assert_array_equal(ranking.positions, plain.positions)
    np.testing.assert_array_equal(ranking.scores, plain.scores)
    assert matcher.plan(job, pool, integer(7)) == matcher.plan(job, pool, 7)
    assert matcher.rank_many([job], pool, integer(7))[0].ids == plain.ids
    assert pool.candidate_id(integer(3)) == "3"
    assert pool.skills(integer(3)) == pool.skills(3)
    assert StaticEmbedder(cache_size=integer(9)).cache_info().maxsize == 9
    assert matcher.embedder.fingerprint == HashingEmbedder(16).fingerprint
    described = Described(integer(16))
    pool.check_embedder(described)
    assert CandidatePool.build([("a", job)], described).dim == 16


def test_a_memory_budget_of_numpy(pool):
    matcher, job = SkillMatcher(HashingEmbedder(16)), pool.skills(0)
    for budget in (np.int64(900_000), np.uint32(900_000)):
        assert matcher.plan(job, pool, memory_budget=budget) == matcher.plan(job, pool, memory_budget=900_000)
    with pytest.raises(ConfigError, match=r"^memory_budget of 100 bytes: expected at least"):
        matcher.rank(job, pool, memory_budget=np.int8(100))


@pytest.mark.parametrize("value", [True, np.True_, np.float64(2), np.array([1, 2])])
def test_what_is_none_of_numpy(pool, value):
    matcher, job = SkillMatcher(HashingEmbedder(16)), pool.skills(0)
    for options in ({"top": value}, {"memory_budget": value}):
        with pytest.raises(ConfigError, match=rf"^{next(iter(options))} .*: expected "):
            matcher.rank(job, pool, **options)
    for method in (pool.candidate_id, pool.skills):
        with pytest.raises(PoolError, match=r"^pool: position .*: expected 0 to 19$"):
            method(value)
    for use in (HashingEmbedder, lambda size: StaticEmbedder(cache_size=size)):
        with pytest.raises(EmbedderError, match=r": expected an integer of "):
            use(value)
    with pytest.raises(EmbedderError, match=r"^embedder Described has dim .*: expected an integer of 1 or more$"):
        pool.check_embedder(Described(value))


def test_positions_in_many_pools(pool):
    result = SkillMatcher(HashingEmbedder(16)).match(pool.skills(0), pool.skills(0))
    partitions = distributed.Partitions(("a", "b"), (20, 5), (), {21: ("best", result)})
    assert partitions.locate(np.int8(21)) == ("b", 1)
    assert type(partitions.locate(np.int8(21))[1]) is int
    assert partitions.candidate_id(np.int64(21)) == "best"
    assert partitions.skills(np.uint8(21)) == result.candidate
    for position in (True, 25, [21], np.array([20, 21]), None, 21.0):
        for method in (partitions.locate, partitions.candidate_id, partitions.skills):
            with pytest.raises(PoolError, match=r"^position .*: expected "):
                method(position)
