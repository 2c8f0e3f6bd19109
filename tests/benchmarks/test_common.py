import random
from collections import Counter
from itertools import chain, repeat

import numpy as np
import pytest

from benchmarks import common
from competency import SkillDomain


def test_skill_names_are_1680_distinct_ones_over_all_domains():
    sections = common.skills_by_domain()
    assert set(sections) == set(SkillDomain)
    assert all(len(names) == common.NAMES_PER_DOMAIN for names in sections.values())
    names = [name for section in sections.values() for name in section]
    assert len({" ".join(name.lower().split()) for name in names}) == len(names) == 1680
    assert sorted(common.skills_by_popularity()) == sorted(names)


def test_names_that_are_added_to_a_section_change_no_input(monkeypatch, tmp_path):
    before = common.pool(20)
    head, *sections = (common.DATA / "skills.txt").read_text("utf-8").rstrip().split("\n\n# ")
    longer = [f"{section}\nExtra Skill {i}" for i, section in enumerate(sections)]
    assert len(longer) == 14
    (tmp_path / "skills.txt").write_text("\n\n# ".join([head, *longer]), "utf-8")
    monkeypatch.setattr(common, "DATA", tmp_path)
    caches = [common.skills_by_domain, common.skills_by_popularity]
    for cache in caches:
        cache.cache_clear()
    try:
        assert common.pool(20) == before
    finally:
        for cache in caches:
            cache.cache_clear()


def test_inputs_are_frozen():
    """Literal figures: results of different commits and machines are about the same inputs."""
    candidate, job = common.candidate_and_job(10, 5)
    assert candidate[:2] == FROZEN_CANDIDATE
    assert job[:2] == FROZEN_JOB
    assert common.pool(3)[2][:2] == FROZEN_POOL


FROZEN_CANDIDATE = [("CFA", 4), ("Docker", 4)]
FROZEN_JOB = [("CFA", 1), ("GitLab CI", 3)]
FROZEN_POOL = [("Troubleshooting", 2), ("Communication", 3)]


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.75, 0.9])
def test_overlap(overlap):
    candidate, job = common.candidate_and_job(20, 20, overlap=overlap)
    names = {name for name, _ in candidate}
    assert (len(names), len({name for name, _ in job})) == (20, 20)
    assert sum(name in names for name, _ in job) == round(20 * overlap)


@pytest.mark.parametrize("make", common.INPUTS.values())
@pytest.mark.parametrize("size", [(1, 1), (10, 5), (200, 100)])
def test_sizes_and_levels(make, size):
    candidate, job = make(*size)
    assert (len(candidate), len(job)) == size
    assert {level for _, level in candidate + job} <= {1, 2, 3, 4, 5}


def test_people_have_two_thirds_of_their_skills_from_one_domain():
    home = {name: domain for domain, names in common.skills_by_domain().items() for name in names}
    shares = [
        Counter(home[name] for name, _ in person).most_common(1)[0][1] / len(person) for person in common.pool(300)
    ]
    assert 0.6 < np.mean(shares) < 0.75


def test_popular_names_are_drawn_more_often():
    ranks = {name: rank for rank, name in enumerate(common.skills_by_popularity())}
    counts = Counter(ranks[name] for person in common.pool(300) for name, _ in person)
    top, tail = sum(counts[rank] for rank in range(140)), sum(counts[rank] for rank in range(1540, 1680))
    assert top > 10 * tail


def test_a_person_can_have_every_skill():
    assert len(common.person(random.Random(0), 1680)) == 1680
    with pytest.raises(ValueError, match=r"^1681 skills of one person: expected at most 1680$"):
        common.person(random.Random(0), 1681)
    assert len(common.candidate_and_job(840, 420)[1]) == 420
    with pytest.raises(ValueError, match=r"^841 candidate and 420 required skills: expected .* at most 1,680"):
        common.candidate_and_job(841, 420)


def test_the_embedder_clusters_by_domain():
    sections = common.skills_by_domain()
    embed = common.ClusterEmbedder().embed
    a, b = embed(sections["finance"][:40]), embed(sections["hr"][:40])
    assert np.linalg.norm(a, axis=1) == pytest.approx(1, abs=1e-6)
    assert abs((a @ b.T).mean()) < 0.1
    assert (a @ a.T)[0, 8:].mean() == pytest.approx(0.25, abs=0.1)
    assert (a @ a.T)[0, 1:8].mean() == pytest.approx(0.6, abs=0.15)
    assert (embed(["Skill_1"]) == common.ClusterEmbedder().embed(["Skill_2", "Skill_1"])[1]).all()


@pytest.mark.parametrize("name", common.OPERATIONS)
def test_every_operation_runs(name):
    operation = common.OPERATIONS[name]
    operation.check_available()
    assert operation.run(*operation.setup(*operation.combinations()[0])) is not None


def test_an_operation_that_a_commit_lacks_is_skipped(monkeypatch):
    lacking = common.Operation("fly", {}, ("SkillMatcher.fly",), tuple, print)
    with pytest.raises(NotImplementedError, match=r"^fly: this commit has no competency.SkillMatcher.fly$"):
        lacking.check_available()
    monkeypatch.setitem(common.OPERATIONS, "fly", lacking)
    assert common.heap_figures("fly") == {}

    class Fly(common.Speed):
        operation = "fly"

    class FlyHeap(common.Heap):
        operation = "fly"

    fly = Fly()
    with pytest.raises(NotImplementedError, match="fly"):
        fly.setup()
    assert fly.number == 0  # which asv asks for, although it skips
    with pytest.raises(NotImplementedError):
        FlyHeap().setup({})


@pytest.mark.parametrize(
    ("first", "later", "once", "number"),
    [(0.3, 0.01, "", 8), (0.01, 0.01, "", 8), (0.3, 0.3, "", 1), (0.6, 0.01, "", 1), (0.3, 0.01, "1", 1)],
)
def test_a_sample_is_of_a_warm_process(monkeypatch, first, later, once, number):
    """However long the first call takes, unless it is slow by any measure; the clock is one that the test sets."""
    taken = chain([first], repeat(later))
    common.calls_per_sample.cache_clear()
    monkeypatch.setitem(common.OPERATIONS, "nap", common.Operation("nap", {"n": (1,)}, (), lambda n: (n,), round))
    monkeypatch.setattr(common.timeit, "timeit", lambda call, number: sum(next(taken) for _ in range(number)))
    monkeypatch.setenv(common.ONCE, once)

    class Nap(common.Speed):
        operation = "nap"

    nap = Nap()
    assert nap.number == 0  # nothing is made, or called, for a list of the benchmarks
    nap.setup(1)
    assert nap.number == number
    assert nap.version == 2


def test_a_mistake_of_the_suite_is_no_skip(monkeypatch):
    """Only what `needs` names is looked for: any other AttributeError is an error."""
    wrong = common.Operation("wrong", {}, (), lambda: None.fly, print)
    monkeypatch.setitem(common.OPERATIONS, "wrong", wrong)
    with pytest.raises(AttributeError):
        common.heap_figures("wrong")
