"""The main job, for real: two commits that differ by a comment, measured by asv, compared and published."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.heap.dhat import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone whose last two commits hold this working tree, and the same with a comment more; in fewer rounds."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the project's git history")
    folder = tmp_path_factory.mktemp("clone") / "project"

    def git(*arguments, cwd=folder):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True
        ).stdout

    git("clone", "-q", str(ROOT), str(folder), cwd=ROOT)
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    common = folder / "benchmarks" / "common.py"
    text = common.read_text("utf-8")
    common.write_text(text.replace("    rounds = 10\n", "    rounds = 2\n"), "utf-8")
    assert common.read_text("utf-8") != text
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "This tree")
    with (folder / "competency" / "matcher.py").open("a") as stream:
        stream.write("# a comment\n")
    git("commit", "-q", "-a", "-m", "A comment <b>more</b>")
    git("checkout", "-q", "-b", "worse")
    matcher = folder / "competency" / "matcher.py"
    lines = matcher.read_text().splitlines(keepends=True)
    (body,) = [node.body for node in ast.walk(ast.parse("".join(lines))) if getattr(node, "name", "") == "similarities"]
    lines.insert(body[-1].lineno - 1, " " * body[-1].col_offset + "bytearray(1)\n")
    matcher.write_text("".join(lines))
    git("commit", "-q", "-a", "-m", "One allocation more")
    git("checkout", "-q", "-")
    return folder


def run(clone, *arguments):
    """Run a command in the clone, with a home of its own for asv's machine file."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    cache = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home), "PIP_CACHE_DIR": cache}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def job(clone):
    done = run(clone, "benchmarks.run", "compare", "HEAD~1", "HEAD", "--bench", r"SimilarityHeap|to_dict|accuracy")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def graph(clone, name):
    (path,) = (clone / ".asv" / "html" / "graphs").glob(f"arch-*/**/{name}.json")
    return json.loads(path.read_text("utf-8"))


def test_it_ends_with_the_comparison_and_the_site(job):
    tail = job.splitlines()[-30:]
    assert any(line.startswith("before: HEAD~1 (") and line.endswith("This tree)") for line in tail)
    (deviation,) = [
        line.split(": ")[1] for line in tail if line.startswith("Largest deviation from the golden figures: ")
    ]
    assert float(deviation) <= 1e-6  # what accuracy.py allows the ends of intervals
    lines = job.splitlines()
    assert any(line.startswith("  blas: ") and "not recorded" not in line for line in lines)
    assert any(re.match(r"  numpy: \d", line) for line in lines)
    assert any(re.match(r"similarity 10x5 +peak heap .* exact +- +no change$", line) for line in lines)
    assert f"Report:       {Path('.asv/html/report/index.html')}" in tail
    assert tail[-1].startswith("To serve it:  ")
    assert tail[-1].endswith("-m asv preview")


def test_a_comment_changes_no_heap_series(job, clone):
    for series in ("track_allocations", "track_allocated_bytes", "track_peak_heap"):
        (_, before), (_, after) = graph(clone, f"similarity.SimilarityHeap.{series}")
        assert before == after
        assert all(value > 0 for value in before)


def test_the_published_data(job, clone):
    index = json.loads((clone / ".asv" / "html" / "index.json").read_text("utf-8"))
    measured = {"similarity.SimilarityHeap.track_peak_heap", "to_dict.ToDict.time_run", "to_dict.ToDict.peakmem_run"}
    assert measured < set(index["benchmarks"])
    assert len(graph(clone, "to_dict.ToDict.time_run")) == 2


def test_the_site_has_the_report_and_loads_nothing_from_elsewhere(job, clone):
    site = clone / ".asv" / "html"
    for path in (site / "index.html", site / "report" / "index.html"):
        assert "://" not in re.sub(r"http://www\.w3\.org/|https?:\|", "", path.read_text("utf-8"))
    assert not (site / "index.legacy.html").exists()
    assert len(list((site / "report" / "data" / "0").glob("*-*.js"))) == 1  # the two commits, one after the other


def test_asv_compare_finds_no_change(job, clone):
    done = run(clone, "asv", "compare", "--split", "--factor", "2", "HEAD~1", "HEAD")
    assert done.returncode == 0
    assert "SimilarityHeap.track_peak_heap" in done.stdout
    assert "got worse" not in done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(job, clone):
    wheels = list((clone / ".asv" / "env").rglob("competency-*.whl"))
    assert len(wheels) == 2
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
    assert {"competency/py.typed", "competency/data/domains.toml", "competency/embedding/hashing.py"} < set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"competency"}


def test_heap_profiles_are_recorded(job, clone):
    files = list((clone / ".asv" / "profiles").glob("*/*/*.json"))
    assert [path.name for path in files] == ["similarity.json"] * 2
    profiles = [load(path) for path in files]
    assert profiles[0].points == profiles[1].points
    for profile in profiles:
        places = {(frame.function, frame.file) for point in profile.points for frame in point.frames}
        assert ("similarities", "competency/matcher.py") in places
    assert all(not Path(point.frames[0].file).is_absolute() for point in profiles[0].points)


def test_the_gate_lets_a_comment_pass(job, clone):
    done = run(clone, "benchmarks.run", "gate", "HEAD~1", "HEAD", "--bench", "SimilarityHeap")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["12 heap series, 0 grew by more than 0.000%"]


def test_the_gate_stops_one_allocation(job, clone):
    done = run(clone, "benchmarks.run", "gate", "HEAD", "worse", "--bench", "SimilarityHeap")
    assert done.returncode == 1, done.stdout + done.stderr
    grown = [line for line in done.stdout.splitlines() if "track_allocations" in line]
    assert len(grown) == 4
    assert all(line.startswith("grew: similarity.SimilarityHeap.track_allocations(") for line in grown)
    tolerant = run(clone, "benchmarks.run", "gate", "HEAD", "worse", "--bench", "SimilarityHeap", "--tolerance", "5")
    assert tolerant.returncode == 0


def test_what_was_measured_is_not_measured_again(job, clone):
    again = run(clone, "benchmarks.run", "compare", "HEAD~1", "HEAD", "--bench", "SimilarityHeap")
    assert again.returncode == 0
    assert "Setting up" not in again.stdout
    rows = [line for line in again.stdout.splitlines() if re.match("similarity .* exact .* no change$", line)]
    assert len(rows) == 16  # of four sizes: blocks, bytes, peak, bytes per skill
