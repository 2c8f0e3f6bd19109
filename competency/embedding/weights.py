"""The file of a static embedder's weights.

::

    magic (16 bytes) | version, dim, size of a part, number of terms, number of buckets (u32 each)
    SHA-256 (32 bytes) of the five numbers and of all that follows
    codebook  f32 (256, part)                what a code stands for
    keys      u32 (n_terms)                  CRC-32 of each term, ascending
    scales    f16 (n_terms + n_buckets)      factor of each row
    checks    u8  (n_terms)                  Adler-32 of each term, its lowest byte
    codes     u8  (n_terms + n_buckets, dim / part)

Numbers are little-endian. A row of the table is the codebook's entries for its codes, one after the other, times its
scale; terms (words, and pairs of words) come first, then the buckets of character n-grams. Terms stand in the file by
their checksums alone: that takes a twentieth of the memory of a dictionary, no time to load, and takes an unknown word
for a known one in one of ten million cases.
"""

import bisect
import functools
import hashlib
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError
from competency.files import mapped, written_whole

__all__ = ["Weights", "checksums", "read", "write"]

_MAGIC = b"COMPETENCY-VECS\n"  # a newline, so that a copy that changed line ends is found out
_VERSION = 1
_COUNTS = struct.Struct("<5I")
_PREAMBLE = len(_MAGIC) + _COUNTS.size + hashlib.sha256().digest_size
_N_CODES = 256


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
    sha256 : str
        Of the file that they were read from.
    """

    codebook: NDArray[np.float32]
    keys: NDArray[np.uint32]
    scales: NDArray[np.float16]
    checks: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    sha256: str = ""

    @functools.cached_property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.codes.shape[1] * self.codebook.shape[1])

    @property
    def n_terms(self) -> int:
        """Words and pairs of words that have rows of their own."""
        return len(self.keys)

    @property
    def n_buckets(self) -> int:
        """Rows that all character n-grams share."""
        return len(self.codes) - len(self.keys)

    def find(self, term: str) -> int:
        """Row of a term; -1 for a term without one."""
        raw = term.encode()
        key = zlib.crc32(raw)
        keys, checks = self._to_search
        row = bisect.bisect_left(keys, key)
        return row if row < len(keys) and keys[row] == key and checks[row] == zlib.adler32(raw) & 255 else -1

    @functools.cached_property
    def _to_search(self) -> tuple[memoryview, memoryview]:
        """Keys and checks as what Python reads single numbers from faster than from arrays."""
        return self.keys.astype(np.uint32, copy=False).data, self.checks.data

    def rows(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Some rows of the table, shape (n, dim)."""
        at = np.array(rows)
        vectors = self.codebook.take(self.codes.take(at, axis=0), axis=0).reshape(len(rows), self.dim)
        vectors *= self.scales.take(at)[:, None]
        return vectors


def checksums(terms: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """What stands for terms in the file: CRC-32, and the lowest byte of Adler-32, of their UTF-8."""
    raw = [term.encode() for term in terms]
    keys = np.array([zlib.crc32(term) for term in raw], np.uint32)
    return keys, np.array([zlib.adler32(term) & 255 for term in raw], np.uint8)


def _layout(dim: int, part: int, n_terms: int, n_buckets: int) -> list[tuple[str, np.dtype[Any], tuple[int, ...], int]]:
    """Name, dtype, shape, and the byte in the file, of each array; and of the end."""
    n_rows = n_terms + n_buckets
    layout = []
    start = _PREAMBLE
    for name, dtype, shape in (
        ("codebook", "<f4", (_N_CODES, part)),
        ("keys", "<u4", (n_terms,)),
        ("scales", "<f2", (n_rows,)),
        ("checks", "|u1", (n_terms,)),
        ("codes", "|u1", (n_rows, dim // part)),
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
    counts = (weights.dim, weights.codebook.shape[1], weights.n_terms, weights.n_buckets)
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
    dim, part, n_terms, n_buckets = counts
    if min(counts) < 1 or dim % part:
        raise EmbedderError(
            f"{where}: {dim} dimensions in parts of {part}, {n_terms} terms, {n_buckets} buckets: "
            "expected 1 or more of each, and whole parts; the file is damaged"
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
    if not (np.isfinite(weights.codebook).all() and np.isfinite(weights.scales).all()):
        raise EmbedderError(f"{where}: weights that are not finite: expected finite ones")
    if not (weights.keys[1:] > weights.keys[:-1]).all():
        raise EmbedderError(f"{where}: keys out of order: expected each once, ascending")
    return weights
