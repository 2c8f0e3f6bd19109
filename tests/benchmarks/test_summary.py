import math

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.run import summary
from benchmarks.run.commits import Commit

NAN = math.nan
STATS = (None, None)


def quick(value):
    """A time with statistics: twenty samples within 2 % of the value."""
    samples = [value * (1 + 0.001 * i) for i in range(-10, 10)]
    return value, ({"ci_99_a": min(samples), "ci_99_b": max(samples), "q_25": value, "q_75": value}, samples), "1"


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("a.B.time_run(1)", quick(1.0), quick(0.5), "improved"),
        ("a.B.time_run(1)", quick(1.0), quick(2.0), "got worse"),
        ("a.B.time_run(1)", quick(1.0), quick(1.05), "unchanged"),
        ("a.BHeap.track_allocations(1)", (100, STATS, "1"), (100, STATS, "1"), "unchanged"),
        ("a.BHeap.track_allocations(1)", (100, STATS, "1"), (99, STATS, "1"), "improved"),
        ("a.BHeap.track_allocations(1)", (100, STATS, "1"), (101, STATS, "1"), "got worse"),
        ("a.B.track_ratio_to_bare_pass(1)", (1.0, STATS, "1"), (1.05, STATS, "1"), "unchanged"),
        ("a.B.track_ratio_to_bare_pass(1)", (1.0, STATS, "1"), (1.5, STATS, "1"), "got worse"),
        ("a.B.track_ratio_to_loop(1)", (1.0, STATS, "1"), (1.5, STATS, "1"), "improved"),
        ("a.B.track_ratio_to_loop(1)", (1.5, STATS, "1"), (1.0, STATS, "1"), "got worse"),
        ("a.B.peakmem_run(1)", (100, STATS, "1"), (105, STATS, "1"), "unchanged"),
        ("a.B.peakmem_run(1)", (100, STATS, "1"), (120, STATS, "1"), "got worse"),
        ("a.B.time_run(1)", (NAN, STATS, "1"), quick(1.0), "new"),
        ("a.B.time_run(1)", (None, STATS, "1"), quick(1.0), "new"),
        ("a.B.time_run(1)", quick(1.0), (NAN, STATS, "1"), "gone"),
        ("a.B.time_run(1)", quick(1.0), (None, STATS, "1"), "failed"),
        ("a.B.time_run(1)", (NAN, STATS, "1"), (NAN, STATS, "1"), "not measured"),
        ("a.B.time_run(1)", (1.0, STATS, "1"), (1.0, STATS, "2"), "not comparable"),
    ],
)
def test_verdict(name, before, after, verdict):
    assert summary._verdict(name, before, after) == verdict


def test_summary(monkeypatch):
    results = {
        "old": {
            "match.Match.time_run(1)": quick(4.0),
            "match.Match.time_run(2)": quick(1.0),
            "match.MatchHeap.track_allocations(1)": (1000, STATS, "1"),
            "match.MatchHeap.track_peak_heap(1)": (100, STATS, "1"),
            "score.Score.time_run(1)": quick(1.0),
            "accuracy.Accuracy.track_score_deviation(1)": (0.0, STATS, "1"),
            "other.Other.time_run": quick(1.0),
        },
        "new": {
            "match.Match.time_run(1)": quick(1.0),
            "match.Match.time_run(2)": quick(1.0),
            "match.MatchHeap.track_allocations(1)": (10, STATS, "1"),
            "match.MatchHeap.track_peak_heap(1)": (110, STATS, "1"),
            "score.Score.time_run(1)": (None, STATS, "1"),
            "accuracy.Accuracy.track_score_deviation(1)": (2e-16, STATS, "1"),
            "other.Other.time_run": quick(1.0),
        },
    }
    monkeypatch.setattr(summary, "load_series", results.__getitem__)
    monkeypatch.setattr(Commit, "title", "title")
    names = {name.split("(")[0] for name in results["old"]} - {"other.Other.time_run"}
    text = summary.summary(Commit("first", "old"), Commit("HEAD", "new"), list(names))
    lines = text.splitlines()
    assert lines[:2] == ["before: title", "after:  title"]
    row = next(line for line in lines if line.startswith("match "))
    assert row.split() == ["match", "0.500", "0.010", "-", "1.100"]  # geometric mean of 1/4 and 1
    assert "6 series: 2 improved, 2 got worse, 1 unchanged, 1 failed" in lines
    assert "  failed: score.Score.time_run(1)  1 -> failed" in lines
    assert "  got worse: match.MatchHeap.track_peak_heap(1)  100 -> 110" in lines
    assert lines[-1] == "Largest deviation from the golden figures: 2e-16"
