import json
import os
import sys

import pytest

pytest.importorskip("distributed", reason="needs the extra distributed")

from benchmarks import distributed
from competency import CandidatePool, HashingEmbedder, ProficiencyLevel, Skill, SkillMatcher
from tests.interrupts import interrupted

SKILLS = [Skill(name, ProficiencyLevel(level, 5)) for name in ("SQL", "Sales", "Welding") for level in range(1, 6)]


@pytest.fixture(scope="module")
def figures():
    embedder = HashingEmbedder(16)
    pool = CandidatePool.build(((str(i), SKILLS[i % 9 : i % 9 + 6]) for i in range(600)), embedder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "PARTITIONS", (1, 3))
        patch.setattr(distributed, "FOR_SPEED", 3)
        return distributed.measure(distributed.Job(SkillMatcher(embedder), SKILLS[:5], 5), pool, 1)


def test_figures_can_be_written_down(figures):
    assert json.loads(json.dumps(figures))["candidates"] == 600
    assert [row["partitions"] for row in figures["by partitions"]] == [1, 3]
    assert len(figures["two workers"]["ratios"]) == len(figures["one partition"]["rounds"]["here"]) == 1


def test_bytes_are_those_of_jobs_and_tops(figures):
    one, three = (row["sent"] for row in figures["by partitions"])
    assert 10_000 < one < three < 1_000_000
    for row in figures["by partitions"]:
        assert 0 <= row["memory"] < 100e6


def test_the_arithmetic(figures):
    one, three = (row["sent"] for row in figures["by partitions"])
    first = figures["far"][0]
    assert (first["candidates"], first["workers"], first["partitions"]) == (100_000_000, 2, 166_667)
    assert first["seconds"] == 83_334 * figures["one partition"]["worker"]
    assert first["sent"] == pytest.approx(166_667 * (three - one) / 2 + 2 * one)


def test_the_report(figures):
    text = distributed.report(figures)
    assert "600 candidates of 20 skills, a job of 25, the best 5; medians of 1 rounds" in text
    assert f"{figures['two workers']['speed-up']:.2f} times as fast" in text
    assert sum(line.startswith("| 1,000,000,000 | 1,666,667 |") for line in text.splitlines()) == 3


def test_wrong_usage(capsys):
    with pytest.raises(SystemExit) as stopped:
        distributed.main(["--candidates", "10"])
    assert stopped.value.code == 2
    assert "expected at least 64 candidates" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_ctrl_c_ends_it_and_its_workers_without_a_word(tmp_path):
    code, out, err, workers = interrupted(
        ["benchmarks.distributed", "--candidates", "64", "--rounds", "1000000"],
        3,  # of both clusters
        env={**os.environ, "PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path)},
    )
    assert (code, out, err) == (130, b"", b"")
    assert not any(worker.is_running() for worker in workers)
    assert list(tmp_path.rglob("*.pool")) == []
