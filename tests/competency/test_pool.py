import contextlib
import copy
import hashlib
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from competency import (
    CandidatePool,
    EmbedderError,
    HashingEmbedder,
    PoolError,
    ProficiencyLevel,
    Skill,
    SkillDomain,
    SkillError,
)
from competency.embedding import default_embedder
from competency.pool import _PROGRESS_EVERY

LEVEL = ProficiencyLevel(3, 5)
PYTHON = Skill("Python", LEVEL)
CANDIDATES = [
    ("anna", [PYTHON, Skill("SQL", ProficiencyLevel(0, 1), "hr"), PYTHON]),
    ("Łukasz 机", [Skill("机器学习", ProficiencyLevel(2**53, 2**53)), Skill("Python", LEVEL, "devops")]),
    ("c", [Skill(" python ", LEVEL)]),
]
SMALL = HashingEmbedder(4)

NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda name: name.split())
SKILL = st.integers(1, 2**53).flatmap(
    lambda largest: st.builds(
        Skill,
        NAME,
        st.builds(ProficiencyLevel, st.integers(0, largest), st.just(largest)),
        st.none() | st.sampled_from(SkillDomain),
    )
)
POOLS = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.lists(SKILL, min_size=1, max_size=5)),
    min_size=1,
    max_size=5,
    unique_by=lambda candidate: candidate[0],
)


def record(candidate_id, skills):
    return {
        "id": candidate_id,
        "skills": [
            {
                "name": skill.name,
                "level": {"value": skill.level.value, "max": skill.level.max},
                **({} if skill.domain is None else {"domain": skill.domain}),
            }
            for skill in skills
        ],
    }


def content(pool):
    return [(pool.candidate_id(c), list(pool.skills(c))) for c in range(len(pool))]


def columns(pool):
    return {name: value for name, value in vars(pool).items() if isinstance(value, np.ndarray)}


def assert_equal(a, b):
    assert a.fingerprint == b.fingerprint
    assert columns(a).keys() == columns(b).keys()
    for name, column in columns(a).items():
        assert column.dtype == columns(b)[name].dtype
        np.testing.assert_array_equal(column, columns(b)[name])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "cvs.pool"
    CandidatePool.build(CANDIDATES, SMALL).save(path)
    return path


def write_lines(path, lines):
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


# --- what a pool holds ---


def many_names(n):
    """A pool of one candidate, with names of one to four bytes a character."""
    return CandidatePool.build([("a", [Skill(f"{'aé学🐍'[i % 4]} {i}", LEVEL) for i in range(n)])], SMALL)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000])
def test_names_are_those_that_are_asked_for_one_by_one(n):
    pool = many_names(n)
    assert pool.names == [pool.name(i) for i in range(n)] == [skill.name for skill in pool.skills(0)]


@pytest.mark.parametrize(
    ("column", "place", "value", "named"),
    [
        ("name_bytes", -1, 0xFF, "name 599: expected UTF-8"),
        ("name_offsets", 300, 0, "bytes .* to 0 of name 299: expected some of"),
        ("name_offsets", 600, 2**40, "bytes .* to 1099511627776 of name 599: expected some of"),
        ("name_offsets", 0, -1, "bytes -1 to .* of name 0: expected some of"),
        ("name_offsets", 256, 1, "bytes .* to 1 of name 255: expected some of"),
    ],
)
def test_of_damaged_names_the_first_is_named(column, place, value, named):
    pool = many_names(600)
    wrong = columns(pool)[column].copy()
    wrong[place] = value
    object.__setattr__(pool, column, wrong)
    with pytest.raises(PoolError, match=rf"^pool: {named}.*; the pool is damaged$"):
        _ = pool.names


def test_domains_are_given_or_of_the_name():
    job = {"a": SkillDomain.HR, "Python": None, "Payroll": None}
    pool = CandidatePool.build([("a", [Skill(name, LEVEL, domain) for name, domain in job.items()])], SMALL)
    domains = sorted(SkillDomain)
    for items in ([2, 0, 1, 2], [[0, 1], [1, 2]], [1], [0]):
        expected = np.vectorize(lambda i: domains.index(pool.item_skill(i).resolved_domain))(items)
        np.testing.assert_array_equal(pool.domains_of(np.array(items, np.int32)), expected)


def test_columns():
    pool = CandidatePool.build(CANDIDATES, SMALL)
    assert len(pool) == 3
    assert pool.dim == 4
    assert pool.fingerprint == SMALL.fingerprint
    assert pool.names == ["Python", "SQL", "机器学习", " python "]
    assert pool.offsets.tolist() == [0, 3, 5, 6]
    assert pool.items.tolist() == [0, 1, 0, 2, 3, 4]
    assert pool.item_name.tolist() == [0, 1, 2, 0, 3]
    assert pool.item_value.tolist() == [3, 0, 2**53, 3, 3]
    assert pool.item_max.tolist() == [5, 1, 2**53, 5, 5]
    domains = sorted(SkillDomain)
    assert pool.item_domain.tolist() == [-1, domains.index("hr"), -1, domains.index("devops"), -1]
    np.testing.assert_array_equal(pool.embeddings, SMALL.embed(pool.names))
    assert {name: str(column.dtype) for name, column in columns(pool).items()} == {
        "offsets": "int64",
        "items": "int32",
        "item_name": "int32",
        "item_value": "int64",
        "item_max": "int64",
        "item_domain": "int8",
        "embeddings": "float32",
        "name_bytes": "uint8",
        "name_offsets": "int64",
        "id_bytes": "uint8",
        "id_offsets": "int64",
    }
    assert content(pool) == CANDIDATES
    assert pool.item_skill(np.int32(1)) == CANDIDATES[0][1][1]


@pytest.mark.parametrize("copied", [lambda pool: pool, copy.deepcopy, lambda pool: pickle.loads(pickle.dumps(pool))])
def test_columns_are_read_only(saved, copied):
    for pool in map(copied, (CandidatePool.build(CANDIDATES), CandidatePool.open(saved))):
        assert content(pool) == CANDIDATES
        for column in columns(pool).values():
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 0


@given(POOLS)
def test_round_trip(tmp_path_factory, candidates):
    built = CandidatePool.build(iter(candidates), SMALL)
    assert content(built) == candidates
    built.verify()
    path = tmp_path_factory.mktemp("pools") / "a.pool"
    built.save(path)
    opened = CandidatePool.open(path)
    opened.verify()
    assert content(opened) == candidates
    assert_equal(built, opened)
    lines = write_lines(path.with_suffix(".jsonl"), [record(*candidate) for candidate in candidates])
    assert_equal(built, CandidatePool.from_jsonl(lines, SMALL))


def test_names_are_embedded_in_blocks():
    candidates = [("a", [Skill(f"skill {i}", LEVEL) for i in range(9000)])]
    pool = CandidatePool.build(candidates, SMALL)
    np.testing.assert_array_equal(pool.embeddings, SMALL.embed(pool.names))


def test_default_embedder():
    assert CandidatePool.build(CANDIDATES).fingerprint == default_embedder().fingerprint


@pytest.mark.parametrize("position", [-1, 3, 2**70, 1.0, "a", None])
def test_no_such_candidate(position):
    pool = CandidatePool.build(CANDIDATES)
    for method in (pool.skills, pool.candidate_id):
        with pytest.raises(PoolError, match=r"^pool: position .*: expected 0 to 2$"):
            method(position)
    with pytest.raises(PoolError, match=r"^pool: item .*: expected 0 to 4$"):
        pool.item_skill(5 if position == 3 else position)


def test_embedder_must_be_the_same(saved):
    pool = CandidatePool.open(saved)
    pool.check_embedder(HashingEmbedder(4))
    with pytest.raises(PoolError, match=r"embedded by 'hashing-1 dim=4 .*expected 'hashing-1 dim=512 "):
        pool.check_embedder(HashingEmbedder())


def test_progress(tmp_path):
    candidates = [(str(i), [PYTHON]) for i in range(2 * _PROGRESS_EVERY + 1)]
    path = write_lines(tmp_path / "cvs.jsonl", [record(*candidate) for candidate in candidates])
    for make in (lambda **k: CandidatePool.build(candidates, **k), lambda **k: CandidatePool.from_jsonl(path, **k)):
        calls = []
        make(progress=calls.append)
        assert calls == [_PROGRESS_EVERY, 2 * _PROGRESS_EVERY, 2 * _PROGRESS_EVERY + 1]


# --- what is refused ---


@pytest.mark.parametrize(
    ("candidates", "error", "named"),
    [
        ([], PoolError, r"candidates \[\]: expected at least one candidate"),
        ([3], PoolError, r"candidate 0, 3: expected \(id, skills\)"),
        ([("a", [PYTHON], 1)], PoolError, r"candidate 0, .*: expected \(id, skills\)"),
        ([("", [PYTHON])], PoolError, "candidate 0: id '': expected text"),
        ([(7, [PYTHON])], PoolError, "candidate 0: id 7: expected text"),
        ([("\ud800", [PYTHON])], PoolError, "candidate 0: id .*: expected Unicode text without lone surrogates"),
        ([("a", [PYTHON]), ("a", [PYTHON])], PoolError, "candidate 1: id 'a' stands twice: expected each id once"),
        ([("a", [])], SkillError, r"candidate 0: skills \[\]: expected at least one skill"),
        ([("a", 3)], SkillError, "candidate 0: skills 3: expected a list of Skill"),
        ([("a", [PYTHON, "SQL"])], SkillError, "candidate 0: skill 1: 'SQL': expected a Skill"),
        (
            [("a", [Skill("Go", ProficiencyLevel(0, 2**53 + 1))])],
            SkillError,
            r"candidate 0: skill 0: level max 9007199254740993 of skill 'Go': expected at most 2\*\*53",
        ),
    ],
)
def test_bad_candidates(candidates, error, named):
    with pytest.raises(error, match=f"^{named}"):
        CandidatePool.build(candidates)


@pytest.mark.parametrize(
    ("attribute", "value", "named"),
    [
        ("dim", 0, "dim 0: expected an integer"),
        ("dim", True, "dim True: expected an integer"),
        ("fingerprint", b"x", "fingerprint b'x': expected text"),
        ("fingerprint", "x" * 10_001, "fingerprint 'xxx.*: expected text of at most 10,000 characters"),
    ],
)
def test_embedder_that_cannot_stand_in_a_pool(attribute, value, named):
    class Odd:
        dim = 4
        fingerprint = "odd"
        embed = SMALL.embed

    setattr(Odd, attribute, value)
    with pytest.raises(EmbedderError, match=f"^embedder Odd has {named}"):
        CandidatePool.build(CANDIDATES, Odd())


def test_longest_fingerprint_can_be_saved(tmp_path):
    class Long:
        dim = 4
        fingerprint = "\N{ROCKET}" * 10_000
        embed = SMALL.embed

    CandidatePool.build(CANDIDATES, Long()).save(tmp_path / "a.pool")
    CandidatePool.open(tmp_path / "a.pool").check_embedder(Long())


GOOD = {"id": "a", "skills": [{"name": "Python", "level": {"value": 1, "max": 5}}]}
BAD_LINES = [
    (b"{", "column 2: expected JSON"),
    (b"\xff", "byte 0xff at offset 0: expected UTF-8"),
    (b'{"id": "a", "id": "b"}', "key 'id' stands twice"),
    (b"[" * 100_000, "brackets nested too deep"),
    (b"[" * 900 + b"]" * 900, "record .*: expected an object with id and skills"),
    (b"1" * 5000, ".*: expected JSON with shorter numbers"),
    ([1], r"record \[1\]: expected an object with id and skills"),
    ({"skills": GOOD["skills"]}, "record .*: 'id' is missing"),
    ({"id": "b"}, "record .*: 'skills' is missing"),
    ({**GOOD, "id": ""}, "id '': expected text"),
    ({**GOOD, "id": 7}, "id 7: expected text"),
    ({**GOOD, "id": ["b"]}, r"id \['b'\]: expected text"),
    ({**GOOD, "id": "\ud800"}, "id .*: expected Unicode text without lone surrogates"),
    (GOOD, "id 'a' stands twice: expected each id once"),
    ({"id": "b", "skills": []}, r"skills \[\]: expected at least one skill"),
    ({"id": "b", "skills": "Python"}, "skills 'Python': expected a list of skills"),
    ({"id": "b", "skills": {}}, r"skills \{\}: expected a list of skills"),
    ({"id": "b", "skills": ["Python"]}, "skill 0: skill 'Python': expected an object"),
    ({"id": "b", "skills": [{"name": "Go"}]}, "skill 0: skill .*: 'level' is missing"),
    ({"id": "b", "skills": [{"name": "Go", "level": [3, 5]}]}, r"skill 0: level \[3, 5\] of skill 'Go'"),
    (
        {"id": "b", "skills": [{"name": "Go", "level": {"value": 3}}]},
        "skill 0: level .*'Go': expected an object",
    ),
    (
        {"id": "b", "skills": [*GOOD["skills"], {"name": " ", "level": {"value": 1, "max": 1}}]},
        "skill 1: skill name",
    ),
    ({"id": "b", "skills": [{"name": ["Go"], "level": {"value": 3, "max": 5}}]}, r"skill 0: skill name \['Go'\]"),
    ({"id": "b", "skills": [{"name": "Python", "level": {"value": True, "max": 5}}]}, ".* level value True: expected"),
    ({"id": "b", "skills": [{"name": "Python", "level": {"value": 1.0, "max": 5}}]}, ".* level value 1.0: expected"),
    ({"id": "b", "skills": [{"name": "Python", "level": {"value": 1, "max": 5.0}}]}, ".* level max 5.0: expected"),
    ({"id": "b", "skills": [{"name": "Python", "level": {"value": 6, "max": 5}}]}, ".* level value 6: expected 0 to 5"),
    ({"id": "b", "skills": [{"name": "Go", "level": {"value": 6, "max": 2**53 + 1}}]}, ".* expected at most 2"),
    ({"id": "b", "skills": [{**GOOD["skills"][0], "domain": "cooking"}]}, "skill 0: unknown domain 'cooking'"),
    ({"id": "b", "skills": [{**GOOD["skills"][0], "domain": False}]}, "skill 0: unknown domain False"),
]


@pytest.mark.parametrize(("line", "named"), BAD_LINES)
def test_bad_line(tmp_path, line, named):
    path = write_lines(tmp_path / "cvs.jsonl", [GOOD, b" ", line, {**GOOD, "id": "z"}])
    with pytest.raises(PoolError, match=rf"^{path}: line 3: {named}"):
        CandidatePool.from_jsonl(path, SMALL)


def test_bad_lines_are_left_out_as_a_whole(tmp_path):
    """A skill that stands in a bad line only leaves no trace."""
    new = {"name": "Welding", "level": {"value": 1, "max": 5}}
    spoilt = [
        {**line, "skills": [new, *line["skills"]]}
        if isinstance(line, dict) and isinstance(line.get("skills"), list) and line["skills"]
        else line
        for line, _ in BAD_LINES
    ]
    last = {"id": "z", "skills": [{"name": "Go", "level": {"value": 2, "max": 5}}]}
    path = write_lines(tmp_path / "cvs.jsonl", [GOOD, *spoilt, last])
    errors = []
    pool = CandidatePool.from_jsonl(path, SMALL, on_invalid=lambda number, error: errors.append((number, str(error))))
    assert [number for number, _ in errors] == list(range(2, len(BAD_LINES) + 2))
    assert all(error.startswith(f"{path}: line {number}: ") for number, error in errors)
    assert_equal(pool, CandidatePool.from_jsonl(write_lines(tmp_path / "good.jsonl", [GOOD, last]), SMALL))


def test_a_bad_line_does_not_take_its_id(tmp_path):
    path = write_lines(tmp_path / "cvs.jsonl", [{"id": "a", "skills": []}, GOOD])
    assert len(CandidatePool.from_jsonl(path, SMALL, on_invalid=lambda number, error: None)) == 1


@pytest.mark.parametrize("data", [b"", b"\n \r\n\t\n"])
def test_file_without_candidates(tmp_path, data):
    (tmp_path / "cvs.jsonl").write_bytes(data)
    with pytest.raises(PoolError, match=r"cvs\.jsonl: no candidate: expected at least one candidate"):
        CandidatePool.from_jsonl(tmp_path / "cvs.jsonl")


def test_line_ends_byte_order_mark_and_other_keys(tmp_path):
    line = json.dumps({**GOOD, "years": 3}).encode()
    (tmp_path / "cvs.jsonl").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n")
    pool = CandidatePool.from_jsonl(tmp_path / "cvs.jsonl", SMALL)
    assert content(pool) == [("a", [Skill("Python", ProficiencyLevel(1, 5))])]


@pytest.mark.parametrize("path", ["missing", ".", "a\0b"])
def test_unreadable_file(path):
    with pytest.raises(PoolError, match=r"^cannot read "):
        CandidatePool.from_jsonl(path)
    with pytest.raises(PoolError, match=r"^cannot read |^'\.': not a regular file: expected"):
        CandidatePool.open(path)


# --- Parquet ---

PLAIN = [record(*candidate) for candidate in CANDIDATES]
SKILLS = [{"name": "Go", "level": {"value": 1, "max": 5}}]


def write_rows(path, rows, **types):
    table = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, table.column(name).cast(kind))
    parquet.write_table(table, path)
    return path


def test_parquet_is_as_jsonl(tmp_path):
    rows = [{**plain, "years": 3} for plain in PLAIN]
    path = write_rows(tmp_path / "cvs.parquet", rows)
    assert_equal(CandidatePool.from_parquet(path, SMALL), CandidatePool.build(CANDIDATES, SMALL))


def test_parquet_of_other_integers_and_texts(tmp_path):
    level = pa.struct([("value", pa.uint8()), ("max", pa.int16())])
    skill = pa.struct([("name", pa.large_string()), ("level", level)])
    rows = [{"id": "a", "skills": SKILLS}, {"id": "b", "skills": SKILLS}]
    path = write_rows(
        tmp_path / "cvs.parquet", rows, id=pa.dictionary(pa.int8(), pa.string()), skills=pa.large_list(skill)
    )
    assert content(CandidatePool.from_parquet(path)) == [(c, [Skill("Go", ProficiencyLevel(1, 5))]) for c in "ab"]


@pytest.mark.parametrize("compliant", [True, False])  # which says how the lists are written
def test_what_else_stands_in_parquet_does_not_count(tmp_path, compliant):
    """Even where it is of types, or names, that Python has nothing for."""
    nanoseconds = pa.array([1], pa.timestamp("ns"))
    far_off = pa.array([2**30], pa.date32())
    level = pa.StructArray.from_arrays([pa.array([1]), pa.array([5]), far_off], ["value", "max", "since"])
    skill = pa.StructArray.from_arrays(
        [nanoseconds, level, pa.array(["Go"]), far_off, pa.array(["hr"])], ["used", "level", "name", "used", "domain"]
    )
    skills = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), skill)
    table = pa.table({"seen": nanoseconds, "skills": skills, "id": ["a"]})
    parquet.write_table(table, tmp_path / "cvs.parquet", use_compliant_nested_type=compliant)
    pool = CandidatePool.from_parquet(tmp_path / "cvs.parquet", SMALL)
    assert content(pool) == [("a", [Skill("Go", ProficiencyLevel(1, 5), "hr")])]


def test_parquet_in_many_batches(tmp_path):
    rows = [{"id": str(c), "skills": SKILLS} for c in range(2500)]
    calls = []
    pool = CandidatePool.from_parquet(write_rows(tmp_path / "cvs.parquet", rows), SMALL, progress=calls.append)
    assert [pool.candidate_id(c) for c in range(len(pool))] == [row["id"] for row in rows]
    assert calls == [2500]


def test_bad_rows(tmp_path):
    rows = [
        {"id": "a", "skills": SKILLS},
        {"id": None, "skills": SKILLS},
        {"id": "b", "skills": None},
        {"id": "b", "skills": []},
        {"id": "b", "skills": [None]},
        {"id": "b", "skills": [{"name": None, "level": SKILLS[0]["level"]}]},
        {"id": "b", "skills": [{"name": "Go", "level": None}]},
        {"id": "b", "skills": [{"name": "Go", "level": {"value": None, "max": 5}}]},
        {"id": "b", "skills": [{"name": "Go", "level": {"value": 6, "max": 5}}]},
        {"id": "b", "skills": [{**SKILLS[0], "domain": "cooking"}]},
        {"id": "a", "skills": SKILLS},
    ]
    path = write_rows(tmp_path / "cvs.parquet", rows)
    with pytest.raises(PoolError, match=rf"^{path}: row 2: id None: expected text"):
        CandidatePool.from_parquet(path)
    numbers = []
    pool = CandidatePool.from_parquet(path, SMALL, on_invalid=lambda number, error: numbers.append(number))
    assert numbers == list(range(2, len(rows) + 1))
    assert content(pool) == [("a", [Skill("Go", ProficiencyLevel(1, 5))])]


def test_row_that_is_not_utf_8(tmp_path):
    ids = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(struct.pack("<2i", 0, 1)), pa.py_buffer(b"\xff")])
    skills = pa.Table.from_pylist([{"skills": SKILLS}]).column("skills")
    parquet.write_table(pa.table({"id": ids, "skills": skills}), tmp_path / "cvs.parquet")
    with pytest.raises(PoolError, match=r"cvs\.parquet: row 1: text that is not UTF-8: expected UTF-8"):
        CandidatePool.from_parquet(tmp_path / "cvs.parquet")


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"id": "a"}, "columns .*: expected one column 'skills'"),
        ({"skills": SKILLS}, "columns .*: expected one column 'id'"),
        ({"id": 7, "skills": SKILLS}, "column 'id' of type int64: expected string"),
        ({"id": b"a", "skills": SKILLS}, "column 'id' of type binary: expected string"),
        ({"id": "a", "skills": "Go"}, "column 'skills' of type string: expected list<"),
        ({"id": "a", "skills": ["Go"]}, "column 'skills' of type list<.*: expected list<"),
        ({"id": "a", "skills": [{"name": "Go"}]}, "column 'skills' of type .*: expected list<"),
        ({"id": "a", "skills": [{**SKILLS[0], "name": 7}]}, "column 'skills' of type .*: expected list<"),
        ({"id": "a", "skills": [{**SKILLS[0], "domain": 7}]}, "column 'skills' of type .*: expected list<"),
        ({"id": "a", "skills": [{"name": "Go", "level": 3}]}, "column 'skills' of type .*: expected list<"),
        ({"id": "a", "skills": [{"name": "Go", "level": {"value": 1}}]}, "column 'skills' of type .*: expected list<"),
        (
            {"id": "a", "skills": [{"name": "Go", "level": {"value": 1.0, "max": 5}}]},
            "column 'skills' of type .*value: double.*: expected list<struct<name: string, level: struct<value: int64",
        ),
        (
            {"id": "a", "skills": [{"name": "Go", "level": {"value": True, "max": 5}}]},
            "column 'skills' of type .*value: bool.*: expected list<",
        ),
    ],
)
def test_parquet_of_other_columns(tmp_path, row, named):
    path = write_rows(tmp_path / "cvs.parquet", [row])
    with pytest.raises(PoolError, match=f"^{path}: {named}"):
        CandidatePool.from_parquet(path, on_invalid=lambda number, error: None)


def test_no_parquet(tmp_path):
    for data in (b"", b"PAR1", b'{"id": "a"}' * 9):
        (tmp_path / "cvs.parquet").write_bytes(data)
        with pytest.raises(PoolError, match=r"^cannot read .*cvs\.parquet': "):
            CandidatePool.from_parquet(tmp_path / "cvs.parquet")
    for path in ("missing", ".", "a\0b"):
        with pytest.raises(PoolError, match=r"^cannot read "):
            CandidatePool.from_parquet(path)
    parquet.write_table(pa.Table.from_pylist(PLAIN).slice(0, 0), tmp_path / "cvs.parquet")
    with pytest.raises(PoolError, match="no candidate: expected at least one"):
        CandidatePool.from_parquet(tmp_path / "cvs.parquet")


def test_parquet_cut_off(tmp_path):
    path = write_rows(tmp_path / "cvs.parquet", PLAIN)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(PoolError, match=r"cvs\.parquet"):
            CandidatePool.from_parquet(path)


def test_pyarrow_is_an_extra(tmp_path, monkeypatch):
    path = write_rows(tmp_path / "cvs.parquet", PLAIN)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PoolError, match=r"cvs\.parquet': expected pyarrow to be installed .*competency\[parquet\]"):
        CandidatePool.from_parquet(path)


def test_pyarrow_is_not_imported_without_need():
    program = "import sys, competency.cli; print('pyarrow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert done.stdout == b"False\n"


# --- the file ---


def header_of(data):
    return json.loads(data[56 : 56 + struct.unpack_from("<I", data, 20)[0]])


def body_start(data):
    return -(-(56 + struct.unpack_from("<I", data, 20)[0]) // 64) * 64


def forge(path, header, body):
    """A file with a valid checksum over any header."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = struct.pack("<16sII32s", b"COMPETENCY-POOL\n", 1, len(header), hashlib.sha256(header).digest()) + header
    path.write_bytes(start + bytes(-len(start) % 64) + body)


def test_layout(saved):
    data = saved.read_bytes()
    assert data[:16] == b"COMPETENCY-POOL\n"
    pool = CandidatePool.open(saved)
    assert header_of(data)["fingerprint"] == pool.fingerprint
    for section in header_of(data)["sections"]:
        assert section["offset"] % 64 == 0
        start = body_start(data) + section["offset"]
        raw = data[start : start + section["bytes"]]
        column = columns(pool)[section["name"]]
        assert np.frombuffer(raw, section["dtype"]).reshape(section["shape"]).tolist() == column.tolist()
        assert hashlib.sha256(raw).hexdigest() == section["sha256"]
        assert column.ctypes.data % 64 == 0


def test_the_file_is_the_same_each_time(saved, tmp_path):
    CandidatePool.open(saved).save(tmp_path / "again.pool")
    assert (tmp_path / "again.pool").read_bytes() == saved.read_bytes()


def use(pool):
    """Ask for everything, as one who did not verify; what comes is a value or a PoolError."""
    for method, count in (
        (pool.skills, len(pool)),
        (pool.candidate_id, len(pool)),
        (pool.item_skill, len(pool.item_name)),
    ):
        for place in range(count):
            with contextlib.suppress(PoolError):
                method(place)
    with contextlib.suppress(PoolError):
        assert pool.names


def opens_and_verifies(path):
    refused = ""
    try:
        pool = CandidatePool.open(path)
        use(pool)
        pool.verify()
    except PoolError as error:
        refused = str(error)
    assert str(path) in refused or not refused
    return not refused


@pytest.mark.parametrize("flipped", [0x01, 0x80, 0xFF])
def test_every_damaged_byte_is_found(saved, flipped):
    data = saved.read_bytes()
    sections = header_of(data)["sections"]
    checked = set(range(56 + struct.unpack_from("<I", data, 20)[0]))
    for section in sections:
        start = body_start(data) + section["offset"]
        checked |= set(range(start, start + section["bytes"]))
    assert len(data) - 1 in checked
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= flipped
        saved.write_bytes(damaged)
        assert opens_and_verifies(saved) == (place not in checked), place


def test_every_truncation_is_found(saved):
    data = saved.read_bytes()
    for length in range(len(data)):
        saved.write_bytes(data[:length])
        with pytest.raises(PoolError, match=str(saved)):
            CandidatePool.open(saved)
    saved.write_bytes(data + b"\0")
    with pytest.raises(PoolError, match=r"bytes behind the header: expected .*the file is damaged or cut off"):
        CandidatePool.open(saved)


def test_open_reads_the_header_only(saved):
    data = saved.read_bytes()
    start = body_start(data)
    saved.write_bytes(data[:start] + b"\xff" * (len(data) - start))
    pool = CandidatePool.open(saved)
    assert len(pool) == 3
    use(pool)
    with pytest.raises(PoolError, match="column offsets does not have its checksum"):
        pool.verify()


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b'{"id": "a"}\n' * 10, b"COMPETENCY-POOL\r\n" + b"\0" * 99])
def test_foreign_file(tmp_path, data):
    (tmp_path / "a.pool").write_bytes(data)
    with pytest.raises(PoolError, match=r"a\.pool: starts with .*: expected the file of a pool"):
        CandidatePool.open(tmp_path / "a.pool")


def test_other_version(saved):
    data = bytearray(saved.read_bytes())
    data[16] = 2
    saved.write_bytes(data)
    with pytest.raises(PoolError, match="version 2 of the file format: expected 1"):
        CandidatePool.open(saved)


def test_header_longer_than_the_file(saved):
    data = bytearray(saved.read_bytes())
    data[20:24] = b"\xff\xff\xff\xff"
    saved.write_bytes(data)
    with pytest.raises(PoolError, match="header of 4294967295 bytes in a file of"):
        CandidatePool.open(saved)


HOSTILE = [-1, 0, 1, 2**31, 2**63, 2**64, 10**400, int("9" * 4300), 1.5, 1e300, True, None, "1", [], {}, [[]]]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: str(value)[:12])
def test_hostile_counts(saved, value):
    data = saved.read_bytes()
    body = data[body_start(data) :]
    for key in header_of(data)["counts"]:
        header = header_of(data)
        header["counts"][key] = value
        forge(saved, header, body)
        with pytest.raises(PoolError, match=str(saved)) as caught:
            CandidatePool.open(saved)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("value", [*HOSTILE, "<i8", "|O", "O", "<f8", ">i4", "V1"], ids=lambda value: str(value)[:12])
def test_hostile_sections(saved, value):
    data = saved.read_bytes()
    body = data[body_start(data) :]
    for number in range(len(header_of(data)["sections"])):
        for key in ("name", "dtype", "shape", "offset", "bytes", "sha256"):
            header = header_of(data)
            if header["sections"][number][key] == value:
                continue
            header["sections"][number][key] = value
            forge(saved, header, body)
            with pytest.raises(PoolError, match=str(saved)) as caught:
                CandidatePool.open(saved).verify()
            assert len(str(caught.value)) < 1000
        for sections in ([value], value):
            forge(saved, {**header_of(data), "sections": sections}, body)
            with pytest.raises(PoolError, match="header: sections"):
                CandidatePool.open(saved)
            saved.write_bytes(data)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (b"", "expected JSON"),
        (b"\xff", "expected UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"[" * 900 + b"]" * 900, "expected an object with fingerprint"),
        (b"9" * 5000, "shorter numbers"),
        (b"null", "None: expected an object with fingerprint"),
        ({}, "expected an object with fingerprint"),
        ({"fingerprint": 3, "counts": {}, "sections": []}, "fingerprint 3: expected text"),
        ({"fingerprint": "", "counts": [], "sections": []}, r"counts \[\]: expected an object with candidates"),
        ({"fingerprint": "", "counts": {"x": 1}, "sections": []}, "counts {'x': 1}: expected an object"),
    ],
)
def test_hostile_header(tmp_path, header, named):
    forge(tmp_path / "a.pool", header, b"")
    with pytest.raises(PoolError, match=rf"a\.pool: header: .*{named}"):
        CandidatePool.open(tmp_path / "a.pool")


def test_counts_that_hide_a_huge_file(saved):
    """A file whose header is consistent in itself, and says that it is larger than it is."""
    data = saved.read_bytes()
    header = header_of(data)
    header["counts"]["entries"] = 10**15
    shift = 0
    for section in header["sections"]:
        section["offset"] += shift
        if section["name"] == "items":
            grown = 4 * 10**15
            shift = -(-grown // 64) * 64 - -(-section["bytes"] // 64) * 64
            section["shape"], section["bytes"] = [10**15], grown
    forge(saved, header, data[body_start(data) :])
    with pytest.raises(PoolError, match="bytes behind the header: expected 400000"):
        CandidatePool.open(saved)


# --- verify, beyond checksums ---


@pytest.mark.parametrize(
    ("column", "place", "value", "named"),
    [
        ("offsets", 0, 1, "offsets: expected numbers that ascend from 0 to 6"),
        ("offsets", 3, 5, "offsets: expected"),
        ("offsets", 1, 5, "offsets: expected"),
        ("offsets", 1, -(2**63), "offsets: expected"),
        ("offsets", 1, 2**63 - 1, "offsets: expected"),
        ("items", 0, 5, "5 in items: expected 0 to 4"),
        ("items", 0, -1, "-1 in items: expected 0 to 4"),
        ("item_name", 1, 4, "4 in item_name: expected 0 to 3"),
        ("item_name", 1, -(2**31), "-2147483648 in item_name: expected 0 to 3"),
        ("item_domain", 2, 14, "14 in item_domain: expected -1 to 13"),
        ("item_domain", 2, -2, "-2 in item_domain: expected -1 to 13"),
        ("item_value", 0, 6, "level value 6 of item 0: expected 0 to 5"),
        ("item_value", 0, -1, "-1 in item_value: expected 0 to"),
        ("item_max", 0, 0, "0 in item_max: expected 1 to"),
        ("item_max", 0, 2**53 + 1, "9007199254740993 in item_max: expected 1 to 9007199254740992"),
        ("name_offsets", 1, 0, "name_offsets: expected"),
        ("name_offsets", 4, 3, "name_offsets: expected"),
        ("id_offsets", 2, 4, "id_offsets: expected"),
        ("id_bytes", 0, 0xFF, "id 0: expected UTF-8"),
        ("name_bytes", 0, 0xFF, "name 0: expected UTF-8"),
        ("name_bytes", slice(6, 9), list(b" \t "), "name 1: skill name .*: expected more than white space"),
        ("embeddings", (1, 2), np.nan, "embedding 1 of length nan: expected length 1"),
        ("embeddings", (1, 2), np.inf, "embedding 1 of length inf: expected length 1"),
        ("embeddings", (2, slice(None)), [0.5, 0, 0, 0], r"embedding 2 of length 0\.5: expected length 1"),
        ("embeddings", (2, slice(None)), [1.002, 0, 0, 0], r"embedding 2 of length 1\.002: expected length 1"),
        ("embeddings", (2, slice(None)), [3e38, 0, 0, 0], r"embedding 2 of length 3e\+38: expected length 1"),
        ("embeddings", (2, slice(None)), [1e-45, 0, 0, 0], "embedding 2 of length .*: expected length 1"),
    ],
)
def test_verify_finds_what_checksums_cannot(tmp_path, column, place, value, named):
    pool = CandidatePool.build(CANDIDATES, SMALL)
    wrong = columns(pool)[column].copy()
    wrong[place] = value
    object.__setattr__(pool, column, wrong)
    with pytest.raises(PoolError, match=f"^pool: {named}.*; the pool is damaged$"):
        pool.verify()
    pool.save(tmp_path / "a.pool")
    with pytest.raises(PoolError, match=rf"a\.pool: {named}"):
        CandidatePool.open(tmp_path / "a.pool").verify()
    use(CandidatePool.open(tmp_path / "a.pool"))


@pytest.mark.parametrize(("column", "named"), [("id_bytes", "id 'a' twice"), ("name_bytes", "name 'Go' twice")])
def test_verify_finds_what_stands_twice(column, named):
    pool = CandidatePool.build([("a", [Skill("Go", LEVEL)]), ("b", [Skill("C#", LEVEL)])], SMALL)
    wrong = columns(pool)[column].copy()
    half = len(wrong) // 2
    wrong[half:] = wrong[:half]
    object.__setattr__(pool, column, wrong)
    with pytest.raises(PoolError, match=f"^pool: {named}: expected each"):
        pool.verify()


def test_zero_and_nearly_unit_embeddings_are_accepted():
    pool = CandidatePool.build(CANDIDATES, SMALL)
    embeddings = pool.embeddings.copy()
    embeddings[:2] = [[0, 0, 0, 0], [1.0009, 0, 0, 0]]
    object.__setattr__(pool, "embeddings", embeddings)
    pool.verify()


# --- writing ---


def test_save_replaces_a_file_that_is_open(saved):
    first = CandidatePool.open(saved)
    CandidatePool.build([("z", [PYTHON])], SMALL).save(saved)
    assert content(first) == CANDIDATES
    assert len(CandidatePool.open(saved)) == 1
    first.save(saved)
    assert content(CandidatePool.open(saved)) == CANDIDATES


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize(
    ("error", "expected", "named"),
    [
        (OSError(28, "No space left on device"), PoolError, r"^cannot write .*cvs\.pool': No space left on device$"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "^stop$"),
    ],
)
def test_failing_save_leaves_the_old_file_and_no_other(saved, monkeypatch, failing, error, expected, named):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(failing, fail)
    before = saved.read_bytes()
    with pytest.raises(expected, match=named):
        CandidatePool.build(CANDIDATES[:1], SMALL).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_permissions_are_those_of_a_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        CandidatePool.build(CANDIDATES, SMALL).save(tmp_path / "a.pool")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.pool").stat().st_mode) == 0o640


def test_save_follows_links(saved, tmp_path):
    link = tmp_path / "link.pool"
    link.symlink_to(saved)
    CandidatePool.build([("z", [PYTHON])], SMALL).save(link)
    assert link.is_symlink()
    assert len(CandidatePool.open(saved)) == 1


def test_longest_file_name(tmp_path):
    path = tmp_path / ("x" * 255)
    CandidatePool.build(CANDIDATES, SMALL).save(path)
    assert len(CandidatePool.open(path)) == 3


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("missing/a.pool", "there is no folder "),
        (".", "expected a path of a regular file"),
        (os.devnull, "expected a path of a regular file"),
        ("a\0b", ""),
        ("x" * 300, "File name too long"),
    ],
)
def test_unwritable_path(tmp_path, monkeypatch, path, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PoolError, match=f"^cannot write '.*: .*{named}"):
        CandidatePool.build(CANDIDATES, SMALL).save(path)
    assert list(Path().iterdir()) == []
