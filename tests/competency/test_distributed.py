import gc
import json
import os
import pickle
import signal
import sys
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("distributed", reason="needs the extra distributed")

import distributed as dask_distributed
import fsspec
from distributed import Client

from competency import (
    CandidatePool,
    ClusterError,
    ConfigError,
    EmbedderError,
    HashingEmbedder,
    PoolError,
    ProficiencyLevel,
    Skill,
    SkillError,
    SkillMatcher,
    distributed,
)
from competency.cli import main
from tests.interrupts import interrupted

NAMES = ["SQL", "Sales", "Welding", "Data Analysis", "Data Analyst", "Tester", "Software Testing", "Team Leadership"]
JOB = [Skill("SQL", ProficiencyLevel(3, 5)), Skill("Data Analysis", ProficiencyLevel(4, 5))]
JOB_JSON = json.dumps([{"name": s.name, "level": {"value": s.level.value, "max": s.level.max}} for s in JOB])
EMBEDDER = HashingEmbedder(32)
MATCHER = SkillMatcher(EMBEDDER)


def some_skills(rng, most):
    # few names and levels, so that many candidates have the same score
    return [
        Skill(str(rng.choice(NAMES)), ProficiencyLevel(int(rng.integers(4)), 3)) for _ in range(rng.integers(1, most))
    ]


def some_candidates(rng, n):
    return [(f"c{i}", some_skills(rng, 5)) for i in range(n)]


def saved(folder, candidates, cuts, embedder=EMBEDDER):
    """Addresses of pools of the candidates, cut at some places."""
    addresses = []
    for number, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(candidates)], strict=True)):
        addresses.append(str(folder / f"{number}.pool"))
        CandidatePool.build(candidates[start:stop], embedder).save(addresses[-1])
    return addresses


def assert_same(ranking, expected):
    assert ranking.ids == expected.ids
    np.testing.assert_array_equal(ranking.positions, expected.positions)
    np.testing.assert_array_equal(ranking.scores, expected.scores)
    assert [result.to_dict() for result in ranking.results] == [result.to_dict() for result in expected.results]
    assert ranking.carriers == expected.carriers
    assert len(ranking.pool) == len(expected.pool)


@pytest.fixture(scope="module")
def client():
    """Of a cluster of two processes on this machine."""
    with distributed.connected(workers=2) as connected:
        yield connected


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Addresses of 20 pools, and a pool of all their candidates."""
    candidates = some_candidates(np.random.default_rng(0), 2000)
    addresses = saved(tmp_path_factory.mktemp("many"), candidates, range(100, 2000, 100))
    return addresses, CandidatePool.build(candidates, EMBEDDER)


def check_any_partitioning(folder, seed, strategy, top, client):
    rng = np.random.default_rng(seed)
    candidates = some_candidates(rng, int(rng.integers(1, 60)))
    cuts = np.flatnonzero(rng.random(len(candidates) - 1) < rng.random()) + 1
    matcher, job = SkillMatcher(EMBEDDER, strategy), some_skills(rng, 6)
    expected = matcher.rank(job, CandidatePool.build(candidates, EMBEDDER), top, explain=True)
    addresses = saved(folder, candidates, cuts.tolist())
    ranking = distributed.rank(matcher, job, addresses, top, client=client, explain=True)
    assert_same(ranking, expected)
    assert ranking.pool.left_out == ()
    for position, candidate_id in zip(ranking.positions.tolist(), ranking.ids, strict=True):
        address, place = ranking.pool.locate(position)
        assert CandidatePool.open(address).candidate_id(place) == candidate_id


seeds = st.integers(0, 2**32 - 1)
strategies = st.sampled_from(["default", "conservative", "aggressive"])
tops = st.sampled_from([1, 5, 100])


@settings(max_examples=25)
@given(seeds, strategies, tops)
def test_any_partitioning_ranks_as_one_pool_on_threads(tmp_path_factory, seed, strategy, top):
    check_any_partitioning(tmp_path_factory.mktemp("pools"), seed, strategy, top, None)


# the threads of a cluster's client use `random`, also while hypothesis draws
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@settings(max_examples=10)
@given(seed=seeds, strategy=strategies, top=tops)
def test_any_partitioning_ranks_as_one_pool_on_a_cluster(tmp_path_factory, client, seed, strategy, top):
    check_any_partitioning(tmp_path_factory.mktemp("pools"), seed, strategy, top, client)


@pytest.fixture(params=["threads", "cluster"])
def ranks(request):
    """What ranks: None for threads, or the client of a cluster."""
    return None if request.param == "threads" else request.getfixturevalue("client")


def test_progress_and_a_budget_for_each_pool(many, ranks):
    addresses, whole = many
    seen = []
    ranking = distributed.rank(
        MATCHER, JOB, addresses, client=ranks, memory_budget="1 MB", progress=lambda *numbers: seen.append(numbers)
    )
    assert_same(ranking, MATCHER.rank(JOB, whole))
    assert seen == [(done, 20) for done in range(1, 21)]
    with pytest.raises(ConfigError, match=r"^memory_budget of 1000 bytes: expected at least \d+$"):
        distributed.rank(MATCHER, JOB, addresses, client=ranks, memory_budget=1000)


class StaysAtHome(HashingEmbedder):
    def __reduce__(self):
        raise TypeError("no worker may get this")


def test_workers_get_the_job_once_and_tops_but_no_embedder(many, client):
    addresses, whole = many

    def received():
        logs = client.run(lambda dask_worker: list(dask_worker.transfer_incoming_log))
        return [[(list(entry["keys"]), entry["total"]) for entry in log] for log in logs.values()]

    before = received()
    ranking = distributed.rank(SkillMatcher(StaysAtHome(32)), JOB, addresses, client=client)
    assert_same(ranking, MATCHER.rank(JOB, whole))
    new = [log[len(old) :] for log, old in zip(received(), before, strict=True)]
    n_jobs = [sum("job" in key for keys, _ in log for key in keys) for log in new]
    assert sorted(n_jobs) == [0, 1]  # one has it from the scheduler, and the other one from that
    assert 0 < sum(size for log in new for _, size in log) < 2 * len(addresses) * len(pickle.dumps(ranking.results))


# --- addresses ---


def test_addresses_of_other_kinds(many):
    addresses, whole = many
    memory = fsspec.filesystem("memory")
    for address in addresses[10:]:
        memory.put_file(address, f"/pools{address}")
    mixed = [f"file://{path}" for path in addresses[:10]] + [f"memory://pools{path}" for path in addresses[10:]]
    assert_same(distributed.rank(MATCHER, JOB, mixed), MATCHER.rank(JOB, whole))


def test_a_path_may_look_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a::b.pool", "d:e.pool", "zip::c.pool"]
    for name in names:
        CandidatePool.build([(name, JOB)], EMBEDDER).save(name)
    assert distributed.found("*::*.pool") == [str(tmp_path / name) for name in names if "::" in name]
    assert sorted(distributed.rank(MATCHER, JOB, names).ids) == names


def test_copies_go(many, monkeypatch, tmp_path):
    address = many[0][0]
    fsspec.filesystem("memory").put_file(address, "/copied.pool")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    distributed.rank(MATCHER, JOB, ["memory://copied.pool"])
    assert list(tmp_path.iterdir()) == []


def test_a_path_means_the_same_to_workers(many, client, monkeypatch):
    addresses, whole = many
    folder = Path(addresses[0]).parent
    monkeypatch.chdir(folder)
    relative = [Path(address).relative_to(folder) for address in addresses]
    ranking = distributed.rank(MATCHER, JOB, relative, client=client)
    assert_same(ranking, MATCHER.rank(JOB, whole))
    assert ranking.pool.addresses == tuple(addresses)


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ([], r"pools \[\]: expected at least one address"),
        ("a.pool", r"pools 'a.pool': expected a list of addresses"),
        (None, r"pools None: expected a list of addresses"),
        ([1], r"pool 1: expected the address of a file of a pool"),
        (["/a.pool", "/b.pool", "file:///b/../a.pool"], r"pool '/a.pool' stands 2 times: expected each pool once"),
    ],
)
def test_bad_addresses(pools, message):
    with pytest.raises(PoolError, match=f"^{message}$"):
        distributed.rank(MATCHER, JOB, pools)


def test_unknown_kinds_of_addresses(ranks):
    with pytest.raises(ClusterError, match=r"^cannot read 'nowhere://a.pool': Protocol not known: nowhere"):
        distributed.rank(MATCHER, JOB, ["nowhere://a.pool"], client=ranks, skip_damaged=True)


def test_bad_arguments(many, client):
    addresses, _ = many
    with pytest.raises(SkillError, match=r"^required skills \[\]: expected at least one skill$"):
        distributed.rank(MATCHER, [], addresses)
    for top in (None, 0, True, 2.0):
        with pytest.raises(ConfigError, match=rf"^top {top}: expected an integer of 1 or more"):
            distributed.rank(MATCHER, JOB, addresses, top)
    with pytest.raises(ConfigError, match=r"^memory_budget 'much'"):
        distributed.rank(MATCHER, JOB, addresses, memory_budget="much")
    with pytest.raises(ConfigError, match=r"^client 'tcp://localhost:1': expected a distributed.Client"):
        distributed.rank(MATCHER, JOB, addresses, client="tcp://localhost:1")


class Wrong(HashingEmbedder):
    def embed(self, names):
        return np.zeros((len(names), 3), np.float32)


def test_an_embedder_that_is_wrong_is_named_before_the_work(many):
    with pytest.raises(EmbedderError, match=r"^embedder Wrong returned shape"):
        distributed.rank(SkillMatcher(Wrong(32)), JOB, many[0])


def test_pools_of_another_embedder_are_refused_and_never_left_out(many, tmp_path, ranks):
    (other,) = saved(tmp_path, some_candidates(np.random.default_rng(1), 5), [], HashingEmbedder(16))
    with pytest.raises(PoolError, match=rf"^{other}: embedded by 'hashing-1 dim=16.*expected 'hashing-1 dim=32"):
        distributed.rank(MATCHER, JOB, [*many[0], other], client=ranks, skip_damaged=True)


@pytest.mark.parametrize("package", ["dask", "distributed", "fsspec"])
def test_without_the_extra(many, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ClusterError, match=rf"^ranking many pools needs {package}: expected it installed, as by "):
        distributed.rank(MATCHER, JOB, many[0])


# --- damage ---


def flip(path):
    """Change the last bit of some embedding."""
    start = path.read_bytes().index(CandidatePool.open(path).embeddings.tobytes())
    with path.open("r+b") as file:
        file.seek(start + 4)
        byte = file.read(1)[0] ^ 1
        file.seek(start + 4)
        file.write(bytes([byte]))


DAMAGE = {
    "missing": (Path.unlink, "No such file"),
    "cut off": (lambda path: os.truncate(path, 1000), "cut off"),
    "no pool": (lambda path: path.write_text("not a pool"), "expected the file of a pool"),
    "a bit": (flip, "column embeddings does not have its checksum"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_pools_are_named_and_left_out_only_where_that_is_asked_for(tmp_path, ranks, kind):
    candidates = some_candidates(np.random.default_rng(2), 120)
    addresses = saved(tmp_path, candidates, [40, 80])
    damage, reason = DAMAGE[kind]
    damage(Path(addresses[1]))
    with pytest.raises(PoolError, match=rf"{addresses[1]}.*{reason}"):
        distributed.rank(MATCHER, JOB, addresses, client=ranks)
    ranking = distributed.rank(MATCHER, JOB, addresses, client=ranks, skip_damaged=True)
    rest = CandidatePool.build(candidates[:40] + candidates[80:], EMBEDDER)
    assert_same(ranking, MATCHER.rank(JOB, rest))
    ((address, why),) = ranking.pool.left_out
    assert address == addresses[1]
    assert reason in why
    assert ranking.pool.sizes == (40, 0, 40)
    with pytest.raises(PoolError, match=r"^none of 1 pools can be ranked; the first: "):
        distributed.rank(MATCHER, JOB, addresses[1:2], client=ranks, skip_damaged=True)


def test_damage_of_a_copy_names_the_address(tmp_path):
    (address,) = saved(tmp_path, some_candidates(np.random.default_rng(3), 20), [])
    memory = fsspec.filesystem("memory")
    memory.put_file(address, "/cut.pool")
    memory.pipe_file("/cut.pool", memory.cat_file("/cut.pool")[:-1])
    flip(Path(address))
    memory.put_file(address, "/flipped.pool")
    for name, reason in [("cut", "cut off"), ("flipped", "checksum"), ("missing", "no such file")]:
        with pytest.raises(PoolError, match=rf"memory://{name}.pool.*{reason}") as caught:
            distributed.rank(MATCHER, JOB, [f"memory://{name}.pool"])
        assert tempfile.gettempdir() not in str(caught.value)


def test_storage_that_cannot_be_reached_is_as_a_missing_pool(tmp_path):
    addresses = saved(tmp_path, some_candidates(np.random.default_rng(4), 20), [])
    (tmp_path / "no.zip").write_text("not an archive")
    for name, reason in [("missing", "No such file"), ("no", "not a zip file")]:
        address = f"zip://cvs.pool::{tmp_path}/{name}.zip"
        with pytest.raises(PoolError, match=rf"^cannot read '{address}': .*{reason}"):
            distributed.rank(MATCHER, JOB, [address])
        with pytest.raises(PoolError, match=rf"^cannot read .*{reason}"):
            distributed.found(address.replace("cvs", "*"))
        ranking = distributed.rank(MATCHER, JOB, [*addresses, address], skip_damaged=True)
        assert [pool.address for pool in ranking.pool.left_out] == [address]


def test_what_the_partitions_know(many):
    ranking = distributed.rank(MATCHER, JOB, many[0], 3)
    outside = next(position for position in range(2000) if position not in ranking.positions)
    with pytest.raises(PoolError, match=rf"^position {outside}: expected one of the best candidates.$"):
        ranking.pool.candidate_id(outside)
    assert ranking.pool.locate(1999) == (many[0][19], 99)
    for position in (-1, 2000, 1.5, None):
        with pytest.raises(PoolError, match=rf"^position {position}: expected 0 to 1999$"):
            ranking.pool.locate(position)


# --- failure ---


@pytest.fixture
def own_client():
    """Of a cluster of two processes that no other test has used, and lost one of, perhaps."""
    with distributed.connected(workers=2) as connected:
        yield connected


@pytest.mark.parametrize("n_killed", [1, 2])
def test_killed_workers_do_not_change_the_answer(many, own_client, n_killed):
    addresses, whole = many
    before = own_client.run(os.getpid)

    def kill(done, total):
        if done == 1:  # 19 are to be done
            for pid in list(before.values())[:n_killed]:
                os.kill(pid, signal.SIGKILL)

    ranking = distributed.rank(MATCHER, JOB, addresses, client=own_client, progress=kill)
    assert_same(ranking, MATCHER.rank(JOB, whole))
    own_client.wait_for_workers(2, 300)
    assert len(set(own_client.run(os.getpid).values()) - set(before.values())) == n_killed


def test_a_pool_that_kills_worker_after_worker_is_named(many, own_client, monkeypatch):
    monkeypatch.setattr(own_client.cluster.scheduler, "allowed_failures", 0)
    pids = own_client.run(os.getpid)

    def kill(done, total):
        if done == 1:
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)

    message = r"^'.*\.pool': the worker that had it died, 1 times in a row"
    with pytest.raises(ClusterError, match=message):
        distributed.rank(MATCHER, JOB, many[0], client=own_client, progress=kill, skip_damaged=True)
    own_client.wait_for_workers(2, 300)
    assert_same(distributed.rank(MATCHER, JOB, many[0], client=own_client), MATCHER.rank(JOB, many[1]))


@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:port", "tls://127.0.0.1:1"])
def test_no_client_is_left_of_a_scheduler_that_is_none(monkeypatch, address):
    made = weakref.WeakSet()
    start = Client.__init__

    def noted(self, *arguments, **options):
        made.add(self)
        start(self, *arguments, **options)

    monkeypatch.setattr(Client, "__init__", noted)
    gc.disable()  # what is left to chance must not count
    try:
        with pytest.raises(ClusterError), distributed.connected(scheduler=address):
            pass
        assert not list(made)
    finally:
        gc.enable()


def test_a_scheduler_that_goes_away(many, scheduler):
    addresses, whole = many
    process, address = scheduler
    with Client(address, timeout=5) as client:
        client.wait_for_workers(1, 60)
        assert_same(distributed.rank(MATCHER, JOB, addresses, client=client), MATCHER.rank(JOB, whole))
        with pytest.raises(ClusterError, match=rf"^the scheduler {address} is lost, and the ranking with it: "):
            distributed.rank(MATCHER, JOB, addresses, client=client, progress=lambda *_: process.kill())
        with pytest.raises(ClusterError, match=r"^client with status 'connecting': expected one that is connected"):
            distributed.rank(MATCHER, JOB, addresses, client=client)
    with pytest.raises(ClusterError, match=r"^client with status 'closed': expected one that is connected"):
        distributed.rank(MATCHER, JOB, addresses, client=client)


def test_workers_that_do_not_start(monkeypatch):
    def no_process(**_):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(dask_distributed, "LocalCluster", no_process)
    with pytest.raises(ClusterError, match=r"^2 workers did not start: Nanny failed to start\.: expected processes"):
        distributed.connected(2).__enter__()


def test_what_failed_is_said_once(tmp_path, capfd):
    """A worker writes to the same terminal."""
    (tmp_path / "job.json").write_text(JOB_JSON)
    (tmp_path / "damaged.pool").write_bytes(b"no pool")
    pool = str(tmp_path / "damaged.pool")
    assert main(["rank", "--required", str(tmp_path / "job.json"), "--pool", pool, "--workers", "1"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"competency: {pool}: ")
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_ranking_and_its_workers_without_a_word(many, tmp_path, number, expected):
    (tmp_path / "job.json").write_text(JOB_JSON)
    pattern = str(Path(many[0][0]).parent / "*.pool")
    arguments = ["--required", "job.json", "--pool", pattern, "--workers", "2", "--embedder", "hashing:32"]
    code, out, err, workers = interrupted(
        ["competency", "rank", *arguments],
        2,
        number,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (code, out, err) == (expected, b"", b"")
    assert not any(worker.is_running() for worker in workers)
