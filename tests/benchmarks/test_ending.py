import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("asv", reason="needs the extra bench")

from benchmarks.heap.ending import exit_code
from benchmarks.run import __main__ as run
from benchmarks.site import __main__ as site
from benchmarks.site import commits

ROOT = Path(__file__).parents[2]
LIST = [sys.executable, "-m", "benchmarks.site", "baseline", "list"]


@pytest.fixture(params=["", "1"])
def environment(request):
    """Where Python buffers what it prints, and where it does not."""
    return {**os.environ, "PYTHONUNBUFFERED": request.param}


def test_a_reader_that_went_away(environment):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(LIST, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk(environment):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(LIST, cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "[Errno 28] No space left on device\n")


def test_standard_output_that_is_closed():
    done = subprocess.run(LIST, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert done.stderr.startswith("cannot write standard output")


def test_an_encoding_without_the_lines_of_a_tree(monkeypatch):
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding="ascii"))
    assert exit_code(lambda: print("├─ 3 µs") or 0) == 0
    assert stream.getvalue() == b"?? 3 ?s\n"


def test_baselines_that_cannot_be_read(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(commits, "BASELINES", tmp_path / "none.json")
    assert site.main(["baseline", "list"]) == 1
    assert capsys.readouterr().err == f"[Errno 2] No such file or directory: '{tmp_path}/none.json'\n"


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_what_an_interrupted_job_says_is_true(monkeypatch, capsys):
    """A gate measures afresh each time: nothing of it is kept."""
    monkeypatch.setattr(site, "make_report", interrupt)
    assert site.main(["report", "first", "first"]) == 130
    monkeypatch.setattr(run.suite, "know_this_machine", interrupt)
    assert run.main(["gate", "first", "HEAD"]) == 130
    assert capsys.readouterr().err == ""
    assert run.main(["compare", "first", "HEAD"]) == 130
    assert "what was measured is kept" in capsys.readouterr().err
