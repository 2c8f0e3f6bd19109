import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("memray", reason="memray runs on Linux and macOS only")

from memray._memray import compute_statistics

import benchmarks.heap.__main__ as command_line
from benchmarks.common import OPERATIONS
from benchmarks.heap.__main__ import main
from benchmarks.heap.dhat import load
from benchmarks.heap.profile import Frame, Site, sites


@pytest.fixture
def recorded(tmp_path, capsys):
    """Two profiles of one operation."""
    paths = [str(tmp_path / name) for name in ("small.json", "large.json")]
    for path, size in zip(paths, ("10", "20"), strict=True):
        assert main(["record", "similarity", "--candidates", size, "--required", "10", "-o", path]) == 0
    capsys.readouterr()
    return paths


def test_record(tmp_path, capsys):
    path = tmp_path / "dhat-heap.json"
    assert main(["record", "similarity", "--candidates", "10", "--required", "5", "-o", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    profile = load(path)
    assert lines[0].split()[-2:] == [f"{profile.total('total_blocks'):,}", "blocks"]
    assert lines[-1].startswith(f"{path}: open it with valgrind's dh_view.html")


def test_record_without_an_operation_runs_a_match_and_its_components(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["record", "--candidates", "10", "--required", "5"]) == 0
    profile = load(tmp_path / "dhat-heap.json")
    assert profile.command == "match, embed, similarity, score, to_dict of 10 x 5 skills"


def test_record_a_script(tmp_path, capfd):
    (tmp_path / "script.py").write_text("import sys\nprint(sys.argv[1:])\n")
    assert main(["record", "-o", str(tmp_path / "out.json"), "--", str(tmp_path / "script.py"), "--flag", "x"]) == 0
    assert "['--flag', 'x']" in capfd.readouterr().out
    assert load(tmp_path / "out.json").total("total_blocks") > 0


def test_view(recorded, capsys):
    assert main(["view", recorded[0], "--sort", "peak_bytes", "--depth", "1", "--threshold", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "similarity of 10 x 10 skills"
    assert lines[2].startswith("Bytes at the peak: ")
    profile = load(recorded[0])
    shown = [site for site in sites(profile.points) if site.peak_bytes > 0.06 * profile.total("peak_bytes")]
    assert shown
    for (function, file, line), *_ in shown:
        assert any(f"{function} ({file}:{line})" in text for text in lines)


def test_diff(recorded, capsys):
    assert main(["diff", *recorded]) == 0
    assert "grew" in capsys.readouterr().out
    assert main(["diff", *recorded, "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)
    grown = next(change for change in changes if change["status"] == "grew")
    assert grown["after"]["total_bytes"] > grown["before"]["total_bytes"]
    after = [change["after"] for change in changes if change["after"]]
    wanted = [(*site.frame, *site[1:]) for site in sites(load(recorded[1]).points)]
    assert sorted(tuple(site.values()) for site in after) == sorted(wanted)
    assert list(after[0]) == [*Frame._fields, *Site._fields[1:]]


@pytest.fixture
def statistics(tmp_path, capsys):
    """What memray itself says of a match in which one line makes most blocks, and one most bytes, by far."""
    arguments = ["match", "--candidates", "100", "--required", "50", "-o", str(tmp_path / "out.json")]
    assert main(["record", *arguments, "--keep", str(tmp_path / "kept.bin")]) == 0
    capsys.readouterr()
    return compute_statistics(str(tmp_path / "kept.bin"))


def test_report(capsys, statistics):
    assert main(["report", "match", "embed", "--candidates", "100", "--required", "50"]) == 0
    out = capsys.readouterr().out
    assert "match: size 100x50, names real" in out
    assert "per skill" in out
    assert out.count(", with what stacks take)") == 4
    (function, file, line), _ = statistics.top_locations_by_size[0]
    assert f" {function} ({'/'.join(Path(file).parts[-2:])}:{line})" in out


def test_report_as_json(capsys, statistics):
    assert main(["report", "match", "import", "--json"]) == 0
    match, package = json.loads(capsys.readouterr().out)
    assert match["parameters"] == {"size": "100x50", "names": "real"}
    assert match["mean_bytes"] == match["allocated_bytes"] / match["allocations"]
    assert match["peak_bytes_per_skill"] == match["peak_bytes"] / 150
    (function, _, line), _ = statistics.top_locations_by_count[0]
    assert (match["top_by_count"][0]["function"], match["top_by_count"][0]["line"]) == (function, line)
    assert match["allocations"] >= sum(site["blocks"] for site in match["top_by_count"])
    assert package["skills"] == 0
    assert package["allocations_per_skill"] is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["report", "fly"], "unknown operation 'fly'"),
        (["record", "fly"], "unknown operation 'fly'"),
        (["record", "match", "--", "script.py"], "both 'match' and a script"),
        (["record", "match", "--"], "both 'match' and a script"),
        (["record", "--"], "nothing after --: expected a Python file"),
        (["report", "--", "none"], "unknown operation 'none'"),
        (["report", "to_dict", "--", "none"], "unknown operation 'none'"),
        (["view", "--", "-none.json"], "cannot read '-none.json'"),
        (
            ["record", "to_dict", "--candidates", "9", "--required", "9", "-o", "no/such/folder.json"],
            "in a folder that exists",
        ),
        (["view", "none.json"], "cannot read 'none.json'"),
        (["diff", "none.json", "none.json"], "cannot read 'none.json'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_1(arguments, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert named in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["report", "--candidates", "0"],
        ["report", "--required", "x"],
        ["view"],
        ["growth", "match", "--plot", "a.pdf"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_a_file_that_is_read_is_not_overwritten(recorded, capsys):
    before, after = (Path(path).read_bytes() for path in recorded)
    for arguments in (
        ["view", recorded[0], "--html", "-o", recorded[0]],
        ["diff", *recorded, "--html", "-o", recorded[1]],
        ["record", "-o", recorded[0], "--", recorded[0]],
    ):
        assert main(arguments) == 1
        assert "expected another file than is read or written besides" in capsys.readouterr().err
    assert [Path(path).read_bytes() for path in recorded] == [before, after]


def test_a_capture_and_a_profile_need_a_file_each(tmp_path, capsys):
    path = str(tmp_path / "kept.json")
    assert main(["record", "similarity", "--keep", path, "-o", path]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"cannot write {path!r}: expected another file than is read or written besides\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["-o", "--keep"])
def test_a_pipe_is_not_replaced(option, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    assert main(["record", "similarity", option, "pipe"]) == 1
    assert capsys.readouterr().err == "cannot write 'pipe': expected the name of a regular file, or a new one\n"
    assert Path("pipe").is_fifo()
    assert list(Path().iterdir()) == [Path("pipe")]


def test_a_page_that_cannot_be_written_is_named(recorded, tmp_path, capsys):
    for name in (str(tmp_path), str(tmp_path / "no" / "page.html"), "."):
        assert main(["view", recorded[0], "--html", "-o", name]) == 1
        assert capsys.readouterr().err.startswith(f"cannot write {name!r}: expected ")
    assert main(["view", recorded[0], "--html", "-o", ""]) == 1
    assert capsys.readouterr().err.startswith("cannot write '.': expected ")


def test_a_capture_is_kept_beside_no_other_file(tmp_path):
    (tmp_path / "link.bin").symlink_to(tmp_path / "kept.bin")
    arguments = ["record", "similarity", "--candidates", "10", "--required", "5", "-o", str(tmp_path / "out.json")]
    assert main([*arguments, "--keep", str(tmp_path / "link.bin")]) == 0
    assert compute_statistics(str(tmp_path / "kept.bin")).total_num_allocations > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.bin", "link.bin", "out.json"]
    assert (tmp_path / "link.bin").is_symlink()


@pytest.mark.parametrize(
    "command", [["report", "rank_everyone"], ["report", "match", "rank"], ["record", "rank"], ["cache", "rank"]]
)
@pytest.mark.parametrize("size", [["--candidates", "100"], ["--required", "5"]])
def test_a_size_is_refused_where_an_operation_has_none(command, size, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command, *size]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(
        f"{' '.join(size)}: {command[-1]} has no such size: expected one of embed, similarity,"
    )
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_a_script_has_no_size(capsys):
    assert main(["record", "--required", "5", "--", "script.py"]) == 1
    assert capsys.readouterr().err.startswith("--required 5: a script has no such size: expected one of ")


def test_a_report_of_a_size_is_of_the_operations_that_have_one(capsys, monkeypatch):
    assert [name for name in OPERATIONS if OPERATIONS[name].sized] == command_line.SIZED
    monkeypatch.setattr(command_line, "SIZED", ["score", "to_dict"])
    assert main(["report", "--candidates", "9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["operation"], one["parameters"]) for one in found] == [
        ("score", {"size": "9x50"}),
        ("to_dict", {"size": "9x50"}),
    ]


def test_a_profile_names_the_sizes_that_were_measured(tmp_path):
    assert main(["record", "overlap", "-o", str(tmp_path / "out.json")]) == 0
    assert load(tmp_path / "out.json").command == "overlap (percent 90)"


ENVIRONMENT = {**os.environ, "PYTHONPATH": ":".join(sys.path), "OPENBLAS_NUM_THREADS": "1"}


def test_the_help_of_growth_names_what_has_a_size(capsys):
    with pytest.raises(SystemExit):
        main(["growth", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    names = ["embed", "similarity", "score", "match", "batch", "match_many", "rank", "rank_everyone", "rank_many"]
    names += ["rank_mixed", "pool_build", "large_match", "to_dict", "embed_warm", "embed_hashing"]
    assert f"OPERATION one of {', '.join(names)} options:" in said


def test_one_thread_of_blas_counts_whatever_the_environment_says_of_none():
    """More of them, as there are by default on several cores, have buffers of their own."""
    without = {name: value for name, value in ENVIRONMENT.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-m", "benchmarks.heap", "report", "similarity", "--json"]
    default, one = (
        json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)[0]
        for environment in (without, ENVIRONMENT)
    )
    assert default["peak_bytes"] == one["peak_bytes"]
    assert default["allocated_bytes"] == one["allocated_bytes"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["growth", "match", "--sizes", "300,400,500,600,700", "--plot", "growth.svg"],
        ["record", "match", "--candidates", "800", "--required", "400", "--keep", "kept.bin"],
        pytest.param(
            ["cache", "match"], marks=pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
        ),
    ],
)
def test_an_interrupted_instrument_is_quiet_and_leaves_nothing(arguments, tmp_path):
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.heap", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path / "temporary")},
        start_new_session=True,  # whose processes all get the signal, as those of a terminal do
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    assert process.stderr.readline().endswith("...\n")  # it has begun to measure
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert all(line.endswith("...") for line in err.splitlines())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("arguments", [["view"], ["diff", "--json"], ["view", "--depth", "9", "--threshold", "0"]])
def test_a_closed_pipe_is_quiet(arguments, recorded):
    reader, writer = os.pipe()
    os.close(reader)
    files = recorded if arguments[0] == "diff" else recorded[:1]
    command = [sys.executable, "-m", "benchmarks.heap", *arguments, *files]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("script", [".", "none.py", "", "--help", "--native"])
def test_what_is_no_script_is_one_sentence(script, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["record", "--", script, "--flag"]) == 1
    assert capfd.readouterr().err == f"Recording ...\n{script!r}: expected a Python file, or -m and a module\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(
            (["view", "a.json", "--threshold", bad], f"--threshold: {bad!r}: expected a percentage, 0 to 100")
            for bad in ("nan", "-1", "101", "inf", "1 %")
        ),
        *(
            ([*command, bad], f"{command[-1]}: {bad!r}: expected a whole number, at least 1")
            for command in (["view", "a.json", "--depth"], ["report", "--candidates"], ["cache", "match", "--repeats"])
            for bad in ("0", "-3", "1.5", "1_0", "9" * 5000)
        ),
        (["diff", "a.json", "b.json", "--json", "--html"], "--html: not allowed with argument --json"),
    ],
)
def test_wrong_usage_says_what_is_accepted(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f"{said}\n")


@pytest.mark.parametrize("threshold", ["0", "100", "0.5"])
def test_a_threshold_is_a_percentage(threshold, recorded):
    assert main(["view", recorded[0], "--threshold", threshold]) == 0


@pytest.mark.parametrize("command", ["view", "diff", "diff --json"])
def test_an_output_without_a_page_is_refused(command, recorded, tmp_path, capsys):
    name, *options = command.split()
    files = recorded if name == "diff" else recorded[:1]
    assert main([name, *files, *options, "-o", str(tmp_path / "page.html")]) == 1
    captured = capsys.readouterr()
    assert captured == ("", f"output '{tmp_path / 'page.html'}': expected --html with it\n")
    assert not (tmp_path / "page.html").exists()


def test_a_page_has_a_name_by_default(recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["diff", *recorded, "--html"]) == 0
    assert capsys.readouterr().out == "report.html\n"
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!")


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("view", ["--html", "--depth", "2"], "--depth 2: expected no --html with it, which shows everything\n"),
        ("view", ["--html", "--sort", "peak_bytes"], "--sort peak_bytes: expected no --html with it, "),
        ("view", ["--html", "--threshold", "0"], "--threshold 0.0: expected no --html with it, "),
        ("diff", ["--html", "--most", "3"], "--most 3: expected no --html with it, "),
        ("diff", ["--json", "--most", "20"], "--most 20: expected no --json with it, "),
    ],
)
def test_options_that_would_be_ignored_are_refused(command, options, said, recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([command, *(recorded[:1] if command == "view" else recorded), *options]) == 1
    assert capsys.readouterr().err.startswith(said)
    assert list(tmp_path.glob("*.html")) == []


def test_standard_output_that_is_closed(recorded):
    command = [sys.executable, "-m", "benchmarks.heap", "view", recorded[0]]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(shell, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "cannot write standard output: it is closed: expected a file, a pipe or a terminal\n"
