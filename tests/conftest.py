import os

import pytest
from hypothesis import HealthCheck, settings

# before anything loads numpy: heap is counted exactly, and OpenBLAS takes some for each thread
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["pytester"]

# no test is judged by its time: machines are shared
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser):
    parser.addoption(
        "--memory-profiling",
        action="store_true",
        help="run the memory tests that count every allocation (with -s they print their figures)",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "heap(max_allocations, max_peak): exact limits for the heap of a test, which runs twice: once to warm up. "
        "max_peak is bytes, or text such as '14 kB'.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    marker = pyfuncitem.get_closest_marker("heap")
    if marker is None:
        return None
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    from benchmarks.heap.measure import measure
    from benchmarks.heap.units import format_bytes, parse_bytes

    limits = dict(marker.kwargs)
    if marker.args or not limits or not set(limits) <= {"max_allocations", "max_peak"}:
        pytest.fail(f"heap marker {marker.args} {limits}: expected max_allocations, max_peak or both", pytrace=False)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    heap = measure(lambda: pyfuncitem.obj(**arguments))
    if heap.allocations > limits.get("max_allocations", heap.allocations):
        pytest.fail(f"{heap.allocations:,} allocations: expected {limits['max_allocations']:,} at most", pytrace=False)
    peak = limits.get("max_peak", heap.peak_bytes)
    if heap.peak_bytes > (parse_bytes(peak) if isinstance(peak, str) else peak):
        pytest.fail(f"peak heap {format_bytes(heap.peak_bytes)}: expected {peak} at most", pytrace=False)
    return True
