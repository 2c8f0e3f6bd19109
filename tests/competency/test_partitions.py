import json
import multiprocessing
import os
import signal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from competency import CandidatePool, EmbedderError, HashingEmbedder, PoolError
from competency.partitions import build, missing, partition_name
from competency.records import divided, records_of

NAMES = ["SQL", "Sales", "Welding", "Data Analysis"]


def some_records(n, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {
            "id": f"c{i}",
            "skills": [
                {"name": NAMES[rng.integers(4)], "level": {"value": int(rng.integers(4)), "max": 3}}
                for _ in range(rng.integers(1, 8))
            ],
        }
        for i in range(n)
    ]


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return records_of(path)


def write_rows(path, records, row_group_size=None):
    parquet.write_table(pa.Table.from_pylist(records), path, row_group_size=row_group_size)
    return records_of(path)


def partitions(folder):
    return [CandidatePool.open(path) for path in sorted(folder.iterdir())]


def candidates(pools):
    return [(pool.candidate_id(i), pool.skills(i)) for pool in pools for i in range(len(pool))]


class Taken(list):
    """In place of a builder: what it was told to add."""

    add_line = add_record = list.append


def numbered(records):
    taken = Taken()
    return [(records.path, number, add(taken) or taken.pop()) for number, add in records]


# --- files in pieces ---

lines = st.lists(st.sampled_from(["1", "[2]", '"three"', "", "  ", '{"four": 5}']), max_size=40)


@settings(max_examples=200)
@given(st.lists(lines, min_size=1, max_size=3), st.integers(1, 8), st.booleans())
def test_parts_of_lines_are_the_whole(tmp_path_factory, texts, n, ended):
    folder = tmp_path_factory.mktemp("lines")
    files = []
    for place, text in enumerate(texts):
        path = folder / f"{place}.jsonl"
        path.write_bytes(("\n".join(text) + "\n" * ended).encode())
        files.append(records_of(path))
    whole = [record for file in files for record in numbered(file)]
    try:
        parts = divided(files, n)
    except PoolError:
        assert n > 1 or not whole  # too few lines, or too uneven
        return
    assert len(parts) == n
    assert [record for part in parts for record in numbered(part)] == whole


@settings(max_examples=40)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(1, 30), st.integers(1, 8))
def test_parts_of_rows_are_the_whole(tmp_path_factory, sizes, row_group_size, n):
    folder = tmp_path_factory.mktemp("rows")
    files = [
        write_rows(folder / f"{place}.parquet", some_records(size), row_group_size) for place, size in enumerate(sizes)
    ]
    whole = [record for file in files for record in numbered(file)]
    assert [number for _, number, _ in whole] == [number for size in sizes for number in range(1, size + 1)]
    try:
        parts = divided(files, n)
    except PoolError:
        assert n > 1
        return
    assert [record for part in parts for record in numbered(part)] == whole


def test_parts_are_of_about_the_same_size(tmp_path):
    files = [
        write_lines(tmp_path / "a.jsonl", some_records(1000)),
        write_lines(tmp_path / "b.jsonl", some_records(3000)),
    ]
    sizes = [sum(1 for _ in part) for part in divided(files, 5)]
    assert sum(sizes) == 4000
    assert max(sizes) - min(sizes) < 100
    parts = divided(files, 5)
    for part in parts:
        shares = [part.share for _ in part]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)


def test_as_many_parts_as_lines(tmp_path):
    file = write_lines(tmp_path / "a.jsonl", [{"id": "x"}] * 7)
    assert [sum(1 for _ in part) for part in divided([file], 7)] == [1] * 7
    with pytest.raises(PoolError, match=r"^part 8 of 8 would have no record: expected fewer parts, or more records$"):
        divided([file], 8)


@pytest.mark.parametrize("n", [0, 100_001, 99_999_999])
def test_no_sensible_number_of_partitions(tmp_path, n):
    file = write_lines(tmp_path / "a.jsonl", some_records(2))
    with pytest.raises(PoolError, match=rf"^{n} partitions: expected 1 to 100,000$"):
        build([file], tmp_path / "cvs", n, "hashing:16")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_files_that_cannot_be_cut(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    for path, message in [
        (tmp_path / "pipe", r"pipe' in pieces: expected a regular file$"),
        (tmp_path / "missing", r"missing': No such file"),
        (tmp_path / "empty", r"^part 1 of 2 would have no record"),
        ("a\0b", r"^cannot read 'a\\x00b'"),
    ]:
        with pytest.raises(PoolError, match=message):
            divided([records_of(path)], 2)


# --- names ---


def test_names_are_in_the_order_of_the_partitions():
    assert partition_name(0, 4) == "part-0000-of-0004.pool"
    for n in (1, 12, 9999, 10000, 12345):
        names = [partition_name(number, n) for number in range(n)]
        assert names == sorted(set(names))


def test_what_is_missing_is_what_the_pattern_would_have_found():
    names = [partition_name(number, 12) for number in range(12)]
    assert missing("*.pool", names) == []
    assert missing("*.pool", [*names[:3], *names[4:11], "more.pool"]) == [names[3], names[11]]
    assert missing("part-000[0-4]-of-0012.pool", names[:3]) == names[3:5]
    assert missing("*.pool", ["a.pool", "part-1.pool"]) == []
    assert missing("*.pool", [*names[1:], partition_name(0, 2)]) == [names[0], partition_name(1, 2)]


# --- building ---


def test_partitions_have_the_candidates_in_their_order(tmp_path):
    records = some_records(60)
    files = [write_lines(tmp_path / "a.jsonl", records[:35]), write_rows(tmp_path / "b.parquet", records[35:])]
    seen = []
    built = build(files, tmp_path / "cvs", 4, "hashing:16", progress=lambda *numbers: seen.append(numbers))
    assert (built.n_candidates, built.n_left_out, built.reports) == (60, 0, [])
    assert seen == [(done, 4) for done in range(1, 5)]
    assert sorted(path.name for path in (tmp_path / "cvs").iterdir()) == [partition_name(i, 4) for i in range(4)]
    pools = partitions(tmp_path / "cvs")
    for pool in pools:
        pool.verify()
        pool.check_embedder(HashingEmbedder(16))
    whole = CandidatePool.from_records(write_lines(tmp_path / "all.jsonl", records), HashingEmbedder(16))
    assert candidates(pools) == candidates([whole])


def test_bad_records_are_named_by_their_line_and_nothing_is_written(tmp_path):
    records = some_records(40)
    records[30]["skills"] = []
    file = write_lines(tmp_path / "a.jsonl", records)
    with pytest.raises(PoolError, match=r"a.jsonl: line 31: skills \[\]: expected at least one skill$"):
        build([file], tmp_path / "cvs", 3, "hashing:16")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]
    built = build([file], tmp_path / "cvs", 3, "hashing:16", skip_invalid=True)
    assert (built.n_candidates, built.n_left_out) == (39, 1)
    assert built.reports == [f"{tmp_path / 'a.jsonl'}: line 31: skills []: expected at least one skill"]


def test_each_id_stands_once_in_all_partitions(tmp_path):
    records = some_records(40)
    for place, same in [(25, 3), (38, 3), (39, 38 - 20)]:
        records[place]["id"] = records[same]["id"]
    file = write_lines(tmp_path / "a.jsonl", records)
    with pytest.raises(PoolError, match=r"a.jsonl: line 26: id 'c3' stands twice: expected each id once$"):
        build([file], tmp_path / "cvs", 3, "hashing:16")
    built = build([file], tmp_path / "cvs", 3, "hashing:16", skip_invalid=True)
    assert (built.n_candidates, built.n_left_out) == (37, 3)
    assert [report.split(": ")[1] for report in built.reports] == ["line 26", "line 39", "line 40"]
    whole = CandidatePool.from_jsonl(tmp_path / "a.jsonl", HashingEmbedder(16), on_invalid=lambda *_: None)
    assert candidates(partitions(tmp_path / "cvs")) == candidates([whole])


def test_a_folder_is_written_as_a_whole_or_not_at_all(tmp_path):
    file = write_lines(tmp_path / "a.jsonl", some_records(9))
    (tmp_path / "cvs").mkdir()
    build([file], tmp_path / "cvs", 2, "hashing:16")  # an empty one is as good as none
    before = {path: path.read_bytes() for path in (tmp_path / "cvs").iterdir()}
    for folder in (tmp_path / "cvs", tmp_path / "a.jsonl"):
        with pytest.raises(PoolError, match="expected a new folder, or an empty one"):
            build([file], folder, 3, "hashing:16")
    for folder in (tmp_path / "missing" / "cvs", "a\0b"):
        with pytest.raises(PoolError, match=r"^cannot write "):
            build([file], folder, 3, "hashing:16")
    with pytest.raises(EmbedderError, match=r"^embedder 'word2vec': expected static"):
        build([file], tmp_path / "new", 3, "word2vec")
    assert {path: path.read_bytes() for path in (tmp_path / "cvs").iterdir()} == before
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.jsonl", tmp_path / "cvs"]


def test_a_process_that_is_killed_is_an_error(tmp_path):
    file = write_lines(tmp_path / "a.jsonl", some_records(40))

    def kill(done, total):
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(PoolError, match=r"^a process was killed while it made a partition: expected memory for"):
        build([file], tmp_path / "cvs", 20, "hashing:16", progress=kill)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]


def test_interrupted_it_leaves_nothing(tmp_path):
    file = write_lines(tmp_path / "a.jsonl", some_records(40))

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build([file], tmp_path / "cvs", 20, "hashing:16", progress=interrupt)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.jsonl"]
    assert multiprocessing.active_children() == []
