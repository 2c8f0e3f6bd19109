"""The default embedder: a table of rows for words, learned from a sentence model and a taxonomy of skills."""

import dataclasses
import functools
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency.embedding import weights as weights_file
from competency.embedding.tokens import buckets, pairs, words
from competency.embedding.weights import Weights
from competency.errors import EmbedderError, as_integer, shown

__all__ = ["CacheInfo", "StaticEmbedder", "default_embedder"]

logger = logging.getLogger("competency")

_WEIGHTS = Path(__file__).with_name("skills.weights")
_BLOCK = 256  # names that are embedded, and rows of the table that are summed, at one time


class CacheInfo(NamedTuple):
    """How often a name was found in the cache, and how often not; how many names it may hold, and does."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class StaticEmbedder:
    """Embeds a name by the sum of the rows of its words, and a layer that sees the sum as a whole, at unit length.

    A word has a row of its own in the table, or the sum of those of its character n-grams; some pairs of neighbouring
    words have a row besides. The file of the weights is opened when it is first needed, and mapped into memory.

    Parameters
    ----------
    weights : path or Weights, optional
        A file that ``competency embedder train`` made; by default the one that comes with the package.
    cache_size : int, default 8192
        How many names' vectors are kept, those that were asked for last; 0 keeps none.

    Raises
    ------
    EmbedderError
        Where `cache_size` is not an integer of 0 or more; at the first use, where the file is not usable.

    Notes
    -----
    The vector of a name is the same in every batch, and on every machine to 1e-6. An embedder may be used from many
    threads at once. One that is pickled, or copied deeply, takes its file's path along, not what the file holds, and
    opens it anew, with an empty cache.
    """

    def __init__(self, weights: str | os.PathLike[str] | Weights | None = None, *, cache_size: int = 8192) -> None:
        size = as_integer(cache_size)
        if size is None or size < 0:
            raise EmbedderError(f"cache_size {shown(cache_size)}: expected an integer of 0 or more")
        self._given = _WEIGHTS if weights is None else weights
        self._cache: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._cache_size = size
        self._hits = self._misses = 0
        self._lock = threading.Lock()
        self._expected: str | None = None  # checksum of the weights, where it is known before they are read

    def __reduce__(self) -> tuple[Any, ...]:
        given: str | Weights | None
        if self._given is _WEIGHTS:
            given = None  # the package may lie elsewhere where the embedder is made anew
        elif isinstance(self._given, Weights):
            given = dataclasses.replace(self._given)  # without what it has worked out
        else:
            given = str(Path(self._given).absolute())
        known = self.__dict__.get("_weights")
        return _again, (type(self), given, self._cache_size, known and known.sha256)

    @functools.cached_property
    def _weights(self) -> Weights:
        weights = self._given if isinstance(self._given, Weights) else weights_file.read(self._given)
        if self._expected is not None and weights.sha256 != self._expected:
            raise EmbedderError(f"{self._given}: sha256={weights.sha256}: expected {self._expected}, as it was pickled")
        return weights

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._weights.dim

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would."""
        return f"static-2 sha256={self._weights.sha256}"

    def cache_info(self) -> CacheInfo:
        """How much the cache was used so far. A name that occurs twice in a batch counts twice."""
        with self._lock:
            return CacheInfo(self._hits, self._misses, self._cache_size, len(self._cache))

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names.

        Returns
        -------
        ndarray of float32, shape (n_names, dim)
            Rows of unit length; all zero, and a warning in the log, where a name has nothing to embed.
        """
        if len(names) == 1:  # a call for one name takes as long as its steps in Python and its calls of numpy
            return self._embed_one(names[0])
        if len(names) <= _BLOCK:
            return self._embed_block(names)
        vectors = np.empty((len(names), self.dim), np.float32)
        for start in range(0, len(names), _BLOCK):
            vectors[start : start + _BLOCK] = self._embed_block(names[start : start + _BLOCK])
        return vectors

    def _embed_one(self, name: str) -> NDArray[np.float32]:
        cache = self._cache
        with self._lock:
            vector = cache.get(name)
            if vector is not None:
                self._hits += 1
                cache.move_to_end(name)
                return vector[None].copy()
            self._misses += 1
        rows = self._rows(name)
        found = self._weights.vectors(rows, (0,)) if rows else np.zeros((1, self.dim), np.float32)
        self._keep((name,), found)
        return found

    def _embed_block(self, names: Sequence[str]) -> NDArray[np.float32]:
        known: list[tuple[int, NDArray[np.float32]]] = []
        new: dict[str, list[int]] = {}  # names that are not in the cache, and where they stand
        with self._lock:
            for place, name in enumerate(names):
                vector = self._cache.get(name)
                if vector is None:
                    new.setdefault(name, []).append(place)
                else:
                    self._cache.move_to_end(name)
                    known.append((place, vector))
            n_missed = sum(map(len, new.values()))
            self._misses += n_missed
            self._hits += len(names) - n_missed
        if new:
            found = self._embed_new(new)
            self._keep(new, found)
            if len(new) == len(names):
                return found
            known += [(place, found[row]) for row, places in enumerate(new.values()) for place in places]
        vectors = np.empty((len(names), self.dim), np.float32)
        for place, vector in known:
            vectors[place] = vector
        return vectors

    def _keep(self, names: Collection[str], vectors: NDArray[np.float32]) -> None:
        if self._cache_size:
            with self._lock:
                for row, name in enumerate(names):
                    self._cache[name] = vectors[row].copy()  # a view would keep the whole block
                while len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)

    def _embed_new(self, names: Collection[str]) -> NDArray[np.float32]:
        vectors = None
        for filled, rows, starts in self._blocks(names):
            found = self._weights.vectors(rows, starts)
            if len(filled) == len(names):
                return found
            if vectors is None:
                vectors = np.zeros((len(names), self.dim), np.float32)
            vectors[filled] = found
            del found  # before the next ones are made
        return np.zeros((len(names), self.dim), np.float32) if vectors is None else vectors

    def _blocks(self, names: Iterable[str]) -> Iterator[tuple[list[int], list[int], list[int]]]:
        """Places of some names, the rows of all of them, and where among these those of each start."""
        filled: list[int] = []
        rows: list[int] = []
        starts: list[int] = []
        for place, name in enumerate(names):
            own = self._rows(name)
            if not own:
                continue
            if filled and len(rows) + len(own) > _BLOCK:
                yield filled, rows, starts
                filled, rows, starts = [], [], []
            filled.append(place)
            starts.append(len(rows))
            rows += own
        if filled:
            yield filled, rows, starts

    def _rows(self, name: str) -> list[int]:
        """Rows of the table that a name is the sum of; says so in the log where there are none."""
        weights = self._weights
        find = weights.find
        tokens = words(name)
        rows = []
        for term in tokens:
            row = find(term)
            if row >= 0:
                rows.append(row)
            else:
                rows += buckets(term, weights.n_buckets, weights.n_terms)
        if len(tokens) > 1:
            rows += [row for term in pairs(tokens) if (row := find(term)) >= 0]
        if not rows:
            logger.warning("%s has nothing to embed: its similarity to any other name is 0", shown(name))
        return rows


def _again(
    kind: type[StaticEmbedder], weights: str | Weights | None, cache_size: int, expected: str | None
) -> StaticEmbedder:
    """An embedder that was pickled; its file is opened when it is needed, and must be the same still."""
    embedder = kind(weights, cache_size=cache_size)
    embedder._expected = expected
    return embedder


@functools.cache
def default_embedder() -> StaticEmbedder:
    """The embedder with the weights that come with the package: one for the whole process."""
    return StaticEmbedder()
