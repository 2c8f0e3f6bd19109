"""The file of a static embedder's weights.

::

    magic (16 bytes) | version, dim, size of a part, number of terms, number of buckets, width of the layer (u32 each)
    SHA-256 (32 bytes) of the six numbers and of all that follows
    codebook  f32 (256, part)                what a code stands for
    shift     f32 (dim)                      what is taken from each vector
    keys      u32 (n_terms)                  CRC-32 of each term, ascending
    scales    f16 (n_terms + n_buckets)      factor of each row
    gains     f16 (width)                    factor of each column of `inner`
    offsets   f16 (width)                    what is added then
    out_gains f16 (dim)                      factor of each column of `outer`
    checks    u8  (n_terms)                  Adler-32 of each term, its lowest byte
    codes     u8  (n_terms + n_buckets, dim / part)
    inner     i8  (dim, width)
    outer     i8  (width, dim)

Numbers are little-endian. A row of the table is the codebook's entries for its codes, one after the other, times its
scale; terms (words, and pairs of words) come first, then the buckets of character n-grams. Terms stand in the file by
their checksums alone: that takes a twentieth of the memory of a dictionary, no time to load, and takes an unknown word
for a known one in one of ten million cases.

The layer sees the sum of a name's rows as a whole, and adds to it what its words mean together: `Weights.together`.
"""

import functools
import hashlib
import math
import os
import struct
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError
from competency.files import mapped, written_whole

__all__ = ["Weights", "checksums", "read", "write"]

_MAGIC = b"COMPETENCY-VECS\n"  # a newline, so that a copy that changed line ends is found out
_VERSION = 2
_COUNTS = struct.Struct("<6I")
_PREAMBLE = len(_MAGIC) + _COUNTS.size + hashlib.sha256().digest_size
_N_CODES = 256
LAYER_STEPS = 32  # of a number that enters the layer or comes out of its rectifiers, to 1
_MOST_STEPS = 255
# So that sums of products with numbers of at most 128 are below 2 ** 24. A vector of length x has a sum of at most
# x sqrt(dim), here x = LAYER_STEPS sqrt(dim), and rounding adds half a step for each dimension.
_MOST_DIM, _MOST_WIDTH = int(2**24 / 128 / (LAYER_STEPS + 0.5)), 2**24 // 128 // _MOST_STEPS


@dataclass(frozen=True)
class Weights:
    """The table of a static embedder, quantised.

    Parameters
    ----------
    codebook : ndarray of float32, shape (256, part)
    keys, checks : ndarray of uint32 and of uint8, shape (n_terms,)
        The `checksums` of the terms, by key, each key once.
    scales : ndarray of float16, shape (n_terms + n_buckets,)
    codes : ndarray of uint8, shape (n_terms + n_buckets, dim / part)
    inner, outer : ndarray of int8, shapes (dim, width) and (width, dim)
    gains, offsets : ndarray of float16, shape (width,)
    out_gains : ndarray of float16, shape (dim,)
        The layer: see `together`.
    shift : ndarray of float32, shape (dim,)
        A part of the mean of all names, which says nothing of any of them.
    sha256 : str
        Of the file that they were read from.
    """

    codebook: NDArray[np.float32]
    keys: NDArray[np.uint32]
    scales: NDArray[np.float16]
    checks: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    inner: NDArray[np.int8]
    outer: NDArray[np.int8]
    gains: NDArray[np.float16]
    offsets: NDArray[np.float16]
    out_gains: NDArray[np.float16]
    shift: NDArray[np.float32]
    sha256: str = ""

    @functools.cached_property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.codes.shape[1] * self.codebook.shape[1])

    @functools.cached_property
    def n_terms(self) -> int:
        """Words and pairs of words that have rows of their own."""
        return len(self.keys)

    @functools.cached_property
    def n_buckets(self) -> int:
        """Rows that all character n-grams share."""
        return len(self.codes) - len(self.keys)

    def find(self, term: str) -> int:
        """Row of a term; -1 for a term without one."""
        raw = term.encode()
        key = zlib.crc32(raw)
        keys, checks = self._to_search
        row = bisect_left(keys, key)
        return row if row < len(keys) and keys[row] == key and checks[row] == zlib.adler32(raw) & 255 else -1

    @functools.cached_property
    def _to_search(self) -> tuple[memoryview, memoryview]:
        """Keys and checks as what Python reads single numbers from faster than from arrays."""
        return self.keys.astype(np.uint32, copy=False).data, self.checks.data

    def vectors(self, rows: Sequence[int], starts: Sequence[int]) -> NDArray[np.float32]:
        """Unit vectors of names, shape (n, dim), from the rows of all, and where those of each start."""
        if len(rows) == len(starts):
            return self.together(self.rows(rows))
        # reduceat also for a single name: reduce adds in another order
        return self.together(np.add.reduceat(self.rows(rows), starts))

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Some rows of the table, shape (n, dim)."""
        at = np.array(rows)
        vectors = self.codebook.take(self.codes.take(at, 0), 0).reshape(len(rows), self.dim)
        vectors *= self.scales.take(at).astype(np.float32)[:, None]  # numpy is slow where types differ
        return vectors

    @functools.cached_property
    def _layer(self) -> tuple[NDArray[np.float32], ...]:
        """Inner, gains, offsets, least and most steps, outer, gains, steps to 1, shift."""
        width = len(self.gains)
        steps = (np.zeros(width), np.full(width, _MOST_STEPS))
        n_steps = np.full(self.dim, LAYER_STEPS * math.sqrt(self.dim))
        arrays = (self.inner, self.gains, self.offsets, *steps, self.outer, self.out_gains, n_steps, self.shift)
        return tuple(array.astype(np.float32) for array in arrays)

    def together(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors of names, shape (n, dim), from the sums of their rows, what the layer adds, and the shift.

        What enters a product of matrices is whole numbers, so small that all sums are exact in float32: a row of the
        result is the same to the last bit in whatever order a library adds, and whatever other rows there are.
        """
        alone = len(sums) == 1  # one name a call: numpy is twice as fast on one axis
        length = _length if alone else _lengths
        inner, gains, offsets, least, most, outer, out_gains, n_steps, shift = self._layer
        wide = sums[0] if alone else sums
        del sums  # here and below: before more arrays of this size are made
        wide = wide / length(wide)
        wide *= n_steps
        hidden = np.rint(wide).dot(inner)
        hidden *= gains
        hidden += offsets
        np.rint(hidden, out=hidden)
        np.maximum(hidden, least, out=hidden)
        np.minimum(hidden, most, out=hidden)
        vectors: NDArray[np.float32] = hidden.dot(outer)
        del hidden
        vectors *= out_gains
        vectors += wide
        del wide
        vectors /= length(vectors)
        vectors -= shift
        vectors /= length(vectors)
        return vectors[None] if alone else vectors


def _length(row: NDArray[np.float32]) -> float:
    """Length of a vector, 1 for zero, summed in double precision: rounded, it is the same in whatever order."""
    squares = row.astype(np.float64)
    return math.sqrt(squares.dot(squares)) or 1.0


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same of rows, shape (n, 1)."""
    squares = rows.astype(np.float64)
    squares *= squares
    lengths = np.sqrt(np.add.reduce(squares, axis=1, keepdims=True))
    lengths[lengths == 0] = 1
    return lengths.astype(np.float32)


def checksums(terms: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """What stands for terms in the file: CRC-32, and the lowest byte of Adler-32, of their UTF-8."""
    raw = [term.encode() for term in terms]
    keys = np.array([zlib.crc32(term) for term in raw], np.uint32)
    return keys, np.array([zlib.adler32(term) & 255 for term in raw], np.uint8)


def _layout(
    dim: int, part: int, n_terms: int, n_buckets: int, width: int
) -> list[tuple[str, np.dtype[Any], tuple[int, ...], int]]:
    """Name, dtype, shape, and the byte in the file, of each array; and of the end."""
    n_rows = n_terms + n_buckets
    layout = []
    start = _PREAMBLE
    for name, dtype, shape in (
        ("codebook", "<f4", (_N_CODES, part)),
        ("shift", "<f4", (dim,)),
        ("keys", "<u4", (n_terms,)),
        ("scales", "<f2", (n_rows,)),
        ("gains", "<f2", (width,)),
        ("offsets", "<f2", (width,)),
        ("out_gains", "<f2", (dim,)),
        ("checks", "|u1", (n_terms,)),
        ("codes", "|u1", (n_rows, dim // part)),
        ("inner", "|i1", (dim, width)),
        ("outer", "|i1", (width, dim)),
    ):
        layout.append((name, np.dtype(dtype), shape, start))
        size = np.dtype(dtype).itemsize
        for length in shape:  # in Python's integers, which do not overflow
            size *= length
        start += size
    return [*layout, ("end", np.dtype("|u1"), (0,), start)]


def write(path: str | os.PathLike[str], weights: Weights) -> None:
    """Write weights: as a whole, or not at all.

    Raises
    ------
    EmbedderError
        Where the file cannot be written.
    """
    counts = (weights.dim, weights.codebook.shape[1], weights.n_terms, weights.n_buckets, len(weights.gains))
    body = _COUNTS.pack(_VERSION, *counts)
    parts = [np.ascontiguousarray(getattr(weights, name), dtype).tobytes() for name, dtype, *_ in _layout(*counts)[:-1]]
    with written_whole(path, EmbedderError) as file:
        file.write(_MAGIC + body + hashlib.sha256(b"".join([body, *parts])).digest() + b"".join(parts))


def read(path: str | os.PathLike[str]) -> Weights:
    """Map the file of weights, and check all of it.

    Raises
    ------
    EmbedderError
        Where it cannot be read, is no file of weights, or is damaged.
    """
    where = str(path)
    start, data = mapped(path, _MAGIC, _PREAMBLE, "the weights of an embedder", EmbedderError)
    version, *counts = _COUNTS.unpack_from(start, len(_MAGIC))
    if version != _VERSION:
        raise EmbedderError(f"{where}: version {version} of the file format: expected {_VERSION}")
    dim, part, n_terms, n_buckets, width = counts
    if min(counts) < 1 or dim % part or dim > _MOST_DIM or width > _MOST_WIDTH:
        raise EmbedderError(
            f"{where}: {dim} dimensions in parts of {part}, {n_terms} terms, {n_buckets} buckets, a layer of {width}: "
            f"expected 1 or more of each, whole parts, at most {_MOST_DIM} and {_MOST_WIDTH}; the file is damaged"
        )
    *layout, (*_, end) = _layout(*counts)
    if len(data) != end:
        raise EmbedderError(f"{where}: {len(data):,} bytes: expected {end:,}; the file is damaged or cut off")
    digest = hashlib.sha256(data[len(_MAGIC) : len(_MAGIC) + _COUNTS.size].data)
    digest.update(data[_PREAMBLE:].data)
    if digest.digest() != start[-digest.digest_size :]:
        raise EmbedderError(f"{where}: does not have its checksum: the file is damaged")
    arrays = {
        name: data[at : at + dtype.itemsize * int(np.prod(shape))].view(dtype).reshape(shape)
        for name, dtype, shape, at in layout
    }
    weights = Weights(**arrays, sha256=digest.hexdigest())
    floats = (weights.codebook, weights.scales, weights.gains, weights.offsets, weights.out_gains, weights.shift)
    if not all(np.isfinite(array).all() for array in floats):
        raise EmbedderError(f"{where}: weights that are not finite: expected finite ones")
    if not (weights.keys[1:] > weights.keys[:-1]).all():
        raise EmbedderError(f"{where}: keys out of order: expected each once, ascending")
    _ = weights._layer  # now, and not by each of the threads that want the first vectors
    return weights
