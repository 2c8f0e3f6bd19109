import dataclasses
import hashlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import EmbedderError
from competency.embedding import weights as weights_file
from tests.small_weights import TERMS, random_weights

HEAD = 72  # magic, six numbers, SHA-256


def signed(data):
    """A file's bytes with the checksum that goes with the rest of them."""
    return data[:40] + hashlib.sha256(data[16:40] + data[HEAD:]).digest() + data[HEAD:]


def test_comes_back_as_it_was(weights_path):
    written, found = random_weights(), weights_file.read(weights_path)
    for field in (
        "codebook",
        "keys",
        "scales",
        "checks",
        "codes",
        "inner",
        "outer",
        "gains",
        "offsets",
        "out_gains",
        "shift",
    ):
        np.testing.assert_array_equal(getattr(found, field), getattr(written, field))
    assert (found.dim, found.n_terms, found.n_buckets) == (12, len(TERMS), 64)
    assert (
        found.sha256 == hashlib.sha256(weights_path.read_bytes()[16:40] + weights_path.read_bytes()[HEAD:]).hexdigest()
    )


def test_is_mapped_and_read_only(weights_path):
    found = weights_file.read(weights_path)
    assert not found.codes.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        found.codes[0, 0] = 1


def test_find(weights_path):
    found = weights_file.read(weights_path)
    assert sorted(map(found.find, TERMS)) == list(range(len(TERMS)))
    assert all(found.keys[found.find(term)] == zlib.crc32(term.encode()) for term in TERMS)
    assert (found.find("java"), found.find("")) == (-1, -1)
    other = dataclasses.replace(found, checks=found.checks + np.uint8(1))
    assert other.find("sql") == -1  # another word of the same CRC-32


def test_rows_are_entries_of_the_codebook_times_a_scale():
    weights = random_weights()
    expected = [
        [weights.codebook[code][k] * float(weights.scales[row]) for code in weights.codes[row] for k in range(3)]
        for row in (5, 0, 5)
    ]
    np.testing.assert_allclose(weights.rows([5, 0, 5]), expected, rtol=1e-6)


def test_every_damaged_byte_is_found(weights_path):
    data = weights_path.read_bytes()
    for at in [*range(0, 200), *range(200, len(data), 97), len(data) - 1]:
        weights_path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(EmbedderError, match=r"damaged|expected"):
            weights_file.read(weights_path)


@pytest.mark.parametrize("size", [0, 1, 16, 71, 72, 500, -1])
def test_cut_off(weights_path, size):
    weights_path.write_bytes(weights_path.read_bytes()[:size])
    with pytest.raises(EmbedderError, match=r"small\.weights: .*expected"):
        weights_file.read(weights_path)


def test_longer(weights_path):
    weights_path.write_bytes(weights_path.read_bytes() + b"\0")
    with pytest.raises(EmbedderError, match="damaged or cut off"):
        weights_file.read(weights_path)


@pytest.mark.parametrize("data", [b"PK\x03\x04" * 100, b"\x93NUMPY" * 100, b"\x80\x04\x95" * 100, b"{}" * 100])
def test_foreign(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(EmbedderError, match=r"starts with .*: expected the weights of an embedder"):
        weights_file.read(tmp_path / "a")


def test_another_version(weights_path):
    data = weights_path.read_bytes()
    weights_path.write_bytes(signed(data[:16] + struct.pack("<I", 1) + data[20:]))
    with pytest.raises(EmbedderError, match="version 1 of the file format: expected 2"):
        weights_file.read(weights_path)


@pytest.mark.parametrize(
    "counts",
    [
        (0, 3, 14, 64, 8), (12, 0, 14, 64, 8), (12, 5, 14, 64, 8), (12, 3, 0, 64, 8), (12, 3, 14, 0, 8),
        (12, 3, 14, 64, 0), (12, 3, 14, 64, 515), (4035, 3, 14, 64, 8), (2**32 - 1,) * 5,
    ],
)  # fmt: skip
def test_counts_that_make_no_sense(weights_path, counts):
    data = weights_path.read_bytes()
    weights_path.write_bytes(signed(data[:20] + struct.pack("<5I", *counts) + data[40:]))
    with pytest.raises(EmbedderError, match=r"damaged"):
        weights_file.read(weights_path)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"scales": np.full(78, np.inf, np.float16)}, "not finite"),
        ({"codebook": np.full((256, 3), np.nan, np.float32)}, "not finite"),
        ({"gains": np.full(8, np.nan, np.float16)}, "not finite"),
        ({"offsets": np.full(8, np.inf, np.float16)}, "not finite"),
        ({"out_gains": np.full(12, np.inf, np.float16)}, "not finite"),
        ({"shift": np.full(12, np.nan, np.float32)}, "not finite"),
        ({"keys": np.zeros(14, np.uint32)}, "out of order"),
    ],
)
def test_values_that_make_no_sense(tmp_path, change, named):
    weights_file.write(tmp_path / "a", dataclasses.replace(random_weights(), **change))
    with pytest.raises(EmbedderError, match=f"{named}.*: expected"):
        weights_file.read(tmp_path / "a")


def test_nothing_there_or_no_file(tmp_path):
    with pytest.raises(EmbedderError, match=r"cannot read .*No such file"):
        weights_file.read(tmp_path / "none")
    with pytest.raises(EmbedderError, match="not a regular file"):
        weights_file.read(tmp_path)
    with pytest.raises(EmbedderError, match="cannot read"):
        weights_file.read("a\0b")


def test_a_failed_write_leaves_what_was_there(weights_path):
    before = weights_path.read_bytes()
    with pytest.raises(EmbedderError, match="there is no folder"):
        weights_file.write(weights_path.parent / "none" / "a", random_weights())
    broken = dataclasses.replace(random_weights(), scales="none")
    with pytest.raises(ValueError, match="none"):
        weights_file.write(weights_path, broken)
    assert weights_path.read_bytes() == before
    assert [path.name for path in weights_path.parent.iterdir()] == ["small.weights"]


@given(st.data())
def test_what_the_layer_adds_does_not_depend_on_other_rows_and_their_order(data):
    """To the last bit, and in any order of summation: all sums are of whole numbers that float32 holds."""
    weights = random_weights(dim=30, width=17)
    sums = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(9, 30)).astype(np.float32)
    together = weights.together(sums)
    order = data.draw(st.permutations(range(9)))
    assert (weights.together(sums[order]) == together[order]).all()
    assert (np.concatenate([weights.together(row[None]) for row in sums]) == together).all()
    columns = data.draw(st.permutations(range(17)))
    turned = dataclasses.replace(
        weights,
        inner=weights.inner[:, columns],
        outer=weights.outer[columns],
        gains=weights.gains[columns],
        offsets=weights.offsets[columns],
    )
    assert (turned.together(sums) == together).all()


def test_the_largest_sums_of_the_layer_are_exact():
    dim, width = 4032, 514
    assert np.float32(128 * dim * 32.5 - 1) < 2**24
    assert 128 * width * 255 < 2**24
    weights = dataclasses.replace(
        random_weights(dim=dim, part=1, width=width),
        inner=np.full((dim, width), 127, np.int8),
        outer=np.full((width, dim), 127, np.int8),
        gains=np.full(width, 1e-3, np.float16),
        offsets=np.full(width, 300, np.float16),
        out_gains=np.ones(dim, np.float16),
        shift=np.zeros(dim, np.float32),
    )
    vectors = np.zeros((2, dim), np.float32)
    vectors[0] = 1
    vectors[1, ::2] = 1
    found = weights.together(vectors)
    wide = 32 * np.sqrt(dim) * vectors / np.sqrt(vectors.sum(1, keepdims=True)) + width * 255 * 127
    np.testing.assert_allclose(found, wide / np.linalg.norm(wide, axis=1, keepdims=True), rtol=1e-6)
