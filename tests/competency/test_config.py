import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency import ConfigError, ProficiencyLevel, ScoringConfig, Skill, SkillMatcher
from competency.config import (
    BetaPrior,
    BlendRatio,
    Coherence,
    Dissimilar,
    DomainBand,
    LinearBand,
    LowestBonus,
    Mixture,
    PairBand,
    SameSkill,
    Strategies,
)
from competency.domains import DomainPenalties

REQUIRED = [
    Skill("A", ProficiencyLevel(4, 5), "finance"),
    Skill("B", ProficiencyLevel(2, 5), "hr"),
    Skill("C", ProficiencyLevel(3, 5), "devops"),
    Skill("D", ProficiencyLevel(5, 5), "sales"),
]
CANDIDATE = [
    Skill("E", ProficiencyLevel(3, 5), "hr"),
    Skill("F", ProficiencyLevel(1, 5), "general"),
    Skill("G", ProficiencyLevel(5, 5), "leadership"),
]
SIMILARITIES = [[0.95, 0.6, 0.3, 0.25], [0.5, 0.55, 0.2, 0.1], [0.2, 0.4, 0.1, 0.05]]
COHERENT = [[0.66, 0.66, 0.66, 0.9]] * 3

HALF = {"dissimilar": Dissimilar(below=0.5, near_base=0.3)}
NEARLY_ALL = {"dissimilar": Dissimilar(below=1, near_base=0.8)}


def figures(config=None, strategy="default", similarities=SIMILARITIES):
    result = SkillMatcher(strategy=strategy, config=config).match(REQUIRED, CANDIDATE, similarities=similarities)
    return np.concatenate(
        [
            [result.overall_score],
            result.probability,
            result.mean,
            result.variance,
            result.interval.ravel(),
            result.pairwise_scores.ravel(),
        ]
    )


@pytest.mark.parametrize(
    ("strategy", "change"),
    [
        ("default", {"beta": BetaPrior(variance=0.04)}),
        ("default", {"beta": BetaPrior(edge_far=9)}),
        ("default", {"dissimilar": Dissimilar(below=0.31)}),
        ("default", {"dissimilar": Dissimilar(margin=0.2)}),
        ("default", {"mixture": Mixture(level_weight=0.4)}),
        ("default", {"mixture": Mixture(lower=0.05)}),
        ("default", {"same_skill": SameSkill(base=0.5)}),
        ("default", {"met": BlendRatio(0.4, 0.2, 0.7)}),
        ("default", {"unmet": BlendRatio(0.2, 0.2, 0.8)}),
        ("default", {"boost": (LinearBand(-math.inf, 0.5),)}),
        ("default", {"bonus": (LinearBand(0.5, 0.5),)}),
        ("default", {"lowest_bonus": LowestBonus(2.0)}),
        ("default", {"domain": (DomainBand(-math.inf, 0.3),)}),
        ("default", {"pair": (PairBand(-math.inf, 0.3, 0.3, 0.3),)}),
        ("conservative", {"strategies": Strategies(variance_weight=0.6)}),
        ("aggressive", {"strategies": Strategies(boost=0.4)}),
        ("default", {"coherence": Coherence(similarity_above=0.3, harmony_above=0.1, least_score=0.1)}),
        ("default", {"penalties": DomainPenalties(other_penalty=0.5)}),
    ],
)
def test_every_group_of_constants_counts(strategy, change):
    assert not np.array_equal(figures(ScoringConfig(**change), strategy), figures(None, strategy))


def test_defaults_are_the_model():
    np.testing.assert_array_equal(figures(ScoringConfig()), figures())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: BetaPrior(variance=0), r"BetaPrior.variance 0: "),
        (lambda: BetaPrior(largest_share=1.0), r"BetaPrior.largest_share 1.0: "),
        (lambda: BetaPrior(edge_near=1e13), r"BetaPrior.edge_near 10000000000000.0: expected a number in \[1e-06, 1"),
        (lambda: BetaPrior(edge_far=1e308), r"BetaPrior.edge_far 1e\+308: "),
        (lambda: Dissimilar(below=math.nan), r"Dissimilar.below nan: "),
        (lambda: Dissimilar(margin="0.1"), r"Dissimilar.margin '0.1': "),
        (lambda: Mixture(least_weight=0), r"Mixture.least_weight 0: "),
        (lambda: Mixture(lower=0.5, upper=0.5), r"Mixture.lower 0.5: expected less than upper, 0.5"),
        (lambda: Mixture(level_weight=True), r"Mixture.level_weight True: "),
        (lambda: SameSkill(span=2), r"SameSkill.span 2: "),
        (lambda: LinearBand(0.5, -1), r"LinearBand.base -1: "),
        (lambda: DomainBand(0.5, 2), r"DomainBand.weight 2: "),
        (lambda: PairBand(0.5, 2, 0, 0), r"PairBand.base 2: "),
        (lambda: Strategies(boost=math.inf), r"Strategies.boost inf: "),
        (lambda: Coherence(least_skills=0), r"Coherence.least_skills 0: "),
        (lambda: Mixture(level_weight=10**400), r"Mixture.level_weight 1000"),
        (lambda: LinearBand(0.5, base=10**400), r"LinearBand.base 1000"),
        (lambda: LinearBand(math.nan, 1.0), r"LinearBand.above nan: expected a number, or -inf"),
        (lambda: LinearBand("a", 1.0), r"LinearBand.above 'a': "),
        (lambda: LinearBand(-(10**400), 1.0), r"LinearBand.above -1000"),
        (lambda: DomainBand(math.inf, 1.0), r"DomainBand.above inf: "),
        (lambda: PairBand(None, 0.3, 0.3, 0.3), r"PairBand.above None: "),
        (lambda: DomainPenalties(related=5), r"related domains 5: expected a tuple of \(domain, domain, penalty\)"),
        (lambda: DomainPenalties(related=(("hr", "sales"),)), r"related domains \(\('hr', 'sales'\),\): "),
        (
            lambda: DomainPenalties(related=(("hr", "cooking", 0.1),)),
            r"related domains \(\('hr', 'cooking', 0.1\),\): ",
        ),
        (lambda: DomainPenalties(transferable=5), r"transferable domains 5: expected a tuple of domains"),
        (lambda: DomainPenalties(transferable="leadership"), r"transferable domains 'leadership': "),
        (lambda: DomainPenalties(other_penalty=1.5), r"domain penalty 1.5: "),
        (lambda: DomainPenalties(general_penalty=math.nan), r"domain penalty nan: "),
        (lambda: ScoringConfig(beta=0.05), r"ScoringConfig.beta 0.05: expected a BetaPrior"),
        (lambda: ScoringConfig(boost=()), r"ScoringConfig.boost \(\): expected a tuple of LinearBand"),
        (lambda: ScoringConfig(pair=(1,)), r"ScoringConfig.pair \(1,\): expected a tuple of PairBand"),
        (
            lambda: ScoringConfig(bonus=(LinearBand(0.3, 1), LinearBand(0.5, 1))),
            r"ScoringConfig.bonus above \[0.3, 0.5\]: expected descending limits",
        ),
        (lambda: SameSkill(base=1, span=0.5), r"SameSkill.span 0.5: expected at most 1 - base, 0"),
        (
            lambda: Dissimilar(below=0.5, near_base=0.1),
            r"Dissimilar.near_base 0.1: expected at least below - far_below, 0.3",
        ),
        (
            lambda: ScoringConfig(bonus=(LinearBand(0.3, base=0.9, slope=0.5),)),
            r"ScoringConfig.bonus 1.05 at similarity 0.3: expected at most 1",
        ),
        (
            lambda: ScoringConfig(bonus=(LinearBand(0.3, base=0.1, slope=1.0, origin=0.5),)),
            r"ScoringConfig.bonus -0.1 at similarity 0.3: expected at least 0",
        ),
        (
            lambda: ScoringConfig(boost=(LinearBand(-math.inf, base=0.1, slope=1.0, origin=0.5),)),
            r"ScoringConfig.boost -0.1 at similarity 0.3: expected at least 0",
        ),
        (
            lambda: ScoringConfig(bonus=(LinearBand(0.8, base=1.0),), lowest_bonus=LowestBonus(square=3, cap=2)),
            r"ScoringConfig.lowest_bonus 1.92 at similarity 0.8: expected at most 1",
        ),
        (
            lambda: ScoringConfig(pair=(PairBand(-math.inf, 0.3, 0.5, 0.5),)),
            r"ScoringConfig.pair 1.3 at similarity 1: expected at most 1",
        ),
        # at one similarity alone: a limit belongs to the band below it
        (
            lambda: ScoringConfig(
                lowest_bonus=LowestBonus(square=10, cap=2), bonus=(LinearBand(0.5, base=1.0),), **HALF
            ),
            r"ScoringConfig.lowest_bonus 2 at similarity 0.5: expected at most 1",
        ),
        (
            lambda: ScoringConfig(bonus=(LinearBand(0.5, base=1.0), LinearBand(0.3, base=1.0, slope=1.0)), **HALF),
            r"ScoringConfig.bonus 1.5 at similarity 0.5: expected at most 1",
        ),
        (
            lambda: ScoringConfig(boost=(LinearBand(-math.inf, base=0, slope=1, origin=2),), **NEARLY_ALL),
            r"ScoringConfig.boost -1 at similarity 1: expected at least 0",
        ),
        (
            lambda: ScoringConfig(pair=(PairBand(-1.0, 0.3, 0.3, 0.3), PairBand(-math.inf, 0.6, 0.0, 0.6))),
            r"ScoringConfig.pair 1.2 at similarity -1: expected at most 1",
        ),
        (lambda: ScoringConfig(domain=(DomainBand(0.3, 1),)), r"ScoringConfig.domain last above 0.3: expected -inf"),
    ],
)
def test_constants_out_of_range(make, named):
    with pytest.raises(ConfigError, match=f"^{named}"):
        make()


SHARE = st.floats(0, 1)
WIDE = st.floats(0, 2)
LIMITS = st.lists(SHARE, max_size=3, unique=True).map(lambda limits: sorted(limits, reverse=True))


@st.composite
def bands(draw, kind, *values, rest=True):
    limits = draw(LIMITS) + [-math.inf] * rest
    return tuple(kind(limit, *(draw(value) for value in values)) for limit in limits or [0.5])


@st.composite
def configs(draw):
    """A config, or None where it was refused."""
    makers = [
        lambda: ("same_skill", SameSkill(draw(SHARE), draw(SHARE), draw(SHARE))),
        lambda: ("dissimilar", Dissimilar(*(draw(SHARE) for _ in range(7)))),
        lambda: ("boost", draw(bands(LinearBand, WIDE, WIDE, SHARE))),
        lambda: ("bonus", draw(bands(LinearBand, SHARE, WIDE, SHARE, rest=False))),
        lambda: ("lowest_bonus", LowestBonus(draw(WIDE), draw(WIDE))),
        lambda: ("pair", draw(bands(PairBand, SHARE, SHARE, SHARE))),
        lambda: ("met", BlendRatio(draw(SHARE), draw(SHARE), draw(SHARE))),
        lambda: ("unmet", BlendRatio(draw(SHARE), draw(SHARE), draw(SHARE))),
        lambda: ("strategies", Strategies(*(draw(SHARE) for _ in range(5)))),
        lambda: ("coherence", Coherence(1, *(draw(SHARE) for _ in range(8)))),
    ]
    try:
        chosen = draw(st.lists(st.sampled_from(range(len(makers))), min_size=1, max_size=4, unique=True))
        return ScoringConfig(**dict(makers[place]() for place in chosen))
    except ConfigError:
        return None


@settings(max_examples=500)
@given(
    configs(),
    st.sampled_from(["default", "conservative", "aggressive"]),
    st.lists(st.floats(-1, 1), min_size=12, max_size=12),
)
def test_no_accepted_constants_lead_beyond_0_or_1(config, strategy, similarities):
    if config is None:
        return
    matrix = np.reshape(similarities, (3, 4))
    result = SkillMatcher(strategy=strategy, config=config).match(REQUIRED, CANDIDATE, similarities=matrix)
    rounding = 1e-8
    for scores in (result.probability, np.array([result.overall_score]), result.pairwise_scores[matrix >= 0]):
        assert (scores >= -rounding).all()
        assert (scores <= 1 + rounding).all()
    assert (result.pairwise_scores <= 1 + rounding).all()


@pytest.mark.parametrize("near", [1e-6, 1.0, 1e12])
@pytest.mark.parametrize("far", [1e-6, 1.0, 1e12])
def test_the_most_extreme_ends_that_a_level_may_have(near, far):
    config = ScoringConfig(beta=BetaPrior(edge_near=near, edge_far=far), mixture=Mixture(lower=0, upper=1))
    required = [Skill("a", ProficiencyLevel(1, 2))]
    for value, mean in [(0, near / (near + far)), (2, far / (near + far))]:
        offered = [Skill("b", ProficiencyLevel(value, 2))]
        result = SkillMatcher(config=config).match(required, offered, similarities=[[0.6]])
        assert result.mean == pytest.approx(mean)
        assert result.variance == pytest.approx(mean * (1 - mean) / (near + far + 1), abs=1e-9)
        ((lower, upper),) = result.interval
        assert 0 <= lower <= mean + 1e-6
        assert mean - 1e-6 <= upper <= 1


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ScoringConfig().met = None
