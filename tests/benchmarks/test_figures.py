import json
import math

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from asv.config import Config
from asv.environment import get_environments
from asv.machine import Machine
from asv.results import Results
from asv.runner import BenchmarkResult

from benchmarks.run import __main__ as main
from benchmarks.run import figures, suite
from benchmarks.site.commits import ROOT, Commit
from benchmarks.site.results import Measurement

HASHES = {"first": "a" * 40, "between": "b" * 40, "now": "c" * 40, "unmeasured": "d" * 40}
SIZES = ["'10x5'", "'50x25'", "'100x50'", "'200x100'"]
NAMES = ["'real'", "'synthetic'"]
RANKS = [["1000", "10000", "100000"], ["'fits'", "'nobody fits'"]]
MILLION = [["1000000"], RANKS[1]]


def save(folder, commit, values):
    """Results as asv saves them; each series has one value for all its parameters."""
    (environment,) = get_environments(Config.load(str(ROOT / "asv.conf.json")), [])
    machine = Machine.get_unique_machine_name()
    results = Results({"machine": machine}, {}, HASHES[commit], 0, environment.python, environment.name, {})
    for name, (params, value) in values.items():
        n = math.prod(map(len, params))
        result = BenchmarkResult(
            result=[value] * n, samples=[None] * n, number=[None] * n, errcode=0, stderr="", profile=None
        )
        results.add_result({"name": name, "params": params, "version": "2"}, result)
    results.save(str(folder / "results"))
    (folder / "results" / machine / "machine.json").write_text(json.dumps({"machine": machine, "version": 1}))


def series(time, allocations):
    return {
        "match.Match.time_run": ([SIZES, NAMES], time),
        "match.MatchHeap.track_allocations": ([SIZES, NAMES], allocations),
        "match.MatchHeap.track_allocated_bytes": ([SIZES, NAMES], 100 * allocations),
        "match.MatchHeap.track_peak_heap": ([SIZES, NAMES], 50 * allocations),
        "score.ScoreHeap.track_allocations": ([SIZES], allocations),
    }


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A small folder of made-up results: of the first version, a later commit, and the newest but one."""
    monkeypatch.setattr(suite, "STATE", tmp_path)
    monkeypatch.setattr(figures, "resolve", lambda name: Commit(name, HASHES[name]))
    monkeypatch.setattr(figures, "resolve_range", lambda revisions: list(HASHES.values())[1:])
    monkeypatch.setattr(Commit, "subject", "A <b>change</b> of $x$")
    save(tmp_path, "first", series(2.0, 1_000_000))
    save(tmp_path, "between", series(math.nan, 5000))
    rank = {
        "rank.Rank.time_run": (RANKS, 0.0654),
        "rank.Rank.track_ratio_to_bare_pass": (RANKS, 0.523),
        "rank.RankHeap.track_peak_heap": (RANKS, 2_176_000),
        "rank.RankMillion.time_run": (MILLION, math.nan),
    }
    build = {
        "pool_build.PoolBuild.time_run": ([["1000", "10000"]], 0.3),
        "pool_build.PoolBuild.track_ratio_to_parsing": ([["1000", "10000"]], 1.8),
        "pool_build.PoolBuildHeap.track_allocations": ([["1000", "10000"]], 1_583_965),
    }
    save(tmp_path, "now", series(0.004, 2500) | rank | build)
    return tmp_path


def test_the_tables(results, capsys):
    assert main.main(["figures"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| first version → now | time | allocations | allocated bytes | peak heap |"
    row = "| 500x as fast | 1,000,000 → 2,500 | 100 MB → 250 kB | 50.0 MB → 125 kB |"
    assert [line for line in lines if line.startswith("| match")] == [
        f"| match {size} {row}" for size in ("10x5", "100x50", "200x100")
    ]
    assert "| score 100x50 | - | 1,000,000 → 2,500 | - | - |" in lines
    assert "| batch of 100 pairs | - | - | - | - |" in lines
    ranks = [line for line in lines if "fits" in line]
    assert len(ranks) == 6  # a million were not ranked
    assert ranks[-1] == "| 100,000 | nobody fits | 65.4 ms | 0.523 | 2.18 MB |"
    build = "300 ms | 1.8 | 1,583,965 | - |"
    assert [line for line in lines if build in line] == [f"| {size} | {build}" for size in ("1,000", "10,000")]
    assert lines[-1] == "The first version is aaaaaaa, now is ccccccc."
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


def test_a_commit_that_was_run_in_part_is_not_taken_for_the_newest(results, tmp_path, capsys):
    """After `compare --bench match.Match.time_run`, or `history`; the README's figures would be lost."""
    assert main.main(["figures"]) == 0
    expected = capsys.readouterr().out
    drawn = figures.plots(figures.load(), tmp_path / "before")
    part = series(0.003, 2400)
    for names in (["match.Match.time_run"], [name for name in part if "Heap" in name], ["other.Other.time_run"]):
        save(results, "unmeasured", {name: part.get(name, ([], 1.0)) for name in names})
        assert main.main(["figures"]) == 0
        assert capsys.readouterr().out == expected
        again = figures.plots(figures.load(), tmp_path / "after")
        assert [path.read_bytes() for path in again[1:]] == [path.read_bytes() for path in drawn[1:]]
    save(results, "unmeasured", part)
    save(results, "now", part)  # as many: the newest
    assert main.main(["figures"]) == 0
    assert capsys.readouterr().out.endswith("now is ddddddd.\n")


def test_a_row_of_a_million_candidates(results, capsys):
    rank = {
        "rank.RankMillion.time_run": (MILLION, 0.181),
        "rank.RankMillion.track_ratio_to_bare_pass": (MILLION, 0.12),
        "rank.RankMillionHeap.track_peak_heap": (MILLION, 2_310_000),
    }
    save(results, "now", series(0.004, 2500) | rank)
    assert main.main(["figures"]) == 0
    ranks = [line for line in capsys.readouterr().out.splitlines() if "fits" in line]
    assert ranks[0] == "| 1,000,000 | fits | 181 ms | 0.12 | 2.31 MB |"
    assert len(ranks) == 2


def test_results_of_other_versions_are_not_compared(results, capsys):
    measured = figures.load()
    name = "match.MatchHeap.track_allocations('10x5', 'real')"
    measured[0].series[name] = Measurement(1_000_000, version="1")
    assert "| match 10x5 | 500x as fast | 2,500 | 100 MB" in figures.tables(measured)


def test_plots_and_block(results, tmp_path, capsys):
    readme, folder = tmp_path / "README.md", tmp_path / "docs" / "plots"
    readme.write_text("# Title\n\n<!-- figures -->\nold\n<!-- /figures -->\n\nThe end.\n", "utf-8")
    arguments = ["figures", "--readme", str(readme), "--plots", str(folder)]
    assert main.main(arguments) == 0
    printed = capsys.readouterr().out
    content = readme.read_text("utf-8")
    assert content == f"# Title\n\n<!-- figures -->\n\n{printed}\n<!-- /figures -->\n\nThe end.\n"
    assert printed.endswith("![history](docs/plots/history.svg)\n![rank](docs/plots/rank.svg)\n")
    drawn = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert drawn.keys() == {"history.svg", "rank.svg"}
    assert all(content.lstrip().startswith(b"<?xml") and b"</svg>" in content for content in drawn.values())
    assert main.main(arguments) == 0
    assert readme.read_text("utf-8") == content
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == drawn


@pytest.mark.parametrize(
    "content",
    ["", "<!-- figures -->", "<!-- /figures --><!-- figures -->", 2 * "<!-- figures --><!-- /figures -->"],
)
def test_a_file_without_the_marks_stays_as_it_is(results, tmp_path, content, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(content, "utf-8")
    assert main.main(["figures", "--readme", str(readme)]) == 1
    assert "once each and in this order" in capsys.readouterr().err
    assert readme.read_text("utf-8") == content


def test_what_cannot_be_written_is_one_sentence(results, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for arguments in (["--readme", str(tmp_path / "none.md")], ["--plots", str(tmp_path / "file" / "folder")]):
        assert main.main(["figures", *arguments]) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith("cannot ")
        assert (captured.err.count("\n"), captured.out) == (1, "")


def test_without_results(results, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(suite, "STATE", tmp_path / "none")
    assert main.main(["figures"]) == 1
    assert "expected `tox -e bench` and `tox -e history` to have been run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (1234, "1,234 s"), (0.0654, "65.4 ms"), (2.5e-4, "250 µs"), (0.5, "500 ms")]
)
def test_seconds(value, shown):
    assert figures.seconds(value) == shown
