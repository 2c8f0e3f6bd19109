import hashlib
import random
from functools import partial

import numpy as np
import pytest

from benchmarks import common, crowd, large_match, match_many, pool_build, rank
from competency import CandidatePool, SkillMatcher


def checksum(array):
    return hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()[:16]


def test_inputs_are_frozen():
    """Literal figures: results of different commits and machines are about the same inputs."""
    people = crowd.crowd(2500)
    assert people.names.shape == people.levels.shape == (2500, 20)
    assert (checksum(people.names), checksum(people.levels)) == FROZEN_CROWD
    assert {kind: crowd.job(kind)[:3] for kind in rank.JOBS} == FROZEN_JOBS
    # the last bit of a sum depends on the processor
    assert crowd.vectors()[[0, 7000, 13_999], [0, 128, 255]] == pytest.approx(FROZEN_VECTORS, abs=1e-6)


FROZEN_CROWD = ("4e391f4010d57c06", "90ea9e3c8b3da9dc")
FROZEN_JOBS = {"fits": [(49, 3), (3, 3), (35, 5)], "nobody fits": [(4550, 4), (9016, 3), (4471, 5)]}
FROZEN_VECTORS = [-0.0102734, -0.0215188, 0.0142577]


def test_a_small_crowd_is_the_beginning_of_a_large_one():
    small, large = crowd.crowd(100), crowd.crowd(2500)
    for few, many in zip(small, large, strict=True):
        assert (few == many[:100]).all()


def test_candidates_are_as_people_are():
    people = crowd.crowd(2500)
    assert all(len(set(row)) == crowd.N_SKILLS for row in people.names.tolist())
    assert (people.names.min(), people.names.max() < crowd.N_NAMES) == (0, True)
    assert set(np.unique(people.levels)) == {1, 2, 3, 4, 5}
    fields = people.names // crowd.FIELD
    own = np.array([np.bincount(row).max() for row in fields]) / crowd.N_SKILLS
    assert 0.6 < own.mean() < 0.75
    ranks = np.bincount(people.names.ravel() % crowd.FIELD, minlength=crowd.FIELD)
    assert ranks[:8].sum() > 3 * ranks[-8:].sum()


def test_jobs():
    fits, nobody = ([name for name, _ in crowd.job(kind)] for kind in rank.JOBS)
    assert len(set(fits)) == len(set(nobody)) == 25
    assert {name // crowd.FIELD for name in fits} == {0}
    assert len({name // crowd.FIELD for name in nobody}) > 15
    assert {name // crowd.FIELD for name, _ in crowd.job("field 19")} == {19}


def test_vectors_cluster():
    vectors = crowd.vectors()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    cosines = vectors[:80] @ vectors.T
    assert cosines[0, 1:8].mean() == pytest.approx(0.6, abs=0.1)
    assert cosines[0, 8:80].mean() == pytest.approx(0.25, abs=0.1)
    assert abs(cosines[:, 80:].mean()) < 0.05


def test_the_pool_is_the_one_that_the_library_builds():
    made = crowd.candidate_pool(50)
    made.verify()
    built = CandidatePool.build(((str(i), made.skills(i)) for i in range(50)), crowd.CrowdEmbedder())
    for position in range(50):
        assert made.skills(position) == built.skills(position)
        assert made.candidate_id(position) == built.candidate_id(position)
    matcher, job = SkillMatcher(crowd.CrowdEmbedder()), crowd.required_skills("fits")
    ours, theirs = (matcher.rank(job, pool, 50) for pool in (made, built))
    assert (ours.ids, ours.scores.tolist()) == (theirs.ids, theirs.scores.tolist())


def test_a_million_are_ranked_only_on_demand(monkeypatch):
    monkeypatch.delenv(common.XL, raising=False)
    with pytest.raises(NotImplementedError, match=r"^rank of 1,000,000 candidates: expected COMPETENCY_BENCH_XL=1"):
        rank.RankMillion().time_run(1_000_000, "fits")
    monkeypatch.setattr(crowd, "candidate_pool", lambda n_candidates: n_candidates)
    monkeypatch.setenv(common.XL, "1")
    assert common.OPERATIONS["rank"].setup(1_000_000, "fits")[2] == 1_000_000


@pytest.mark.parametrize("n_candidates", [1, 4096, 5000])
def test_the_bare_pass(n_candidates):
    rng = random.Random(n_candidates)
    sizes = [1 + rng.randrange(4) for _ in range(n_candidates)]
    offsets = np.cumsum([0, *sizes])
    names = np.array([rng.randrange(30) for _ in range(offsets[-1])])
    similarities = np.array([[rng.random() for _ in range(3)] for _ in range(30)], np.float32)
    slow = [similarities[names[start : start + size]].max(axis=0) for start, size in zip(offsets, sizes, strict=False)]
    assert (np.concatenate(list(rank.bare_pass(similarities, names, offsets))) == slow).all()


def test_ratios_are_positive_numbers(monkeypatch):
    monkeypatch.setattr(common, "ratio_in_turns", partial(common.ratio_in_turns, rounds=1))
    ratios = [
        match_many.MatchMany().track_ratio_to_loop(1000),
        rank.Rank().track_ratio_to_bare_pass(1000, "fits"),
        large_match.LargeMatch().track_ratio_to_matrix_product("2000x1000", "scores"),
        pool_build.PoolBuild().track_ratio_to_parsing(1000),
    ]
    assert all(0 < ratio < float("inf") for ratio in ratios)


def test_a_ratio_is_a_median_of_rounds_in_turns(monkeypatch):
    clock = iter([0, 9, 10, 0, 2, 3, 0, 4, 5, 0, 99, 100])  # of the warm-up, then 2, 4 and 99 times as long
    monkeypatch.setattr(common.time, "perf_counter", lambda: next(clock))
    calls = []
    assert common.ratio_in_turns(lambda: calls.append("a"), lambda: calls.append("b"), rounds=3) == 4
    assert calls == ["a", "b"] * 4


def test_the_peak_of_a_large_match():
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    for read in ("scores", "everything"):
        assert 0.5 < large_match.LargeMatch().track_peak_over_inputs_and_outputs("2000x1000", read) < 10


def test_growth_of_rank():
    figures = {(size, job): (0, 0, 100 * size) for size in rank.MEASURED for job in rank.JOBS}
    assert rank.RankGrowth().track_peak_heap_exponent(figures, "fits") == pytest.approx(1)
    with pytest.raises(NotImplementedError):
        rank.RankGrowth().setup({}, "fits")
