import functools
import json
import math
import operator
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks import common
from benchmarks.run import suite
from benchmarks.site.commits import CommitError
from benchmarks.site.results import (
    FAMILIES,
    Measurement,
    Series,
    Setting,
    _derive,
    check_commits,
    choose,
    load_series,
    read,
)


@pytest.fixture
def project(published):
    return published


def test_every_series_of_the_suite_has_a_family():
    families = {Series(name).family.key for name in suite.all_names()}
    assert families == FAMILIES.keys() - {"other", "mean", "skill"}


@pytest.mark.parametrize(
    ("benchmark", "params", "operation"),
    [
        ("match.Match.time_run", ("'10x5'", "'real'"), "match 10x5 real"),
        ("match.MatchHeap.track_peak_heap", ("'10x5'",), "match 10x5"),
        ("match_many.MatchMany.time_run", ("1000",), "match_many 1000"),
        ("start.Import.time_process", (), "start (Import, process)"),
        ("match.MatchGrowth.track_peak_heap_exponent", ("'real'",), "match real (peak heap exponent)"),
        ("rank.RankMillion.time_run", ("1000000", "'fits'"), "rank 1000000 fits (RankMillion)"),
        ("rank.RankMillionHeap.track_peak_heap", ("1000000", "'fits'"), "rank 1000000 fits (RankMillion)"),
        ("to_dict.ToDict.peakmem_run", ("'10x5'",), "to_dict 10x5"),
        ("odd", (), "odd (odd)"),
    ],
)
def test_operations(benchmark, params, operation):
    assert Series(benchmark, params).operation == operation


@pytest.mark.parametrize(
    ("params", "size"),
    [
        (("'10x5'",), 10),
        (("'010'",), None),
        (("1000", "'fits'"), 1000),
        (("'real'", "50"), 50),
        (("'real'",), None),
        ((), None),
    ],
)
def test_sizes(params, size):
    assert Series("a.B.time_run", params).size == size


def test_skills_are_those_of_the_heap_report():
    names = tuple(common.OPERATIONS["match"].params)
    assert Series("match.Match.time_run", ("'100x50'", "'real'"), names).skills == 150
    assert Series("rank.Rank.time_run", ("1000", "'fits'"), ("n_candidates", "job")).skills == 20_000
    assert Series("a.B.time_run", ("'nonsense'",), ("size",)).skills == 0
    assert Series("a.B.time_run", ("'10x5'",)).skills == 0  # names of parameters are not known


@given(st.text(), st.lists(st.text()).map(tuple))
def test_any_name_is_read(benchmark, params):
    series = Series(benchmark, params)
    assert series.family.key in FAMILIES
    assert isinstance(series.operation + series.name + series.component, str)
    assert series.size is None or series.size >= 0


def test_peaks_are_net_of_their_reference():
    def peaks(run, reference):
        found = {Series("a.B.peakmem_run"): Measurement(run), Series("a.B.peakmem_reference"): Measurement(reference)}
        (one,) = _derive(found).values()
        return one

    assert (peaks(100, 60).value, peaks(100, 60).reference) == (40, 60)
    assert math.isnan(peaks(100, math.nan).value)  # skipped, not gross
    assert peaks(None, 60).value is None
    (alone,) = _derive({Series("a.B.peakmem_run"): Measurement(100)}).values()
    assert not alone.measured


def test_no_mean_size_of_no_blocks():
    found = {
        Series("a.BHeap.track_allocated_bytes"): Measurement(0),
        Series("a.BHeap.track_allocations"): Measurement(0),
    }
    assert _derive(found) == found


def test_read_all_settings(project):
    runs = read(project.results)
    assert {(one.machine, one.environment): len(found) for one, found in runs.items()} == {
        ("box", "env"): 8, ("<b>box", "other env"): 2
    }  # fmt: skip
    first = runs[Setting("box", "env")][project.commits["first"]]
    assert first.facts["OPENBLAS_NUM_THREADS"] == "1"
    assert first.dates == (1_700_000_000, 1_700_000_000)


def test_read_one_commit(project):
    (run,) = read(project.results, project.commits["last"])[Setting("box", "env")].values()
    assert run.commit == project.commits["last"]
    assert run.series[Series("score.Score.time_run")].value is None


@pytest.mark.parametrize(
    ("place", "junk"),
    [
        (["results"], [None]),
        (["results", "match.Match.time_run"], 7),
        (["results", "match.Match.time_run", 1], 7),
        pytest.param(["results", "match.Match.time_run", 0, 0], 10**400, id="no float"),
        (["result_columns", 3], 7),
        (["env_vars"], None),
        (["params"], []),
        (["commit_hash"], ["a"]),
        (["commit_hash"], "../../../x"),
    ],
)
def test_a_file_that_is_not_of_asv_is_left_out(place, junk, project, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(project.results, results)
    path = results / "box" / f"{project.commits['first'][:8]}-env.json"
    data = json.loads(path.read_text())
    *outer, last = place
    functools.reduce(operator.getitem, outer, data)[last] = junk
    path.write_text(json.dumps(data))
    expected = read(project.results)
    del expected[Setting("box", "env")][project.commits["first"]]
    assert {setting: found.keys() for setting, found in read(results).items()} == {
        setting: found.keys() for setting, found in expected.items()
    }


@pytest.mark.parametrize("content", ["", '{"results": {', "[]", '{"version": 2}'])
def test_damaged_results_of_a_commit_are_refused_before_it_is_measured(content, project, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(project.results, results)
    commit, other = project.commits["first"], project.commits["last"]
    path = results / "box" / f"{commit[:8]}-env.json"
    check_commits(results, "box", [commit, other])
    path.write_text(content)
    with pytest.raises(CommitError, match=f"{path.name}.*: expected results of asv; without this file"):
        check_commits(results, "box", [other, commit])
    check_commits(results, "box", [other])
    check_commits(results, "<b>box", [commit])
    path.unlink()
    check_commits(results, "box", [commit])
    check_commits(tmp_path / "none", "box", [commit])


def test_recorded_conditions_are_read_and_damaged_ones_are_not(project, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(project.results, results)
    for commit, content in (("first", [{"numpy": "2.0"}, {"numpy": "2.1"}]), ("last", "damaged")):
        path = tmp_path / "conditions" / "box" / f"{project.commits[commit][:10]}-env.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    found = read(results)[Setting("box", "env")]
    assert found[project.commits["first"]].facts["numpy"] == "2.0 and 2.1"
    assert "numpy" not in found[project.commits["last"]].facts


def test_the_setting_with_most_of_the_asked_commits_is_chosen(project):
    runs = read(project.results)
    assert choose(runs) == Setting("box", "env")
    assert choose(runs, (project.commits["first"], project.commits["other"])) == Setting("box", "env")
    with pytest.raises(ValueError, match="no results: expected"):
        choose({})


def test_results_of_another_machine_are_not_those_of_this_one(project):
    assert load_series(project.commits["first"], project.results) == {}
