"""Memory of the library, in real figures: ``pytest --memory-profiling -s tests/test_memory.py``."""

import gc
import tracemalloc
from functools import partial
from itertools import pairwise

import pytest

from benchmarks.common import OPERATIONS
from benchmarks.heap.measure import measure
from benchmarks.heap.units import format_bytes


@pytest.fixture
def heap(request):
    """The heap of an operation for some parameters, measured twice: it must repeat."""
    if not request.config.getoption("--memory-profiling"):
        pytest.skip("needs --memory-profiling")
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")

    def heap_of(name, *params):
        operation = OPERATIONS[name]
        first, second = (measure(operation.run, setup=partial(operation.setup, *params)) for _ in range(2))
        # within one process numpy keeps some small blocks from call to call
        assert second.allocations == pytest.approx(first.allocations, abs=2)
        assert second.peak_bytes == pytest.approx(first.peak_bytes, rel=0.05)
        return first

    return heap_of


def report(what, profile, n_skills):
    print(f"Memory usage for {what}: {format_bytes(profile.peak_bytes)} ({profile.allocations:,} allocations)")
    print(
        f"  mean size {format_bytes(profile.mean_bytes)}, peak {format_bytes(profile.peak_bytes / n_skills)} per skill"
    )


def grows(profiles):
    return all(
        small.peak_bytes < large.peak_bytes and small.allocated_bytes < large.allocated_bytes
        for small, large in pairwise(profiles)
    )


def test_memory_without_profiling():
    """Without any extra: a match gives back all memory but its result's, however often it is repeated."""
    operation = OPERATIONS["match"]
    arguments = operation.setup("50x25", "real")
    operation.run(*arguments)
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            operation.run(*arguments)
        gc.collect()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before > 10_000
    assert after - before < 0.05 * (peak - before)


def test_baseline_memory_usage(heap):
    profiles = []
    for n_candidate, n_required in [(10, 5), (50, 25), (100, 50)]:
        profiles.append(heap("match", f"{n_candidate}x{n_required}", "real"))
        report(f"{n_candidate} candidates, {n_required} required", profiles[-1], n_candidate + n_required)
    assert grows(profiles)


def test_embedding_memory_usage(heap):
    profiles = []
    for n_names in (10, 50, 100, 200):
        profiles.append(heap("embed", n_names, "batch", "real"))
        report(f"{n_names} embeddings", profiles[-1], n_names)
        assert profiles[-1].peak_bytes >= 4 * 512 * n_names  # the vectors themselves
    assert grows(profiles)


def test_similarity_calculation_memory(heap):
    profiles = []
    for size in ("10x5", "50x25", "100x50", "200x100"):
        profiles.append(heap("similarity", size))
        n_candidate, n_required = map(int, size.split("x"))
        report(f"{size} similarities", profiles[-1], n_candidate + n_required)
        assert profiles[-1].peak_bytes >= 8 * n_candidate * n_required  # the matrix itself
    assert grows(profiles)


def test_memory_growth_patterns(heap):
    profiles = []
    for size in ("10x5", "50x25", "100x50", "200x100"):
        profiles.append(heap("score", size))
        growth = (
            f", {profiles[-1].peak_bytes / profiles[-2].peak_bytes:.2f} times the line above" if profiles[1:] else ""
        )
        print(f"Peak heap of scoring {size}: {format_bytes(profiles[-1].peak_bytes)}{growth}")
    assert grows(profiles)
    # never worse than the product of both sizes, which the last line has four times as large as the one above
    assert profiles[-1].peak_bytes < 4.4 * profiles[-2].peak_bytes


@pytest.mark.heap(max_allocations=1_400, max_peak="24 kB")  # with room for other versions of Python and numpy
def test_limits_of_a_small_match(small_match):
    OPERATIONS["match"].run(*small_match)


@pytest.fixture
def small_match():
    return OPERATIONS["match"].setup("10x5", "real")
