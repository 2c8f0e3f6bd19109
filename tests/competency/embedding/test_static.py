import copy
import logging
import multiprocessing
import pickle
import shutil
import threading
import tracemalloc
import unicodedata
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import Embedder, EmbedderError, ProficiencyLevel, Skill, SkillMatcher, StaticEmbedder
from competency.embedding import embed
from competency.embedding import weights as weights_file
from competency.embedding.static import _WEIGHTS, default_embedder
from competency.embedding.tokens import words
from tests.small_weights import random_weights

NAMES = [
    "Python", "C", "C++", "C#", ".NET", "R", "Node.js", "CI/CD", "M&A", "P&L", "Résumé", "机器学习", "Machine Learning",
    "x" * 1000, "SQL " * 250, "unheard-of word", "Привет, мир", "हिन्दी",
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30) | st.sampled_from(NAMES)


def slow_vector(path, name):
    """The definition, from the bytes of the file, one number at a time."""
    data = path.read_bytes()
    dim, part, n_terms, n_buckets, width = (int.from_bytes(data[i : i + 4], "little") for i in (20, 24, 28, 32, 36))
    at = 72
    arrays = {}
    for key, dtype, n in [
        ("codebook", "<f4", 256 * part), ("shift", "<f4", dim), ("keys", "<u4", n_terms),
        ("scales", "<f2", n_terms + n_buckets), ("gains", "<f2", width), ("offsets", "<f2", width),
        ("out_gains", "<f2", dim), ("checks", "u1", n_terms),
        ("codes", "u1", (n_terms + n_buckets) * dim // part), ("inner", "i1", dim * width),
        ("outer", "i1", width * dim),
    ]:  # fmt: skip
        arrays[key] = np.frombuffer(data, dtype, n, at)
        at += n * np.dtype(dtype).itemsize

    def row(number):
        codes = arrays["codes"][number * dim // part : (number + 1) * dim // part]
        scale = np.float32(arrays["scales"][number])
        return [arrays["codebook"][int(code) * part + k] * scale for code in codes for k in range(part)]

    def find(term):
        for number, (key, check) in enumerate(zip(arrays["keys"], arrays["checks"], strict=True)):
            if key == zlib.crc32(term.encode()) and check == zlib.adler32(term.encode()) % 256:
                return number
        return None

    def unit(numbers):
        length = sum(float(x) ** 2 for x in numbers) ** 0.5
        return [x / np.float32(length) if length else x for x in numbers]

    total = [np.float32(0)] * dim
    tokens = words(name)
    found = []
    for token in tokens:
        if (known := find(token)) is not None:
            found.append(known)
        else:
            marked = f"<{token}>"
            grams = [
                marked,
                *(marked[a : a + n] for n in (3, 4) for a in range(len(marked) - n + 1) if n < len(marked)),
            ]
            found += [n_terms + zlib.crc32(gram.encode()) % n_buckets for gram in grams]
    found += [known for pair in pairwise(tokens) if (known := find(" ".join(pair))) is not None]
    for number in found:
        total = [a + b for a, b in zip(total, row(number), strict=True)]
    if not found:
        return total
    length = np.float32(sum(float(x) ** 2 for x in total) ** 0.5)
    wide = [x * (np.float32(32 * dim**0.5) / length) for x in total]
    hidden = []
    for k in range(width):
        exact = sum(round(float(x)) * int(weight) for x, weight in zip(wide, arrays["inner"][k::width], strict=True))
        value = np.float32(exact) * np.float32(arrays["gains"][k]) + np.float32(arrays["offsets"][k])
        hidden.append(min(max(round(float(value)), 0), 255))
    for k in range(dim):
        exact = sum(step * int(weight) for step, weight in zip(hidden, arrays["outer"][k::dim], strict=True))
        wide[k] += np.float32(exact) * np.float32(arrays["out_gains"][k])
    return unit([x - common for x, common in zip(unit(wide), arrays["shift"], strict=True)])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.weights"
    weights_file.write(path, random_weights())
    return path


@given(names=st.lists(TEXT, max_size=6))
def test_against_a_slow_reference(path, names):
    found = StaticEmbedder(path).embed(names)
    assert found.shape == (len(names), 12)
    assert found.dtype == np.float32
    for vector, name in zip(found, names, strict=True):
        np.testing.assert_allclose(vector, slow_vector(path, name), atol=1e-6)


def test_is_an_embedder_of_unit_vectors(path):
    embedder = StaticEmbedder(path)
    assert isinstance(embedder, Embedder)
    assert embedder.dim == 12
    np.testing.assert_allclose(np.linalg.norm(embed(embedder, NAMES), axis=1), 1, atol=1e-6)


@given(names=st.lists(TEXT, min_size=1, max_size=8), random=st.randoms(), cache_size=st.integers(0, 3))
def test_a_vector_does_not_depend_on_its_batch(path, names, random, cache_size):
    together = StaticEmbedder(path, cache_size=0).embed(names)
    embedder = StaticEmbedder(path, cache_size=cache_size)
    order = list(range(len(names)))
    random.shuffle(order)
    for _ in range(2):  # the second time some come from the cache
        assert (embedder.embed([names[i] for i in order]) == together[order]).all()
        assert (np.concatenate([embedder.embed([name]) for name in names]) == together).all()


def test_many_blocks(path):
    names = [f"skill {i % 700}" for i in range(1500)]
    embedder = StaticEmbedder(path)
    many = embedder.embed(names)
    assert (many[:700] == many[700:1400]).all()
    assert (many[700:1400] == StaticEmbedder(path, cache_size=0).embed(names[:700])).all()


def test_names_with_many_rows_are_cut_into_blocks(path):
    """Short names, names of hundreds of character n-grams, and names of nothing, in blocks or one at a time."""
    names = [("..." if i % 7 == 3 else f"{'xyzzy' * (i % 5 * 20)} {i}") for i in range(200)]
    together = StaticEmbedder(path, cache_size=0).embed(names)
    one_by_one = StaticEmbedder(path, cache_size=0)
    assert (together == np.concatenate([one_by_one.embed([name]) for name in names])).all()


def test_the_heap_of_a_batch_does_not_grow_with_the_rows_of_its_names():
    embedder = StaticEmbedder(cache_size=0)
    peaks = []
    for length in (30, 120):  # characters, each of which begins two n-grams
        names = [f"{'qx' * (length // 2)}{i:03}" for i in range(200)]
        embedder.embed(names)
        tracemalloc.start()
        embedder.embed(names)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]  # of four times as many rows


def test_accents_case_and_width_do_not_matter(path):
    vectors = StaticEmbedder(path).embed(["resume", "Résumé", unicodedata.normalize("NFD", "RÉSUMÉ"), " resume. "])
    assert (vectors == vectors[0]).all()


def test_nothing_to_embed_is_the_zero_vector_and_a_warning(path, caplog):
    embedder = StaticEmbedder(path)
    with caplog.at_level(logging.WARNING, "competency"):
        vectors = embed(embedder, ["🚀", "Python", "...", " "])
    assert vectors.any(axis=1).tolist() == [False, True, False, False]
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["'🚀'", "'...'", "'"]
    assert embedder.embed([]).shape == (0, 12)


def test_cache_counts_and_is_bounded(path):
    embedder = StaticEmbedder(path, cache_size=2)
    assert embedder.cache_info() == (0, 0, 2, 0)
    embedder.embed(["Python", "SQL"])
    assert embedder.cache_info() == (0, 2, 2, 2)
    embedder.embed(["Python"])
    assert embedder.cache_info() == (1, 2, 2, 2)
    embedder.embed(["C"])  # SQL goes, which was asked for longest ago
    embedder.embed(["Python", "C"])
    assert embedder.cache_info() == (3, 3, 2, 2)
    embedder.embed(["SQL"])
    assert embedder.cache_info() == (3, 4, 2, 2)


def test_no_cache(path):
    embedder = StaticEmbedder(path, cache_size=0)
    embedder.embed(["Python"])
    embedder.embed(["Python"])
    assert embedder.cache_info() == (0, 2, 0, 0)


def test_a_changed_result_does_not_change_the_cache(path):
    embedder = StaticEmbedder(path)
    first = embedder.embed(["Python"])
    kept = first.copy()
    first[:] = 0
    second = embedder.embed(["Python"])
    second[:] = 0
    assert (embedder.embed(["Python"]) == kept).all()


def test_many_threads(path):
    embedder = StaticEmbedder(path, cache_size=20)
    names = [f"word{i}" for i in range(60)]
    expected = StaticEmbedder(path, cache_size=0).embed(names)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(40):
            order = rng.permutation(60)[:20].tolist()
            if not (embedder.embed([names[i] for i in order]) == expected[order]).all():
                wrong.append(order)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    info = embedder.cache_info()
    assert not wrong
    assert (info.hits + info.misses, info.currsize) == (4 * 40 * 20, 20)


def test_opened_at_first_use_and_only_once(path, tmp_path):
    copy = tmp_path / "copy"
    embedder = StaticEmbedder(copy)  # nothing is there yet
    with pytest.raises(EmbedderError, match="cannot read"):
        embedder.embed(["Python"])
    copy.write_bytes(path.read_bytes())
    assert embedder.dim == 12
    copy.unlink()
    assert embedder.embed(["Python"]).any()


def test_fingerprint_follows_the_weights(path, tmp_path):
    weights_file.write(tmp_path / "other", random_weights(seed=1))
    assert StaticEmbedder(path).fingerprint == StaticEmbedder(path, cache_size=0).fingerprint
    assert StaticEmbedder(path).fingerprint != StaticEmbedder(tmp_path / "other").fingerprint


@pytest.mark.parametrize("size", [-1, 1.5, True, "1"])
def test_bad_cache_size(size):
    with pytest.raises(EmbedderError, match=f"^cache_size {size!r}: expected an integer"):
        StaticEmbedder(cache_size=size)


def test_one_default_for_the_process():
    assert default_embedder() is default_embedder()


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda embedder: pickle.loads(pickle.dumps(embedder))])
@pytest.mark.parametrize("used", [True, False])
def test_copies_open_the_file_anew(path, twin, used):
    embedder = StaticEmbedder(path, cache_size=7)
    if used:
        embedder.embed(["Data Analysis"])
    assert len(pickle.dumps(embedder)) < 500
    other = twin(embedder)
    assert other.cache_info() == (0, 0, 7, 0)
    assert other.fingerprint == embedder.fingerprint
    assert (other.embed(["Data Analysis", "SQL"]) == embedder.embed(["Data Analysis", "SQL"])).all()
    assert embedder.cache_info().currsize == 2


def test_weights_that_are_in_memory_are_taken_along(path):
    embedder = StaticEmbedder(weights_file.read(path))
    expected = embedder.embed(["Data Analysis"])
    assert (pickle.loads(pickle.dumps(embedder)).embed(["Data Analysis"]) == expected).all()


def test_a_copy_of_a_file_that_changed_is_refused(path, tmp_path):
    file = tmp_path / "a.weights"
    shutil.copy(path, file)
    embedder = StaticEmbedder(file)
    pickled = (embedder.fingerprint, pickle.dumps(embedder))[1]
    shutil.copy(_WEIGHTS, tmp_path / "b.weights")
    (tmp_path / "b.weights").replace(file)  # the one that is mapped stays
    with pytest.raises(EmbedderError, match=r"a\.weights: sha256=[0-9a-f]+: expected [0-9a-f]+, as it was pickled$"):
        pickle.loads(pickled).embed(["SQL"])


def test_a_matcher_in_another_process():
    matcher = SkillMatcher()
    required, candidate = [Skill("Data Analysis", ProficiencyLevel(3, 5))], [Skill("SQL", ProficiencyLevel(4, 5))]
    expected = matcher.match(required, candidate).overall_score
    assert len(pickle.dumps(matcher)) < 25_000  # tables of the model; the weights have 4 MB
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(matcher.match, (required, candidate)).overall_score == expected
    assert copy.deepcopy(matcher).match(required, candidate).overall_score == expected
