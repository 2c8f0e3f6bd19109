import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import (
    CandidatePool,
    ConfigError,
    EmbedderError,
    HashingEmbedder,
    ProficiencyLevel,
    SimilarityError,
    Skill,
    SkillError,
    SkillMatcher,
)
from competency.matcher import _STACK_CELLS


def skill(name, value=3, domain=None):
    return Skill(name, ProficiencyLevel(value, 5), domain)


JOB = [skill("Python", 4), skill("SQL", 3), skill("Data Analysis", 3)]
CV = [skill("Python 3", 5), skill("PostgreSQL", 4), skill("Data Analytics", 2), skill("Team Leadership", 3)]


class CountingEmbedder(HashingEmbedder):
    def __init__(self):
        super().__init__()
        self.asked = []

    def embed(self, names):
        self.asked.extend(names)
        return super().embed(names)


def test_shapes_and_dtypes():
    result = SkillMatcher().match(JOB, CV)
    shapes = {
        "probability": (3,),
        "mean": (3,),
        "variance": (3,),
        "interval": (3, 2),
        "similarities": (4, 3),
        "pairwise_scores": (4, 3),
    }
    for field, shape in shapes.items():
        array = getattr(result, field)
        assert (array.shape, array.dtype) == (shape, np.float64)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert isinstance(result.overall_score, float)


def test_similarities_are_the_cosines_of_the_embeddings():
    vectors = HashingEmbedder().embed([s.name for s in CV]) @ HashingEmbedder().embed([s.name for s in JOB]).T
    matcher = SkillMatcher(HashingEmbedder())
    np.testing.assert_allclose(matcher.similarities(JOB, CV), vectors, atol=1e-6)
    np.testing.assert_array_equal(matcher.match(JOB, CV).similarities, matcher.similarities(JOB, CV))


def test_given_similarities_replace_the_embedder():
    embedder = CountingEmbedder()
    given = np.linspace(0, 1, 12).reshape(4, 3)
    result = SkillMatcher(embedder).match(JOB, CV, similarities=given)
    assert embedder.asked == []
    np.testing.assert_array_equal(result.similarities, given)
    assert result.similarities is not given


def test_any_iterable_will_do():
    assert SkillMatcher().match(iter(JOB), tuple(CV)).overall_score == SkillMatcher().match(JOB, CV).overall_score


def test_match_many_gives_the_answers_of_match():
    matcher = SkillMatcher(strategy="conservative")
    pairs = [(JOB, CV), (CV, JOB), (JOB[:1], JOB), (JOB, CV)]
    for (required, candidate), result in zip(pairs, matcher.match_many(pairs), strict=True):
        alone = matcher.match(required, candidate)
        assert result.to_dict() == alone.to_dict()
        np.testing.assert_array_equal(result.similarities, alone.similarities)
    assert matcher.match_many([]) == []


def test_match_many_embeds_each_name_once():
    embedder = CountingEmbedder()
    SkillMatcher(embedder).match_many([(JOB, CV), (CV, JOB), (JOB, JOB)])
    assert sorted(embedder.asked) == sorted({s.name for s in JOB + CV})


def test_many_pairs_of_one_requirement_take_little_heap():
    """What their cells are multiplied with is larger than the cells."""
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    cv = [Skill(f"skill {i}", ProficiencyLevel(i % 31, 30)) for i in range(60)]
    matcher = SkillMatcher(HashingEmbedder(16))
    assert measure(lambda: matcher.match_many([(cv[:1], cv)] * 1000)).peak_bytes < 8_000_000


@pytest.mark.parametrize("n_pairs", [3, 10])
def test_few_pairs_take_little_heap_beside_the_vectors_of_their_names(n_pairs):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    names = iter(range(n_pairs * 30))
    pairs = [([skill(f"{next(names)}") for _ in range(10)], [skill(f"{next(names)}") for _ in range(20)])
             for _ in range(n_pairs)]  # fmt: skip
    embedder = HashingEmbedder(2048)
    vectors = 4 * embedder.dim * 30 * n_pairs
    assert vectors < measure(lambda: SkillMatcher(embedder).match_many(pairs)).peak_bytes < 1.6 * vectors


def test_duplicates_count_each():
    once = SkillMatcher().match(JOB, CV)
    twice = SkillMatcher().match(JOB + JOB, CV)
    np.testing.assert_array_equal(twice.probability, np.tile(once.probability, 2))
    assert SkillMatcher().match(JOB, CV + CV).similarities.shape == (8, 3)


@pytest.mark.parametrize("role", ["required", "candidate"])
@pytest.mark.parametrize(
    ("skills", "named"),
    [
        ([], r"skills \[\]: expected at least one skill"),
        (None, "skills None: expected a list of Skill"),
        ([skill("Python"), "SQL"], "skill 1, 'SQL': expected a Skill"),
        ("Python", "skill 0, 'P': expected a Skill"),
    ],
)
def test_bad_lists(role, skills, named):
    lists = {"required": JOB, "candidate": CV, role: skills}
    for call in (SkillMatcher().match, SkillMatcher().similarities):
        with pytest.raises(SkillError, match=f"^{role} {named}$"):
            call(**lists)
    with pytest.raises(SkillError, match=f"^pair 1: {role} {named}$"):
        SkillMatcher().match_many([(JOB, CV), (lists["required"], lists["candidate"])])


def test_bad_pair():
    with pytest.raises(SkillError, match=r"^pair 1, \(1, 2, 3\): expected \(required, candidate\)$"):
        SkillMatcher().match_many([(JOB, CV), (1, 2, 3)])


def test_nothing_to_go_through():
    with pytest.raises(SkillError, match=r"^pairs None: expected pairs of \(required, candidate\)$"):
        SkillMatcher().match_many(None)
    with pytest.raises(SkillError, match=r"^jobs 5: expected lists of Skill$"):
        SkillMatcher().rank_many(5, None)


@pytest.mark.parametrize(
    ("similarities", "named"),
    [
        (np.zeros((3, 4)), r"shape \(3, 4\): expected \(n_candidate, n_required\) = \(4, 3\)"),
        (np.zeros(12), r"shape \(12,\)"),
        ([[0.0, 0.0], [0.0]], "uneven rows"),
        ([["a", "b", "c"]] * 4, "dtype <U1: expected real numbers"),
        (np.zeros((4, 3), complex), "dtype complex128"),
        (np.full((4, 3), np.nan), "similarity nan: expected finite"),
        ([[0.5, -np.inf, 0.5]] * 4, "similarity -inf: expected finite"),
        ([[0.5, 1.5, 0.5]] * 4, r"similarity 1.5: expected a cosine in \[-1, 1\]"),
        ([[0.5, 1e308, -1e308]] * 4, r"similarity 1e\+308"),
    ],
)
def test_bad_similarities(similarities, named):
    with pytest.raises(SimilarityError, match=named):
        SkillMatcher().match(JOB, CV, similarities=similarities)


def test_rounded_similarities_are_accepted():
    SkillMatcher().match(JOB, CV, similarities=np.full((4, 3), 1.0005, np.float16))


@pytest.mark.parametrize("strategy", ["Default", "bold", None, 1, ["default"]])
def test_bad_strategy(strategy):
    with pytest.raises(ConfigError, match=r"^unknown strategy .*: expected one of default, conservative, aggressive$"):
        SkillMatcher(strategy=strategy)


def test_bad_config_and_embedder():
    with pytest.raises(ConfigError, match="expected a ScoringConfig"):
        SkillMatcher(config={})
    with pytest.raises(EmbedderError, match="expected dim, fingerprint and embed"):
        SkillMatcher(embedder=HashingEmbedder().embed)
    with pytest.raises(EmbedderError, match="expected dim, fingerprint and embed"):
        SkillMatcher(embedder=HashingEmbedder)


def test_a_broken_embedder_is_refused():
    class Doubling(HashingEmbedder):
        def embed(self, names):
            return super().embed(names) * 2

    with pytest.raises(EmbedderError, match="returned length 2 for 'Python'"):
        SkillMatcher(Doubling()).match(JOB, CV)


def test_the_log_says_what_was_matched(caplog):
    with caplog.at_level(logging.DEBUG, "competency"):
        SkillMatcher().match(JOB, CV)
    assert "matched 4 candidate skills to 3 required" in caplog.text


@given(st.integers(0, 2**32 - 1), st.sampled_from(["default", "conservative", "aggressive"]))
def test_match_many_gives_the_answers_of_match_to_the_last_bit(seed, strategy):
    rng = np.random.default_rng(seed)
    names = [f"{stem} {i}" for stem in ("Data Analysis", "Software Testing", "Sales") for i in range(8)]

    def some(largest):
        scale = int(rng.choice([1, 5, 10]))
        return [
            Skill(str(rng.choice(names)), ProficiencyLevel(int(rng.integers(scale + 1)), scale))
            for _ in range(rng.integers(1, largest))
        ]

    pairs = [(some(5), some(rng.choice([4, 40]))) for _ in range(12)]
    matcher = SkillMatcher(HashingEmbedder(16), strategy)
    for (required, candidate), result in zip(pairs, matcher.match_many(pairs), strict=True):
        alone = matcher.match(required, candidate)
        assert result.overall_score == alone.overall_score
        for field in ("probability", "mean", "variance", "interval", "similarities", "pairwise_scores"):
            np.testing.assert_array_equal(getattr(result, field), getattr(alone, field))


def reversed_rows(vectors):
    return vectors[::-1].copy()[::-1]


def every_other_column(vectors):
    return vectors.repeat(2, axis=1)[:, ::2]


class LaidOut(HashingEmbedder):
    """An embedder whose vectors lie in memory as `layout` puts them."""

    def __init__(self, layout):
        super().__init__(31)
        self._layout = layout

    def embed(self, names):
        return self._layout(super().embed(names))


@pytest.mark.parametrize("layout", [np.asfortranarray, reversed_rows, every_other_column])
def test_the_layout_of_vectors_does_not_matter_to_the_last_bit(layout):
    plain, matcher = SkillMatcher(HashingEmbedder(31)), SkillMatcher(LaidOut(layout))
    jobs = [[skill(f"skill {i}") for i in range(n)] for n in (1, 3, 34)]
    candidates = [[skill(f"skills {i} {n}", i % 6) for i in range(n)] for n in (2, 20, 50)]
    pairs = [(job, candidate) for job in jobs for candidate in candidates]
    pool = CandidatePool.build(((str(len(candidate)), candidate) for candidate in candidates), matcher.embedder)
    expected = [plain.match(*pair).to_dict() for pair in pairs]
    assert [matcher.match(*pair).to_dict() for pair in pairs] == expected
    assert [result.to_dict() for result in matcher.match_many(pairs)] == expected
    for job in jobs:
        ranking = matcher.rank(job, pool)
        assert [matcher.match(job, result.candidate).overall_score for result in ranking.results] == list(
            ranking.scores
        )


def test_a_large_stack_is_cut():
    pairs = [(JOB * 40, CV * 40)] * 5 + [(JOB, CV)]
    assert 2 * len(pairs[0][0]) * len(pairs[0][1]) < _STACK_CELLS < 5 * len(pairs[0][0]) * len(pairs[0][1])
    matcher = SkillMatcher()
    assert [result.overall_score for result in matcher.match_many(pairs)] == [
        matcher.match(*pair).overall_score for pair in pairs
    ]
