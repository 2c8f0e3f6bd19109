import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import Embedder, EmbedderError, HashingEmbedder
from competency.embedding import embed

NAMES = ["Python", "C", "C++", "C#", ".NET", "R", "Node.js", "CI/CD", "M&A", "Résumé", "机器学习", "🚀", "x" * 1000]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def cosine(a, b):
    first, second = embed(HashingEmbedder(), [a, b])
    return float(first @ second)


def test_shape_dtype_and_length():
    vectors = embed(HashingEmbedder(), NAMES)
    assert vectors.shape == (len(NAMES), 512)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert HashingEmbedder().embed([]).shape == (0, 512)


def test_is_an_embedder():
    assert isinstance(HashingEmbedder(), Embedder)


def test_spelling_matters_by_normalised_name_only():
    embedder = HashingEmbedder()
    same = embedder.embed(["Data Science", "  data   SCIENCE ", "\N{FULLWIDTH LATIN SMALL LETTER D}ata science"])
    assert (same == same[0]).all()


def test_similar_spellings_are_similar():
    assert cosine("Data Analysis", "Data Analyst") > 0.5
    assert cosine("PostgreSQL", "Postgres") > 0.5
    assert abs(cosine("Welding", "Payroll")) < 0.2
    assert cosine("C", "C++") < 0.9


@given(st.lists(TEXT, min_size=1, max_size=8), st.randoms())
def test_a_vector_does_not_depend_on_its_batch(names, random):
    embedder = HashingEmbedder()
    together = embedder.embed(names)
    order = list(range(len(names)))
    random.shuffle(order)
    assert (embedder.embed([names[i] for i in order]) == together[order]).all()
    assert (np.concatenate([embedder.embed([name]) for name in names]) == together).all()


def test_against_a_slow_reference():
    """The same definition written down once more, in another way."""
    import zlib

    for name, word in [("Go", "<go>"), ("SQL", "<sql>"), ("Excel", "<excel>")]:
        grams = {word} | {word[i : i + size] for size in (3, 4) for i in range(len(word) - size + 1)}
        expected = {}
        for gram in grams:
            code = zlib.crc32(gram.encode())
            expected[code % 512] = expected.get(code % 512, 0) + (-1 if code >> 31 else 1)
        length = sum(count**2 for count in expected.values()) ** 0.5
        (vector,) = HashingEmbedder().embed([name])
        assert {int(i): float(vector[i]) for i in vector.nonzero()[0]} == pytest.approx(
            {i: count / length for i, count in expected.items() if count}
        )


@pytest.mark.parametrize("embedder", ["HashingEmbedder", "StaticEmbedder"])
def test_equal_over_processes_and_hash_seeds(embedder):
    program = (
        f"import hashlib, sys; from competency import {embedder} as make;"
        "print(hashlib.sha256(make().embed(sys.argv[1:]).tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, "Python", "Node.js", "Résumé"],
            env={"PYTHONHASHSEED": seed, "PYTHONUTF8": "1", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "012"
    }
    assert len(digests) == 1


def test_nothing_to_embed_is_the_zero_vector():
    assert not HashingEmbedder().embed([" "]).any()
    assert cosine(" ", "Python") == 0.0


def test_fingerprint_tells_dimensions_apart():
    assert HashingEmbedder().fingerprint == HashingEmbedder(512).fingerprint
    assert HashingEmbedder().fingerprint != HashingEmbedder(256).fingerprint


@pytest.mark.parametrize("dim", [0, -1, 1.5, True, "512"])
def test_bad_dim(dim):
    with pytest.raises(EmbedderError, match=f"^dim {dim!r}: expected an integer"):
        HashingEmbedder(dim)


class Broken:
    dim = 2
    fingerprint = "broken"

    def __init__(self, vectors):
        self.vectors = vectors

    def embed(self, names):
        return self.vectors


@pytest.mark.parametrize(
    ("vectors", "named"),
    [
        ([[1.0, 0.0]], "returned list"),
        (np.array([[1.0, 0.0]]), "returned float64"),
        (np.zeros((1, 3), np.float32), r"returned shape \(1, 3\)"),
        (np.zeros((2, 2), np.float32), r"returned shape \(2, 2\)"),
        (np.array([[np.nan, 0]], np.float32), "not finite for 'Python'"),
        (np.array([[np.inf, 0]], np.float32), "not finite for 'Python'"),
        (np.array([[0.5, 0]], np.float32), "returned length 0.5 for 'Python'"),
        (np.array([[1.002, 0]], np.float32), "returned length 1.002 for 'Python'"),
        (np.array([[3e30, 4e30]], np.float32), r"returned length 5e\+30 for 'Python'"),
        (np.array([[3e-30, 4e-30]], np.float32), "returned length 5e-30 for 'Python'"),
    ],
)
def test_vectors_that_are_no_embeddings(vectors, named):
    with np.errstate(over="ignore"), pytest.raises(EmbedderError, match=f"^embedder Broken .*{named}.*expected "):
        embed(Broken(vectors), ["Python"])


def test_zero_and_nearly_unit_vectors_are_accepted():
    for row in ([0, 0], [1.0009, 0], [0.6, 0.8]):
        embed(Broken(np.array([row], np.float32)), ["Python"])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.9991, 0.999999, 1, 1.0009]))
def test_vectors_become_unit_vectors(seed, length):
    vectors = np.random.default_rng(seed).normal(size=(3, 2))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * [[length], [1], [1]]).astype(np.float32)
    vectors[2] = 0
    units = embed(Broken(vectors), ["Python", "SQL", "Go"])
    assert np.linalg.norm(units, axis=1) == pytest.approx([1, 1, 0], abs=6e-7)
    np.testing.assert_allclose(units[0] * length, vectors[0], atol=1e-6)
    # a vector does not depend on what it is embedded with
    for row in range(3):
        assert (embed(Broken(vectors[[row]]), ["Python"]) == units[[row]]).all()


def test_unit_vectors_are_not_copied():
    vectors = HashingEmbedder(2).embed(["Python", "SQL"])
    assert embed(Broken(vectors), ["Python", "SQL"]) is vectors
