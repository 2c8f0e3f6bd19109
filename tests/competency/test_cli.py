import contextlib
import csv
import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import competency
from competency import CandidatePool, HashingEmbedder, ProficiencyLevel, Skill, SkillMatcher, match_score
from competency.cli import main
from competency.embedding import default_embedder

JOB = [{"name": "Python", "level": {"value": 4, "max": 5}}, {"name": "SQL", "level": {"value": 3, "max": 5}}]
CV = [{"name": "python", "level": {"value": 5, "max": 5}}, {"name": "MySQL", "level": {"value": 2, "max": 5}}]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    (tmp_path / "cv.json").write_text(json.dumps({"id": "a", "skills": CV}))
    return ["--required", str(tmp_path / "job.json"), "--candidate", str(tmp_path / "cv.json")]


def on_screen(shown):
    """The last that is to be seen on each line of a terminal."""
    lines = []
    for line in shown.split("\n"):
        columns = ""
        for text in line.split("\r"):
            columns = text + columns[len(text) :]
        lines.append(columns.rstrip())
    return lines


def feed(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_table(files, capsys):
    assert main(["match", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Overall score: {match_score(JOB, CV)['overall_score']:.3f}"
    assert re.split(r" {2,}", lines[2]) == [
        "Required skill",
        "Score",
        "Mean",
        "95 % interval",
        "Closest candidate skill",
        "Cosine",
    ]
    assert lines[3].split()[0] == "Python"
    assert lines[3].split()[-2:] == ["python", "1.000"]
    assert len(lines) == 5


def test_json(files, capsys):
    assert main(["match", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == match_score(JOB, CV)


def test_strategy(files, capsys):
    main(["match", *files, "--json"])
    default = json.loads(capsys.readouterr().out)["overall_score"]
    main(["match", *files, "--json", "--strategy", "conservative"])
    assert json.loads(capsys.readouterr().out)["overall_score"] < default


def test_standard_input(files, capsys, monkeypatch):
    feed(monkeypatch, b"\xef\xbb\xbf" + json.dumps(CV).encode())
    assert main(["match", *files[:2], "--candidate", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == match_score(JOB, CV)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "line 1, column 1: expected JSON"),
        (b"[}", "line 1, column 2: expected JSON"),
        (b'[{"name": "caf\xe9"}]', "byte 0xe9 at offset 14: expected UTF-8"),
        (b'[{"name": "a", "name": "b"}]', "key 'name' stands twice in one object"),
        (b'[{"level": {"value": NaN, "max": 5}}]', "NaN: expected a finite number"),
        (b'[{"level": {"value": -Infinity, "max": 5}}]', "-Infinity: expected a finite number"),
        (b'[{"name": "a", "level": {"value": 1e999, "max": 5}}]', "level value inf: expected an integer"),
        (b"[" * 100_000, "brackets nested too deep"),
        (b"[" + b"1" * 5000 + b"]", "expected JSON with shorter numbers"),
        (b"[]", "candidate skills []: expected at least one skill"),
        (b'{"name": "a"}', 'expected a list of skills, or "skills" in it'),
        (b'"Python"', "candidate skills 'Python': expected a list of skills"),
        (b'[{"name": "\\ud800", "level": {"value": 1, "max": 5}}]', "without lone surrogates"),
        (b'[{"name": "a", "level": {"value": 6, "max": 5}}]', "candidate skill 0: skill 'a': level value 6"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_1(files, capsys, monkeypatch, data, named):
    feed(monkeypatch, data)
    assert main(["match", *files[:2], "--candidate", "-"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert named in captured.err
    assert captured.err.startswith("competency: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(("text", "named"), [("[", "line 1"), ("[]", "candidate skills []: expected at least one")])
def test_errors_name_the_file(files, tmp_path, capsys, text, named):
    (tmp_path / "cv.json").write_text(text)
    main(["match", *files])
    assert capsys.readouterr().err.startswith(f"competency: {tmp_path / 'cv.json'}: {named}")


@pytest.mark.parametrize("path", ["missing.json", ".", "a\0b"])
def test_unreadable_file(files, capsys, path):
    assert main(["match", *files[:2], "--candidate", path]) == 1
    assert capsys.readouterr().err.startswith(f"competency: cannot read {path!r}: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["match"],
        ["rank"],
        ["match", "--required", "a", "--candidate", "b", "--strategy", "bold"],
        ["match", "--required", "-", "--candidate", "-"],
        ["pool"],
        ["pool", "build", "cvs.jsonl"],
        ["pool", "info"],
        ["pool", "verify", "a.pool", "b.pool"],
        ["pool", "build", "cvs.jsonl", "-o", "cvs", "--partitions", "0"],
        ["rank", "--required", "a", "--pool", "*.pool", "--workers", "0"],
        ["rank", "--required", "a", "--pool", "*.pool", "--workers", "1", "--scheduler", "tcp://localhost:1"],
        ["rank", "--required", "a", "--pool", "a.pool", "b.pool"],
    ],
)
def test_usage_errors_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: competency" in capsys.readouterr().err


def test_version_and_help(capsys):
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as stopped:
            main([flag])
        assert stopped.value.code == 0
    assert f"competency {competency.__version__}" in capsys.readouterr().out


def test_names_cannot_break_the_table(tmp_path, capsys):
    names = ["\x1b[31mred\nline", "机" * 60, "e\u0301" * 10, "x" * 300]
    skills = [{"name": name, "level": {"value": 1, "max": 5}} for name in names]
    (tmp_path / "skills.json").write_text(json.dumps(skills))
    assert (
        main(["match", "--required", str(tmp_path / "skills.json"), "--candidate", str(tmp_path / "skills.json")]) == 0
    )
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3 + len(names)


def test_spaces_of_all_kinds_are_shown_as_such(tmp_path, capsys):
    skills = [{"name": "Data\N{NO-BREAK SPACE}Science\N{IDEOGRAPHIC SPACE}2", "level": {"value": 1, "max": 5}}]
    (tmp_path / "skills.json").write_text(json.dumps(skills))
    main(["match", "--required", str(tmp_path / "skills.json"), "--candidate", str(tmp_path / "skills.json")])
    assert capsys.readouterr().out.splitlines()[-1].startswith("Data Science 2  ")


def test_as_a_module_with_a_narrow_encoding(tmp_path):
    (tmp_path / "skills.json").write_text('[{"name": "Café 机", "level": {"value": 1, "max": 5}}]', "utf-8")
    command = [sys.executable, "-m", "competency", "match", "--required", "skills.json", "--candidate", "skills.json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert b"Caf\\xe9" in done.stdout
    assert done.stderr == b""


def environment():
    return {**os.environ, "PYTHONPATH": ":".join(sys.path)}


def test_closed_pipe_is_quiet(files):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "competency", "match", *files]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment())
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_that_is_closed_half_way(files, tmp_path, unbuffered):
    skills = [{"name": f"skill {i}", "level": {"value": 1, "max": 5}} for i in range(200)]
    (tmp_path / "job.json").write_text(json.dumps(skills))
    (tmp_path / "cv.json").write_text(json.dumps(skills))
    command = [sys.executable, "-m", "competency", "match", *files, "--json"]
    unbuffering = {**environment(), "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=unbuffering) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("command", [["match"], ["match", "--json"], ["match", "--help"], ["--version"]])
def test_output_that_cannot_be_written_is_one_sentence(files, command):
    arguments = [sys.executable, "-m", "competency", *command, *(files if command[0] == "match" else [])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, env=environment(), text=True)
    assert done.returncode == 1
    assert done.stderr == "competency: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("command", [["match"], ["--version"], ["pool", "info", "no.pool"]])
def test_standard_output_that_is_closed(files, command):
    arguments = [sys.executable, "-m", "competency", *command, *(files if command == ["match"] else [])]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *arguments]
    done = subprocess.run(shell, stderr=subprocess.PIPE, env=environment(), text=True)
    assert done.returncode == 1
    said = "competency: cannot write standard output: it is closed: expected a file, a pipe or a terminal\n"
    assert done.stderr == said


def test_standard_input_that_is_closed(files, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["match", *files[:2], "--candidate", "-"]) == 1
    assert capsys.readouterr().err.startswith("competency: cannot read standard input: it is closed: expected")


@pytest.mark.parametrize("dim", ["0", "65537", "9999999999", "9" * 5000])
def test_hashing_into_no_sensible_number_of_dimensions(files, capsys, dim):
    assert main(["match", *files, "--embedder", f"hashing:{dim}"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"competency: dim {dim}: " if len(dim) < 20 else "competency: dim '9999")
    assert err.endswith(": expected an integer of 1 to 65,536\n")
    assert len(err) < 200


# --- pools ---


@pytest.fixture
def cvs(tmp_path):
    path = tmp_path / "cvs.jsonl"
    path.write_text("".join(json.dumps({"id": name, "skills": CV}) + "\n" for name in "abc"))
    return path


def build(cvs, *options):
    return main(["pool", "build", str(cvs), "-o", str(cvs.with_suffix(".pool")), *options])


def test_pool_build(cvs, capsys):
    assert build(cvs) == 0
    path = cvs.with_suffix(".pool")
    assert capsys.readouterr() == (f"{path}: 3 candidates\n", "")
    pool = CandidatePool.open(path)
    pool.verify()
    pool.check_embedder(default_embedder())
    assert [pool.candidate_id(c) for c in range(len(pool))] == ["a", "b", "c"]


def test_pool_build_replaces_a_pool(cvs):
    assert build(cvs) == 0
    with cvs.open("a") as file:
        file.write(json.dumps({"id": "d", "skills": CV}))
    assert build(cvs) == 0
    assert len(CandidatePool.open(cvs.with_suffix(".pool"))) == 4


def test_pool_build_of_parquet(cvs, capsys):
    rows = [{"id": "a", "skills": CV}, {"id": "b", "skills": []}]
    path = cvs.with_suffix(".parquet")
    parquet.write_table(pa.Table.from_pylist(rows), path)
    assert build(path) == 1
    assert f"{path}: row 2: skills []: expected" in capsys.readouterr().err
    assert build(path, "--skip-invalid") == 0
    assert capsys.readouterr().out == f"{cvs.with_suffix('.pool')}: 1 candidate, 1 row left out\n"


def test_lines_and_rows_that_are_left_out_are_records(cvs, capsys):
    path = cvs.with_suffix(".parquet")
    parquet.write_table(pa.Table.from_pylist([{"id": "d", "skills": CV}, {"id": "e", "skills": []}]), path)
    cvs.write_text(cvs.read_text() + "{}\n" * 12)
    assert main(["pool", "build", str(path), str(cvs), "-o", str(cvs.with_suffix(".pool")), "--skip-invalid"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(": 4 candidates, 13 records left out\n")
    assert err.endswith("\ncompetency: 3 more records left out\n")


def test_bad_line_is_exit_1_and_nothing_written(cvs, capsys):
    cvs.write_text(cvs.read_text() + "\n[]\n")
    assert build(cvs) == 1
    assert capsys.readouterr() == ("", f"competency: {cvs}: line 5: record []: expected an object with id and skills\n")
    assert list(cvs.parent.iterdir()) == [cvs]


@pytest.mark.parametrize(
    ("n_bad", "n_reported", "rest"), [(0, 0, ""), (10, 10, ""), (1234, 10, "1,224 more lines left out")]
)
def test_skip_invalid(cvs, capsys, n_bad, n_reported, rest):
    cvs.write_text(cvs.read_text() + "{}\n" * n_bad)
    assert build(cvs, "--skip-invalid") == 0
    captured = capsys.readouterr()
    assert captured.out == f"{cvs.with_suffix('.pool')}: 3 candidates, {n_bad:,} lines left out\n"
    lines = [f"competency: {cvs}: line {number}: record {{}}: 'id' is missing" for number in range(4, 4 + n_reported)]
    assert captured.err.splitlines() == lines + ([f"competency: {rest}"] if rest else [])


def test_skip_invalid_with_nothing_left(cvs, capsys):
    cvs.write_text("{}\n")
    assert build(cvs, "--skip-invalid") == 1
    assert capsys.readouterr().err.endswith("cvs.jsonl: no candidate: expected at least one candidate\n")
    assert list(cvs.parent.iterdir()) == [cvs]


def test_pool_build_counts_on_a_terminal(cvs, capsys, monkeypatch):
    cvs.write_text(cvs.read_text() + "{}\n")
    monkeypatch.setattr("competency.pool._PROGRESS_EVERY", 2)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert build(cvs, "--skip-invalid") == 0
    err = capsys.readouterr().err
    assert "\r" in err
    assert on_screen(err) == [f"competency: {cvs}: line 4: record {{}}: 'id' is missing", ""]
    assert "2 candidates, 66% of the file\r" in err
    assert "3 candidates, 100% of the file\r" in err


def test_output_must_be_another_file(cvs, capsys):
    before = cvs.read_bytes()
    (cvs.parent / "link").symlink_to(cvs)
    for output in (cvs, cvs.parent / "link", cvs.parent / "." / "cvs.jsonl"):
        with pytest.raises(SystemExit) as stopped:
            main(["pool", "build", str(cvs), "-o", str(output)])
        assert stopped.value.code == 2
        assert "is the file of candidates: expected another file" in capsys.readouterr().err
    assert cvs.read_bytes() == before


@pytest.mark.parametrize(
    "output",
    [
        "missing/a.pool",
        ".",
        os.devnull,
        "a\0b",
        pytest.param("/proc/a.pool", marks=pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")),
    ],
)
def test_output_is_looked_at_before_the_work(cvs, capsys, monkeypatch, output):
    monkeypatch.chdir(cvs.parent)
    cvs.write_text("[")
    assert main(["pool", "build", str(cvs), "-o", output]) == 1
    assert capsys.readouterr().err.startswith("competency: cannot write ")


@pytest.mark.parametrize("path", ["missing.jsonl", ".", "a\0b"])
def test_unreadable_candidates(tmp_path, capsys, path):
    assert main(["pool", "build", path, "-o", str(tmp_path / "a.pool")]) == 1
    assert capsys.readouterr().err.startswith(f"competency: cannot read {path!r}: ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_build_leaves_nothing(tmp_path, number, code):
    pipe = tmp_path / "cvs.jsonl"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "competency", "pool", "build", str(pipe), "-o", str(tmp_path / "cvs.pool")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )
    with pipe.open("wb") as file:  # which waits until the build reads
        file.write(json.dumps({"id": "a", "skills": CV}).encode() + b"\n")
        file.flush()
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (code, b"", b"")
    assert list(tmp_path.iterdir()) == [pipe]


def test_terminated_build_in_partitions_leaves_nothing(tmp_path):
    path = tmp_path / "cvs.jsonl"
    path.write_text("".join(json.dumps({"id": str(place), "skills": CV}) + "\n" for place in range(5000)))
    command = ["pool", "build", str(path), "-o", str(tmp_path / "cvs"), "--partitions", "2000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "competency", *command, "--embedder", "hashing:32"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    while process.poll() is None and not list(tmp_path.glob(".competency-*.tmp/part-*")):
        time.sleep(0.01)
    process.terminate()
    out, err = process.communicate(timeout=120)  # which waits for all who hold the pipes, as an orphan would
    assert (process.returncode, out, err) == (143, b"", b"")
    assert list(tmp_path.iterdir()) == [path]


def test_termination_is_left_to_a_caller_who_sees_to_it(files, monkeypatch):
    during = []
    monkeypatch.setattr("competency.cli._match", lambda *_: during.append(signal.getsignal(signal.SIGTERM)) or "")
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        main(["match", *files])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        main(["match", *files])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        thread = threading.Thread(target=main, args=(["match", *files],))
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [during[0], during[2]] == [signal.SIG_IGN, signal.SIG_DFL]
    assert during[1] is not signal.SIG_DFL


def test_another_embedder(cvs, files, tmp_path, capsys):
    assert build(cvs, "--embedder", "hashing:32") == 0
    path = str(cvs.with_suffix(".pool"))
    assert CandidatePool.open(path).fingerprint == HashingEmbedder(32).fingerprint
    rank = ["rank", *files[:2], "--pool", path]
    capsys.readouterr()
    assert main([*rank, "--embedder", "hashing:32"]) == 0
    assert main(rank) == 1
    assert "embedded by 'hashing-1 dim=32" in capsys.readouterr().err
    assert main(["match", *files, "--json", "--embedder", "hashing"]) == 0
    expected = SkillMatcher(HashingEmbedder()).match([*map(Skill.from_dict, JOB)], [*map(Skill.from_dict, CV)])
    assert json.loads(capsys.readouterr().out) == expected.to_dict()
    assert main(["match", *files, "--embedder", "word2vec"]) == 1
    assert "embedder 'word2vec': expected static, " in capsys.readouterr().err


def test_pool_info(cvs, capsys):
    build(cvs)
    path = cvs.with_suffix(".pool")
    capsys.readouterr()
    assert main(["pool", "info", str(path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == {
        "candidates": 3,
        "entries": 6,
        "items": 2,
        "names": 2,
        "dim": default_embedder().dim,
        "fingerprint": default_embedder().fingerprint,
        "bytes": path.stat().st_size,
    }
    assert main(["pool", "info", str(path)]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown == {name: f"{value:,}" if isinstance(value, int) else value for name, value in figures.items()}


def test_pool_verify(cvs, capsys):
    build(cvs)
    path = cvs.with_suffix(".pool")
    capsys.readouterr()
    assert main(["pool", "verify", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 3 candidates, no damage found\n"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert main(["pool", "verify", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"competency: {path}: column id_offsets does not have its checksum")


@pytest.mark.parametrize("action", ["info", "verify"])
def test_no_pool(cvs, capsys, action):
    assert main(["pool", action, str(cvs)]) == 1
    assert capsys.readouterr().err.endswith("expected the file of a pool\n")


@pytest.fixture
def ranked(tmp_path):
    """Arguments of a ranking, and the same ranking by the library."""
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    names = ["Python", "MySQL", "Sales", "Welding"]
    candidates = [
        (f"c{i}", [Skill(names[(i + k) % 4], ProficiencyLevel(1 + (i * k) % 5, 5)) for k in range(1 + i % 3)])
        for i in range(30)
    ]
    pool = CandidatePool.build(candidates)
    pool.save(tmp_path / "cvs.pool")
    job = [Skill.from_dict(skill) for skill in JOB]
    return (
        ["rank", "--required", str(tmp_path / "job.json"), "--pool", str(tmp_path / "cvs.pool")],
        SkillMatcher().rank(job, pool, 4, explain=True),
    )


def test_rank_table(ranked, capsys):
    arguments, expected = ranked
    assert main([*arguments, "--top", "4"]) == 0
    output = capsys.readouterr()
    head, *rows, _, summary = output.out.splitlines()
    assert head.split() == ["Rank", "Score", "Candidate"]
    assert [row.split() for row in rows] == [
        [str(place + 1), f"{score:.3f}", candidate_id]
        for place, (candidate_id, score) in enumerate(zip(expected.ids, expected.scores, strict=True))
    ]
    assert summary == f"{expected.n_scored} of 30 candidates scored in full"
    assert output.err == ""


@pytest.mark.parametrize("budget", ["64000000", "64 MB", "9" * 5000])
def test_rank_with_a_memory_budget(ranked, budget, capsys):
    main(ranked[0])
    expected = capsys.readouterr()
    assert main([*ranked[0], "--memory-budget", budget]) == 0
    assert capsys.readouterr() == expected


def test_rank_where_standard_error_is_closed(ranked, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(ranked[0]) == 0
    assert capsys.readouterr().out.startswith("  Rank")


def test_rank_explains(ranked, capsys):
    arguments, expected = ranked
    main([*arguments, "--top", "1", "--explain"])
    lines = capsys.readouterr().out.splitlines()
    best = expected.carriers[0][0][0]
    assert "Python" in lines[2]
    assert f"{best.name} ({best.share:.0%}, cosine {best.similarity:.2f})" in lines[2]


def test_rank_explains_by_families(tmp_path, capsys):
    (tmp_path / "job.json").write_text(json.dumps([{"name": "Jenkins", "level": {"value": 4, "max": 5}}]))
    CandidatePool.build([("a", [Skill("GitLab CI", ProficiencyLevel(4, 5))])]).save(tmp_path / "cvs.pool")
    arguments = ["rank", "--required", str(tmp_path / "job.json"), "--pool", str(tmp_path / "cvs.pool"), "--explain"]
    main(arguments)
    assert re.search(r"GitLab CI \(100%, cosine -?\d\.\d\d, same family: CI/CD servers\)", capsys.readouterr().out)
    main([*arguments, "--csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["family"] == "CI/CD servers"
    main([*arguments, "--json"])
    (carrier,) = json.loads(capsys.readouterr().out)[0]["requirements"][0]["carried_by"]
    assert carrier["family"] == "CI/CD servers"


def test_rank_json(ranked, capsys):
    arguments, expected = ranked
    main([*arguments, "--top", "4", "--json"])
    records = json.loads(capsys.readouterr().out)
    assert [(record["rank"], record["id"], record["score"]) for record in records] == [
        (place + 1, candidate_id, score)
        for place, (candidate_id, score) in enumerate(zip(expected.ids, expected.scores.tolist(), strict=True))
    ]
    assert records[0]["requirements"][0] == {
        "skill_name": "Python",
        "probability": expected.results[0].probability[0],
    }
    main([*arguments, "--top", "4", "--json", "--explain"])
    carried = json.loads(capsys.readouterr().out)[0]["requirements"][0]["carried_by"]
    assert carried == [carrier._asdict() for carrier in expected.carriers[0][0]]


def test_rank_csv(ranked, capsys):
    arguments, expected = ranked
    main([*arguments, "--top", "4", "--csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["id"], float(row["score"])) for row in rows] == list(
        zip(expected.ids, expected.scores.tolist(), strict=True)
    )
    main([*arguments, "--top", "1", "--csv", "--explain"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["skill"] for row in rows] == [carrier.name for of_one in expected.carriers[0] for carrier in of_one]


def test_names_cannot_break_the_csv(tmp_path, capsys):
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    ids = ["a\rb", "c\nd", "e\r\n", 'f"', "g,h", "\r"]
    skills = [Skill("Python\r3", ProficiencyLevel(3, 5)), Skill("SQL\r\n", ProficiencyLevel(3, 5))]
    CandidatePool.build((candidate_id, skills) for candidate_id in ids).save(tmp_path / "cvs.pool")
    arguments = ["--required", str(tmp_path / "job.json"), "--pool", str(tmp_path / "cvs.pool"), "--csv"]
    main(["rank", *arguments])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["id"] for row in rows] == ids
    main(["rank", *arguments, "--explain"])
    output = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(output, newline="")))
    assert [row["id"] for row in rows[:: len(rows) // len(ids)]] == ids
    assert {row["skill"] for row in rows} == {skill.name for skill in skills}
    assert output.startswith("rank,id,score,required,probability,skill,similarity,share,family\n1,")


def test_rank_shows_a_bar_on_a_terminal_only(ranked, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("competency.ranking.plan._BLOCK_CANDIDATES", 10)
    main(ranked[0])
    shown = capsys.readouterr().err
    assert re.search(r"\[#+\.+\] \d+ of 30 candidates", shown)
    assert shown.endswith("\r")


def test_what_went_wrong_stands_on_a_line_of_its_own(ranked, capsys, monkeypatch):
    arguments, pool = ranked[0], CandidatePool.open(ranked[0][-1])
    pool = dataclasses.replace(pool, items=np.where(np.arange(len(pool.items)) == len(pool.items) - 1, 99, pool.items))
    pool.save(arguments[-1])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("competency.ranking.plan._BLOCK_CANDIDATES", 10)
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert "] 20 of 30 candidates" in shown
    message, end = on_screen(shown)
    assert message.startswith(f"competency: {arguments[-1]}: items of candidates 20 to 30: ")
    assert end == ""


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--memory-budget", "10"], "memory_budget of 10 bytes: expected at least"),
        (["--memory-budget", "much"], "memory_budget 'much': expected a number of bytes"),
        (["--required", "missing.json"], "missing.json"),
    ],
)
def test_rank_with_bad_input(ranked, extra, named, capsys):
    assert main([*ranked[0], *extra]) == 1
    assert named in capsys.readouterr().err


def test_rank_without_a_pool(ranked, capsys):
    assert main([*ranked[0][:-1], "missing.pool"]) == 1
    assert "missing.pool" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--top", "0"], "'0': expected an integer of 1 or more"),
        (["--top", "9" * 5000], "99...: expected an integer of 1 or more, up to 999,999,999"),
        (["--json", "--csv"], "not allowed with"),
        (["--workers", "1000000000"], "'1000000000': expected an integer of 1 or more, up to 1,024"),
        (["--scheduler", ""], "'': expected an address"),
        (["--pool", ""], "'': expected an address"),
    ],
)
def test_rank_with_wrong_usage(ranked, extra, named, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*ranked[0], *extra])
    assert caught.value.code == 2
    assert named in capsys.readouterr().err


# --- pools in partitions ---


def test_pool_build_of_many_files(cvs, capsys):
    more = cvs.with_name("more.jsonl")
    more.write_text(json.dumps({"id": "d", "skills": CV}) + "\n{}\n")
    arguments = ["pool", "build", str(cvs), str(more), "-o", str(cvs.with_suffix(".pool"))]
    assert main(arguments) == 1
    assert f"{more}: line 2: record {{}}: 'id' is missing" in capsys.readouterr().err
    assert main([*arguments, "--skip-invalid"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{cvs.with_suffix('.pool')}: 4 candidates, 1 line left out\n"
    assert f"{more}: line 2" in captured.err
    with pytest.raises(SystemExit):
        main(["pool", "build", str(cvs), str(more), "-o", str(more)])
    assert "is the file of candidates" in capsys.readouterr().err


def test_pool_build_in_partitions(cvs, capsys, monkeypatch):
    with cvs.open("a") as file:
        file.write("{}\n" * 12)
    folder = cvs.with_name("cvs")
    arguments = ["pool", "build", str(cvs), "-o", str(folder), "--partitions", "2", "--embedder", "hashing:32"]
    assert main(arguments) == 1
    assert capsys.readouterr() == ("", f"competency: {cvs}: line 4: record {{}}: 'id' is missing\n")
    assert not folder.exists()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main([*arguments, "--skip-invalid"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{folder}: 2 partitions, 3 candidates, 12 lines left out\n"
    assert "1 of 2 partitions\r" in captured.err
    reports = captured.err.rpartition("\r")[2].splitlines()
    assert reports[0] == f"competency: {cvs}: line 4: record {{}}: 'id' is missing"
    assert reports[-1] == "competency: 2 more lines left out"
    assert len(reports) == 11
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == ["part-0000-of-0002.pool", "part-0001-of-0002.pool"]
    assert main(arguments) == 1
    assert "expected a new folder, or an empty one" in capsys.readouterr().err


@pytest.fixture
def partitioned(tmp_path):
    """Arguments of a ranking of partitions, of the same ranking of one pool, and the folder of the partitions."""
    pytest.importorskip("distributed", reason="needs the extra distributed")
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    (tmp_path / "cvs").mkdir()
    names = ["Python", "MySQL", "Sales", "Welding"]
    candidates = [
        (f"c{i}", [Skill(names[(i + k) % 4], ProficiencyLevel(1 + (i * k) % 5, 5)) for k in range(1 + i % 3)])
        for i in range(30)
    ]
    CandidatePool.build(candidates).save(tmp_path / "cvs.pool")
    for place in range(3):
        part = candidates[10 * place : 10 * place + 10]
        CandidatePool.build(part).save(tmp_path / "cvs" / f"part-000{place}-of-0003.pool")
    arguments = ["rank", "--required", str(tmp_path / "job.json"), "--top", "20", "--pool"]
    return [*arguments, f"{tmp_path}/cvs/*.pool"], [*arguments, f"{tmp_path}/cvs.pool"], tmp_path / "cvs"


@pytest.mark.parametrize("form", [[], ["--explain"], ["--json", "--explain"], ["--csv"]])
def test_rank_of_partitions_prints_what_rank_of_one_pool_does(partitioned, capsys, form):
    many, one, folder = partitioned
    assert main([*one, *form]) == 0
    expected = re.sub(r"\d+ of 30", "some of 30", capsys.readouterr().out)
    each = [option for place in range(3) for option in ("--pool", f"file://{folder}/part-000{place}-of-0003.pool")]
    for arguments in (many, [*many[:-2], *each], [*many, "--workers", "1"]):
        assert main([*arguments, *form]) == 0
        output = capsys.readouterr()
        assert (re.sub(r"\d+ of 30", "some of 30", output.out), output.err) == (expected, "")


def test_there_are_no_more_workers_than_pools(partitioned, capsys, monkeypatch):
    asked = []

    def connected(workers, scheduler):
        asked.append((workers, scheduler))
        return contextlib.nullcontext()

    monkeypatch.setattr("competency.cli.distributed.connected", connected)
    many, one, _ = partitioned
    for arguments in ([*one, "--workers", "1000"], [*many, "--workers", "1000"], [*many, "--workers", "2"], many):
        assert main(arguments) == 0
    assert asked == [(1, None), (3, None), (2, None), (None, None)]


def test_rank_of_partitions_shows_a_bar(partitioned, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    main(partitioned[0])
    shown = capsys.readouterr().err
    assert "1 of 3 pools" in shown
    assert "2 of 3 pools" in shown
    assert shown.endswith("\r")


def test_a_missing_partition_is_noticed(partitioned, capsys):
    many, _, folder = partitioned
    lost = folder / "part-0001-of-0003.pool"
    lost.unlink()
    assert main(many) == 1
    reason = f"cannot read '{lost}': No such file or directory"
    assert capsys.readouterr() == ("", f"competency: {reason}\n")
    for form in ([], ["--csv"], ["--json"]):
        assert main([*many, "--skip-damaged", *form]) == 3
        output = capsys.readouterr()
        assert output.err == f"competency: left out: {reason}\n"
        if not form:
            assert output.out.endswith("of 20 candidates scored in full; 1 of 3 pools left out\n")
    value = json.loads(output.out)
    assert len(value["ranking"]) == 20
    assert (value["pools"], value["left_out"]) == (3, [{"address": str(lost), "reason": reason}])


def test_skip_damaged_with_nothing_to_skip(partitioned, capsys):
    many, one, _ = partitioned
    for arguments, n in [(many, 3), (one, 1)]:
        assert main([*arguments, "--skip-damaged", "--json"]) == 0
        value = json.loads(capsys.readouterr().out)
        assert (len(value["ranking"]), value["pools"], value["left_out"]) == (20, n, [])


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ("nowhere/*.pool", "pool 'nowhere/*.pool': there is no file of such a name"),
        ("nowhere://*.pool", "cannot read 'nowhere://*.pool': Protocol not known: nowhere"),
        ("memory://a.pool", "cannot read 'memory://a.pool': no such file"),
    ],
)
def test_no_partitions(partitioned, capsys, pool, message):
    assert main([*partitioned[0][:-1], pool]) == 1
    assert message in capsys.readouterr().err


def test_a_name_may_look_like_a_pattern(partitioned, capsys, monkeypatch):
    _, one, folder = partitioned
    (folder / "part-0000-of-0003.pool").rename(folder / "[a].pool")
    monkeypatch.setitem(sys.modules, "dask", None)
    assert main([*one[:-1], str(folder / "[a].pool")]) == 0
    assert main([*one[:-1], str(folder / "*.pool")]) == 1
    assert "ranking many pools needs dask: expected it installed" in capsys.readouterr().err


def test_no_scheduler(partitioned, capsys, monkeypatch):
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "100 ms"}):
        assert main([*partitioned[0], "--scheduler", "tcp://127.0.0.1:1"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("competency: scheduler 'tcp://127.0.0.1:1': Timed out trying to connect")
    assert err.endswith("expected the address of one that runs\n")
    for address in ("nowhere", "tcp://127.0.0.1:port", "tls://127.0.0.1:1"):
        assert main([*partitioned[0], "--scheduler", address]) == 1
        assert capsys.readouterr().err.startswith(f"competency: scheduler '{address}': ")


def test_a_scheduler_that_goes_away_is_one_sentence(partitioned, scheduler, capfd, monkeypatch):
    many, one, _ = partitioned
    process, address = scheduler
    main([*one, "--csv"])
    expected = capfd.readouterr().out
    assert main([*many, "--csv", "--scheduler", address]) == 0
    assert capfd.readouterr() == (expected, "")
    monkeypatch.setattr("competency.cli._Status.show", lambda *_, **__: process.kill())
    assert main([*many, "--csv", "--scheduler", address]) == 1
    lost = f"competency: the scheduler {address} is lost, and the ranking with it: expected it to run to the end\n"
    assert capfd.readouterr() == ("", lost)


@pytest.mark.parametrize("scheduler", [0], indirect=True)
def test_a_scheduler_without_workers(partitioned, scheduler, capsys, monkeypatch):
    monkeypatch.setattr("competency.distributed._PATIENCE", 0.2)
    assert main([*partitioned[0], "--scheduler", scheduler[1]]) == 1
    assert capsys.readouterr().err == f"competency: scheduler '{scheduler[1]}' has no worker: expected at least one\n"
