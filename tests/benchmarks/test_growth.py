import json
import math
import sys
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special

from benchmarks import common
from benchmarks.heap.growth import METRICS, Growth, GrowthError, Law, fit, measure_growth, parse_sizes, plot, table

SIZES = (100, 200, 500, 1000)


def objects(n):
    return [object() for _ in repeat(None, n)]


KNOWN = {
    "constant": (lambda n, m: bytearray(1_000_000), "constant"),
    "linear": (lambda n, m: objects(100 * n), "linear"),
    "n log n": (lambda n, m: objects(int(100 * n * math.log2(n))), "between linear and quadratic"),
    "n m": (lambda n, m: objects(20 * n * m), "quadratic"),
    "quadratic": (lambda n, m: np.ones((n, n)), "quadratic"),
}


@pytest.fixture
def operation(monkeypatch):
    def add(run, **fields):
        fields = {"setup": lambda *arguments: arguments, "sized": lambda n, m: (n, m), **fields}
        made = common.Operation("made", {"size": ()}, (), run=run, **fields)
        monkeypatch.setitem(common.OPERATIONS, "made", made)

    return add


@pytest.mark.parametrize("kind", KNOWN)
def test_known_growth_is_recognized(kind, operation):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    run, expected = KNOWN[kind]
    operation(run)
    sizes = (10, 20, 50, 100) if kind == "n m" else SIZES
    growth = measure_growth("made", sizes, metrics=["allocated_bytes", "peak_bytes"])
    assert {law.name for law in growth.laws.values()} == {expected}


def test_figures_are_those_of_single_measurements(operation, capsys):
    measure = pytest.importorskip("benchmarks.heap.measure", exc_type=ImportError).measure
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    operation(lambda n, m: objects(n + m))
    growth = measure_growth("made", [50, 10, 21])
    assert growth.sizes == (10, 21, 50)
    assert growth.unit == "candidate skills, half as many required"
    for n, *figures in zip(growth.sizes, *growth.figures.values(), strict=True):
        profile = measure(objects, setup=lambda n=n: (n + n // 2,))
        assert figures == pytest.approx([getattr(profile, metric) for metric in METRICS], rel=0.2)
    assert capsys.readouterr().err.count("growth: made at size ") == 3


@pytest.mark.parametrize("name", ["embed", "similarity", "score", "match", "batch", "to_dict"])
def test_operations_of_the_suite(name):
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    growth = measure_growth(name, [10, 50, 100], metrics=["allocations"])  # a match of 1 takes as many as one of 4
    assert growth.figures["allocations"][0] < growth.figures["allocations"][-1]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("batch", "pairs"),
        ("embed_warm", "names"),
        ("pool_build", "candidates"),
        ("rank", "candidates, job fits"),
        ("rank_many", "candidates, n_jobs 20"),
    ],
)
def test_what_a_size_counts(name, unit, monkeypatch):
    """The first parameter; all others have their first values."""
    pytest.importorskip("memray", reason="memray runs on Linux and macOS only")
    given = []
    operation = replace(
        common.OPERATIONS[name], setup=lambda *values: given.append(values) or (), run=lambda: bytes(1000)
    )
    monkeypatch.setitem(common.OPERATIONS, name, operation)
    assert measure_growth(name, [10, 20, 50], metrics=["peak_bytes"]).unit == unit
    others = operation.combinations()[0][1:]
    assert set(given) == {(n, *others) for n in (10, 20, 50)}


# -- errors


def fail(*_):
    raise AssertionError


@pytest.mark.parametrize("name", ["fly", "import", "overlap"])
def test_an_operation_without_a_size(name):
    with pytest.raises(GrowthError, match=f"^operation '{name}': expected one that has a size, of embed, .*batch"):
        measure_growth(name, SIZES)


def test_a_size_beyond_the_inputs_is_said_before_anything_is_measured(capsys):
    message = (
        r"^match at size 841: 841 candidate and 420 required skills: expected .* at most 1,680, the names of skills"
    )
    with pytest.raises(GrowthError, match=message):
        measure_growth("match", [10, 20, 841])
    for name in ("embed_warm", "embed_hashing"):
        with pytest.raises(GrowthError, match=f"^{name} at size 1681: 1,681 names: expected at most 1,680, the names"):
            measure_growth(name, [10, 20, 1681])
    assert capsys.readouterr().err == ""
    assert [len(skills) for skills in common.candidate_and_job(840, 420)] == [840, 420]


def test_other_arguments(operation):
    operation(fail, setup=fail)
    with pytest.raises(GrowthError, match=r"^metric 'time': expected one of allocations, allocated_bytes, peak_bytes$"):
        measure_growth("made", SIZES, metrics=["time"])
    with pytest.raises(GrowthError, match=r"^2 sizes \(1, 2\): expected three or more$"):
        measure_growth("made", [1, 2])


def test_an_operation_that_the_commit_lacks(monkeypatch):
    lacking = common.Operation("made", {}, ("fly",), fail, fail, sized=lambda n, m: (n,))
    monkeypatch.setitem(common.OPERATIONS, "made", lacking)
    with pytest.raises(GrowthError, match=r"^made: this commit has no competency.fly$"):
        measure_growth("made", SIZES)


def test_parse_sizes():
    assert parse_sizes("50, 10,20") == (10, 20, 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^size '': expected a positive whole number"),
        ("10,20,x", "^size 'x': expected"),
        ("10,20,1.5", "^size '1.5': expected"),
        ("10,20,0", "^size '0': expected"),
        ("10,20,-5", "^size '-5': expected"),
        ("10,20,²", "^size '²': expected"),
        ("10,20," + "9" * 5000, "^size '9{40}': expected"),
        ("10,20,20", "^size 20 is there twice: expected distinct"),
        ("10,20", r"^2 sizes \(10, 20\): expected three or more$"),
    ],
)
def test_bad_sizes(text, message):
    with pytest.raises(GrowthError, match=message):
        parse_sizes(text)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_fit_takes_positive_finite_numbers(bad):
    with pytest.raises(GrowthError, match=rf"^{bad}: expected a positive finite number$"):
        fit([1, 2, 3], [1, bad, 3])
    with pytest.raises(GrowthError, match=rf"^{bad}: expected a positive finite number$"):
        fit([1, bad, 3], [1, 2, 3])


def test_fit_takes_three_or_more_of_each():
    with pytest.raises(GrowthError, match=r"^2 values at 3 sizes"):
        fit([1, 2, 3], [1, 2])
    with pytest.raises(GrowthError, match=r"^2 values at 2 sizes"):
        fit([1, 2], [1, 2])
    with pytest.raises(GrowthError, match=r"^sizes 5, 5, 5: expected distinct"):
        fit([5, 5, 5], [1, 2, 3])


# -- fit


def slow_quantile(probability, df):
    """Student's t by numeric integration of its density, and bisection."""
    norm = special.gamma((df + 1) / 2) / (math.sqrt(df * math.pi) * special.gamma(df / 2))

    def over(t):
        return integrate.quad(lambda x: norm * (1 + x * x / df) ** (-(df + 1) / 2), 0, t)[0] + 0.5 - probability

    return optimize.brentq(over, 0, 50)


def slow_fit(sizes, values):
    """The normal equations, by hand."""
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    sxx = math.fsum((a - mean_x) ** 2 for a in x)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sxx
    rest = math.fsum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y, strict=True))
    margin = slow_quantile(0.975, n - 2) * math.sqrt(rest / (n - 2) / sxx)
    return slope, slope - margin, slope + margin, 1 - rest / math.fsum((b - mean_y) ** 2 for b in y)


@given(
    st.lists(
        st.tuples(st.integers(1, 10**6), st.integers(1, 10**12)),
        min_size=3,
        max_size=10,
        unique_by=lambda pair: pair[0],
    )
)
def test_fit_agrees_with_the_normal_equations(points):
    law = fit(*zip(*points, strict=True))
    if len({value for _, value in points}) == 1:
        assert law == Law(0, 0, 0, points[0][1], 1)
        return
    expected = slow_fit(*zip(*points, strict=True))
    assert (law.exponent, law.low, law.high, law.r_squared) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert law.low <= law.exponent <= law.high


@given(st.floats(-3, 5), st.floats(1e-3, 1e9))
def test_an_exact_law_is_found(exponent, scale):
    law = fit(SIZES, [scale * n**exponent for n in SIZES])
    assert law.exponent == pytest.approx(exponent, abs=1e-6)
    assert law.high - law.low < 1e-3
    assert law.at(300) == pytest.approx(scale * 300**exponent, rel=1e-4)


def test_equal_values():
    assert fit([1, 2, 3], [7, 7, 7]) == Law(0, 0, 0, 7, 1)
    assert fit([1, 2, 3], [8, math.nextafter(8, 0), 8]) == Law(0, 0, 0, 8, 1)  # their logarithms are equal


@pytest.mark.parametrize(
    ("exponent", "margin", "name"),
    [
        (0, 0, "constant"),
        (-0.04, 0.01, "constant"),
        (0.5, 0.1, "sub-linear"),
        (0.95, 0.01, "linear"),
        (0.8, 0.25, "linear"),
        (1.2, 0.1, "between linear and quadratic"),
        (1.97, 0.02, "quadratic"),
        (2.5, 0.1, "between quadratic and cubic"),
        (3, 0, "cubic"),
        (4, 0, "more than cubic"),
        (-1, 0, "falling"),
        (1, 0.6, "no clear law"),
        (1, math.nan, "no clear law"),
    ],
)
def test_names(exponent, margin, name):
    assert Law(exponent, exponent - margin, exponent + margin, 1, 1).name == name


def test_statement():
    assert Law(1.97, 1.95, 1.99, 1, 1).statement("peak") == "peak grows as n^1.97, 95 % CI 1.95 to 1.99: quadratic"
    assert (
        Law(0, -0.001, 0, 1, 1).statement("allocations").startswith("allocations grow as n^0.00, 95 % CI 0.00 to 0.00")
    )


# -- reports

GROWTH = Growth(
    "match",
    "candidate skills, half as many required",
    (10, 20, 100),
    {"allocations": (500, 500, 500), "peak_bytes": (1000, 3980, 100_000)},
)


def test_table():
    assert table(GROWTH).splitlines() == [
        "match, n candidate skills, half as many required",
        "",
        "  n  allocations  growth     peak  growth",
        "---  -----------  ------  -------  ------",
        " 10          500          1.00 kB",
        " 20          500   x1.00  3.98 kB   x3.98",
        "100          500   x1.00   100 kB  x25.13",
        "",
        "allocations grow as n^0.00, 95 % CI 0.00 to 0.00: constant",
        f"peak grows as n^2.00, 95 % CI {GROWTH.laws['peak_bytes'].low:.2f} to {GROWTH.laws['peak_bytes'].high:.2f}"
        ": quadratic",
    ]


def test_to_dict_is_json():
    found = json.loads(json.dumps(GROWTH.to_dict(), allow_nan=False))
    assert found["sizes"] == [10, 20, 100]
    assert found["metrics"]["peak_bytes"]["values"] == [1000, 3980, 100_000]
    assert found["metrics"]["peak_bytes"]["factors"][0] == 3.98
    assert found["metrics"]["allocations"]["law"] == {
        "exponent": 0, "low": 0, "high": 0, "scale": 500, "r_squared": 1, "name": "constant"
    }  # fmt: skip


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG\r\n"), (".SVG", b"<?xml"), (".svg", b"<?xml")])
def test_plot(tmp_path, suffix, magic):
    pytest.importorskip("matplotlib", reason="a plot needs matplotlib")
    path = tmp_path / f"growth{suffix}"
    path.write_text("old")
    plot(GROWTH, path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]
    assert "matplotlib.pyplot" not in sys.modules


def test_a_plot_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="a plot needs matplotlib")
    path = tmp_path / "growth.png"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(GrowthError, match=r"^cannot write '.*growth.png': No space left on device$"):
        plot(GROWTH, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_plot_elsewhere(tmp_path, monkeypatch):
    with pytest.raises(GrowthError, match=r"^plot '.*growth.pdf': expected a name that ends in .png or .svg$"):
        plot(GROWTH, tmp_path / "growth.pdf")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(GrowthError, match=r"^matplotlib is not installed: "):
        plot(GROWTH, tmp_path / "growth.png")
    assert not list(tmp_path.iterdir())


def test_a_plot_in_a_folder_that_is_not_there(tmp_path):
    pytest.importorskip("matplotlib", reason="a plot needs matplotlib")
    with pytest.raises(GrowthError, match=r"^cannot write '.*': expected a file in a folder that exists$"):
        plot(GROWTH, tmp_path / "none" / "growth.svg")
