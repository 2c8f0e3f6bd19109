"""Against the first version: whatever has become of the code since, the answers stay."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from competency import HashingEmbedder, ProficiencyLevel, ScoringConfig, Skill, SkillDomain, SkillMatcher
from competency.config import BetaPrior, Dissimilar, Mixture
from competency.scoring import STRATEGIES
from tests import first_version

CONFIGS = [
    ScoringConfig(),
    ScoringConfig(mixture=Mixture(level_weight=2.0, least_weight=0.2, lower=0.1, upper=0.6)),
    ScoringConfig(beta=BetaPrior(variance=0.001, largest_share=0.3), dissimilar=Dissimilar(below=0.1)),
]
LIMITS = [0.18, 0.2, 0.3, 0.5, 0.65, 0.7, 0.75, 0.9]
NAMES = ["Python", "python", " PYTHON ", "SQL", "Sales", "Leadership", "Team Leadership", "Welding", "C", "Go"]


@st.composite
def skills(draw, largest):
    size = draw(st.integers(1, largest))
    scale = draw(st.sampled_from([1, 5, 10, 100]))
    return [
        Skill(
            draw(st.sampled_from(NAMES)),
            ProficiencyLevel(draw(st.integers(0, scale)), scale),
            draw(st.none() | st.sampled_from(SkillDomain)),
        )
        for _ in range(size)
    ]


@st.composite
def matches(draw):
    required, candidate = draw(skills(6)), draw(skills(12))
    # most cells from a seed, so that sums do not tie; a few on a limit
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.uniform(-0.2, draw(st.sampled_from([0.25, 0.6, 1.0])), (len(candidate), len(required)))
    for limit in draw(st.lists(st.sampled_from(LIMITS), max_size=3)):
        rows[rng.integers(len(candidate)), rng.integers(len(required))] = limit
    return required, candidate, rows


def agree(result, expected):
    scores = expected.skill_scores
    assert result.overall_score == pytest.approx(expected.overall_score, abs=1e-9)
    for field in ("probability", "mean", "variance"):
        np.testing.assert_allclose(getattr(result, field), [getattr(score, field) for score in scores], atol=1e-9)
    np.testing.assert_allclose(result.interval, [score.interval for score in scores], rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.pairwise_scores, expected.pairwise_scores, rtol=0, atol=1e-9)
    data = result.to_dict()
    for key, expected_map in (
        ("skill_similarities", expected.similarity_map),
        ("pairwise_scores", expected.pairwise_map),
    ):
        assert list(data[key]) == list(expected_map)
        for name, row in expected_map.items():
            assert data[key][name] == pytest.approx(row, abs=1e-9)


@settings(max_examples=300)
@given(matches(), st.sampled_from(STRATEGIES), st.sampled_from(CONFIGS))
def test_scores(match, strategy, config):
    required, candidate, rows = match
    result = SkillMatcher(strategy=strategy, config=config).match(required, candidate, similarities=rows)
    expected = first_version.match(required, candidate, rows.tolist(), strategy, config)
    # where the mean equals the threshold but for rounding, either side of the model's step is right
    for skill, score in zip(required, expected.skill_scores, strict=True):
        assume(abs(score.mean - skill.level.ratio) > 1e-9)
    agree(result, expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_large_match(strategy):
    rng = np.random.default_rng(7)
    required, candidate = (
        [
            Skill(f"{role} {i}", ProficiencyLevel(int(rng.integers(1, 8)), 7), rng.choice(list(SkillDomain)))
            for i in range(n)
        ]
        for role, n in (("job", 40), ("cv", 90))
    )
    rows = rng.uniform(-0.1, 0.8, (90, 40))
    result = SkillMatcher(strategy=strategy).match(required, candidate, similarities=rows)
    agree(result, first_version.match(required, candidate, rows.tolist(), strategy))


@given(skills(8), skills(40))
def test_similarities(required, candidate):
    embedder = HashingEmbedder(64)
    rows = first_version.cosine_similarities(embedder.embed, required, candidate)
    np.testing.assert_allclose(SkillMatcher(embedder).similarities(required, candidate), rows, rtol=0, atol=1e-6)
