import dataclasses
import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency import (
    CandidatePool,
    ConfigError,
    HashingEmbedder,
    PoolError,
    ProficiencyLevel,
    ScoringConfig,
    Skill,
    SkillError,
    SkillMatcher,
)
from competency.columns import columns
from competency.config import BetaPrior, Coherence, Dissimilar, Mixture, SameSkill, Strategies
from competency.embedding import embed
from competency.ranking import Bands, Ranker, group_plan, name_codes
from competency.ranking.codes import intervals
from competency.ranking.passes import Entries

STEMS = ["Data Analysis", "Data Analyst", "Software Testing", "Tester", "Sales", "Team Leadership", "Welding", "SQL"]
NAMES = STEMS + [f"{stem} {i}" for stem in STEMS for i in range(4)] + [stem.upper() for stem in STEMS]
CONFIGS = [
    ScoringConfig(),
    ScoringConfig(
        same_skill=SameSkill(above=0.6, base=0.3, span=0.7),
        dissimilar=Dissimilar(below=0.4, far_below=0.1, near_base=0.31),
    ),
    ScoringConfig(beta=BetaPrior(variance=0.01), mixture=Mixture(level_weight=3.0, least_weight=0.3)),
    ScoringConfig(
        strategies=Strategies(least_share=1.0, largest_share=1.0),
        coherence=Coherence(
            similarity_above=0.0, harmony_above=0.05, least_score=0.2, largest_score=0.6, base=0.3, cap=0.35
        ),
    ),
]
STRATEGIES = ["default", "conservative", "aggressive"]
untraced = pytest.mark.no_cover  # takes half the time; other tests run the same code
GIVEN = [None, "hr", "devops", "sales"]  # domains
FEW_LEVELS, MANY_LEVELS = (1, 5, 10), (7, 100, 1000)


def some_skills(rng, most, scales=FEW_LEVELS):
    scale = scales[rng.integers(len(scales))]
    n = rng.integers(1, most + 1)
    names, values, domains = (rng.integers(size, size=n).tolist() for size in (len(NAMES), scale + 1, len(GIVEN)))
    return [
        Skill(NAMES[name], ProficiencyLevel(value, scale), GIVEN[domain])
        for name, value, domain in zip(names, values, domains, strict=True)
    ]


def some_pool(rng, n, embedder, most=12, scales=FEW_LEVELS):
    return CandidatePool.build(((f"c{i}", some_skills(rng, most, scales)) for i in range(n)), embedder)


def by_match(matcher, job, pool):
    """The ranking by a loop over match: positions, the best first, and all scores."""
    scores = np.array([matcher.match(job, pool.skills(position)).overall_score for position in range(len(pool))])
    return np.lexsort((np.arange(len(pool)), -scores)), scores


@untraced
@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(STRATEGIES),
    st.sampled_from(CONFIGS),
    st.sampled_from([1, 3, 20, 1000]),
    st.sampled_from([FEW_LEVELS, MANY_LEVELS]),
)
def test_the_scores_of_match_to_the_last_bit(seed, strategy, config, top, scales):
    rng = np.random.default_rng(seed)
    matcher = SkillMatcher(HashingEmbedder(32), strategy, config)
    pool = some_pool(rng, int(rng.integers(1, 150)), matcher.embedder, scales=scales)
    job = some_skills(rng, 8, scales)
    order, scores = by_match(matcher, job, pool)
    ranking = matcher.rank(job, pool, top)
    np.testing.assert_array_equal(ranking.positions, order[:top])
    np.testing.assert_array_equal(ranking.scores, scores[order[:top]])


def distance_to_a_step(result, config):
    """How far the nearest requirement is from where the model jumps."""
    limits = [band.above for bands in (config.boost, config.bonus, config.domain) for band in bands]
    limits += [config.dissimilar.below, config.dissimilar.far_below, config.same_skill.above, 0.2]
    best = result.similarities.max(axis=0)
    thresholds = np.array([skill.level.ratio for skill in result.required])
    overall = [config.coherence.least_score, config.coherence.largest_score]
    return min(
        np.abs(best[:, None] - limits).min(),
        np.abs(result.mean - thresholds).min(),
        np.abs(result.probability.mean() - overall).min(),
    )


@untraced
@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(STRATEGIES), st.sampled_from(CONFIGS))
def test_everyone_is_ranked_by_scores_right_to_1e_6(seed, strategy, config):
    rng = np.random.default_rng(seed)
    matcher = SkillMatcher(HashingEmbedder(32), strategy, config)
    pool, job = some_pool(rng, 60, matcher.embedder, most=40), some_skills(rng, 8)
    ranking = matcher.rank(job, pool, None)
    assert sorted(ranking.positions) == list(range(60))
    assert (np.diff(ranking.scores) <= 0).all()
    for position, score in zip(ranking.positions, ranking.scores, strict=True):
        alone = matcher.match(job, pool.skills(position))
        if distance_to_a_step(alone, config) > 1e-5:
            assert score == pytest.approx(alone.overall_score, abs=1e-6)


@untraced
@settings(max_examples=100)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(STRATEGIES),
    st.sampled_from(CONFIGS),
    st.sampled_from([FEW_LEVELS, MANY_LEVELS]),
)
def test_no_score_is_above_its_bound(seed, strategy, config, scales):
    rng = np.random.default_rng(seed)
    matcher = SkillMatcher(HashingEmbedder(16), strategy, config)
    pool, job = some_pool(rng, 60, matcher.embedder, 30, scales), some_skills(rng, 8, scales)
    sizes, plan = group_plan(pool, [len(job)], 1, np.inf)
    units = embed(matcher.embedder, [skill.name for skill in job])
    requirements, _ = columns(job, job, config.beta)
    (codes,) = name_codes(pool, [[skill.key for skill in job]], units)
    ranker = Ranker(
        matcher._model, requirements, units, codes, pool, Bands.of(matcher._model, sizes.ratios), sizes, plan
    )
    scores = by_match(matcher, job, pool)[1]
    everyone = np.arange(len(pool))
    closer = ranker.closer_bounds(everyone)
    assert (closer >= scores).all()
    alone = [ranker.closer_bounds(everyone[place : place + 1])[0] for place in everyone]
    np.testing.assert_allclose(closer, alone, rtol=1e-12)
    assert (ranker.bounds(everyone) >= scores).all()
    assert (ranker.bounds(everyone[::-3]) == ranker.bounds(everyone)[::-3]).all()
    gains, entries = ranker.gains()[:, None], Entries.of(pool, slice(0, len(pool)))
    sums = entries.sums(gains, pool.item_name)[:, 0]
    np.testing.assert_array_equal(entries.sums(gains[pool.item_name], None)[:, 0], sums)
    assert all(gain >= ranker.least_gain(score) for gain, score in zip(sums.tolist(), scores.tolist(), strict=True))


class OfName:
    """An embedder of names that end with two cosines, those to the first two of three directions."""

    dim, fingerprint = 3, "of name"

    def embed(self, names):
        cosines = np.array([[float(text) for text in name.split()[-2:]] for name in names])
        return np.column_stack([cosines, np.sqrt(1 - (cosines**2).sum(axis=1))]).astype(np.float32)


def of_name(*names):
    return [Skill(name, ProficiencyLevel(1, 1), "hr") for name in names]


def bonus_at(score, base, bonus):
    """All that is dissimilar scores `base`; a score that is exactly `score` has a bonus."""
    return ScoringConfig(
        dissimilar=Dissimilar(below=0.3, far_below=0.3, far_base=base, near_base=0, level_weight=0),
        coherence=Coherence(1, 0, 0, least_score=score, largest_score=score, base=bonus, cap=bonus),
    )


@pytest.mark.parametrize("n_required", [9, 12, 54])
def test_a_score_that_reaches_the_bonus_by_rounding_alone(n_required):
    job = of_name("1 0", *(f"{i} 0 1" for i in range(1, n_required)))
    dissimilar, others = of_name("0.2 0.2"), of_name("0.99 0")  # which score more without a bonus
    pool = CandidatePool.build([*((str(i), others) for i in range(100)), ("last", dissimilar)], OfName())
    no_bonus = SkillMatcher(OfName(), config=bonus_at(0.0, 0.05, 0.0))
    matcher = SkillMatcher(OfName(), config=bonus_at(no_bonus.match(job, dissimilar).overall_score, 0.05, 0.3))
    order, scores = by_match(matcher, job, pool)
    assert order[0] == 100
    ranking = matcher.rank(job, pool, 1)
    assert (ranking.ids, ranking.scores.tolist()) == (("last",), [scores[100]])


@pytest.mark.parametrize(("base", "bonus"), [(0.21, 0.2), (0.16, 0.38), (0.08, 0.3)])
def test_a_bonus_that_subtraction_does_not_take_away_again(base, bonus):
    assert (base + bonus) - bonus > base
    matcher = SkillMatcher(OfName(), config=bonus_at(base, base, bonus))
    rest = of_name(*(f"0.0{i} 0" for i in range(1, 60)))  # so that few names are usual
    candidates = [("first", of_name("0.1 0", "0.001 0"))]
    likely = of_name("0.2999 0")  # at first sight
    candidates += [(str(i), [*likely, rest[i % len(rest)]]) for i in range(1030)]
    pool = CandidatePool.build(candidates, matcher.embedder)
    job = of_name("1 0")
    assert len(set(by_match(matcher, job, pool)[1])) == 1
    assert matcher.rank(job, pool, 1).ids == ("first",)


@pytest.mark.parametrize("n_required", [1, 32, 33, 70])
@pytest.mark.parametrize("dim", [16, 2000])
def test_a_code_stands_for_an_interval_that_the_similarity_lies_in(n_required, dim):
    rng = np.random.default_rng(n_required)
    embedder = HashingEmbedder(dim)
    names = [f"{stem} {i}" for stem in STEMS for i in range(150)]
    pool = CandidatePool.build([("a", [Skill(name, ProficiencyLevel(1, 1)) for name in names])], embedder)
    keys = [f"other {name}" for name in rng.choice(names, n_required)]
    units = embed(embedder, keys)
    jobs = [keys] if n_required < 70 else [keys[:1], keys[1:]]
    codes = np.concatenate(name_codes(pool, jobs, units), axis=1)
    similarities = pool.embeddings.astype(np.float64) @ units.T.astype(np.float64)
    low, high = intervals()
    assert len(names) > 1024
    assert codes.shape == (len(names), n_required)
    assert (low[codes] <= similarities).all()
    assert (similarities <= high[codes]).all()
    assert (high[codes] - low[codes])[similarities > 1e-5].max() < 0.06


def test_few_are_scored_in_full():
    rng = np.random.default_rng(0)
    matcher = SkillMatcher(HashingEmbedder())
    pool = some_pool(rng, 3000, matcher.embedder)
    job = [Skill(name, ProficiencyLevel(4, 5)) for name in STEMS]
    ranking = matcher.rank(job, pool, 5)
    assert 5 <= ranking.n_scored < 1500
    assert matcher.rank(job, pool, None).n_scored == 3000


def test_ties_go_to_the_first():
    skills = [Skill("SQL", ProficiencyLevel(3, 5)), Skill("Sales", ProficiencyLevel(2, 5))]
    others = [Skill("Welding", ProficiencyLevel(1, 5))]
    pool = CandidatePool.build(((str(i), skills if i % 3 else others) for i in range(300)), HashingEmbedder())
    ranking = SkillMatcher(HashingEmbedder()).rank(skills, pool, 100)
    assert ranking.positions.tolist() == [i for i in range(300) if i % 3][:100]
    assert ranking.ids[:3] == ("1", "2", "4")
    assert len(set(ranking.scores)) == 1


def test_results_are_those_of_match():
    rng = np.random.default_rng(1)
    matcher = SkillMatcher(HashingEmbedder(), "aggressive")
    pool, job = some_pool(rng, 50, matcher.embedder, most=40), some_skills(rng, 8)
    ranking = matcher.rank(job, pool, 7)
    for position, score, result in zip(ranking.positions, ranking.scores, ranking.results, strict=True):
        alone = matcher.match(job, pool.skills(position))
        assert result.overall_score == score
        assert result.to_dict() == alone.to_dict()
    assert ranking.carriers == ()
    assert matcher.rank(job, pool, None).results == ()


def test_why():
    pool = CandidatePool.build(
        [("a", [Skill("Data Analyst", ProficiencyLevel(4, 5)), Skill("Welding", ProficiencyLevel(1, 5))])],
        HashingEmbedder(),
    )
    job = [Skill("Data Analysis", ProficiencyLevel(3, 5)), Skill("Welding", ProficiencyLevel(3, 5))]
    ranking = SkillMatcher(HashingEmbedder()).rank(job, pool, 1, explain=True)
    ((analysis, welding),) = ranking.carriers
    assert [carrier.name for carrier in analysis] == ["Data Analyst", "Welding"]
    assert welding[0].name == "Welding"
    assert welding[0].similarity == pytest.approx(1)
    # s (1 + 0.5 l), scaled to sum to 1
    similarities = ranking.results[0].similarities
    weights = np.maximum(similarities * (1 + 0.5 * np.array([[0.8], [0.2]])), 0.01)
    assert analysis[0].share == pytest.approx(weights[0, 0] / weights[:, 0].sum())
    assert sum(carrier.share for carrier in analysis) == pytest.approx(1)
    assert {carrier.family for carrier in (*analysis, *welding)} == {None}


def test_why_names_the_family():
    level = ProficiencyLevel(4, 5)
    pool = CandidatePool.build([("a", [Skill("GitLab CI", level), Skill("jenkins", level), Skill("Welding", level)])])
    ranking = SkillMatcher().rank([Skill("Jenkins", level)], pool, 1, explain=True)
    families = {carrier.name: carrier.family for carrier in ranking.carriers[0][0]}
    assert families == {"GitLab CI": "CI/CD servers", "jenkins": None, "Welding": None}


@untraced
@pytest.mark.parametrize("top", [10, None])
@pytest.mark.parametrize("budget", ["600 kB", "1 MiB", None])
def test_the_plan_predicts_the_peak(budget, top):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    rng = np.random.default_rng(2)
    matcher = SkillMatcher(HashingEmbedder(128))
    names = [f"{stem} {i}" for stem in STEMS for i in range(60)]
    items = [Skill(name, ProficiencyLevel(level, 5)) for name in names for level in range(1, 6)]
    pool = CandidatePool.build(
        ((str(i), [items[k] for k in rng.integers(len(items), size=20)]) for i in range(6000)), matcher.embedder
    )
    job = [items[k] for k in range(0, 750, 50)]
    plan = matcher.plan(job, pool, top, memory_budget=budget)
    peak = measure(lambda: matcher.rank(job, pool, top, memory_budget=budget)).peak_bytes
    assert plan.peak_bytes == pytest.approx(peak, rel=0.1)
    if budget:
        assert peak <= {"600 kB": 600_000, "1 MiB": 2**20}[budget]
    within = matcher.rank(job, pool, top, memory_budget=budget)
    np.testing.assert_array_equal(within.scores, matcher.rank(job, pool, top).scores)


@untraced
@pytest.mark.parametrize(
    "shape",
    [
        *[(3, 5, 5), (3, 5, 25), (20, 100, 5), (20, 100, 25), (60, 5, 5), (60, 100, 25)],
        # many levels, and many beside the entries; some of which are looked at together, and some more
        *[(3, 100, 5), (3, 100, 25), (8, 1000, 10), (20, 40, 25), (20, 64, 25), (20, 1000, 25), (200, 1000, 5)],
    ],
)
def test_the_plan_predicts_the_peak_for_candidates_of_other_kinds(shape):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    n_candidate, scale, n_required = shape
    rng = np.random.default_rng(0)
    matcher = SkillMatcher(HashingEmbedder(64))

    def someone():
        values = zip(rng.integers(3000, size=n_candidate), rng.integers(1, scale + 1, n_candidate), strict=True)
        return [Skill(f"skill {name}", ProficiencyLevel(int(value), scale)) for name, value in values]

    pool = CandidatePool.build(((str(i), someone()) for i in range(2000)), matcher.embedder)
    job = [Skill(f"skill {7 * i}", ProficiencyLevel(1 + i % scale, scale)) for i in range(n_required)]
    peak = measure(lambda: matcher.rank(job, pool)).peak_bytes
    assert matcher.plan(job, pool).peak_bytes == pytest.approx(peak, rel=0.1)


@untraced
@pytest.mark.parametrize(
    ("n_candidate", "scale", "n_required", "top"),
    [(5, 10, 5, 10), (5, 100, 10, None), (20, 10, 5, 1), (20, 100, 25, 10), (40, 5, 5, 1)],
)
def test_the_plan_predicts_the_peak_for_candidates_of_many_lengths(n_candidate, scale, n_required, top):
    """From half to one and a half times as many skills."""
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    rng = np.random.default_rng(0)
    matcher = SkillMatcher(HashingEmbedder(128))

    def some(n):
        values = zip(rng.integers(3000, size=n), rng.integers(1, scale + 1, n), strict=True)
        return [Skill(f"skill {name}", ProficiencyLevel(int(value), scale)) for name, value in values]

    lengths = rng.integers(n_candidate // 2, n_candidate * 3 // 2 + 1, 2000)
    pool = CandidatePool.build(((str(i), some(n)) for i, n in enumerate(lengths)), matcher.embedder)
    job = some(n_required)
    peak = measure(lambda: matcher.rank(job, pool, top)).peak_bytes
    assert matcher.plan(job, pool, top).peak_bytes == pytest.approx(peak, rel=0.1)


LENGTHS = {
    "20": lambda rng: 20,
    "5 to 39": lambda rng: rng.randrange(5, 40),
    "mostly few": lambda rng: min(1 + int(rng.expovariate(1 / 12)), 80),
    "6 or 50": lambda rng: 50 if rng.random() < 0.2 else 6,
}


@untraced
@pytest.mark.parametrize(
    ("lengths", "n_required", "top", "explain", "budget"),
    [
        *[("20", 5, 300, False, None), ("20", 40, 100, False, None), ("20", 15, 100, True, "2500 kB")],
        *[("5 to 39", 5, 300, False, None), ("5 to 39", 15, 100, True, None), ("5 to 39", 5, None, False, "800 kB")],
        *[("mostly few", 40, 300, False, None), ("mostly few", 5, 100, False, None)],
        *[("6 or 50", 5, 10, False, None), ("6 or 50", 40, 100, False, None), ("6 or 50", 15, 300, False, None)],
    ],
)
def test_the_plan_knows_what_the_best_are_like(lengths, n_required, top, explain, budget):
    """They have more skills than others, and many of these are the same: popular ones."""
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks import common
    from benchmarks.heap.measure import measure

    rng, embedder = random.Random(f"{lengths}/{n_required}"), common.cluster_embedder()
    job = common.as_skills(common.person(rng, n_required))
    people = (common.as_skills(common.person(rng, LENGTHS[lengths](rng))) for _ in range(1000))
    pool = CandidatePool.build(((str(i), skills) for i, skills in enumerate(people)), embedder)
    matcher = SkillMatcher(embedder)
    predicted = matcher.plan(job, pool, top, explain=explain, memory_budget=budget).peak_bytes
    peak = measure(lambda: matcher.rank(job, pool, top, explain=explain, memory_budget=budget)).peak_bytes
    assert predicted == pytest.approx(peak, rel=0.1)


def test_a_plan_meets_damage_as_a_ranking_does(tmp_path):
    some_pool(np.random.default_rng(2), 50, HashingEmbedder(16)).save(tmp_path / "a.pool")
    pool = CandidatePool.open(tmp_path / "a.pool")
    items = pool.items.copy()
    items[-1] = len(pool.item_name)
    damaged = dataclasses.replace(pool, items=items)
    for call in (SkillMatcher(HashingEmbedder(16)).plan, SkillMatcher(HashingEmbedder(16)).rank):
        with pytest.raises(PoolError, match=r"items of candidates \d+ to 50"):
            call([Skill("SQL", ProficiencyLevel(1, 5))], damaged)


def least_budget(call):
    with pytest.raises(ConfigError, match=r"^memory_budget of 1 bytes: expected at least \d+$") as caught:
        call(1)
    return int(str(caught.value).split()[-1])


@untraced
@pytest.mark.parametrize(
    ("n_candidate", "n_skills", "scale", "n_required", "top", "explain"),
    [
        *[
            (200, 5, 5, 1, 1, False),
            (200, 5, 5, 20, 100, True),
            (2000, 20, 5, 1, 10, False),
            (2000, 20, 5, 20, 1, True),
        ],
        # levels of a stack's own
        *[(2000, 20, 1000, 1, 10, False), (500, 20, 1000, 5, 100, True), (500, 25, 40, 5, 10, False)],
        *[(200, 5, 5, 5, None, False), (300, 20, 1000, 20, None, False)],
        *[(500, 60, 64, 5, None, False), (2000, 50, 5, 5, None, False)],
    ],
)
@pytest.mark.parametrize("alike", [True, False])
def test_the_least_budget_holds(n_candidate, n_skills, scale, n_required, top, explain, alike, tmp_path):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    rng = np.random.default_rng(14)
    matcher = SkillMatcher(HashingEmbedder(64))

    def someone():
        n = n_skills if alike else int(rng.integers(1, 2 * n_skills))
        values = zip(rng.integers(3000, size=n), rng.integers(1, scale + 1, n), strict=True)
        return [Skill(f"skill {name}", ProficiencyLevel(int(value), scale)) for name, value in values]

    CandidatePool.build(((str(i), someone()) for i in range(n_candidate)), matcher.embedder).save(tmp_path / "a.pool")
    pool = CandidatePool.open(tmp_path / "a.pool")
    job = [Skill(f"skill {7 * i}", ProficiencyLevel(1 + i % scale, scale)) for i in range(n_required)]
    least = least_budget(lambda budget: matcher.plan(job, pool, top, explain=explain, memory_budget=budget))
    for budget in (least, least * 5 // 4):
        heap = measure(lambda budget=budget: matcher.rank(job, pool, top, explain=explain, memory_budget=budget))
        assert heap.peak_bytes <= budget


@untraced
def test_the_least_budget_holds_where_nearly_everyone_may_be_among_the_best():
    """Of each block but the first nearly all are noted, and not settled before the next one is looked at."""
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    matcher = SkillMatcher(HashingEmbedder(64))
    skills = [Skill(f"skill {number}", ProficiencyLevel(3, 5)) for number in range(300)]
    other = [Skill("nothing of all that", ProficiencyLevel(3, 5))] * 14
    people = [(str(number), skills[:14] if number % 50 else other) for number in range(4000)]
    people += [(skill.name, [skill] * 14) for skill in skills]
    pool, job = CandidatePool.build(people, matcher.embedder), skills[:40]
    least = least_budget(lambda budget: matcher.plan(job, pool, memory_budget=budget))
    assert measure(lambda: matcher.rank(job, pool, memory_budget=least)).peak_bytes <= least


@untraced
def test_the_least_budget_holds_for_many_jobs():
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    rng = np.random.default_rng(15)
    matcher = SkillMatcher(HashingEmbedder(32))
    pool, jobs = some_pool(rng, 1500, matcher.embedder), [some_skills(rng, 30) for _ in range(5)]
    least = least_budget(lambda budget: matcher.plan(max(jobs, key=len), pool, 5, explain=True, memory_budget=budget))
    for budget in (least, 4 * least):
        heap = measure(
            lambda budget=budget: matcher.rank_many(jobs, pool, 5, explain=True, memory_budget=budget), by_site=True
        )
        assert heap.peak_bytes - heap.end_bytes <= budget


def test_a_budget_that_is_too_small():
    pool = some_pool(np.random.default_rng(3), 20, HashingEmbedder())
    with pytest.raises(ConfigError, match=r"^memory_budget of 10000 bytes: expected at least \d+$") as caught:
        SkillMatcher(HashingEmbedder()).rank(some_skills(np.random.default_rng(4), 5), pool, memory_budget="10 kB")
    least = int(str(caught.value).split()[-1])
    SkillMatcher(HashingEmbedder()).rank(some_skills(np.random.default_rng(4), 5), pool, memory_budget=least)


@pytest.mark.parametrize("budget", [0, -1, True, 1.5, "", "much", "-3 MB", "3 TB", "0 kB", b"1"])
def test_bad_budgets(budget):
    pool = some_pool(np.random.default_rng(5), 3, HashingEmbedder())
    with pytest.raises(ConfigError, match=r"^memory_budget .*: expected a number of bytes, or text such as '256 MB'$"):
        SkillMatcher(HashingEmbedder()).plan([Skill("SQL", ProficiencyLevel(1, 5))], pool, memory_budget=budget)


def test_a_budget_beyond_all_memory():
    pool, job = some_pool(np.random.default_rng(5), 3, HashingEmbedder()), [Skill("SQL", ProficiencyLevel(1, 5))]
    matcher = SkillMatcher(HashingEmbedder())
    for budget in (10**400, "9" * 400):
        assert matcher.rank(job, pool, memory_budget=budget).ids == matcher.rank(job, pool).ids


@pytest.mark.parametrize("top", [0, -1, 1.0, "10", True])
def test_bad_top(top):
    pool = some_pool(np.random.default_rng(6), 3, HashingEmbedder())
    with pytest.raises(ConfigError, match=r"^top .*: expected an integer of 1 or more, or None$"):
        SkillMatcher(HashingEmbedder()).rank([Skill("SQL", ProficiencyLevel(1, 5))], pool, top)


def test_bad_pools_and_jobs():
    job = [Skill("SQL", ProficiencyLevel(1, 5))]
    pool = some_pool(np.random.default_rng(7), 30, HashingEmbedder(64))
    with pytest.raises(PoolError, match=r"dim=64.*expected .*dim=512"):
        SkillMatcher(HashingEmbedder()).rank(job, pool)
    with pytest.raises(PoolError, match=r"^pool \[\]: expected a CandidatePool$"):
        SkillMatcher(HashingEmbedder()).rank(job, [])
    with pytest.raises(SkillError, match=r"^required skills \[\]: expected at least one skill$"):
        SkillMatcher(HashingEmbedder(64)).rank([], pool)


@pytest.mark.parametrize("top", [3, None])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("items", -1),
        ("items", 10**6),
        ("item_name", -1),
        ("item_name", 10**6),
        ("item_domain", -2),
        ("item_domain", 14),
        ("item_max", 0),
        ("item_value", 11),
        ("offsets", -1),
        ("offsets", 10**6),
        ("embeddings", math.nan),
        ("embeddings", math.inf),
        ("embeddings", 1e38),
    ],
)
def test_a_damaged_pool_is_refused(column, value, top):
    pool = some_pool(np.random.default_rng(8), 30, HashingEmbedder())
    damaged = getattr(pool, column).copy()
    damaged[5] = value
    pool = dataclasses.replace(pool, **{column: damaged})
    with pytest.raises(PoolError, match=r"pool is damaged$"):
        SkillMatcher(HashingEmbedder()).rank([Skill("SQL", ProficiencyLevel(1, 5))], pool, top)


def test_progress():
    calls = []
    pool = some_pool(np.random.default_rng(9), 40, HashingEmbedder())
    SkillMatcher(HashingEmbedder()).rank(
        [Skill("SQL", ProficiencyLevel(1, 5))], pool, 3, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (40, 40)


@untraced
@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from(STRATEGIES), st.sampled_from([2, 50, None]))
def test_many_jobs_get_the_rankings_of_each(seed, strategy, top):
    rng = np.random.default_rng(seed)
    matcher = SkillMatcher(HashingEmbedder(32), strategy)
    pool, jobs = some_pool(rng, 80, matcher.embedder), [some_skills(rng, 90) for _ in range(rng.integers(9))]
    calls = []
    budget = int(rng.choice([8_000_000, 10**9]))
    together = matcher.rank_many(
        jobs, pool, top, explain=True, memory_budget=budget, progress=lambda *numbers: calls.append(numbers)
    )
    alone = [matcher.rank(job, pool, top, explain=True) for job in jobs]
    assert len(together) == len(jobs)
    for ranking, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(ranking.positions, expected.positions)
        if top is not None:
            np.testing.assert_array_equal(ranking.scores, expected.scores)
            assert [result.to_dict() for result in ranking.results] == [r.to_dict() for r in expected.results]
            assert ranking.carriers == expected.carriers
        np.testing.assert_allclose(ranking.scores, expected.scores, rtol=0, atol=1e-6)
    assert calls == sorted(calls)
    assert calls[-1:] == [(80 * len(jobs), 80 * len(jobs))] * bool(jobs)


@untraced
def test_the_budget_holds_for_many_jobs():
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure

    rng = np.random.default_rng(12)
    matcher = SkillMatcher(HashingEmbedder(32))
    pool, jobs = some_pool(rng, 3000, matcher.embedder), [some_skills(rng, 30) for _ in range(12)]
    for budget in (1_500_000, 4_000_000):
        profile = measure(lambda budget=budget: matcher.rank_many(jobs, pool, 5, memory_budget=budget), by_site=True)
        assert profile.peak_bytes - profile.end_bytes < budget


def test_a_job_of_many_that_is_not_usable():
    pool = some_pool(np.random.default_rng(13), 5, HashingEmbedder())
    with pytest.raises(SkillError, match=r"^job 1: required skills \[\]: expected at least one skill$"):
        SkillMatcher().rank_many([[Skill("SQL", ProficiencyLevel(1, 5))], []], pool)


def test_from_a_file(tmp_path):
    rng = np.random.default_rng(10)
    pool, job = some_pool(rng, 40, HashingEmbedder()), some_skills(rng, 5)
    pool.save(tmp_path / "cvs.pool")
    ranking = SkillMatcher(HashingEmbedder()).rank(job, CandidatePool.open(tmp_path / "cvs.pool"))
    np.testing.assert_array_equal(ranking.scores, SkillMatcher(HashingEmbedder()).rank(job, pool).scores)


def test_one_matcher_from_many_threads():
    rng = np.random.default_rng(11)
    matcher = SkillMatcher(HashingEmbedder())
    pool = some_pool(rng, 300, matcher.embedder)
    jobs = [some_skills(rng, 8) for _ in range(12)]

    def answers(job):
        ranking = matcher.rank(job, pool, 5)
        match = matcher.match(job, pool.skills(0))
        return ranking.positions.tolist(), ranking.scores.tolist(), match.to_dict()

    expected = [answers(job) for job in jobs]
    with ThreadPoolExecutor(6) as threads:
        for _ in range(3):
            assert list(threads.map(answers, jobs)) == expected
