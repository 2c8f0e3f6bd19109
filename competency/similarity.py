"""Cosine similarities between the skills of jobs and of candidates.

The vectors of the candidate skills are taken in blocks whose size depends on the pair alone, so that a pair's
similarities are the same to the last bit however many pairs are looked at together.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from competency.embedding import Embedder, embed
from competency.skills import Skill

__all__ = ["cosine_rows", "similarity_rows", "stacked_similarity_rows"]

_LEAST_VECTORS = 32  # of a block
_MOST_VECTORS = 480  # that are copied together, so that they fit a processor's cache
_ONE = np.float32(1)
_NAME = attrgetter("name")


def vectors_at_a_time(n_required: int) -> int:
    """Vectors of candidate skills that are in memory together, for one pair."""
    return max(n_required, _LEAST_VECTORS)


def _blocks(n_required: int, n_candidate: int) -> Iterator[slice]:
    """Blocks of candidate skills; their vectors take about as much memory as those of the required skills."""
    step = vectors_at_a_time(n_required)
    for start in range(0, n_candidate, step):
        yield slice(start, min(start + step, n_candidate))


def _cosines(products: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products of unit vectors as cosines, in [-1, 1] in spite of their rounding; `products` is overwritten."""
    np.minimum(products, _ONE, out=products)
    np.maximum(products, -_ONE, out=products)
    return products.astype(np.float64)


def similarity_rows(embedder: Embedder, required: Sequence[Skill], candidate: Sequence[Skill]) -> NDArray[np.float64]:
    """Cosine similarities of one pair, shape (n_required, n_candidate)."""
    n_required, n_candidate = len(required), len(candidate)
    # a list of the right size at once: it would grow some twenty times
    names = np.fromiter(map(_NAME, chain(required, candidate)), np.object_, n_required + n_candidate).tolist()
    if n_candidate <= vectors_at_a_time(n_required):
        vectors = embed(embedder, names)  # all in one call
        return _cosines(vectors[:n_required] @ vectors[n_required:].T)
    units = embed(embedder, names[:n_required])
    products = np.empty((n_required, n_candidate), np.float32)
    for block in _blocks(n_required, n_candidate):
        vectors = embed(embedder, names[n_required + block.start : n_required + block.stop])
        products[:, block] = units @ vectors.T
        del vectors  # before the next ones are made
    del units
    return _cosines(products)


def stacked_similarity_rows(
    units: NDArray[np.float32], required: NDArray[np.intp], n_required: NDArray[np.intp], places: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cosine similarities of pairs whose candidates have equally many skills, one pair's rows after the other's.

    Parameters
    ----------
    units : ndarray of float32, shape (n_names, dim)
        Vectors of unit length.
    required : ndarray of intp, shape (n_row,)
        The rows of `units` that are the jobs', one job after the other.
    n_required : ndarray of intp, shape (n_pair,)
        How many skills each job requires, ascending.
    places : ndarray of intp, shape (n_pair, n_candidate)
        The rows of `units` that are a candidate's.

    Returns
    -------
    ndarray of float64, shape (n_row, n_candidate)
    """
    similarities = np.empty((len(required), places.shape[1]))
    most = min(_MOST_VECTORS, len(units) // 2)  # so that copies stay small beside the vectors that there are
    first_row = 0
    for alike in np.split(np.arange(len(places)), np.flatnonzero(np.diff(n_required)) + 1):
        length = int(n_required[alike[0]])
        step = max(most // (length + places.shape[1]), 1)
        for part in np.split(alike, range(step, len(alike), step)):
            rows = slice(first_row, first_row + length * len(part))
            first_row = rows.stop
            vectors = units.take(required[rows], axis=0).reshape(len(part), length, -1)
            similarities[rows] = cosine_rows(vectors, units, places[part])
    return similarities


def cosine_rows(
    required: NDArray[np.float32], units: NDArray[np.float32], places: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cosine similarities of pairs of equal sizes, one pair's rows after the other's.

    Parameters
    ----------
    required : ndarray of float32, shape (n_pair, n_required, dim), or (1, n_required, dim) where all have the same job
        Vectors of unit length.
    units : ndarray of float32, shape (n_names, dim)
        Vectors of unit length.
    places : ndarray of intp, shape (n_pair, n_candidate)
        The rows of `units` that are a candidate's.

    Returns
    -------
    ndarray of float64, shape (n_pair * n_required, n_candidate)
    """
    n_pair, n_candidate = places.shape
    n_required = required.shape[1]
    products = np.empty((n_pair, n_required, n_candidate), np.float32)
    for block in _blocks(n_required, n_candidate):
        products[:, :, block] = np.matmul(required, units.take(places[:, block], axis=0).swapaxes(1, 2))
    return _cosines(products.reshape(-1, n_candidate))
