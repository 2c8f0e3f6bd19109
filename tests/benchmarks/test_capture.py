"""Profiles of calls whose blocks are known, against memray's own figures."""

import random

import pytest

pytest.importorskip("memray", reason="memray runs on Linux and macOS only")

from memray import FileReader
from memray._memray import compute_statistics

from benchmarks.common import OPERATIONS, XL, Operation
from benchmarks.heap import record
from benchmarks.heap.capture import NO_FRAMES, read_profile, track
from benchmarks.heap.profile import sites

KEPT = []


def keep(size):
    KEPT.append(bytearray(size))


def drop(size):
    bytearray(size)


@pytest.fixture
def capture(tmp_path):
    def take(call):
        path = tmp_path / "capture.bin"
        track(call, (), path)
        maps = track(call, (), path)
        return path, read_profile(path, "test", ignored_maps=maps)

    KEPT.clear()
    yield take
    KEPT.clear()


def by_function(profile):
    return {site.frame.function: site for site in sites(profile.points)}


def test_figures_of_known_blocks(capture):
    def call():
        KEPT.clear()
        keep(1_000_000)
        for _ in range(5):
            drop(3_000_000)
        KEPT.clear()
        keep(500_000)

    _, profile = capture(call)
    kept, dropped = by_function(profile)["keep"], by_function(profile)["drop"]
    assert kept.total_bytes == pytest.approx(1_500_000, rel=1e-3)
    assert kept.peak_bytes == pytest.approx(1_000_000, rel=1e-3)
    assert kept.end_bytes == pytest.approx(500_000, rel=1e-3)
    assert dropped.total_bytes == pytest.approx(15_000_000, rel=1e-3)
    assert dropped.peak_bytes == pytest.approx(3_000_000, rel=1e-3)
    assert dropped.end_bytes == 0
    (point,) = [point for point in profile.points if point.frames[0].function == "drop"]
    assert point.max_bytes == pytest.approx(3_000_000, rel=1e-3)
    assert 0 < point.lifetime < profile.end_time


def test_the_peak_is_taken_where_the_whole_heap_is_largest(capture):
    """The block that was there at the peak counts, not the larger one that came alone."""

    def call():
        drop(2_000_000)
        KEPT.clear()
        keep(1_500_000)
        keep(1_500_000)
        KEPT.clear()
        drop(2_500_000)

    _, profile = capture(call)
    assert by_function(profile)["keep"].peak_bytes == pytest.approx(3_000_000, rel=1e-3)
    assert by_function(profile)["drop"].peak_bytes == 0
    assert 0 < profile.peak_time < profile.end_time


@pytest.mark.parametrize("seed", range(3))
def test_totals_agree_with_memray(capture, seed):
    rng = random.Random(seed)

    def call():
        for _ in range(2_000):
            rng.choice((keep, drop))(int(2 ** (20 * rng.random())))
            if len(KEPT) > 20:
                del KEPT[rng.randrange(20)]

    path, profile = capture(call)
    statistics = compute_statistics(str(path))
    assert profile.total("total_blocks") == statistics.total_num_allocations
    assert profile.total("total_bytes") == statistics.total_memory_allocated
    assert profile.total("peak_bytes") == statistics.peak_memory_allocated
    with FileReader(path) as reader:
        assert profile.end_time == reader.metadata.total_allocations  # memray counts frees too
        left = list(reader.get_leaked_allocation_records(merge_threads=True))
        assert profile.total("end_bytes") == sum(entry.size for entry in left)
    with FileReader(path) as reader:
        high = list(reader.get_high_watermark_allocation_records(merge_threads=True))
    mine = {}
    for point in profile.points:
        place = (point.frames[0].function, point.frames[0].line)
        mine[place] = mine.get(place, 0) + point.peak_bytes
    theirs = {}
    for entry in high:
        function, _, line = entry.stack_trace(max_stacks=1)[0]
        place = NO_FRAMES[::2] if function == track.__name__ else (function, line)
        theirs[place] = theirs.get(place, 0) + entry.size
    assert {place: size for place, size in mine.items() if size} == theirs


def test_every_stack_is_one_program_point(capture):
    _, profile = capture(lambda: [keep(10_000) for _ in range(50)])
    stacks = [point.frames for point in profile.points]
    assert len(set(stacks)) == len(stacks)


def test_stacks_end_at_the_call(capture):
    _, profile = capture(lambda: keep(10_000))
    (frames,) = [point.frames for point in profile.points if point.max_bytes >= 10_000]
    assert [frame.function for frame in frames] == ["keep", "<lambda>"]


def test_blocks_from_before_that_are_freed_do_not_count(capture):
    KEPT.append(bytearray(5_000_000))
    _, profile = capture(KEPT.clear)
    assert profile.total("end_bytes") < 1_000
    assert profile.total("total_bytes") < 10_000


def test_files_are_named_as_they_are_imported(capture):
    import competency

    _, profile = capture(lambda: competency.HashingEmbedder().embed(["Python"]))
    files = {frame.file for point in profile.points for frame in point.frames}
    assert "competency/embedding/hashing.py" in files


def test_an_operation_is_recorded_with_its_true_hotspot(tmp_path):
    capture = tmp_path / "capture.bin"
    profile = record.record_operations(["match"], 10, 5, keep=capture)
    top = sites(profile.points)[0]
    (function, file, line), size = compute_statistics(str(capture)).top_locations_by_size[0]
    assert (top.frame.function, top.frame.line, top.total_bytes) == (function, line, size)
    assert file.endswith(top.frame.file)
    assert profile.command == "match of 10 x 5 skills"


def test_an_operation_without_a_size_has_its_largest_parameters_that_are_not_skipped(monkeypatch):
    monkeypatch.delenv(XL, raising=False)
    assert record.parameters(OPERATIONS["batch"], 10, 5) == (100,)
    assert record.parameters(OPERATIONS["rank"], 10, 5) == (100_000, "nobody fits")
    skipped = Operation("fly", {"size": (1,)}, (), lambda size: OPERATIONS["rank"].setup(1_000_000, "fits"), print)
    with pytest.raises(record.InstrumentError, match=r"^fly: all its parameters are skipped here$"):
        record.parameters(skipped, 10, 5)


def test_a_capture_is_removed_unless_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(record.tempfile, "tempdir", str(tmp_path))
    record.record_operations(["to_dict"], 10, 5)
    assert list(tmp_path.iterdir()) == []
    record.record_operations(["to_dict"], 10, 5, keep=tmp_path / "kept.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.bin"]


def test_a_script_is_recorded(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\n\ndef work(n):\n    return bytearray(n)\n\nkept = work(int(sys.argv[1]))\n")
    profile = record.record_script([str(script), "2000000"])
    (point,) = [point for point in profile.points if point.max_bytes >= 2_000_000]
    assert [frame.function for frame in point.frames] == ["work", "<module>"]
    assert point.frames[0].line == 4
    assert profile.command == f"{script} 2000000"


def test_a_script_that_fails(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(record.InstrumentError, match=r"script.py ended with exit code 3: expected 0$"):
        record.record_script([str(script)])


def test_operations_that_do_not_exist_or_do_not_fit():
    with pytest.raises(record.InstrumentError, match=r"^unknown operation 'fly': expected one of embed, "):
        record.record_operations(["fly"], 10, 5)
    with pytest.raises(record.InstrumentError, match=r"^match of 5000 x 5 skills: "):
        record.record_operations(["match"], 5000, 5)
