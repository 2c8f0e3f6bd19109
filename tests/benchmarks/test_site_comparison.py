import math

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.site import comparison
from benchmarks.site.comparison import busy_machine, compare, different_conditions, growth, judge, run_in_part
from benchmarks.site.results import Measurement, Run, Series, _derive

NAN = math.nan


def quick(value, version="1"):
    """A time: ten samples within 1 % of the value."""
    return Measurement(value, tuple(value * (1 + 0.001 * i) for i in range(-5, 5)), version)


def once(value, version="1", reference=None):
    return Measurement(value, (), version, reference)


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("a.B.time_run", quick(1.0), quick(0.5), "improved"),
        ("a.B.time_run", quick(1.0), quick(2.0), "regressed"),
        ("a.B.time_run", quick(1.0), quick(1.02), "no change"),  # sure, but within the threshold
        ("a.B.time_run", quick(1.0), once(2.0), "not enough data"),
        ("a.B.time_run", once(1.0), once(2.0), "not enough data"),
        ("a.B.time_run", quick(1.0), Measurement(2.0, (0.9, 2.0, 3.0), "1"), "no change"),  # much, but not sure
        ("a.BHeap.track_allocations", once(100), once(100), "no change"),
        ("a.BHeap.track_allocations", once(100), once(99), "improved"),
        ("a.BHeap.track_allocations", once(100), once(101), "regressed"),
        ("a.BHeap.track_allocations", once(0), once(1), "regressed"),
        ("a.B.track_ratio_to_bare_pass", once(1.0), once(1.05), "no change"),
        ("a.B.track_ratio_to_bare_pass", once(1.0), once(1.5), "regressed"),
        ("a.B.track_ratio_to_loop", once(1.0), once(1.5), "improved"),
        ("a.B.track_ratio_to_loop", once(1.5), once(1.0), "regressed"),
        ("a.B.track_peak_over_inputs_and_outputs", once(1.5), once(1.4), "improved"),
        ("a.B.peakmem_run", once(1000, reference=5000), once(1040, reference=5000), "no change"),
        ("a.B.peakmem_run", once(100, reference=50_000), once(400, reference=50_000), "no change"),
        ("a.B.peakmem_run", once(1000, reference=5000), once(1300, reference=5000), "regressed"),
        ("a.B.peakmem_run", once(-10, reference=5000), once(1300, reference=5000), "not enough data"),
        ("a.B.track_score_deviation", once(0.0), once(2e-16), "no change"),
        ("a.B.track_score_deviation", once(0.0), once(2e-9), "regressed"),
        ("a.B.track_interval_deviation", once(2e-6), once(5e-7), "improved"),
        ("a.B.time_run", once(NAN), quick(1.0), "new"),
        ("a.B.time_run", None, quick(1.0), "new"),
        ("a.B.time_run", once(None), quick(1.0), "new"),
        ("a.B.time_run", quick(1.0), once(NAN), "gone"),
        ("a.B.time_run", quick(1.0), None, "gone"),
        ("a.B.time_run", quick(1.0), once(None), "failed"),
        ("a.B.time_run", once(None), once(None), "failed"),
        ("a.B.time_run", None, once(None), "failed"),
        ("a.B.time_run", once(NAN), once(NAN), "not measured"),
        ("a.B.time_run", None, once(NAN), "not measured"),
        ("a.B.time_run", once(None), None, "not measured"),
        ("a.B.time_run", quick(1.0), quick(1.0, "2"), "not comparable"),
        ("a.B.time_run", once(math.inf), quick(1.0), "new"),
    ],
)
def test_verdict(name, before, after, verdict):
    (row,) = judge([(Series(name), before, after)])
    assert row.verdict == verdict
    assert row.reason
    assert (row.evidence is None) == (
        not name.endswith("time_run") or verdict not in ("improved", "regressed", "no change")
    )


def test_what_was_measured_once_is_not_said_to_exist_once():
    """A run of some benchmarks leaves the others of a commit without results, too."""
    one = quick(1.0)
    gone, new = judge([(Series("a.B.time_run"), one, None), (Series("a.B.time_run"), None, one)])
    assert gone.reason == "measured on the commit before only"
    assert new.reason == "measured on the commit after only"


@pytest.mark.parametrize(
    ("method", "after", "verdict"),
    [
        ("track_peak_heap", 2_001_000, "no change"),
        ("track_peak_heap", 2_001_001, "regressed"),
        ("track_peak_heap", 1_999_000, "no change"),
        ("track_peak_heap", 1_998_999, "improved"),
        ("track_peak_heap_exponent", 2_001_000, "no change"),
        ("track_allocations", 2_000_001, "regressed"),
        ("track_allocated_bytes", 1_999_999, "improved"),
    ],
)
def test_what_chance_changes_in_a_peak_is_no_change(method, after, verdict):
    (row,) = judge([(Series(f"rank.RankHeap.{method}"), once(2_000_000), once(after))])
    assert row.verdict == verdict


def test_exact_verdicts_say_so():
    (row,) = judge([(Series("a.BHeap.track_peak_heap"), once(3), once(2))])
    assert (row.reason, row.evidence, row.ratio) == ("exact", None, 2 / 3)


def test_many_are_judged_as_one_by_one():
    pairs = [
        (Series("a.B.time_run", (str(n),)), quick(1.0 + n % 3), quick(1.0)) if n % 2 else
        (Series("a.BHeap.track_allocations", (str(n),)), once(n), once(5))
        for n in range(12)
    ]  # fmt: skip
    assert judge(pairs) == [row for pair in pairs for row in judge([pair])]


def heap(component, size, value, names=("size",)):
    return {Series(f"{component}.M{kind}", (f"'{size}'",), names): once(value * factor)
            for kind, factor in (("Heap.track_allocations", 1), ("Heap.track_allocated_bytes", 100),
                                 ("Heap.track_peak_heap", 50))}  # fmt: skip


def test_a_comparison():
    before = Run(
        "a" * 40, _derive({**heap("match", "10x5", 1000), **heap("match", "100x50", 1000), **heap("old", "1x1", 9)})
    )
    after = Run(
        "b" * 40, _derive({**heap("match", "10x5", 250), **heap("match", "100x50", 1000), **heap("new", "1x1", 9)})
    )
    found = compare(before, after)
    assert found.counts == {"improved": 3, "no change": 3, "new": 3, "gone": 3}  # what is derived is not counted
    assert found.means["match", "peak"] == (pytest.approx(0.5), 2)
    assert found.means["", "allocations"] == (pytest.approx(0.5), 2)
    assert ("old", "peak") not in found.means
    memory, allocations = found.targets
    assert (memory.reached, memory.best, memory.worst, memory.n_series) == (pytest.approx(0.5), 0.75, 0, 2)
    assert (memory.answer, allocations.answer) == ("met, and exceeded", "met")
    derived = {row.series.derived: row for row in found.rows if row.series.component == "match" and row.series.derived}
    assert derived["mean"].before.value == derived["mean"].after.value == 100
    assert derived["mean"].verdict == "not judged"
    assert derived["skill"].before.value == 100 * 1000 / 150
    assert found.components == ["match", "new", "old"]


@pytest.mark.parametrize(
    ("after", "answer"), [(1100, "not met"), (850, "not met"), (750, "met"), (100, "met, and exceeded")]
)
def test_the_target_for_peak_memory(after, answer):
    runs = [Run(name * 40, heap("match", "10x5", value)) for name, value in (("a", 1000), ("b", after))]
    memory = compare(*runs).targets[0]
    assert (memory.reached, memory.answer) == (pytest.approx(1 - after / 1000), answer)


def test_nothing_in_common():
    found = compare(Run("a" * 40), Run("b" * 40))
    assert (found.counts, found.means, found.rows) == ({}, {}, ())
    assert [target.answer for target in found.targets] == ["not measured", "not measured"]


def test_rows_of_too_few_samples_are_in_no_mean():
    series = Series("match.Match.time_run")
    found = compare(Run("a" * 40, {series: once(1.0)}), Run("b" * 40, {series: once(9.0)}))
    assert found.rows[0].ratio == 9
    assert found.means == {}


def test_growth():
    def run(name, power):
        sizes = {n: f"'{n}x{n // 2}'" for n in (10, 50, 100)}
        return Run(name * 40, {Series("match.Match.time_run", (text, "'real'"), ("size", "names")): once(2.0 * n**power)
                               for n, text in sizes.items()})  # fmt: skip

    (found,) = growth(compare(run("a", 2), run("b", 1)))
    assert (found.operation, found.family, found.sizes) == ("match real", "time", (10, 50, 100))
    old, new = found.laws
    assert (old.exponent, new.exponent, old.scale) == (pytest.approx(2), pytest.approx(1), pytest.approx(2))
    assert growth(compare(Run("a" * 40), Run("b" * 40))) == []


def test_operations_of_one_file_grow_apart():
    powers = {"EmbedWarm.time_run": 1, "EmbedHashing.time_run": 2, "EmbedWarmHeap.track_peak_heap": 3}
    run = Run("a" * 40, {
        Series(f"embedders.{name}", (str(n),)): once(float(n**power))
        for n in (1, 2, 4) for name, power in powers.items()
    })  # fmt: skip
    assert {(one.operation, one.family): round(one.laws[0].exponent) for one in growth(compare(run, run))} == {
        ("embedders (EmbedWarm)", "time"): 1,
        ("embedders (EmbedHashing)", "time"): 2,
        ("embedders (EmbedWarm)", "peak"): 3,
    }


def test_a_class_of_larger_sizes_goes_on_where_another_ends():
    sizes = {n: f"rank.Rank{'Million' * (n == 10**6)}.time_run" for n in (10**4, 10**5, 10**6)}
    run = Run("a" * 40, {Series(name, (str(n),)): once(float(n)) for n, name in sizes.items()})
    (found,) = growth(compare(run, run))
    assert (found.operation, found.sizes) == ("rank", tuple(sizes))


def test_sizes_that_failed_leave_a_law_out():
    series = {Series("rank.R.time_run", (str(n),)): once(value) for n, value in ((1, 1.0), (2, None), (3, 3.0))}
    assert growth(compare(Run("a" * 40, series), Run("b" * 40, series))) == []


def test_rows_stand_by_size_and_correctness_last():
    names = ["accuracy.A.track_score_deviation", "match.M.time_run", "embed.E.time_run"]
    series = {Series(name, (f"'{size}'",)): once(1.0) for name in names for size in ("100x50", "10x5", "50x25")}
    rows = compare(Run("a" * 40, series), Run("b" * 40, series)).rows
    assert [row.series.operation.split()[:2] for row in rows[:4]] == [
        ["embed", "10x5"], ["embed", "50x25"], ["embed", "100x50"], ["match", "10x5"]
    ]  # fmt: skip
    assert rows[-1].series.component == "accuracy"


def test_different_conditions():
    facts = {"cpu": "x", "python": "3.11"}
    before = Run("a" * 40, facts={**facts, "numpy": "2.0"}, dates=(0, 100))
    facts = {**facts, "python": "3.11.7", "blas": "openblas"}
    after = Run("b" * 40, facts={**facts, "numpy": "2.1"}, dates=(100 + 10 * 86400, 11 * 86400))
    assert different_conditions(before, after) == [
        "numpy was 2.0, then 2.1",
        "recorded of one commit only: blas",
        "measured 10 days apart: compare times with care",
    ]
    assert different_conditions(before, before) == []
    assert different_conditions(Run("a" * 40), Run("b" * 40)) == []


def test_a_commit_that_was_run_in_part():
    whole = heap("match", "10x5", 1000) | heap("score", "10x5", 100) | heap("batch", "10", 10)
    part = heap("score", "10x5", 100)

    def said(before, after):
        return run_in_part(compare(Run("a" * 40, _derive(before)), Run("b" * 40, _derive(after))))

    end = "what is new or gone need not be so"
    assert said(whole, part) == [f"measured in part: of 9 series, 6 on the commit before only; {end}"]
    assert said(part, whole) == [f"measured in part: of 9 series, 6 on the commit after only; {end}"]
    other = heap("rank", "10", 1)
    both = "9 on the commit before only, 3 on the commit after only"
    assert said(whole, other) == [f"measured in part: of 12 series, {both}; {end}"]
    skipped = {series: once(NAN) for series in whole}
    one_more = {**whole, Series("new.New.time_run"): once(1.0)}
    assert said(whole, skipped) == said(skipped, whole) == said(whole, one_more) == said({}, {}) == []


def test_a_busy_machine():
    quiet, busy = (
        Run("a" * 40, {Series("match.M.time_run"): Measurement(1.0, tuple(1 + share * place for place in range(10)))})
        for share in (0.01, 0.2)
    )
    assert busy_machine(quiet, quiet) == busy_machine(Run("a" * 40), Run("b" * 40)) == []
    sentence = "on so busy a machine only large changes of time show"
    assert busy_machine(quiet, busy) == [f"timings scatter by 3 % and 35 %: {sentence}"]
    assert busy_machine(Run("b" * 40), busy) == [f"timings scatter by 35 %: {sentence}"]


def test_spread_and_sample_counts():
    series = Series("match.Match.time_run")
    run = Run("a" * 40, {series: quick(1.0), Series("a.BHeap.track_peak_heap"): once(3)})
    assert comparison.sample_counts(run) == (10, 10)
    assert 0 < comparison.spread(run) < 0.01
    assert comparison.sample_counts(Run("a" * 40)) is None
    assert comparison.spread(Run("a" * 40)) is None
