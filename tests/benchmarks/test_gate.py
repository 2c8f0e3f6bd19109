import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.run import __main__ as main
from benchmarks.run import gate
from benchmarks.run.gate import Verdict, compare, judge
from benchmarks.site.results import Measurement


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "grew"),
    [
        (100, 100, 0, False),
        (100, 101, 0, True),
        (100, 99, 0, False),
        (100, 101, 0.01, False),
        (100, 102, 0.01, True),
        (0, 1, 0.5, True),
        (None, 100, 0, False),
        (100, None, 0, True),
        (None, None, 0, False),
    ],
)
def test_judge(before, after, tolerance, grew):
    assert judge(before, after, tolerance) is grew


@pytest.mark.parametrize(
    ("method", "after", "tolerance", "grew"),
    [
        ("track_peak_heap", 2_001_000, 0, False),
        ("track_peak_heap", 2_001_001, 0, True),
        ("track_peak_heap", 2_001_001, 0.01, False),
        ("track_allocations", 2_000_001, 0, True),
        ("track_allocated_bytes", 2_000_001, 0, True),
    ],
)
def test_what_chance_changes_in_a_peak_is_no_growth(method, after, tolerance, grew):
    name = f"rank.RankHeap.{method}(100000, 'fits')"
    old, new = {name: Measurement(2_000_000, (), "1")}, {name: Measurement(after, (), "1")}
    assert compare(old, new, tolerance) == [Verdict(name, 2_000_000, after, grew)]
    assert compare(old, {}, tolerance) == [Verdict(name, 2_000_000, None, True)]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1000, 1001, "a.B.c: 1,000 -> 1,001 (+0.100%)"),
        (0, 5, "a.B.c: 0 -> 5 (from none)"),
        (7, None, "a.B.c: 7 -> not measured"),
    ],
)
def test_text(before, after, text):
    assert Verdict("a.B.c", before, after, True).text == text


@pytest.mark.parametrize("arguments", [["gate"], ["gate", "HEAD", "HEAD", "--tolerance", "-1"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main.main(arguments)
    assert stopped.value.code == 2


def test_a_selection_without_heap_series(capsys):
    assert main.main(["gate", "HEAD", "HEAD", "--bench", "time_process"]) == 1
    assert "no heap series matches 'time_process'" in capsys.readouterr().err


@pytest.mark.parametrize("code", [1, 2])
def test_a_commit_that_could_not_be_measured_does_not_pass(code, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gate, "FOLDER", tmp_path / "gate")
    monkeypatch.setattr(main.suite, "know_this_machine", lambda: None)
    monkeypatch.setattr(main.suite, "measure", lambda *_, **__: code)
    assert main.main(["gate", "HEAD", "HEAD"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"asv ended with exit code {code}, see above")
    assert captured.out == ""


@pytest.mark.parametrize("tolerance", ["nan", "-1", "inf", "five"])
def test_a_tolerance_says_what_is_accepted(tolerance, capsys):
    with pytest.raises(SystemExit) as stopped:
        main.main(["gate", "HEAD", "HEAD", "--tolerance", tolerance])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f"--tolerance: {tolerance!r}: expected a percentage, at least 0\n")
