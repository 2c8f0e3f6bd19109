import io
import json
import re
import subprocess
import sys

import pytest

import competency
from competency import match_score
from competency.cli import main

JOB = [{"name": "Python", "level": {"value": 4, "max": 5}}, {"name": "SQL", "level": {"value": 3, "max": 5}}]
CV = [{"name": "python", "level": {"value": 5, "max": 5}}, {"name": "MySQL", "level": {"value": 2, "max": 5}}]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(JOB))
    (tmp_path / "cv.json").write_text(json.dumps({"id": "a", "skills": CV}))
    return ["--required", str(tmp_path / "job.json"), "--candidate", str(tmp_path / "cv.json")]


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


def test_errors_name_the_file(files, tmp_path, capsys):
    (tmp_path / "cv.json").write_text("[")
    main(["match", *files])
    assert f"{tmp_path / 'cv.json'}: line 1" in capsys.readouterr().err


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
