import mmap
import os
import subprocess
import sys
import threading
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("memray", reason="memray runs on Linux and macOS only")

from benchmarks.heap.measure import HeapProfile, measure

ROOT = Path(__file__).parents[2]


def function():
    return None


def call_often():
    for _ in repeat(None, 500):
        function()
        "text".isalpha()


def call_often_in_a_thread():
    thread = threading.Thread(target=call_often)
    thread.start()
    thread.join()


def test_a_block_of_known_size():
    profile = measure(lambda: bytearray(1_000_000))
    assert 1 <= profile.allocations < 20
    assert 1_000_000 <= profile.peak_bytes <= profile.allocated_bytes < 1_010_000
    assert profile.mapped_bytes == 0


def test_blocks_that_are_freed_count_in_the_total_only():
    def call():
        for _ in range(10):
            bytearray(1_000_000)

    profile = measure(call)
    assert profile.allocated_bytes >= 10_000_000
    assert 1_000_000 <= profile.peak_bytes < 1_010_000


def test_every_object_counts():
    small, large = (measure(lambda n=n: [object() for _ in repeat(None, n)]) for n in (1_000, 3_000))
    assert large.allocations - small.allocations == pytest.approx(2_000, abs=20)


def test_numpy_arrays_count():
    assert measure(lambda: np.zeros(1_000_000)).peak_bytes == pytest.approx(8_000_000, rel=1e-3)


def test_setup_is_not_measured_and_makes_fresh_arguments():
    made = []

    def setup():
        made.append(bytearray(5_000_000))
        return (made[-1],)

    used = []
    profile = measure(used.append, setup=setup)
    assert [id(block) for block in used] == [id(block) for block in made]
    assert len(made) == 2
    assert profile.peak_bytes < 10_000


def test_setup_can_clear_caches():
    cache = {}

    def call():
        if "table" not in cache:
            cache["table"] = bytearray(1_000_000)

    assert measure(call).peak_bytes < 10_000
    assert measure(call, setup=cache.clear).peak_bytes >= 1_000_000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(5_000_123))
    return path


def test_mapped_files_are_reported_apart(file):
    def call():
        mapped = np.memmap(file, mode="r")
        block = bytearray(1_000_000)
        return mapped, block

    profile = measure(call)
    assert profile.mapped_bytes == 5_000_123
    assert 1_000_000 <= profile.peak_bytes < 1_100_000
    assert 1_000_000 <= profile.allocated_bytes < 1_100_000


def test_several_maps_of_equal_size(file):
    def call():
        for _ in range(3):
            with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                assert mapped[0] == 0
            bytearray(500_000)

    profile = measure(call)
    assert profile.mapped_bytes == 3 * 5_000_123
    assert 500_000 <= profile.peak_bytes < 600_000


def test_anonymous_maps_are_heap():
    profile = measure(lambda: mmap.mmap(-1, 1 << 20))
    assert profile.peak_bytes >= 1 << 20
    assert profile.mapped_bytes == 0


def test_the_peak_with_maps_agrees_with_the_peak_without(file):
    def call():
        return [bytearray(100_000) for _ in range(7)][:3]

    def call_with_map():
        np.memmap(file, mode="r")
        return call()

    assert measure(call_with_map).peak_bytes == pytest.approx(measure(call).peak_bytes, abs=20_000)


def test_tracing_by_others_does_not_count():
    def call():
        return [str(i) for i in range(500)]

    def trace(frame, event, argument):
        kept.append(bytearray(1_000))
        return trace

    kept = []
    alone = measure(call)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        traced = measure(call)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert traced == alone
    assert kept


def test_nor_does_tracing_of_threads():
    def trace(frame, event, argument):
        kept.append(bytearray(1_000))
        return trace

    kept = []
    before = threading.gettrace()
    threading.settrace(trace)
    try:
        assert measure(call_often_in_a_thread).allocations < 300
        assert threading.gettrace() is trace
        assert not kept
        call_often_in_a_thread()
    finally:
        threading.settrace(before)
    assert kept


def test_mmap_is_as_before_afterwards():
    plain = mmap.mmap
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 / 0)
    measure(lambda: None)
    assert mmap.mmap is plain


def test_it_cannot_be_nested():
    with pytest.raises(RuntimeError):
        measure(lambda: measure(lambda: None))


def test_five_fresh_processes_give_five_equal_results():
    program = (
        "from benchmarks.common import OPERATIONS, heap_figures\n"
        "from benchmarks.heap.measure import measure\n"
        "from functools import partial\n"
        "for name, params in [('embed', (10, 'batch', 'real')), ('match', ('50x25', 'real')), ('batch', (3,))]:\n"
        "    operation = OPERATIONS[name]\n"
        "    print(measure(operation.run, setup=partial(operation.setup, *params)))\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONHASHSEED", None)
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(5)
    ]
    assert outputs[0].count("HeapProfile(") == 3
    assert len(set(outputs)) == 1


def test_a_profile_is_a_value():
    assert HeapProfile(1, 2, 3, 4) == HeapProfile(1, 2, 3, 4)


def test_what_recording_stacks_makes_python_allocate_does_not_count():
    """A frame for each call of a function, and a bound method for each of a method of C."""
    figures = measure(call_often, by_site=True)
    assert figures.allocations < 50
    assert figures.profile.total("total_blocks") > 500


def test_nor_does_it_in_threads():
    figures = measure(call_often_in_a_thread, by_site=True)
    assert figures.allocations < 300
    assert figures.profile.total("total_blocks") > 500


def test_nor_because_of_a_thread_that_was_recorded_before():
    started, over = threading.Event(), threading.Event()

    def wait():
        started.set()
        over.wait()

    thread = threading.Thread(target=wait)

    def start():
        if not started.is_set():
            thread.start()
            started.wait()

    try:
        measure(start, by_site=True)
        measure(start, by_site=True)
        assert measure(call_often).allocations < 50
    finally:
        over.set()
        thread.join()
