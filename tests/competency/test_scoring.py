"""Properties that the golden cases do not show."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from competency import ProficiencyLevel, Skill, SkillDomain, SkillMatcher
from competency.config import BetaPrior, BlendRatio, Dissimilar, Mixture, PairBand, ScoringConfig
from competency.proficiency import beta_parameters, share_met

STRATEGIES = ["default", "conservative", "aggressive"]


@st.composite
def matches(draw):
    def skill(prefix):
        largest = draw(st.integers(1, 10))
        return Skill(
            f"{prefix} {draw(st.integers(0, 5))}",
            ProficiencyLevel(draw(st.integers(0, largest)), largest),
            draw(st.sampled_from(SkillDomain)),
        )

    required = [skill(draw(st.sampled_from(["job", "both"]))) for _ in range(draw(st.integers(1, 5)))]
    candidate = [skill(draw(st.sampled_from(["cv", "both"]))) for _ in range(draw(st.integers(1, 5)))]
    similarity = st.floats(-1, 1) | st.sampled_from([0.18, 0.2, 0.3, 0.5, 0.65, 0.7, 0.75, 0.9])
    rows = draw(
        st.lists(
            st.lists(similarity, min_size=len(required), max_size=len(required)),
            min_size=len(candidate),
            max_size=len(candidate),
        )
    )
    return required, candidate, rows


@given(matches(), st.sampled_from(STRATEGIES))
def test_figures_are_in_range(match, strategy):
    required, candidate, rows = match
    result = SkillMatcher(strategy=strategy).match(required, candidate, similarities=rows)
    assert 0 <= result.overall_score <= 1
    for values in (result.probability, result.mean, result.interval):
        assert ((values >= 0) & (values <= 1)).all()
    assert (result.pairwise_scores <= 1).all()
    assert (result.pairwise_scores >= np.minimum(0.05 + 0.8 * result.similarities, 0)).all()
    assert (result.variance >= 0).all()
    assert (result.interval[:, 0] <= result.interval[:, 1]).all()


@given(st.floats(0.3, 0.9), st.integers(1, 9))
def test_a_mean_that_equals_the_threshold_meets_it(similarity, value):
    """However the mean of a single level is rounded."""
    skills = [Skill(name, ProficiencyLevel(value, 10), "hr") for name in ("job", "cv")]
    result = SkillMatcher().match(skills[:1], skills[1:], similarities=[[similarity]])
    alpha, beta = beta_parameters(np.array([value / 10]), BetaPrior())
    if similarity > 0.7:
        boost, bonus = 1.05, 1.0
    elif similarity > 0.5:
        boost, bonus = 0.9 + 0.3 * similarity, 0.75 + 1.25 * (similarity - 0.5)
    elif similarity > 0.3:
        boost, bonus = 0.6 + 0.8 * similarity, 0.45 + 1.5 * (similarity - 0.3)
    else:
        boost, bonus = 0.3 + similarity, 3 * similarity**2
    share = min((0.5 + 0.2 * (1 - stats.beta.var(alpha, beta)[0])) * boost, 0.7)
    expected = (share + (1 - share) * stats.beta.sf(value / 10, alpha, beta)[0]) * bonus
    assert result.probability[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("exponent", [300, 307, 308, 310, 323])
def test_a_level_next_to_0_scores_like_0(exponent):
    def scores(value):
        candidate = [Skill("cv", ProficiencyLevel(value, 2 * 10**exponent))]
        result = SkillMatcher().match([Skill("job", ProficiencyLevel(1, 2))], candidate, similarities=[[0.6]])
        return [*result.probability, *result.mean, result.overall_score]

    assert scores(1) == pytest.approx(scores(0), abs=0.1)


@given(matches(), st.sampled_from(STRATEGIES), st.randoms())
def test_the_order_of_skills_does_not_matter(match, strategy, random):
    required, candidate, rows = match
    matcher = SkillMatcher(strategy=strategy)
    result = matcher.match(required, candidate, similarities=rows)
    order = list(range(len(required)))
    random.shuffle(order)
    shuffled = matcher.match([required[j] for j in order], candidate, similarities=np.array(rows)[:, order])
    assert shuffled.overall_score == pytest.approx(result.overall_score, abs=1e-12)
    np.testing.assert_allclose(shuffled.probability, result.probability[order], rtol=0, atol=1e-12)


def test_the_least_weights_that_can_be_asked_for_are_none_of_0():
    config = ScoringConfig(
        mixture=Mixture(level_weight=1e6, least_weight=1e-12), dissimilar=Dissimilar(below=0.0, far_below=0.0)
    )
    candidate = [Skill(f"cv {i}", ProficiencyLevel(i % 6, 5)) for i in range(6000)]
    result = SkillMatcher(config=config).match(
        [Skill("job", ProficiencyLevel(3, 5))], candidate, similarities=np.zeros((6000, 1))
    )
    means = [1 / 11, 0.2, 0.4, 0.6, 0.8, 10 / 11]
    assert result.mean[0] == pytest.approx(np.mean(means), abs=1e-12)


@pytest.mark.parametrize("scale", [5, 100])
@pytest.mark.parametrize("n_candidate", [7, 3000])
@pytest.mark.parametrize("level_weight", [0.5, 1e6])
def test_the_order_of_the_candidate_does_not_matter_to_the_last_bit(n_candidate, scale, level_weight):
    """So it does not either, how sums over skills are cut into blocks, or which product makes them."""
    rng = np.random.default_rng(n_candidate * scale)

    def skill(name):
        return Skill(name, ProficiencyLevel(int(rng.integers(scale + 1)), scale), rng.choice(list(SkillDomain)))

    required, candidate = [skill(f"job {j}") for j in range(20)], [skill(f"cv {i}") for i in range(n_candidate)]
    rows = rng.uniform(-0.2, 0.85, (n_candidate, len(required)))
    matcher = SkillMatcher(config=ScoringConfig(mixture=Mixture(level_weight=level_weight)))
    result = matcher.match(required, candidate, similarities=rows)
    order = rng.permutation(n_candidate)
    shuffled = matcher.match(required, [candidate[i] for i in order], similarities=rows[order])
    for field in ("probability", "mean", "variance", "interval"):
        np.testing.assert_array_equal(getattr(shuffled, field), getattr(result, field))


@given(st.integers(0, 10), st.integers(0, 10))
def test_share_met(value, threshold):
    expected = 1.0 if threshold == 0 else min(value / threshold, 1.0)
    assert share_met(np.array([value / 10]), np.array([threshold / 10]))[0] == pytest.approx(expected)


def test_a_higher_level_of_the_same_skill_scores_higher():
    def score(value):
        required = [Skill("Python", ProficiencyLevel(5, 5))]
        return SkillMatcher().match(required, [Skill("python", ProficiencyLevel(value, 5))]).overall_score

    scores = [score(value) for value in range(6)]
    assert scores == sorted(scores)
    assert scores[0] < scores[5]


def test_the_same_name_counts_as_the_same_skill_in_any_spelling():
    required = [Skill("Data Science", ProficiencyLevel(1, 5))]
    for name in ("data science", "  DATA  SCIENCE", "\N{FULLWIDTH LATIN SMALL LETTER D}ata science"):
        result = SkillMatcher().match(required, [Skill(name, ProficiencyLevel(5, 5))], similarities=[[0.4]])
        assert result.probability[0] == 1.0
    other = SkillMatcher().match(required, [Skill("Statistics", ProficiencyLevel(5, 5))], similarities=[[0.4]])
    assert other.probability[0] < 0.7


def test_a_tie_of_main_domains_goes_to_the_first():
    level = ProficiencyLevel(3, 5)
    required = [Skill("job", level, "devops")]
    near, far = Skill("a", level, "devops"), Skill("b", level, "finance")
    first = SkillMatcher().match(required, [near, far], similarities=[[0.6], [0.6]]).probability[0]
    last = SkillMatcher().match(required, [far, near], similarities=[[0.6], [0.6]]).probability[0]
    assert last == pytest.approx(first * (1 - 0.5 * 0.6))


def overall(domains, best, level=7, candidate_domains=None):
    """Overall score of a candidate who has one skill for each requirement, and the mean of the probabilities."""
    required = [Skill(f"job {domain}", ProficiencyLevel(8, 10), domain) for domain in domains]
    candidate = [Skill(f"cv {domain}", ProficiencyLevel(level, 10), domain) for domain in candidate_domains or domains]
    rows = np.full((len(candidate), len(required)), 0.1)
    np.fill_diagonal(rows, best)
    result = SkillMatcher().match(required, candidate, similarities=rows)
    return result.overall_score, result.probability.mean()


FIELDS = ["communication", "leadership", "project_management"]


def test_coherence_bonus_needs_a_fit():
    # 3 pairs of domains at penalty 0, 6 at 0.30: (3 + 6 * 0.7) / 9 = 0.8
    score, mean = overall(FIELDS, [0.6, 0.66, 0.72])
    assert 0.55 <= mean <= 0.75
    assert score == pytest.approx(mean + 0.05 + 0.02 * 0.06 + 0.02 * 0.1)
    for case in (
        overall(FIELDS, [0.6, 0.66, 0.72], level=2),  # scores too low
        overall(FIELDS, [0.85, 0.85, 0.85], level=10),  # scores too high
        overall(FIELDS, [0.55, 0.6, 0.64]),  # too dissimilar
        overall(FIELDS[:2], [0.66, 0.66]),  # too few skills
        overall(["hr", "hr", "hr"], [0.66, 0.66, 0.66]),  # one distinct pair of domains over nine
    ):
        assert case[0] == pytest.approx(case[1], abs=1e-12)


def test_coherence_bonus_is_added_to_the_overall_score():
    domains = ["communication", "leadership", "project_management"]
    required = [Skill(f"job {domain}", ProficiencyLevel(8, 10), domain) for domain in domains]
    candidate = [Skill(f"cv {domain}", ProficiencyLevel(7, 10), domain) for domain in domains]
    rows = np.full((3, 3), 0.1) + np.eye(3) * 0.56
    result = SkillMatcher().match(required, candidate, similarities=rows)
    assert 0.55 <= result.probability.mean() <= 0.75
    assert result.overall_score == pytest.approx(result.probability.mean() + 0.05 + 0.02 * 0.06 + 0.02 * 0.1)


def test_constants_may_be_whole_numbers():
    config = ScoringConfig(pair=(PairBand(0.9, 1, 0, 0), PairBand(-math.inf, 0, 1, 0)))
    skill = Skill("Python", ProficiencyLevel(2, 5))
    result = SkillMatcher(config=config).match([skill], [skill, skill], similarities=[[0.25], [0.95]])
    assert result.pairwise_scores.tolist() == [[1.0], [1.0]]  # spelled the same
    other = SkillMatcher(config=config).match([Skill("SQL", skill.level)], [skill], similarities=[[0.25]])
    assert other.pairwise_scores.tolist() == [[0.25]]


@pytest.mark.parametrize("value", [1, 4])
def test_shares_of_the_direct_match_may_be_whole_numbers(value):
    skills = [Skill(name, ProficiencyLevel(level, 5)) for name, level in (("Python", 3), ("SQL", value))]
    probability = [
        SkillMatcher(config=ScoringConfig(met=BlendRatio(*shares), unmet=BlendRatio(*shares)))
        .match(skills[:1], skills[1:], similarities=[[0.6]])
        .probability.tolist()
        for shares in ((0, 1, 1), (0.0, 1.0, 1.0))
    ]
    assert probability[0] == probability[1]
