import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from benchmarks.common import Speed
from benchmarks.site import stats
from benchmarks.site.comparison import judge
from benchmarks.site.results import Measurement, Series

TIME = Series("match.Match.time_run", ("'10x5'",), ("size",))
N = Speed.rounds * Speed.repeat  # what the suite records


def measured(samples):
    return Measurement(float(np.median(samples)), tuple(map(float, samples)), "1")


def verdicts(before, after):
    """Share of each verdict on the rows of two arrays of samples."""
    rows = judge([(TIME, measured(a), measured(b)) for a, b in zip(before, after, strict=True)])
    return {
        name: sum(row.verdict == name for row in rows) / len(rows) for name in ("improved", "regressed", "no change")
    }


DISTRIBUTIONS = {
    "normal, 5 %": lambda rng, shape: rng.normal(1, 0.05, shape),
    "normal, 20 %": lambda rng, shape: np.abs(rng.normal(1, 0.2, shape)),
    "skewed": lambda rng, shape: 1 + rng.lognormal(-2, 1, shape),
    "with outliers": lambda rng, shape: rng.normal(1, 0.03, shape) * np.where(rng.random(shape) < 0.1, 3, 1),
}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [N, 8, 20])
def test_false_alarms_are_at_most_5_percent_of_1000_pairs(no_intervals, distribution, n):
    draw = DISTRIBUTIONS[distribution]
    rng = np.random.default_rng(1)
    found = verdicts(draw(rng, (1000, n)), draw(rng, (1000, n)))
    assert found["no change"] >= 0.95


@pytest.mark.parametrize(("ratio", "verdict"), [(1.1, "regressed"), (0.9, "improved")])
def test_a_change_by_10_percent_at_5_percent_noise_is_found_in_95_percent(no_intervals, ratio, verdict):
    rng = np.random.default_rng(2)
    before, after = rng.normal(1, 0.05, (1000, N)), ratio * rng.normal(1, 0.05, (1000, N))
    assert verdicts(before, after)[verdict] >= 0.95


@pytest.mark.parametrize("n", [5, N, 30])
def test_the_test_is_scipys(n):
    rng = np.random.default_rng(3)
    pairs = [(tuple(rng.normal(1, 0.1, n)), tuple(rng.normal(1.1, 0.1, n + 1))) for _ in range(20)]
    for (before, after), found in zip(pairs, stats.compare(pairs), strict=True):
        assert found.p == pytest.approx(scipy_stats.mannwhitneyu(before, after, method="exact").pvalue)


def test_equal_samples_of_both_kinds_in_one_call():
    equal, ties, other = (1.0,) * 5, (1.0, 1.0, 2.0, 2.0, 3.0), (1.5, 2.5, 3.5, 4.5, 5.5)
    found = stats.compare([(equal, equal), (ties, ties), (ties, other)])
    assert [one.p for one in found[:2]] == [1, pytest.approx(1)]
    assert found[2].p == pytest.approx(scipy_stats.mannwhitneyu(ties, other, method="asymptotic").pvalue)
    assert (found[0].low, found[0].high) == (1, 1)


def test_the_interval_is_that_of_scipys_bootstrap():
    rng = np.random.default_rng(4)
    before, after = rng.lognormal(0, 0.1, 12), rng.lognormal(0.5, 0.1, 9)

    def ratio(a, b, axis=-1):
        return np.median(b, axis=axis) / np.median(a, axis=axis)

    slow = scipy_stats.bootstrap(
        (before, after), ratio, n_resamples=20_000, method="percentile", vectorized=True, paired=False, rng=rng
    ).confidence_interval
    (found,) = stats.compare([(tuple(before), tuple(after))])
    assert (found.low, found.high) == pytest.approx((slow.low, slow.high), rel=0.02)


def test_the_interval_covers_the_true_ratio():
    rng = np.random.default_rng(5)
    pairs = [(tuple(rng.normal(1, 0.05, N)), tuple(rng.normal(2, 0.1, N))) for _ in range(500)]
    covered = np.mean([found.low <= 2 <= found.high for found in stats.compare(pairs)])
    assert 0.9 <= covered <= 0.99  # of ten samples, a percentile bootstrap of medians reaches a little less than 95 %


samples = st.lists(st.floats(1e-6, 1e3), min_size=4, max_size=12).map(tuple)


@given(samples, samples, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(before, after, factor):
    one, other = stats.compare([(before, after), tuple(tuple(factor * x for x in side) for side in (before, after))])
    assert (other.low, other.high) == pytest.approx((one.low, one.high), rel=1e-9)


@given(samples, samples)
def test_reports_repeat(before, after):
    first = stats.compare([(before, after)])
    stats._medians.cache_clear()
    assert stats.compare([(before, after)]) == first


def test_enough_is_whether_any_result_could_be_significant():
    for n in range(1, 8):
        for m in range(1, 8):
            least = scipy_stats.mannwhitneyu(range(n), range(100, 100 + m), method="exact").pvalue
            assert stats.enough(n, m) == (least < stats.ALPHA and min(n, m) > 1)


def test_noise():
    rng = np.random.default_rng(6)
    assert stats.noise(tuple(rng.normal(10, 0.5, 5000))) == pytest.approx(0.05, rel=0.05)
    assert stats.noise((1.0, 2.0)) is None


def test_geometric_mean():
    assert stats.geometric_mean([0.25, 1, 4, 1]) == pytest.approx(1)
    assert stats.geometric_mean([]) is None


def test_steps_of_exact_figures_are_all_changes():
    assert stats.steps([5, 5, 6, 6, 5], exact=True, threshold=0) == [(2, 5, 6), (4, 6, 5)]


def test_steps_of_noisy_figures():
    pytest.importorskip("asv", reason="needs the extra bench")
    rng = np.random.default_rng(7)
    levels = np.repeat([1.0, 0.5, 0.5, 2.0], 15)
    found = stats.steps(list(levels * rng.normal(1, 0.03, 60)), exact=False, threshold=0.1)
    assert [place for place, _, _ in found] == [15, 45]
    assert found[0][1:] == (pytest.approx(1, rel=0.05), pytest.approx(0.5, rel=0.05))
    assert stats.steps([1.0], exact=False, threshold=0.1) == []
    assert stats.steps([], exact=False, threshold=0.1) == []
