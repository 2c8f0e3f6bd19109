import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.heap import dhat
from benchmarks.heap.dhat import DhatError, load, save
from benchmarks.heap.profile import Frame, Profile, ProgramPoint

A, B, C = Frame("inner", "a.py", 3), Frame("<module>", "b (copy).py", 14), Frame("[no Python frames]", "", 0)
PROFILE = Profile(
    "match of 10 x 5 skills",
    42,
    (
        ProgramPoint((A, B), 300, 3, 90, 200, 2, 100, 1, 100, 1),
        ProgramPoint((B,), 5, 1, 7, 5, 1, 5, 1, 0, 0),
        ProgramPoint((C,), 1, 1, 1, 1, 1, 0, 0, 0, 0),
    ),
    peak_time=4,
    end_time=9,
)
VIEWER = Path("/usr/libexec/valgrind/dh_view.html")

counts = st.integers(0, 10**12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
frames = st.builds(Frame, names, names.filter(lambda text: ":" not in text), st.integers(0, 10**6))


@st.composite
def profiles(draw):
    stacks = draw(st.lists(st.lists(frames, min_size=1, max_size=4).map(tuple), unique=True, max_size=6))
    points = tuple(ProgramPoint(stack, *(draw(counts) for _ in range(9))) for stack in stacks)
    return Profile(draw(names), draw(counts), points, draw(counts), draw(counts))


def written(tmp_path):
    save(PROFILE, tmp_path / "dhat.json")
    return json.loads((tmp_path / "dhat.json").read_text("utf-8"))


def test_round_trip(tmp_path):
    save(PROFILE, tmp_path / "dhat.json")
    assert load(tmp_path / "dhat.json") == PROFILE


@given(profile=profiles())
def test_any_profile_comes_back_with_its_figures(profile, tmp_path_factory):
    path = tmp_path_factory.mktemp("dhat") / "dhat.json"
    save(profile, path)
    back = load(path)
    assert (back.command, back.pid, back.peak_time, back.end_time) == (
        profile.command, profile.pid, profile.peak_time, profile.end_time
    )  # fmt: skip
    assert sorted(point[1:] for point in map(_values, back.points)) == sorted(
        point[1:] for point in map(_values, profile.points)
    )


def _values(point):
    return tuple(getattr(point, name) for name in point.__dataclass_fields__)


def test_the_fields_of_the_format(tmp_path):
    data = written(tmp_path)
    assert data["dhatFileVersion"] == 2
    assert (data["mode"], data["verb"], data["bklt"], data["bkacc"]) == ("heap", "Allocated", True, False)
    assert (data["tu"], data["Mtu"], data["tg"], data["te"]) == ("events", "Mevent", 4, 9)
    assert data["ftbl"] == ["[root]", "inner (a.py:3)", "<module> (b (copy).py:14)", "[no Python frames]"]
    assert data["pps"][0] == {
        "tb": 300, "tbk": 3, "tl": 90, "mb": 200, "mbk": 2, "gb": 100, "gbk": 1, "eb": 100, "ebk": 1, "fs": [1, 2]
    }  # fmt: skip


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "dhat.json"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(PROFILE, path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("dhat.json", "old")]


def test_files_of_valgrind_are_read(tmp_path):
    """A profile of a C program, by valgrind's own dhat."""
    if not shutil.which("valgrind"):
        pytest.skip("needs valgrind")
    path = tmp_path / "dhat.out"
    subprocess.run(["valgrind", "--tool=dhat", f"--dhat-out-file={path}", "/bin/true"], capture_output=True, check=True)
    profile = load(path)
    assert profile.time_unit == "instrs"
    assert profile.command == "/bin/true"
    assert all(point.frames[0].function for point in profile.points)


def test_a_file_without_lifetimes_is_read(tmp_path):
    """As dhat-rs writes it for ad hoc profiling."""
    data = written(tmp_path)
    data["bklt"] = False
    del data["tg"], data["tuth"]
    data["pps"] = [{"tb": 3, "tbk": 1, "fs": [1]}]
    data["ftbl"][1] = "0x10A1B2: alloc::alloc (alloc.rs:10:5)"
    (tmp_path / "adhoc.json").write_text(json.dumps(data))
    (point,) = load(tmp_path / "adhoc.json").points
    assert point == ProgramPoint((Frame("alloc::alloc", "alloc.rs", 10),), 3, 1)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("0x4C1: malloc (vg_replace_malloc.c:307)", ("malloc", "vg_replace_malloc.c", 307)),
        ("0x4C1: main (in /usr/bin/true)", ("0x4C1: main (in /usr/bin/true)", "", 0)),
        ("0x4C1: sort(int*, int (*)(int)) (sort.cc:3)", ("sort(int*, int (*)(int))", "sort.cc", 3)),
        ("std::function<void (int)>::operator() (f.h:590)", ("std::function<void (int)>::operator()", "f.h", 590)),
        ("alloc::alloc (alloc.rs:10:5)", ("alloc::alloc", "alloc.rs", 10)),
        ("<module> (b (copy) (2).py:14)", ("<module>", "b (copy) (2).py", 14)),
        ("run (odd).py:1)", ("run", "odd).py", 1)),
        ("(a.py:1)", ("(a.py:1)", "", 0)),
        (" (a.py:1)", ("", "a.py", 1)),
    ],
)
def test_frames(text, frame):
    assert dhat._frame(text) == frame


def test_a_long_frame_is_read_at_once():
    text = " (a:1" * 100_000
    assert dhat._frame(text) == (text, "", 0)
    assert dhat._frame(f"{text})") == (" (a:1" * 99_999, "a", 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data.clear(), "dhatFileVersion None: expected 2"),
        (lambda data: data.update(dhatFileVersion=3), "dhatFileVersion 3: expected 2"),
        (lambda data: data.pop("pps"), "'pps' is None: expected list"),
        (lambda data: data.update(ftbl={}), "'ftbl' is {}: expected list"),
        (lambda data: data["ftbl"].append(7), "frame 7: expected text"),
        (lambda data: data.update(cmd=None), "'cmd' is None: expected str"),
        (lambda data: data.update(pid=-1), "'pid' is -1: expected a count"),
        (lambda data: data.update(te=1.5), "'te' is 1.5: expected a count"),
        (lambda data: data.update(tg=True), "'tg' is True: expected a count"),
        (lambda data: data.update(bklt="yes"), "'bklt' is 'yes': expected bool"),
        (lambda data: data["pps"].append(None), "program point 3: None: expected an object"),
        (lambda data: data["pps"][1].update(tb="5"), "program point 1: 'tb' is '5': expected a count"),
        (lambda data: data["pps"][1].update(tb=10**30), "program point 1: 'tb' is 1000"),
        (lambda data: data["pps"][1].pop("gb"), "program point 1: 'gb' is None: expected a count"),
        (lambda data: data["pps"][1].update(fs=[9]), "program point 1: frame 9: expected the index of one of 4 frames"),
        (lambda data: data["pps"][1].update(fs=[0]), "program point 1: frame 0: expected the index"),
        (lambda data: data["pps"][1].update(fs=[-1]), "program point 1: frame -1: expected the index"),
        (lambda data: data["pps"][1].update(fs=[]), r"program point 1: frames \[\]: expected a stack of its own"),
        (
            lambda data: data["pps"][1].update(fs=[1, 2]),
            r"program point 1: frames \[1, 2\]: expected a stack of its own",
        ),
    ],
)
def test_malformed(tmp_path, change, named):
    data = written(tmp_path)
    change(data)
    (tmp_path / "bad.json").write_text(json.dumps(data))
    with pytest.raises(DhatError, match=rf"^bad.json: .*{named}"):
        load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "expected JSON"),
        (b"\x80\x81\x82\x83", "expected JSON"),
        (b"[]", "expected an object"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a": NaN}', "NaN: expected a finite number"),
        (b"1" * 5_000, "expected JSON"),
    ],
)
def test_no_dhat_file(tmp_path, content, named):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(DhatError, match=named):
        load(tmp_path / "bad.json")


def test_missing_and_oversized_files(tmp_path, monkeypatch):
    with pytest.raises(DhatError, match=r"^cannot read '.*none.json': No such file"):
        load(tmp_path / "none.json")
    save(PROFILE, tmp_path / "big.json")
    monkeypatch.setattr(dhat, "MAX_FILE_SIZE", 100)
    with pytest.raises(DhatError, match=r"^big.json: \d+ bytes: expected at most 100$"):
        load(tmp_path / "big.json")
    with pytest.raises(DhatError, match=r"^zero: 101 bytes: expected at most 100$"):  # it has no end, and no size
        load(Path("/dev/zero"))


@settings(max_examples=300)
@given(data=st.data())
def test_fuzz(data, tmp_path_factory):
    """Whatever is done to a file, it is read or refused with one sentence."""
    folder = tmp_path_factory.mktemp("fuzz")
    value = written(folder)
    kind = data.draw(st.sampled_from(["cut", "flip", "replace"]))
    content = json.dumps(value).encode()
    if kind == "cut":
        content = content[: data.draw(st.integers(0, len(content)))]
    elif kind == "flip":
        position = data.draw(st.integers(0, len(content) - 1))
        content = content[:position] + bytes([data.draw(st.integers(0, 255))]) + content[position + 1 :]
    else:
        junk = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        )
        holder = data.draw(st.sampled_from([value, value["pps"][0]]))
        value = copy.deepcopy(value) if holder is not value else value
        holder = value if holder is value else value["pps"][0]
        holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(junk)
        content = json.dumps(value).encode()
    (folder / "fuzzed.json").write_bytes(content)
    try:
        load(folder / "fuzzed.json")
    except DhatError as refused:
        message = str(refused)
    else:
        message = ""
    assert "\n" not in message
    assert len(message) < 300


def test_valgrinds_own_viewer_opens_it(browser, tmp_path):
    if not VIEWER.exists():
        pytest.skip("needs valgrind's dh_view.html")
    from benchmarks.heap.record import record_operations

    profile = record_operations(["match"], 10, 5)
    save(profile, tmp_path / "dhat.json")
    browser.call("/url", {"url": VIEWER.as_uri()})
    browser.press("input[type=file]", str(tmp_path / "dhat.json"))
    command = "match of 10 x 5 skills"
    text = browser.wait(f"return document.body.innerText.includes('{command}') && document.body.innerText")
    assert f"{profile.total('total_bytes'):,} bytes" in text
    assert f"{profile.total('peak_bytes'):,} bytes" in text
    assert f"{profile.total('end_bytes'):,} bytes" in text
    # the viewer first sorts by blocks
    function, file, line = max(profile.points, key=lambda point: point.total_blocks).frames[0]
    assert f"{function} ({file}:{line})" in text
    # every way to sort the tree
    count = browser.run("return document.querySelector('select').options.length")
    for index in range(count):
        enabled = browser.run(
            "const select = document.querySelector('select'); const option = select.options[arguments[0]];"
            "if (option.disabled) return false;"
            "select.selectedIndex = arguments[0]; select.dispatchEvent(new Event('change')); return true",
            index,
        )
        if enabled:
            assert "Allocated at" in browser.run("return document.body.innerText")
    assert browser.log() == []
