"""What the suite shares: inputs, the registry of operations, and the faces that asv sees of each.

Nothing happens on import; `competency` is imported only inside of functions, because a commit may lack part of it.
"""

import contextlib
import functools
import importlib
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
import timeit
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import crowd

DATA = Path(__file__).parent / "data"

# ---------------------------------------------------------------------------------------------------------------------
# Inputs. They must never change: `random.Random.random` and `gauss` give the same numbers in every version of Python.

NAMES_PER_DOMAIN = 120  # the rest of a section of skills.txt, added later, is left alone here
OWN_DOMAIN_SHARE = 2 / 3  # of a person's skills; the rest comes from anywhere
LEVELS = 5

SkillRecord = tuple[str, int]  # a name and a level out of LEVELS


@functools.cache
def skills_by_domain() -> dict[str, tuple[str, ...]]:
    """The real skill names of ``data/skills.txt``, by domain, the more common first."""
    sections: dict[str, list[str]] = {}
    for line in (DATA / "skills.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            names = sections.setdefault(line.removeprefix("# "), [])
        elif line and not line.startswith("#"):
            names.append(line)
    return {domain: tuple(names[:NAMES_PER_DOMAIN]) for domain, names in sections.items()}


@functools.cache
def skills_by_popularity() -> tuple[str, ...]:
    """The same names in one list: the first of every domain, then the second of every domain, and so on."""
    return tuple(name for rank in zip(*skills_by_domain().values(), strict=True) for name in rank)


@functools.cache
def _zipf(n: int) -> tuple[float, ...]:
    """Cumulative weights of Zipf's law (exponent 1) over n ranks."""
    return tuple(accumulate(1 / rank for rank in range(1, n + 1)))


def _draw(rng: random.Random, names: Sequence[str]) -> str:
    weights = _zipf(len(names))
    return names[bisect(weights, rng.random() * weights[-1])]


def _level(rng: random.Random) -> int:
    return 1 + int(rng.random() * LEVELS)


def person(rng: random.Random, n_skills: int, domain: str | None = None) -> list[SkillRecord]:
    """Distinct skills of one person: two thirds from one domain, the rest from anywhere; popular ones more often."""
    sections = skills_by_domain()
    if n_skills > len(skills_by_popularity()):
        raise ValueError(f"{n_skills} skills of one person: expected at most {len(skills_by_popularity())}")
    own = sections[domain or list(sections)[int(rng.random() * len(sections))]]
    skills: dict[str, int] = {}
    while len(skills) < n_skills:
        # a large list may use up what its own domain has
        from_own = rng.random() < OWN_DOMAIN_SHARE and len(skills) < len(own)
        skills.setdefault(_draw(rng, own if from_own else skills_by_popularity()), _level(rng))
    return list(skills.items())


def candidate_and_job(
    n_candidate: int, n_required: int, *, overlap: float = 0.2, seed: int = 0
) -> tuple[list[SkillRecord], list[SkillRecord]]:
    """A candidate's skills and a job's, of one field; the share `overlap` of the job's names is the candidate's too."""
    if n_candidate + 2 * n_required > len(skills_by_popularity()):
        raise ValueError(
            f"{n_candidate} candidate and {n_required} required skills: expected n_candidate + 2 n_required of at most "
            f"{len(skills_by_popularity()):,}, the names of skills.txt"
        )
    rng = random.Random(f"{n_candidate}x{n_required}/{overlap}/{seed}")
    domain = list(skills_by_domain())[int(rng.random() * len(skills_by_domain()))]
    candidate = person(rng, n_candidate, domain)
    shared = [(name, _level(rng)) for name, _ in candidate[: round(overlap * n_required)]]
    taken = {name for name, _ in candidate}
    others = [skill for skill in person(rng, 2 * n_required + n_candidate, domain) if skill[0] not in taken]
    return candidate, shared + others[: n_required - len(shared)]


def synthetic_candidate_and_job(n_candidate: int, n_required: int) -> tuple[list[SkillRecord], list[SkillRecord]]:
    """The set of competency-api's guide: ``Skill_0 ... Skill_n``, both lists counted from 0."""
    return (
        [(f"Skill_{i}", 1 + i % LEVELS) for i in range(n_candidate)],
        [(f"Skill_{j}", 1 + (j + 2) % LEVELS) for j in range(n_required)],
    )


INPUTS: dict[str, Callable[[int, int], tuple[list[SkillRecord], list[SkillRecord]]]] = {
    "real": candidate_and_job,
    "synthetic": synthetic_candidate_and_job,
}


def pool(n_candidates: int, n_skills: int = 20, *, seed: int = 0) -> list[list[SkillRecord]]:
    """Candidates as people are, each with `n_skills` skills."""
    rng = random.Random(f"pool/{seed}")
    return [person(rng, n_skills) for _ in range(n_candidates)]


def as_skills(records: Sequence[SkillRecord]) -> list[Any]:
    """The library's own skills of some records."""
    from competency import ProficiencyLevel, Skill

    return [Skill(name, ProficiencyLevel(level, LEVELS)) for name, level in records]


class ClusterEmbedder:
    """The suite's own embedder: seeded unit vectors, near for names of one domain, nearer for neighbours in its list.

    It never changes, so that a new default embedder of the library moves no series but those of embedding. Random pairs
    of names have cosines near 0, of one domain .25, of one family of eight names .6, with the spread of real ones.
    """

    dim = 256
    fingerprint = "suite-clusters-1"

    def __init__(self) -> None:
        self._places = {
            name: (domain, rank // 8) for domain, names in skills_by_domain().items() for rank, name in enumerate(names)
        }
        self._rows: dict[str, int] = {}
        self._table = np.empty((0, self.dim), np.float32)

    def embed(self, names: Sequence[str]) -> np.ndarray:
        """Vectors of names, float32, shape (n_names, dim), of unit length."""
        if not all(map(self._rows.__contains__, names)):
            new = [name for name in dict.fromkeys(names) if name not in self._rows]
            vectors = np.array([self._vector(name) for name in new], np.float32)
            self._rows |= {name: len(self._table) + place for place, name in enumerate(new)}
            self._table = np.concatenate([self._table, vectors])
        return self._table.take(np.fromiter(map(self._rows.__getitem__, names), np.intp, len(names)), axis=0)

    def _vector(self, name: str) -> np.ndarray:
        domain, family = self._places.get(name, ("none", sum(name.encode()) // 8))
        own = 0.2 + 0.4 * random.Random(f"share/{name}").random()
        parts = [(own, f"name/{name}"), (0.25, f"domain/{domain}"), (0.75 - own, f"family/{domain}/{family}")]
        vector = sum(math.sqrt(share) * self._direction(seed) for share, seed in parts)
        return vector / np.linalg.norm(vector)

    def _direction(self, seed: str) -> np.ndarray:
        rng = random.Random(seed)
        vector = np.array([rng.gauss(0, 1) for _ in range(self.dim)])
        return vector / np.linalg.norm(vector)


@functools.cache
def cluster_embedder() -> ClusterEmbedder:
    """One embedder for a process: its vectors are made once, before anything is measured."""
    return ClusterEmbedder()


# ---------------------------------------------------------------------------------------------------------------------
# Operations.


@dataclass(frozen=True)
class Operation:
    """Something that the library does, measured by asv, the heap instruments and the tests alike.

    Parameters
    ----------
    name : str
        What every report calls it.
    params : mapping of str to tuple
        Values of each parameter; never changed, only a new operation is added.
    needs : tuple of str
        What `competency` must have, with dots for attributes: a commit that lacks it is skipped.
    setup : callable
        From one value of each parameter to fresh arguments of `run`.
    run : callable
        What is measured.
    sized : callable, optional
        From numbers of candidate and required skills to parameters of `setup` that need not be among `params`; for the
        heap instruments. None where the operation has no such size.
    version : int
        To be raised where what is measured changes: older results are not compared then.
    """

    name: str
    params: Mapping[str, tuple[Any, ...]]
    needs: tuple[str, ...]
    setup: Callable[..., tuple[Any, ...]]
    run: Callable[..., object]
    sized: Callable[[int, int], tuple[Any, ...]] | None = None
    version: int = 1

    def combinations(self) -> list[tuple[Any, ...]]:
        """All combinations of parameter values, in asv's order."""
        return list(product(*self.params.values()))

    def check_available(self) -> None:
        """Raise NotImplementedError where the commit lacks what the operation needs."""
        for path in self.needs:
            try:
                functools.reduce(getattr, path.split("."), importlib.import_module("competency"))
            except AttributeError:
                raise NotImplementedError(f"{self.name}: this commit has no competency.{path}") from None


def _size(n_candidate: int, n_required: int) -> tuple[str]:
    return (f"{n_candidate}x{n_required}",)


def _sizes(size: str) -> tuple[int, int]:
    n_candidate, n_required = size.split("x")
    return int(n_candidate), int(n_required)


def read_all(result: Any) -> Any:
    """Read every field of a match result, so that nothing that is computed on demand is left out."""
    for field in ("overall_score", "probability", "mean", "variance", "interval", "similarities", "pairwise_scores"):
        getattr(result, field)
    return result.skill_scores


def _setup_embed(n_names: int, calls: str, names: str) -> tuple[Any, ...]:
    from competency import SkillMatcher

    texts = [name for name, _ in INPUTS[names](n_names, 1)[0]]
    embedder = SkillMatcher().embedder
    if hasattr(embedder, "cache_info"):
        embedder = type(embedder)(cache_size=0)  # names are new in every call
    _ = embedder.dim  # a file of weights is open now
    return embedder, [texts] if calls == "batch" else [[text] for text in texts]


def _popular(n_names: int) -> list[str]:
    names = skills_by_popularity()
    if n_names > len(names):
        raise ValueError(f"{n_names:,} names: expected at most {len(names):,}, the names of skills.txt")
    return list(names[:n_names])


def _setup_embed_warm(n_names: int) -> tuple[Any, ...]:
    from competency import StaticEmbedder

    embedder, texts = StaticEmbedder(), _popular(n_names)
    embedder.embed(texts)
    return embedder, texts


def _setup_embed_hashing(n_names: int) -> tuple[Any, ...]:
    from competency import HashingEmbedder

    return HashingEmbedder(), _popular(n_names)


def _run_load() -> object:
    from competency import StaticEmbedder

    return StaticEmbedder().embed(["Python"])


def _setup_pair(size: str, names: str = "real") -> tuple[Any, ...]:
    from competency import SkillMatcher

    candidate, job = INPUTS[names](*_sizes(size))
    embedder = cluster_embedder()
    embedder.embed([name for name, _ in candidate + job])
    return SkillMatcher(embedder), as_skills(job), as_skills(candidate)


def _setup_score(size: str) -> tuple[Any, ...]:
    matcher, job, candidate = _setup_pair(size)
    embed = cluster_embedder().embed
    given = embed([skill.name for skill in candidate]).astype(float) @ embed([skill.name for skill in job]).T
    return matcher, job, candidate, given


def _run_score(matcher: Any, job: Any, candidate: Any, given: Any) -> object:
    result = matcher.match(job, candidate, similarities=given)
    return result.overall_score, result.probability, result.mean, result.variance


def _setup_batch(n_pairs: int) -> tuple[Any, ...]:
    from competency import SkillMatcher

    embedder = cluster_embedder()
    candidates, jobs = pool(n_pairs, 20, seed=1), pool(n_pairs, 10, seed=2)
    embedder.embed([name for records in candidates + jobs for name, _ in records])
    return SkillMatcher(embedder), [(as_skills(job), as_skills(cv)) for job, cv in zip(jobs, candidates, strict=True)]


def _run_match_many(matcher: Any, pairs: Any) -> object:
    return [(result.overall_score, result.probability) for result in matcher.match_many(pairs)]


def _setup_large_match(size: str, read: str) -> tuple[Any, ...]:
    return *_setup_pair(size, "synthetic"), read


def _run_large_match(matcher: Any, job: Any, candidate: Any, read: str) -> object:
    result = matcher.match(job, candidate)
    return read_all(result) if read == "everything" else (result.overall_score, result.probability)


def _setup_rank(n_candidates: int, job: str) -> tuple[Any, ...]:
    from competency import SkillMatcher

    if n_candidates > 100_000 and os.environ.get(XL) != "1":
        raise NotImplementedError(f"rank of {n_candidates:,} candidates: expected {XL}=1 in the environment")
    return SkillMatcher(crowd.CrowdEmbedder()), crowd.required_skills(job), crowd.candidate_pool(n_candidates)


def _setup_rank_many(n_candidates: int, n_jobs: int) -> tuple[Any, ...]:
    matcher, _, candidates = _setup_rank(n_candidates, "fits")
    return matcher, [crowd.required_skills(f"field {number}") for number in range(n_jobs)], candidates


def _setup_rank_mixed(n_candidates: int) -> tuple[Any, ...]:
    from competency import CandidatePool, SkillMatcher

    rng, embedder = random.Random(f"mixed/{n_candidates}"), cluster_embedder()
    embedder.embed(skills_by_popularity())
    job = as_skills(person(rng, 15))
    people = ((str(number), as_skills(person(rng, 5 + int(35 * rng.random())))) for number in range(n_candidates))
    return SkillMatcher(embedder), job, CandidatePool.build(people, embedder)


def _setup_pool_build(n_candidates: int) -> tuple[Any, ...]:
    if not Path("/dev/fd").exists():
        raise NotImplementedError("pool_build: expected /dev/fd, a folder of open files")
    embedder = cluster_embedder()
    embedder.embed(skills_by_popularity())
    with tempfile.TemporaryFile() as file:
        for number, records in enumerate(pool(n_candidates)):
            skills = [{"name": name, "level": {"value": level, "max": LEVELS}} for name, level in records]
            file.write((json.dumps({"id": str(number), "skills": skills}) + "\n").encode())
        file.flush()
        return embedder, os.dup(file.fileno())  # a file without a name is gone with the process, however that ends


def open_again(file: int) -> str:
    """The path of an open file, to read it from its beginning."""
    os.lseek(file, 0, os.SEEK_SET)
    return f"/dev/fd/{file}"


def _run_pool_build(embedder: Any, file: int) -> object:
    from competency import CandidatePool

    return CandidatePool.from_jsonl(open_again(file), embedder)


def _setup_overlap(percent: int) -> tuple[Any, ...]:
    from competency import SkillMatcher

    candidate, job = candidate_and_job(20, 20, overlap=percent / 100)
    return SkillMatcher(), as_skills(job), as_skills(candidate)


def _setup_to_dict(size: str) -> tuple[Any, ...]:
    matcher, job, candidate = _setup_pair(size)
    result = matcher.match(job, candidate)
    read_all(result)
    return (result,)


def _run_import() -> object:
    loaded = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "competency"}
    for name in loaded:
        del sys.modules[name]
    module = importlib.import_module("competency")
    sys.modules.update(loaded)  # whoever holds a class of it still holds the one that is imported
    return module


_SIZES = ("10x5", "50x25", "100x50", "200x100")  # candidate x required skills
_NAMES = tuple(INPUTS)
XL = "COMPETENCY_BENCH_XL"  # the variable that lets a million candidates be ranked
ONCE = "COMPETENCY_BENCH_ONCE"  # the variable that makes one call a sample: to try things out, not for figures

# Commits that have no pools score cell by cell, and would take hours for a thousand pairs or two million similarities.
_IN_ARRAYS = "CandidatePool"

OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation(
            "embed",
            {"n_names": (10, 50, 100, 200), "calls": ("batch", "single"), "names": _NAMES},
            needs=("SkillMatcher",),
            setup=_setup_embed,
            sized=lambda n_candidate, n_required: (n_candidate, "batch", "real"),
            run=lambda embedder, batches: [embedder.embed(batch) for batch in batches],
        ),
        Operation(
            "similarity",
            {"size": _SIZES},
            needs=("SkillMatcher.similarities",),
            setup=_setup_pair,
            sized=_size,
            run=lambda matcher, job, candidate: matcher.similarities(job, candidate),
            version=2,
        ),
        Operation(
            "score", {"size": _SIZES}, needs=("SkillMatcher.match",), setup=_setup_score, sized=_size, run=_run_score
        ),
        Operation(
            "match",
            {"size": _SIZES, "names": _NAMES},
            needs=("SkillMatcher.match",),
            setup=_setup_pair,
            sized=lambda n_candidate, n_required: (*_size(n_candidate, n_required), "real"),
            run=lambda matcher, job, candidate: read_all(matcher.match(job, candidate)),
            version=2,
        ),
        Operation(
            "batch",
            {"n_pairs": (3, 10, 100)},
            needs=("SkillMatcher.match_many",),
            setup=_setup_batch,
            run=lambda matcher, pairs: [read_all(result) for result in matcher.match_many(pairs)],
            version=2,
        ),
        Operation(
            "match_many",
            {"n_pairs": (1000,)},
            needs=("SkillMatcher.match_many", _IN_ARRAYS),
            setup=_setup_batch,
            run=_run_match_many,
        ),
        Operation(
            "rank",
            {"n_candidates": (1_000, 10_000, 100_000, 1_000_000), "job": ("fits", "nobody fits")},
            needs=("SkillMatcher.rank", "CandidatePool"),
            setup=_setup_rank,
            run=lambda matcher, job, candidates: matcher.rank(job, candidates),
        ),
        Operation(
            "rank_everyone",
            {"n_candidates": (10_000,), "job": ("fits", "nobody fits")},
            needs=("SkillMatcher.rank", "CandidatePool"),
            setup=_setup_rank,
            run=lambda matcher, job, candidates: matcher.rank(job, candidates, None),
        ),
        Operation(
            "rank_many",
            {"n_candidates": (10_000,), "n_jobs": (20,)},
            needs=("SkillMatcher.rank_many", "CandidatePool"),
            setup=_setup_rank_many,
            run=lambda matcher, jobs, candidates: matcher.rank_many(jobs, candidates),
        ),
        Operation(
            "rank_mixed",
            {"n_candidates": (10_000,)},
            needs=("SkillMatcher.rank", "CandidatePool"),
            setup=_setup_rank_mixed,
            run=lambda matcher, job, candidates: matcher.rank(job, candidates),
        ),
        Operation(
            "pool_build",
            {"n_candidates": (1_000, 10_000)},
            needs=("CandidatePool.from_jsonl",),
            setup=_setup_pool_build,
            run=_run_pool_build,
        ),
        Operation(
            "large_match",
            {"size": ("2000x1000",), "read": ("scores", "everything")},
            needs=("SkillMatcher.match", _IN_ARRAYS),
            setup=_setup_large_match,
            sized=lambda n_candidate, n_required: (*_size(n_candidate, n_required), "everything"),
            run=_run_large_match,
        ),
        Operation(
            "overlap",
            {"percent": (0, 25, 50, 75, 90)},
            needs=("SkillMatcher.match",),
            setup=_setup_overlap,
            run=lambda matcher, job, candidate: read_all(matcher.match(job, candidate)),
        ),
        Operation(
            "to_dict",
            {"size": ("10x5", "100x50")},
            needs=("MatchResult.to_dict",),
            setup=_setup_to_dict,
            sized=_size,
            run=lambda result: result.to_dict(),
        ),
        Operation(
            "embed_warm",
            {"n_names": (10, 100, 1000)},
            needs=("StaticEmbedder",),
            setup=_setup_embed_warm,
            run=lambda embedder, names: embedder.embed(names),
        ),
        Operation(
            "embed_hashing",
            {"n_names": (10, 100, 1000)},
            needs=("HashingEmbedder",),
            setup=_setup_embed_hashing,
            run=lambda embedder, names: embedder.embed(names),
        ),
        Operation("load", {}, needs=("StaticEmbedder",), setup=lambda: (), run=_run_load),
        Operation("import", {}, needs=(), setup=lambda: (), run=_run_import),
    )
}

# ---------------------------------------------------------------------------------------------------------------------
# Faces: what asv sees of an operation. Abstract, so that asv's discovery passes them over where they are defined.


class Face(ABC):
    """One operation, as asv sees it."""

    @property
    @abstractmethod
    def operation(self) -> str:
        """Name of the operation."""

    @property
    def params(self) -> list[tuple[Any, ...]]:
        """Values of each parameter."""
        return list(OPERATIONS[self.operation].params.values())

    @property
    def param_names(self) -> list[str]:
        """Names of the parameters."""
        return list(OPERATIONS[self.operation].params)

    @property
    def version(self) -> int:
        """Version of what is measured; asv compares results of equal versions only."""
        return OPERATIONS[self.operation].version


@functools.cache
def arguments(name: str, params: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of an operation, made once in a process."""
    operation = OPERATIONS[name]
    operation.check_available()
    return operation.setup(*params)


@functools.cache
def calls_per_sample(name: str, params: tuple[Any, ...]) -> int:
    """How many calls of an operation take `SAMPLE` seconds together; when that is known, the process is warm."""
    call = functools.partial(OPERATIONS[name].run, *arguments(name, params))
    if timeit.timeit(call, number=1) > SLOW or os.environ.get(ONCE) == "1":
        return 1
    number = 1
    while timeit.timeit(call, number=number) < SAMPLE:
        number *= 2
    return number


def ratio_in_turns(call: Callable[[], object], other: Callable[[], object], rounds: int = 11) -> float:
    """How many times as long a call takes as another one: the median of rounds in which they take turns."""
    ratios = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        call()
        between = time.perf_counter()
        other()
        ratios.append((between - started) / (time.perf_counter() - between))
    return statistics.median(ratios[1:])  # the first round warms up


SAMPLE = 0.05  # seconds
SLOW = 0.5  # seconds of a call that is a sample by itself, and as slow when the process is warm


class Speed(Face):
    """Time, and the process's peak memory beside that of a process that only makes the inputs."""

    # One sample a round, and many rounds in turns with the other commit: samples of one round share the machine's mood,
    # so that a test that takes them for independent calls every slow minute a change. Ten find a change by 10 % at 5 %
    # noise (see tests/benchmarks/test_site_stats.py); eight do not.
    rounds = 10
    repeat = 1
    warmup_time = 0

    _params: tuple[Any, ...] | None = None

    @property
    def version(self) -> int:
        """That of the operation; 1 more, because a sample was a single call once."""
        return super().version + 1

    @property
    def number(self) -> int:
        """Calls to a sample. asv reads it behind `setup`, and would take a single call of a cold process by itself."""
        return calls_per_sample(self.operation, self._params) if self._params is not None else 0

    def setup(self, *params: Any) -> None:
        arguments(self.operation, params)
        self._params = params

    def time_run(self, *params: Any) -> None:
        OPERATIONS[self.operation].run(*arguments(self.operation, params))

    def peakmem_run(self, *params: Any) -> None:
        OPERATIONS[self.operation].run(*arguments(self.operation, params))

    def peakmem_reference(self, *params: Any) -> None:
        pass


HeapFigures = dict[tuple[Any, ...], tuple[int, int, int]]


def heap_figures(name: str, combinations: Sequence[tuple[Any, ...]] | None = None) -> HeapFigures:
    """Allocations, allocated bytes and peak heap of an operation, by parameter values; none of what is skipped."""
    from benchmarks.heap.measure import measure

    operation = OPERATIONS[name]
    figures = {}
    for params in operation.combinations() if combinations is None else combinations:
        with contextlib.suppress(NotImplementedError):
            operation.check_available()
            profile = measure(operation.run, setup=functools.partial(operation.setup, *params))
            figures[params] = (profile.allocations, profile.allocated_bytes, profile.peak_bytes)
    return figures


def growth_exponent(figures: HeapFigures, names: str, column: int) -> float:
    """Exponent of the power law of a heap figure of `match` against the number of candidate skills."""
    from benchmarks.heap.growth import fit

    sizes = [_sizes(size)[0] for size in _SIZES]
    return fit(sizes, [figures[size, names][column] for size in _SIZES]).exponent


class Counted(Face):
    """Figures that come from counting blocks."""

    @property
    def version(self) -> int:
        """That of the operation; 1 more, because what recording stacks makes Python allocate was counted once."""
        return super().version + 1


class Heap(Counted):
    """The exact heap figures, measured once by ``setup_cache``.

    Each subclass has a ``setup_cache`` of its own, because asv tells them apart by the line they stand in.
    """

    def setup(self, figures: HeapFigures, *params: Any) -> None:
        if params not in figures:
            raise NotImplementedError

    def track_allocations(self, figures: HeapFigures, *params: Any) -> int:
        return figures[params][0]

    def track_allocated_bytes(self, figures: HeapFigures, *params: Any) -> int:
        return figures[params][1]

    def track_peak_heap(self, figures: HeapFigures, *params: Any) -> int:
        return figures[params][2]

    track_allocations.unit = "allocations"  # type: ignore[attr-defined]
    track_allocated_bytes.unit = "bytes"  # type: ignore[attr-defined]
    track_peak_heap.unit = "bytes"  # type: ignore[attr-defined]
