"""Lines that are not parsed as a whole, beside a builder that parses each."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from competency import strict_json
from competency.embedding import HashingEmbedder
from competency.errors import CompetencyError
from competency.pool_builder import PoolBuilder

SMALL = HashingEmbedder(4)


def skill(name, value=1, **more):
    return {"name": name, "level": {"value": value, "max": 5}, **more}


NAMES = st.sampled_from(["Go", "C}, {", "}]}", 'a "b"', "É", "\\", " "])
SKILLS = st.builds(skill, NAMES, st.sampled_from([1, 2, True, 1.0, 6]), domain=st.sampled_from([None, "hr", "x"]))
RECORDS = st.builds(
    lambda number, skills: {"id": str(number), "skills": skills},
    st.integers(0, 9),
    st.lists(st.one_of(SKILLS, st.builds(skill, NAMES)), max_size=4),
)
SEPARATORS = st.sampled_from([(", ", ": "), (",", ":"), (" , ", ": ")])
PLACES = st.one_of(st.integers(0, 200), st.integers(-4, -1))
CUTS = st.lists(st.tuples(PLACES, st.integers(0, 2), st.sampled_from(["", " ", "}, {", "},{", '"', "é"])))


def spelled(record, separators, is_ascii, cuts):
    """The line of a record, with some of its characters replaced."""
    line = json.dumps(record, separators=separators, ensure_ascii=is_ascii)
    for number, n_left_out, put in cuts:
        place = number % (len(line) + 1)
        line = line[:place] + put + line[place + n_left_out :]
    return line.encode()


def line_of(candidate_id, *skills, separators=(", ", ": ")):
    return spelled({"id": candidate_id, "skills": skills}, separators, True, [])


LINES = st.builds(spelled, RECORDS, SEPARATORS, st.booleans(), st.one_of(st.just([]), CUTS))


def outcome(add, value):
    try:
        add(value)
    except CompetencyError as error:
        return type(error), str(error)
    return None


def assert_as_if_parsed(lines):
    fast, slow = PoolBuilder(), PoolBuilder()
    for line in lines:
        expected = outcome(lambda line: slow.add_record(strict_json.loads(line)), line)
        assert outcome(fast.add_line, line) == expected, line
    if len(slow):
        columns, expected = fast.columns(SMALL), slow.columns(SMALL)
        for name, column in expected.items():
            np.testing.assert_array_equal(columns[name], column)


@given(st.lists(LINES, max_size=12))
@example([b'{"id": "a", "skills": [{"name": "Go", "level": {"value": 1, "max": 5}, "name": "Go"}]}'])
@example([b'{"id": "a", "skills": [{}, {}]}', b'{"id": "a", "skills": [{}, {]}', b"[]", b""])
@example([line_of("a", skill("C}, {"), skill("Go"), separators=(",", ": "))] * 2)
@example([line_of("a", skill("Go")), line_of("b", skill("Go"))[:-1], line_of("b", skill("Go")) + b"]"])
@example([line_of("a", skill("SQL"), skill("Go", 6)), line_of("b", skill("Go")), line_of("c", skill("SQL"))])
def test_lines_are_added_as_if_each_was_parsed(lines):
    assert_as_if_parsed(lines)


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_what_was_spelled_the_same_before_is_not_parsed_again(monkeypatch, separators):
    parsed = []
    monkeypatch.setattr(strict_json, "loads", lambda text: parsed.append(json.loads(text)) or parsed[-1])
    builder = PoolBuilder()
    for number in range(30):
        builder.add_line(line_of(str(number), skill("SQL", number % 3), skill("Go"), separators=separators))
    assert len(builder) == 30
    assert sorted(map(str, parsed)) == sorted(map(str, [skill("Go"), *(skill("SQL", value) for value in range(3))]))


@pytest.mark.parametrize(("n", "n_kept"), [(1000, 1001), (3000, 0)])
def test_spellings_that_do_not_return_are_not_kept(n, n_kept):
    lines = [line_of(str(number), skill("SQL", years=number), skill("Go")) for number in range(n)]
    builder = PoolBuilder()
    for line in lines:
        builder.add_line(line)
    assert len(builder._item_of_text) == n_kept
    assert_as_if_parsed(lines)
