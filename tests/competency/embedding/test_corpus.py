import gzip

import pytest

from competency import InputError
from competency.embedding.corpus import (
    Entry,
    read_entries,
    read_knowledge,
    read_lines,
    read_names,
    read_pairs,
)
from competency.families import parse

TAXONOMY = (
    'preferred_label,alt_labels,description,split\nPython,py | CPython,"a language, and\nmore",train\nSQL,,,test\n'
)
FAMILIES = """
[[family]]
name = "CI/CD server"
does = "Builds and tests each change."
domain = "devops"
members = ["Jenkins", "GitLab CI", "Drone"]
spellings = { Jenkins = ["Hudson"] }
"""


def test_entries(tmp_path):
    (tmp_path / "a.csv").write_text(TAXONOMY, "utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TAXONOMY.encode("utf-8-sig")))
    expected = [
        Entry("Python", ("py", "CPython"), "a language, and\nmore", held_out=False),
        Entry("SQL", held_out=True),
    ]
    assert read_entries(tmp_path / "a.csv") == read_entries(tmp_path / "a.csv.gz") == expected
    assert expected[0].names == ("Python", "py", "CPython")


def test_a_tenth_is_held_out_where_nothing_says_which(tmp_path):
    rows = [f"skill {i},name {i}" for i in range(1000)]
    (tmp_path / "a.csv").write_text("\n".join(["preferred_label,alt_labels", *rows]), "utf-8")
    (tmp_path / "b.csv").write_text("\n".join(["alt_labels,preferred_label", "x,SKILL  7"]), "utf-8")
    entries = read_entries(tmp_path / "a.csv")
    assert 60 < sum(entry.held_out for entry in entries) < 140
    assert read_entries(tmp_path / "b.csv")[0].held_out == entries[7].held_out  # whatever else the table holds


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name\nx\n", "expected a column preferred_label"),
        ("", "expected a column preferred_label"),
        ("preferred_label,alt_labels\n", "no rows"),
        ("preferred_label,alt_labels\na\n", "line 2: expected 2 cells"),
        ("preferred_label,alt_labels\na,b,c\n", "line 2: expected 2 cells"),
        ("preferred_label,alt_labels\n ,b\n", "preferred_label '': expected a name"),
        ('preferred_label,alt_labels\n"a,b\n', "expected CSV"),
    ],
)
def test_what_is_no_taxonomy(tmp_path, text, named):
    (tmp_path / "a.csv").write_text(text, "utf-8")
    with pytest.raises(InputError, match=rf"a\.csv: .*{named}"):
        read_entries(tmp_path / "a.csv")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe")
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"text" * 100)[:-20])
    with pytest.raises(InputError, match="expected UTF-8"):
        read_lines(tmp_path / "a.csv")
    for name in ("a.gz", "b.gz", "none"):
        with pytest.raises(InputError, match="cannot read"):
            read_lines(tmp_path / name)


def test_pairs_names_and_lines(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\na, b ,\na,b,c | d\n", "utf-8")
    assert read_pairs(tmp_path / "a.csv", "x", "y") == [("a", "b")]
    assert read_names(tmp_path / "a.csv") == ["a", "b", "c", "d"]
    with pytest.raises(InputError, match="expected a column w"):
        read_pairs(tmp_path / "a.csv", "x", "w")
    (tmp_path / "words").write_text("the\n\n of \n", "utf-8")
    assert read_lines(tmp_path / "words") == ["the", "of"]


def test_knowledge(tmp_path):
    (tmp_path / "a.toml").write_text(FAMILIES, "utf-8")
    knowledge = read_knowledge(tmp_path / "a.toml")
    assert knowledge == parse(FAMILIES)
    assert knowledge.holds("GitLab CI", "hudson")


@pytest.mark.parametrize(
    ("text", "named"),
    [("a", "expected TOML"), ("family = 1", "family 1: expected tables"), ('x = "y"', r"keys \['x'\]: expected")],
)
def test_what_is_no_knowledge(tmp_path, text, named):
    (tmp_path / "a.toml").write_text(text, "utf-8")
    with pytest.raises(InputError, match=rf"a\.toml: .*{named}"):
        read_knowledge(tmp_path / "a.toml")
