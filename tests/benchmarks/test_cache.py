import json
import math
import shutil
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.heap import cache
from benchmarks.heap.cache import CacheError, CacheProfile, Counts, hardware, parse, simulate

# as valgrind 3.19 writes it
EVENTS = "Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw"
GOOD = f"""desc: I1 cache: 32768 B, 64 B, 8-way associative
cmd: python -c print(1)
events: {EVENTS}
fl=???
fn=main
0 5 1 1 2 0 0 1 0 0
summary: 2187247952 36263744 33868 662024374 14717174 172053 318112885 1959395 416275
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "cachegrind.out"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_parse(file):
    assert parse(file(GOOD)) == Counts(
        instructions=2187247952,
        i1_misses=36263744,
        data_references=662024374 + 318112885,
        d1_misses=14717174 + 1959395,
        ll_misses=33868 + 172053 + 416275,
    )


def test_parse_takes_events_in_any_order(file):
    reverse = " ".join(reversed(EVENTS.split()))
    assert parse(file(f"events: {reverse}\nsummary: 1 2 3 4 5 6 7 8 9\n")) == Counts(9, 8, 6 + 3, 5 + 2, 7 + 4 + 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 lines of 'events:'"),
        (GOOD[: GOOD.index("summary")], "0 lines of 'summary:'"),
        (GOOD[: GOOD.index(" 318112885")], "6 counts for 9 events"),
        (GOOD + GOOD, "2 lines of 'events:'"),
        (GOOD.replace("I1mr", "Ir"), "9 counts for 9 events"),
        (GOOD.replace("events: Ir I1mr", "events: Ir Bc"), "no event 'I1mr'"),
        (GOOD.replace("2187247952", "-1"), "'-1' in the summary"),
        (GOOD.replace("2187247952", "1e9"), "'1e9' in the summary"),
        (GOOD.replace("2187247952", "9" * 5000), "'9{60}' in the summary"),
        (GOOD.replace("2187247952", "²"), "'²' in the summary"),
        (b"\xff\xfe\x00" * 1000, "0 lines of 'events:'"),
    ],
)
def test_what_is_no_cachegrind_file(text, message, file):
    with pytest.raises(CacheError, match=rf"^cachegrind.out: {message}.*: expected "):
        parse(file(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CacheError, match=r"^cannot read '.*none': No such file or directory$"):
        parse(tmp_path / "none")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.out"
    path.write_bytes(data)
    with pytest.raises(CacheError):
        parse(path)


# -- profiles

SAMPLES = (Counts(1000, 10, 500, 40, 5), Counts(1010, 10, 500, 50, 5))
PROFILE = CacheProfile("match", ("50x25", "real"), Counts(1005, 10, 500, 45, 5), SAMPLES, runs=3)


def test_rates():
    assert PROFILE.ll_references == 55
    assert PROFILE.d1_miss_rate == 45 / 500
    assert PROFILE.ll_miss_rate == 5 / 55
    assert PROFILE.spread("instructions") == 10 / 1005
    assert PROFILE.spread("i1_misses") == 0


def test_lines():
    lines = PROFILE.lines()
    label = "simulated (valgrind cachegrind; I1 32 kB 8-way, D1 32 kB 8-way, LL 32 MB 16-way, 64-byte lines)"
    assert lines[0] == f"match 50x25 real: one run, {label}"
    text = "\n".join(lines)
    assert "instructions                 1,005  spread 1.00 %" in text
    assert "9.00 % of data references" in text
    assert "9.09 % of 55 LL references" in text
    assert lines[-1] == "  from 2 pairs of processes; runs apart: 3; spread is the pairs' range"


def test_nothing_at_all():
    nothing = Counts(0, 0, 0, 0, -0.4)
    profile = CacheProfile("match", (), nothing, (nothing, nothing), runs=1)
    assert math.isnan(profile.d1_miss_rate)
    assert "unknown of data references" in "\n".join(profile.lines())
    assert "-0" not in "\n".join(profile.lines())
    assert json.loads(json.dumps(profile.to_dict(), allow_nan=False))["d1_miss_rate"] is None


def test_to_dict():
    found = json.loads(json.dumps(PROFILE.to_dict(), allow_nan=False))
    assert (found["operation"], found["params"], found["runs"]) == ("match", ["50x25", "real"], 3)
    assert (found["instructions"], found["ll_references"], found["d1_miss_rate"]) == (1005, 55, 0.09)
    assert found["method"] == cache.LABEL
    assert found["samples"][1]["d1_misses"] == 50


# -- processes


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A path on which there are given programs, and no others."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def add(name, body):
        path = tmp_path / name
        path.write_text(f"#!{sys.executable}\nimport json, pathlib, sys\nrest = sys.argv[1:]\n{body}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return add


# start-up is 1,000,000 instructions, a run 1,000, and each process of as many runs begins with ten more
VALGRIND = """
out = pathlib.Path(next(part for part in rest if "out-file" in part).partition("=")[2])
times = out.with_name(out.name + "-times")
times.write_text((times.read_text() if times.exists() else "") + "x")
runs = json.loads(rest[-1])[2]
n = 1_000_000 + 10 * len(times.read_text()) + 1000 * runs
out.write_text(f"events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw\\nsummary: {n} {n} 1 {n} {n} 1 {n} {n} 1\\n")
"""


def test_without_valgrind(programs):
    with pytest.raises(
        CacheError,
        match=r"^valgrind is not installed: install it with your package manager \(Debian: apt-get install valgrind\)$",
    ):
        simulate("to_dict", ["10x5"])


def test_runs_are_raised_until_they_can_be_told_from_start_up(programs, monkeypatch, capsys):
    programs("valgrind", VALGRIND)
    monkeypatch.setattr(cache, "_probe", lambda name, params: 1)
    profile = simulate("to_dict", ["10x5"], repeats=3)
    assert 100 <= profile.runs <= 1000
    assert len(profile.samples) == 3
    assert profile.counts.instructions == pytest.approx(1000, abs=1)
    assert profile.counts.data_references == pytest.approx(2000, abs=1)
    assert profile.spread("instructions") < 0.01
    assert capsys.readouterr().err.count("cachegrind, pair 3 of 3: to_dict, 1 run beside ") == 1


def test_work_that_is_lost_in_start_up(programs, monkeypatch):
    programs("valgrind", VALGRIND.replace("1000 * runs", "0"))
    monkeypatch.setattr(cache, "_probe", lambda name, params: 1)
    with pytest.raises(CacheError, match=r"^to_dict: 100,000 runs are below 10% of start-up: expected more work$"):
        simulate("to_dict", ["10x5"])


def test_errors_of_the_operation(programs):
    programs("valgrind", VALGRIND)
    with pytest.raises(CacheError, match=r"^operation 'fly': expected one of embed, similarity, "):
        simulate("fly", [])
    with pytest.raises(CacheError, match=r"^to_dict ten: ValueError: not enough values to unpack"):
        simulate("to_dict", ["ten"])
    with pytest.raises(CacheError, match=r"^repeats 1: expected at least 2"):
        simulate("to_dict", ["10x5"], repeats=1)


def test_errors_of_valgrind(programs, monkeypatch):
    monkeypatch.setattr(cache, "_probe", lambda name, params: 1)
    programs("valgrind", "print('==12== Cachegrind', 'no memory', '==12== ', sep='\\n', file=sys.stderr)\nsys.exit(3)")
    with pytest.raises(CacheError, match=r"^to_dict 10x5: no memory$"):
        simulate("to_dict", ["10x5"])
    programs("valgrind", "sys.exit(3)")
    with pytest.raises(CacheError, match=r"^to_dict 10x5: exit code 3$"):
        simulate("to_dict", ["10x5"])
    programs("valgrind", "")
    with pytest.raises(CacheError, match=r"^cannot read '.*cachegrind.[01]'"):
        simulate("to_dict", ["10x5"])


# as perf 6.1 writes it; one event is not supported
PERF = """
out = pathlib.Path(rest[rest.index("-o") + 1])
runs = json.loads(rest[-1])[2]
out.write_text(f"# started\\n\\n{5000 + 100 * runs},,instructions:u,9,100.00,,\\n"
               f"{70 + 2 * runs},,cache-misses,9,100.00,,\\n<not supported>,,L1-dcache-loads,0,100.00,,\\n"
               "<not counted>,,cache-references,0,0.00,,\\n")
"""


def test_hardware(programs):
    programs("perf", PERF)
    assert hardware("to_dict", ["10x5"], repeats=2) == {"instructions": 100, "cache-misses": 2}


@pytest.mark.parametrize("body", [None, "sys.exit(255)", "", PERF.replace("{5000", "<{5000").replace("{70", "<{70")])
def test_hardware_that_counts_nothing(body, programs):
    if body is not None:
        programs("perf", body)
    assert hardware("to_dict", ["10x5"]) is None


def test_hardware_does_not_hide_an_error_of_the_operation(programs):
    with pytest.raises(CacheError, match=r"^to_dict ten: ValueError"):
        hardware("to_dict", ["ten"])


def test_the_other_process_of_a_pair_is_not_waited_for(programs):
    programs("valgrind", "import time\nif json.loads(rest[-1])[2]: time.sleep(1e6)\nsys.exit('out of order')\n")
    with pytest.raises(CacheError, match=r"^to_dict 10x5: out of order$"):
        simulate("to_dict", ["10x5"])


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_a_small_operation_is_simulated_for_real():
    profile = simulate("to_dict", ["10x5"])
    assert profile.counts.instructions > 10_000
    assert profile.spread("instructions") < 0.01
    assert 0 <= profile.d1_miss_rate < 0.5
    assert profile.counts.data_references < profile.counts.instructions


def test_the_child_needs_no_memray(monkeypatch, tmp_path):
    Path(tmp_path / "memray.py").write_text("raise ImportError('memray')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert cache._probe("to_dict", ["10x5"]) >= 1
