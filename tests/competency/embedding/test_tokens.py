import unicodedata
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency.embedding.tokens import buckets, pairs, words

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C", ["c"]),
        ("R", ["r"]),
        ("C++", ["c++"]),
        ("C#", ["c#"]),
        ("C/C++", ["c", "c++"]),
        (".NET", [".net"]),
        (".NET Core 8", [".net", "core", "8"]),
        ("ASP.NET", ["asp.net"]),
        (".network", ["network"]),
        ("Node.js", ["node.js"]),
        ("CI/CD", ["ci", "cd"]),
        ("TCP/IP", ["tcp", "ip"]),
        ("M&A", ["m&a"]),
        ("P&L management", ["p&l", "management"]),
        ("A/B testing", ["a/b", "testing"]),
        ("R & D", ["r", "d"]),
        ("e.g. this.", ["e.g", "this"]),
        ("object-oriented_design", ["object", "oriented", "design"]),
        ("Résumé", ["resume"]),
        ("MÜNCHEN", ["munchen"]),
        ("\N{FULLWIDTH LATIN SMALL LETTER D}ata", ["data"]),
        ("机器学习", ["机器学习"]),
        ("машинное обучение", ["машинное", "обучение"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("データ分析、統計", ["データ分析", "統計"]),
        ("Python 🐍", ["python"]),
        ("🚀", []),
        (" ... ", []),
        ("", []),
    ],
)
def test_words(name, expected):
    assert words(name) == [unicodedata.normalize("NFKC", word) for word in expected]


@given(TEXT)
def test_words_have_no_space_and_are_words_of_themselves(name):
    for word in words(name):
        assert word
        assert not any(character.isspace() for character in word)
        assert words(word) == [word]


def test_pairs():
    assert pairs(["big", "data", "tools"]) == ["big data", "data tools"]
    assert pairs(["big"]) == pairs([]) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.integers(1, 5000))
def test_buckets_are_those_of_all_grams(word, n_buckets):
    marked = "<" + word + ">"
    grams = [marked[a:b] for a in range(len(marked)) for b in range(a + 1, len(marked) + 1)]
    expected = [gram for gram in grams if len(gram) in (3, 4) or gram == marked]
    found = buckets(word, n_buckets)
    assert sorted(found) == sorted(zlib.crc32(gram.encode()) % n_buckets for gram in expected)
    assert buckets(word, n_buckets, 7) == [7 + bucket for bucket in found]


def test_grams_of_a_short_word_count_once():
    assert len(buckets("c", 4096)) == 1  # <c>
    assert len(buckets("go", 4096)) == 3  # <go>, <go, go>
