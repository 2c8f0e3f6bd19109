from pathlib import Path

import pytest

pytest.importorskip("memray", reason="memray runs on Linux and macOS only")

CONFTEST = (Path(__file__).parents[1] / "conftest.py").read_text("utf-8").replace('pytest_plugins = ["pytester"]', "")


@pytest.mark.parametrize(
    ("limits", "passes"),
    [
        ("max_peak='1.1 MB'", True),
        ("max_peak=1_100_000, max_allocations=100", True),
        ("max_peak='900 kB'", False),
        ("max_allocations=0", False),
        ("", False),
        ("max_time=3", False),
    ],
)
def test_limits(pytester, limits, passes):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture
        def size():
            return 1_000_000

        @pytest.mark.heap({limits})
        def test_block(size):
            bytearray(size)
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=int(passes), failed=int(not passes))


@pytest.mark.heap(max_allocations=200, max_peak="20 kB")
def test_a_failing_test_still_fails():
    with pytest.raises(ZeroDivisionError):
        1 / 0  # noqa: B018
