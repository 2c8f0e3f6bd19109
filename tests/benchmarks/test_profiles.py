import sys
import types

import pytest

pytest.importorskip("asv", reason="needs the extra bench")
pytest.importorskip("memray", reason="needs the extra memory-profiling")

from benchmarks.heap.dhat import load
from benchmarks.run import profiles
from benchmarks.site.commits import Commit
from benchmarks.site.results import Setting, beside

COMMIT = Commit("now", "0123456789" * 4)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where profiles of the commit are kept; its environment is this one."""
    environment = types.SimpleNamespace(
        name="env",
        env_vars={},
        create=lambda: None,
        install_project=lambda *_: None,
        find_executable=lambda name: sys.executable,
    )
    monkeypatch.setattr("asv.environment.get_environments", lambda *_: [environment])
    monkeypatch.setattr("asv.machine.Machine.get_unique_machine_name", lambda: "box")
    monkeypatch.setattr(profiles.suite, "STATE", tmp_path)
    return beside(tmp_path / "results", "profiles", Setting("box", "env"), COMMIT.hash)


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_what_is_missing_or_damaged_is_recorded(content, folder):
    path = folder / "similarity.json"
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_text(content)
    (line,) = profiles.record(COMMIT, ["similarity", "accuracy"])
    assert line.endswith("similarity.json")
    assert load(path).total("total_blocks") > 0
    assert list(profiles.record(COMMIT, ["similarity"])) == []
