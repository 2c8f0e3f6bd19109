import json
import sys
import types

import pytest

pytest.importorskip("asv", reason="needs the extra bench")
pytest.importorskip("memray", reason="needs the extra memory-profiling")

from benchmarks.run import __main__ as main
from benchmarks.run import conditions
from benchmarks.site.commits import Commit
from benchmarks.site.results import beside

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("content", "kept"),
    [(None, []), ('[{"numpy": "1"}]', [{"numpy": "1"}]), ("[", []), ("{}", []), ("\0", [])],
)
def test_conditions_are_added_to_what_is_known(content, kept, monkeypatch, tmp_path):
    """Also to a damaged file: what took long to measure must not end there."""
    environment = types.SimpleNamespace(name="env", find_executable=lambda name: sys.executable)
    monkeypatch.setattr("asv.environment.get_environments", lambda *_: [environment])
    monkeypatch.setattr("asv.machine.Machine.get_unique_machine_name", lambda: "box")
    monkeypatch.setattr(conditions.suite, "STATE", tmp_path)
    results = tmp_path / "results" / "box" / f"{COMMIT[:8]}-env.json"
    results.parent.mkdir(parents=True)
    results.touch()
    folder = beside(tmp_path / "results", "conditions", conditions.Setting("box", "env"), COMMIT)
    path = folder.with_name(f"{folder.name}.json")
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_text(content)
    for _ in range(2):
        conditions.record([COMMIT], 0)
    *before, now = json.loads(path.read_text())
    assert before == kept
    assert now.keys() == {"python", "numpy", "scipy", "memray", "blas"}


@pytest.mark.parametrize(
    ("command", "interrupted"),
    [
        (["compare", "a", "b"], (main.suite, "measure_file")),
        (["compare", "a", "b"], (main.profiles, "record")),
        (["history"], (main.suite, "measure")),
    ],
)
def test_conditions_of_what_was_measured_before_an_interruption_are_kept(command, interrupted, monkeypatch):
    """The next call measures none of it again, and records nothing of what it has not measured."""

    def stop(*_):
        raise KeyboardInterrupt

    recorded = []
    monkeypatch.setattr(main, "resolve", lambda name: Commit(name, 40 * name))
    monkeypatch.setattr(main, "resolve_range", lambda _: [40 * "a", 40 * "b"])
    monkeypatch.setattr(main, "_select", lambda *_: ["match.MatchHeap.track_allocations"])
    monkeypatch.setattr(main, "uncommitted", lambda: False)
    monkeypatch.setattr(main.suite, "know_this_machine", lambda: None)
    monkeypatch.setattr(main.suite, "measure_file", lambda *_: 0)
    monkeypatch.setattr(main.conditions, "record", lambda hashes, since: recorded.append(hashes))
    monkeypatch.setattr(*interrupted, stop)
    assert main.main(command) == 130
    assert recorded == [[40 * "a", 40 * "b"]]
