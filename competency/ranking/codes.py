"""Similarities of all names to a job's skills as one byte each, and what bytes and levels weigh at most."""

import functools
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from competency.names import normalise
from competency.pool import CandidatePool, key_checksum
from competency.proficiency import MOST_LEVELS
from competency.ranking.plan import NAMES
from competency.scoring import LARGEST_SIMILARITY, Model

__all__ = ["NAMED", "SLACK", "Bands", "intervals", "name_codes"]

Codes = NDArray[np.intp]
Array = NDArray[np.float64]

SLACK = 2e-6  # a product of other shape rounds differently, by less than this
NAMED = 255  # code of a name that is the required one
_STEPS = 260  # of similarities between 0 and 1, each with a code, up to the first that is of the same skill for sure
_EDGES = np.concatenate([[-1.01], np.arange(249) / _STEPS, [1.01]])  # of the similarities that a code stands for
_COLUMNS = 32  # of a product that is made in small pieces, which would take twice as long for more of them
_ALONE = 1 << 18  # multiplications of a product that OpenBLAS does not share between threads


@functools.cache
def intervals() -> tuple[Array, Array]:
    """The least and the highest similarity that each code may stand for; a name that is required may have any."""
    low, high = np.full(256, -1.01), np.full(256, 1.01)
    low[: len(_EDGES) - 1], high[: len(_EDGES) - 1] = _EDGES[:-1], _EDGES[1:]
    return low - SLACK, high + SLACK


class Bands(NamedTuple):
    """Levels that candidates are bounded with as one: time and memory do not depend on how many levels there are.

    Parameters
    ----------
    of_level : ndarray of intp, shape (n_level,)
        The band of each level of a pool, ascending.
    weights : ndarray of complex128, shape (n_band, 256)
        The least weight in a mixture that a skill of a band and a code may have, and, as imaginary part, how much more
        it may be.
    """

    of_level: Codes
    weights: NDArray[np.complex128]

    @classmethod
    def of(cls, model: Model, ratios: Array) -> Self:
        """Bands of as many levels each, of those whose ratios are given, ascending."""
        n_band = min(len(ratios), MOST_LEVELS)
        of_level = np.arange(len(ratios)) * n_band // len(ratios)
        first = of_level.searchsorted(np.arange(n_band))
        ends = ratios[first], ratios[np.append(first[1:], len(ratios)) - 1]
        (least, other), (most, another) = (
            [model.weights(similarity, ratio[:, None]) for ratio in ends] for similarity in intervals()
        )
        np.minimum(least, other, out=least)
        np.maximum(most, another, out=most)
        most -= least
        weights = np.empty(least.shape, np.complex128)
        weights.real, weights.imag = least, most
        return cls(of_level, weights)


def name_codes(
    pool: CandidatePool, jobs: Sequence[Sequence[str]], units: NDArray[np.float32]
) -> list[NDArray[np.uint8]]:
    """For each job the codes of the similarities of all names to the required ones, shape (n_name, n_required).

    Parameters
    ----------
    pool : CandidatePool
        The names.
    jobs : sequence of sequence of str
        The normalised names of the required skills of each job.
    units : ndarray of float32, shape (n_required of all jobs, dim)
        Their vectors, of unit length.

    Raises
    ------
    PoolError
        Where the vectors of the names are damaged.
    """
    codes = [np.empty((len(pool.embeddings), len(keys)), np.uint8) for keys in jobs]
    few = len(units) <= _COLUMNS
    step = NAMES if few else 4 * NAMES
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged vectors, which are an error here
        for start in range(0, len(pool.embeddings), step):
            block = slice(start, start + step)
            vectors = pool.embeddings[block]
            products = _small_products(vectors, units) if few else vectors @ units.T
            # the sum of squares of so many cosines; it is NaN where one of them is
            if not np.vdot(products, products) <= products.size * LARGEST_SIMILARITY**2:
                last = start + len(vectors) - 1
                raise pool.damaged(f"embeddings {start} to {last}", "vectors of length 1, or all zeros")
            products *= _STEPS
            products += 1
            np.clip(products, 0, len(_EDGES) - 2, out=products)
            first = 0
            for of_job, keys in zip(codes, jobs, strict=True):
                of_job[block] = products[:, first : first + len(keys)]
                first += len(keys)
            del products  # before the next ones are made
    for of_job, keys in zip(codes, jobs, strict=True):
        for column, key in enumerate(keys):
            for name in np.flatnonzero(pool.key_checksums == key_checksum(key)):
                if normalise(pool.name(int(name))) == key:
                    of_job[name, column] = NAMED
    return codes


def _small_products(rows: NDArray[np.float32], units: NDArray[np.float32]) -> NDArray[np.float32]:
    """``rows @ units.T`` in pieces that take one thread: on a busy machine each would wait for all the others."""
    dim = rows.shape[1]
    step = max(_ALONE // (_COLUMNS * dim), 1)
    n_piece, whole = len(rows) // step, len(rows) // step * step
    products = np.empty((len(rows), len(units)), np.float32)
    pieces = rows[:whole].reshape(n_piece, step, dim)
    np.matmul(pieces, units.T, out=products[:whole].reshape(n_piece, step, len(units)))
    np.matmul(rows[whole:], units.T, out=products[whole:])
    return products
