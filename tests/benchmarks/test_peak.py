import mmap
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from benchmarks.heap.peak import PeakTracker

MB = 1_000_000


def test_peak_and_current():
    with PeakTracker() as tracker:
        bytearray(5 * MB)
        kept = bytearray(2 * MB)
        assert tracker.peak == pytest.approx(5 * MB, rel=0.01)
        assert tracker.current == pytest.approx(2 * MB, rel=0.01)
    del kept
    assert tracker.peak == pytest.approx(5 * MB, rel=0.01)


def test_what_was_there_before_does_not_count():
    with PeakTracker():
        before = bytearray(20 * MB)
        with PeakTracker() as tracker:
            kept = bytearray(MB)
        assert tracker.peak == pytest.approx(MB, rel=0.01)
        del before, kept


def test_numpy_counts():
    with PeakTracker() as tracker:
        np.zeros(MB)
    assert tracker.peak == pytest.approx(8 * MB, rel=0.01)


def test_reset():
    with PeakTracker() as tracker:
        bytearray(5 * MB)
        tracker.reset()
        assert tracker.peak < MB
        bytearray(3 * MB)
        assert tracker.peak == pytest.approx(3 * MB, rel=0.01)


def test_an_inner_reset_keeps_the_outer_peak():
    with PeakTracker() as outer:
        bytearray(9 * MB)
        with PeakTracker() as inner:
            bytearray(4 * MB)
            inner.reset()
            bytearray(2 * MB)
        assert inner.peak == pytest.approx(2 * MB, rel=0.01)
        assert outer.peak == pytest.approx(9 * MB, rel=0.01)
        bytearray(12 * MB)
    assert outer.peak == pytest.approx(12 * MB, rel=0.01)
    assert inner.peak == pytest.approx(2 * MB, rel=0.01)


def test_tracing_ends_with_the_outermost_tracker():
    assert not tracemalloc.is_tracing()
    with PeakTracker():
        with PeakTracker():
            pass
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()


def test_tracing_of_others_goes_on():
    tracemalloc.start()
    try:
        with PeakTracker():
            pass
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_other_threads_count():
    with PeakTracker() as tracker:
        thread = threading.Thread(target=bytearray, args=(6 * MB,))
        thread.start()
        thread.join()
    assert tracker.peak == pytest.approx(6 * MB, rel=0.02)


def test_reset_needs_an_active_tracker():
    with pytest.raises(ValueError, match="not active"):
        PeakTracker().reset()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_the_mark_of_the_process():
    with PeakTracker(process=True) as tracker:
        start = tracker.process_peak
        # pages from the system: what malloc has kept of earlier tests may hold any array
        block = np.frombuffer(mmap.mmap(-1, 32 * MB), np.uint8)
        block[:] = 1
        high = tracker.process_peak
        assert high - start >= 0.9 * block.nbytes
        del block
        assert tracker.process_peak == pytest.approx(high, rel=0.01)  # the kernel counts per thread
        tracker.reset()
        assert tracker.process_peak < high
    assert tracker.process_peak < high
