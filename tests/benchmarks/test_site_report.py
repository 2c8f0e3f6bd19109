"""The report in a terminal, its exports, and the names of baselines."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.run import conditions, profiles, suite
from benchmarks.site import __main__ as main
from benchmarks.site import commits, text
from benchmarks.site.comparison import TARGETS

needs_browser = pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")


@pytest.fixture
def project(published, monkeypatch):
    """The command on the made-up project."""
    monkeypatch.setattr(commits, "ROOT", published.folder)
    monkeypatch.setattr(commits, "BASELINES", published.folder / "benchmarks" / "baselines.json")
    monkeypatch.setattr(main, "RESULTS", published.results)
    monkeypatch.setattr(main, "SITE", published.site)
    return published


def run(capsys, *arguments):
    code = main.main(arguments)
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out


@pytest.mark.parametrize(
    ("before", "after", "figures", "ratio", "change"),
    [
        (548_660, 548_908, ["548,660 bytes", "548,908 bytes"], "1.0005", "0.05 % up"),
        (2_100_000_000, 2_099_999_999, ["2,100,000,000 bytes", "2,099,999,999 bytes"], "1.000", "unchanged"),
        (2_100_000, 2_099_999, ["2,100,000 bytes", "2,099,999 bytes"], "0.9999995", "0.00005 % down"),
        (1000, 1004, ["1,000 bytes", "1,004 bytes"], "1.004", "0.4 % up"),
        (185_000, 192_400, ["185 kB", "192 kB"], "1.040", "4.0 % up"),
        (832, 832, ["832 bytes", "832 bytes"], "1.000", "unchanged"),
        (10**9, 40_000, ["1.00 GB", "40.0 kB"], "0.0000400", "25,000 times less"),
        (100, 1200, ["100 bytes", "1.20 kB"], "12.000", "12 times as much"),
        (100, 0, ["100 bytes", "0 bytes"], "0.00", "none left"),
    ],
)
def test_an_exact_change_is_seen_however_small(before, after, figures, ratio, change):
    assert text.figures([before, after], "bytes") == figures
    assert text.ratio(after / before) == ratio
    assert text.change(after / before) == change


def test_what_did_not_change_is_not_said_to_be_down():
    one = replace(TARGETS[0], reached=0.0, best=0.0, worst=0.0, n_series=4)
    assert text.target(one).startswith("peak memory: unchanged, not met; ")


def test_the_terminal_ends_with_the_headline(project, capsys):
    code, out = run(capsys, "report")
    assert code == 0
    lines = out.splitlines()
    tail = lines[lines.index(f"before: first ({project.commits['first'][:7]} The first)") :]
    assert tail[1] == f"after:  newest ({project.commits['last'][:7]} The last)"
    assert tail[3].startswith(
        "Peak memory: 60.0 % down, met, and exceeded; the guide asks for 20 % to 30 % down (3 series"
    )
    assert tail[4].startswith(
        "Allocations: 60.0 % down, met, and exceeded; the guide asks for 40 % to 50 % down (3 series"
    )
    assert tail[6].split() == ["after", "/", "before", "time", "allocations", "allocated", "bytes", "peak", "heap"]
    assert [line.split()[0] for line in tail[7:9]] == ["all", "match"]
    assert any(re.match(r"23 series: 1\d improved, .*1 new, 1 gone, 1 failed", line) for line in tail)
    assert "  failed: score.Score.time_run  - -> failed" in tail
    assert any(re.fullmatch(r"match 10x5 +allocations +1,000 +400 +0\.400 +exact +- +improved", line) for line in lines)
    assert any(re.fullmatch(r"match +allocations +2\.\d\d +.* to .*", line) for line in lines)
    assert "Where in the code:" in tail
    assert any("vanished" in line and "5.00 kB" in line for line in lines)
    assert any(line.strip() == "OPENBLAS_NUM_THREADS: 1" for line in lines)


def test_sites_are_named_once_the_largest_change_first(project):
    made = main.make_report(*(commits.Commit(name, project.commits[name]) for name in ("first", "last")))
    made.hotspots.append(made.hotspots[0])
    assert [change.status for change in text.most_changed(made)] == ["vanished", "appeared"]


def test_hostile_text_is_harmless(project, capsys):
    for form in ((), ("--markdown",), ("--csv",), ("--json",)):
        _, out = run(capsys, "report", "first", project.commits["middle"][4], *form)
        assert not re.search("[\0-\x08\x0b-\x1f\u2028\u202e]", out)
    _, out = run(capsys, "report", "first", project.commits["middle"][4], "--markdown")
    assert not re.search(r"<(?!/?details>|/?summary>)", out)
    assert "](" not in out
    assert "@" not in out


def test_markdown(project, capsys):
    code, out = run(capsys, "report", "--markdown")
    assert code == 0
    tables = [line for line in out.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} <= {6, 9}
    assert "| match 10x5 | allocations | 1,000 | 400 | 0.400 | exact | - | improved |" in tables
    assert "- peak memory: 60.0 % down, met, and exceeded" in out
    assert out.index("Regressed or failed:") < out.index("<details>")


def test_csv_and_json_have_the_same_table(project, capsys):
    _, table = run(capsys, "report", "--csv")
    _, document = run(capsys, "report", "--json")
    rows = list(csv.DictReader(io.StringIO(table)))
    found = json.loads(document, parse_constant=lambda constant: pytest.fail(constant))
    assert len(rows) == len(found["rows"]) == 29
    for row, one in zip(rows, found["rows"], strict=True):
        assert row["verdict"] == one["verdict"]
        assert row["before"] == ("" if one["before"] is None else str(one["before"]))
        assert row["ratio low"] == ("" if one["ratio_low"] is None else str(one["ratio_low"]))
    assert found["before"]["commit"] == project.commits["first"]
    assert found["targets"][0]["answer"] == "met, and exceeded"
    assert found["hotspots"][0]["sites"][0]["status"] == "vanished"
    assert {one["metric"] for one in found["growth"]} >= {"time", "allocations"}


def test_a_spreadsheet_takes_no_text_for_a_formula(project, monkeypatch, capsys):
    monkeypatch.setattr(text, "_record", lambda row: dict.fromkeys(text.COLUMNS, "=1+1"))
    _, table = run(capsys, "report", "--csv")
    assert set(table.splitlines()[1].split(",")) == {"'=1+1"}


def test_fail_on_regressed(project, capsys):
    commits = project.commits
    assert run(capsys, "report", "first", commits["middle"][4], "--fail-on", "regressed")[0] == 0
    assert run(capsys, "report", commits["last"], commits["other"], "--fail-on", "regressed")[0] == 3
    assert run(capsys, "report", commits["last"], commits["other"])[0] == 0
    assert run(capsys, "report", "first", commits["last"], "--fail-on", "regressed")[0] == 3  # a benchmark failed


def test_another_machine_and_its_conditions(project, capsys):
    _, out = run(capsys, "report", "--machine", "<b>box")
    assert "WARNING: numpy was 2.0, then 2.1" in out
    assert "measured on <b>box in other env" in out


def test_a_commit_that_was_run_in_part_is_warned_of(project, capsys):
    _, out = run(capsys, "report", "first", project.commits["middle"][1])
    assert re.search(r"WARNING: measured in part: of \d+ series, \d+ on the commit before only;", out)


def test_commits_are_compared_where_both_were_measured(project, monkeypatch, tmp_path, capsys):
    """Results of another machine say nothing of a change: everything would be new or gone."""
    results = tmp_path / "results"
    shutil.copytree(project.results, results)
    monkeypatch.setattr(main, "RESULTS", results)
    first, middle, last = project.commits["first"], project.commits["middle"], project.commits["last"]
    (results / "box" / f"{last[:8]}-env.json").unlink()
    (results / "<b>box" / f"{first[:8]}-other env.json").unlink()
    _, out = run(capsys, "report")  # the newest that has been measured where the first version was
    assert f"after:  newest ({middle[4][:7]}" in out
    for arguments in (["first", last], ["--machine", "box", "first", last]):
        assert main.main(["report", *arguments]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert f"has results of both first ({first[:10]}) and {last} (" in said[0]
    assert f"{last} ({last[:10]}) has no results of box / any environment: expected" in said[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nowhere"], "unknown commit 'nowhere'"),
        (["report", "first", "HEAD~2"], "has no results: expected a measured commit"),
        (["report", "--machine", "none"], "no results of none / any environment: of "),
        (["baseline", "remove", "none"], "unknown baseline 'none': expected one of first"),
        (["baseline", "save", "--", "-x"], "baseline '-x': expected a letter"),
        (["baseline", "save", "abcdef12"], "baseline 'abcdef12': expected"),
        (["baseline", "save", "ok", "nowhere"], "unknown commit 'nowhere'"),
        pytest.param(["screenshot", "/proc/none/x.png"], "cannot write '/proc/none/x.png'", marks=needs_browser),
        pytest.param(["screenshot", "/"], "cannot write '/': expected the name of a regular file", marks=needs_browser),
    ],
)
def test_bad_input_is_one_sentence_and_exit_1(project, arguments, said, capsys):
    assert main.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_the_newest_commit_is_never_older_than_the_one_before(project, capsys):
    last = project.commits["last"]
    assert main.main(["report", last]) == 1
    assert capsys.readouterr().err == f"{last} is the newest commit that was measured: expected an older one before\n"


def test_what_measures_a_commit_that_has_no_results(project, capsys):
    unmeasured = project.git("commit-tree", "-m", "not measured", "HEAD^{tree}")
    assert main.main(["report", unmeasured]) == 1
    assert f"-- {unmeasured} {project.commits['last'][:10]}` measures two" in capsys.readouterr().err


def test_wrong_usage_exits_with_2():
    with pytest.raises(SystemExit) as stopped:
        main.main(["report", "--json", "--csv"])
    assert stopped.value.code == 2


def test_baselines(project, monkeypatch, tmp_path, capsys):
    path = tmp_path / "baselines.json"
    path.write_text(json.dumps({"first": project.commits["first"]}))
    monkeypatch.setattr(commits, "BASELINES", path)
    assert run(capsys, "baseline", "save", "v1.0", "HEAD~1") == (0, f"v1.0 is {project.commits['middle'][4]}\n")
    assert run(capsys, "baseline", "save", "v1.0") == (0, f"v1.0 is {project.commits['last']}\n")
    _, out = run(capsys, "baseline", "list")
    assert out.splitlines() == [
        f"first  {project.commits['first']}  The first",
        f"v1.0   {project.commits['last']}  The last",
    ]
    assert run(capsys, "report", "first", "v1.0")[0] == 0
    assert run(capsys, "baseline", "remove", "v1.0") == (0, "v1.0 is forgotten\n")
    assert json.loads(path.read_text()) == {"first": project.commits["first"]}
    assert [one.name for one in tmp_path.iterdir()] == ["baselines.json"]
    assert main.main(["baseline", "remove", "first"]) == 1


@needs_browser
def test_a_screenshot(project, tmp_path, capsys):
    path = tmp_path / "new" / "report.png"
    assert run(capsys, "screenshot", str(path), "--view", "view=table") == (0, "")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1280


def test_without_a_site_there_is_no_screenshot(project, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(main, "SITE", tmp_path)
    assert main.main(["screenshot", "x.png"]) == 1
    assert "expected `tox -e bench` or `asv publish`" in capsys.readouterr().err


def test_the_job_and_the_report_agree_on_where_things_are():
    assert suite.STATE == main.STATE
    assert profiles.beside is conditions.beside
    assert Path(main.__file__).parent.name == "site"
