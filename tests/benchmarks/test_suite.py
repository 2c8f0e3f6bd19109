import configparser
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

import contextlib

from asv.machine import Machine

from benchmarks.common import XL
from benchmarks.run import __main__ as main
from benchmarks.run import suite
from benchmarks.site.commits import Commit

OUTPUT = """\
[ 0.00%] · For competency commit 0b82d538 <main>:
[25.00%] ··· match.Match.time_run                                            ok
[25.00%] ··· ========= =======
                size
             --------- -------
                10x5    1.5ms
               50x25     n/a
             ========= =======
[50.00%] ··· start.Import.time_process                                      n/a
[75.00%] ··· start.Import.time_run                                       13.4ms
"""


def test_skipped():
    assert suite.skipped(OUTPUT.splitlines()) == ["match.Match.time_run", "start.Import.time_process"]
    assert suite.skipped(OUTPUT.replace("n/a", "1.5ms").splitlines()) == []


def test_the_core_set():
    names = suite.all_names()
    core = main._select(False, None)
    assert set(core) < set(main._select(True, None)) == set(names)
    for operation in ("embed", "similarity", "score", "match", "batch", "match_many", "rank", "pool_build"):
        mine = [name for name in core if name.startswith(f"{operation}.")]
        assert sum(name.endswith("time_run") for name in mine) == 1
        assert sum(bool(suite.HEAP.search(name)) for name in mine) == 3
    assert sum(bool(suite.HEAP.search(name)) for name in core) == 24
    assert not any("peakmem" in name for name in core)


def test_a_million_candidates_are_in_the_core_set_where_the_environment_asks_for_them():
    program = "from benchmarks.run import __main__ as main; print(*main._select(False, None))"
    found = {}
    for asked in ("0", "1"):
        command, variables = [sys.executable, "-c", program], {**os.environ, XL: asked}
        done = subprocess.run(command, cwd=suite.ROOT, env=variables, capture_output=True, text=True, check=True)
        found[asked] = set(done.stdout.split())
    expected = {f"RankMillionHeap.track_{what}" for what in ("allocations", "allocated_bytes", "peak_heap")}
    expected |= {"RankMillion.time_run", "RankMillion.track_ratio_to_bare_pass"}
    assert found["1"] - found["0"] == {f"rank.{name}" for name in expected}
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(suite.ROOT / "setup.cfg")
    for environment in ("bench", "history", "gate", "suite"):
        assert tox[f"testenv:{environment}"]["pass_env"] == XL  # tox hides what it is not told of


def test_what_may_be_skipped_exists_and_is_not_in_the_core_set():
    assert set(suite.all_names()) >= suite.EXPECTED_SKIPS
    assert not suite.EXPECTED_SKIPS & set(main._select(False, None))


def test_bench_chooses_by_name():
    assert main._select(False, r"to_dict\..*time") == ["to_dict.ToDict.time_run"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["compare", "HEAD", "HEAD"], "HEAD and HEAD are the same commit"),
        (["compare", "nowhere"], "'nowhere'"),
        (["compare", "HEAD", "nowhere"], "'nowhere'"),
        (["history", "HEAD..HEAD"], "no commit in range 'HEAD..HEAD'"),
    ],
)
def test_bad_commits_are_one_sentence_and_exit_1(arguments, named, capsys):
    assert main.main(arguments) == 1
    captured = capsys.readouterr()
    assert named in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("regex", "named"),
    [("nothing at all", "no benchmark matches"), ("", "no benchmark matches"), ("(", "regular expression")],
)
def test_bad_selection(regex, named):
    with pytest.raises(ValueError, match=named):
        main._select(False, regex)


def test_wrong_usage_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        main.main(["compare", "--full", "--bench", "x"])
    assert stopped.value.code == 2


@pytest.fixture
def asv(tmp_path, monkeypatch):
    """asv, replaced by a list of its calls and the exit codes that it gives."""

    class Fake:
        def __init__(self):
            self.calls = []
            self.codes = []

        def __call__(self, *arguments, stdin="", to=None):
            self.calls.append((arguments, stdin))
            code = self.codes.pop(0)
            if code is KeyboardInterrupt:
                raise code
            return code

    fake = Fake()
    monkeypatch.setattr(suite, "STATE", tmp_path)
    monkeypatch.setattr(suite, "asv", fake)
    return fake


@pytest.mark.parametrize("interruption", [1, -9, KeyboardInterrupt])
def test_a_file_that_was_interrupted_is_measured_anew(asv, interruption):
    asv.codes = [interruption, 0, 0]

    def measure():
        with contextlib.suppress(KeyboardInterrupt):
            suite.measure_file("match", ["match.Match.time_run"], ["a", "b"])
        arguments, stdin = asv.calls[-1]
        assert stdin == "a\nb"
        assert {"--interleave-rounds", "--record-samples", r"^match\.Match\.time_run(\(|$)"} < set(arguments)
        return "--skip-existing-successful" in arguments

    assert [measure(), measure(), measure()] == [True, False, True]


@pytest.mark.parametrize(
    ("name", "commits"), [("match.MatchHeap.track_peak_heap", "ab"), ("match.Match.time_run", "cd")]
)
def test_a_run_of_something_else_leaves_what_was_interrupted_unfinished(asv, name, commits):
    asv.codes = [KeyboardInterrupt, 0, 0, 0]
    with pytest.raises(KeyboardInterrupt):
        suite.measure_file("match", ["match.Match.time_run"], ["a", "b"])
    anew = []
    for one, hashes in ((name, commits), ("match.Match.time_run", "bc"), ("match.Match.time_run", "ab")):
        suite.measure_file("match", [one], list(hashes))
        anew.append("--skip-existing-successful" not in asv.calls[-1][0])
    assert anew == [False, True, True]
    assert [path.read_text() for path in (suite.STATE / "unfinished").iterdir()] == []


def test_a_failed_benchmark_is_not_an_interruption(asv):
    asv.codes = [2, 0]
    for _ in range(2):
        suite.measure_file("match", ["match.Match.time_run"], ["a", "b"])
    assert all("--skip-existing-successful" in arguments for arguments, _ in asv.calls[-2:])


def test_what_failed_is_said_where_there_is_nothing_to_report(asv, monkeypatch, capsys):
    monkeypatch.setattr(main, "resolve", lambda name: Commit(name, 40 * name))
    monkeypatch.setattr(main.conditions, "record", lambda *_: None)
    monkeypatch.setattr(main.profiles, "record", lambda *_: ())
    monkeypatch.setattr(suite, "measure_file", lambda file, *_: 1)
    monkeypatch.setattr(suite, "asv", lambda *_, **options: 0)
    assert main.main(["compare", "a", "b", "--bench", "^match.Match.time_run$"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "asv failed in match: see above"
    assert "has no results" in said[1]


@pytest.mark.parametrize("command", [["compare", "a", "b"], ["history"]])
def test_damaged_results_are_said_before_anything_is_measured(command, asv, monkeypatch, capsys):
    machine = Machine.get_unique_machine_name()
    monkeypatch.setattr(main, "resolve", lambda name: Commit(name, 40 * name))
    monkeypatch.setattr(main, "resolve_range", lambda _: [40 * "a", 40 * "b"])
    path = suite.STATE / "results" / machine / "bbbbbbbb-env.json"
    path.parent.mkdir(parents=True)
    path.with_name("machine.json").write_text(json.dumps({"machine": machine, "version": 1}))
    path.write_text('{"results": {')
    assert main.main(command) == 1
    captured = capsys.readouterr()
    assert "without this file they are measured anew" in captured.err
    assert captured.err.count(str(path)) == captured.err.count("\n") == 1
    assert (asv.calls, captured.out) == ([], "")


def test_the_configuration_holds_one_environment():
    text = (suite.ROOT / "asv.conf.json").read_text("utf-8")
    conf = json.loads("\n".join(line for line in text.splitlines() if not line.strip().startswith("//")))
    assert conf["matrix"]["req"] == {"numpy": [""], "scipy": [""], "memray": [""]}
    assert conf["matrix"]["env_nobuild"]["OPENBLAS_NUM_THREADS"] == ["1"]
