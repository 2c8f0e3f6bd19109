"""From a table of floats to one byte for every few dimensions."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["learn_codebook", "quantise", "quantise_columns", "rotation"]

_N_CODES = 256
_SAMPLE = 50_000  # parts that the codebook is learned from
_ROUNDS = 20  # of k-means
_BLOCK = 16_384  # parts that are compared with the codebook at one time


def rotation(table: NDArray[np.float32], part: int, seed: int = 0) -> NDArray[np.float32]:
    """A rotation of rows, shape (dim, dim), behind which `quantise` loses little of them; no cosine sees it.

    One codebook serves all parts, which should therefore be alike; and the more the dimensions of a part differ, the
    less is lost. So each part has one dimension of the strongest principal directions, one of the next, and so on, each
    mixed by chance with those of the other parts. The strongest of all, nearly the mean of the rows, is spread evenly:
    the codebook's own mean stands for it.
    """
    rng = np.random.default_rng(seed)
    n_parts = table.shape[1] // part
    units = _units(table).astype(np.float64)
    _, directions = np.linalg.eigh(units.T @ units)
    turned = np.empty_like(directions)
    for band in range(part):
        chance = rng.normal(size=(n_parts, n_parts))
        chance[:, 0] = 1
        mixture, _ = np.linalg.qr(chance)
        strongest_first = directions[:, ::-1][:, band * n_parts : (band + 1) * n_parts]
        turned[:, band::part] = strongest_first @ mixture.T
    return turned.astype(np.float32)


def quantise_columns(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers of -127 to 127, and a factor of each column, which gives the matrix back, rounded."""
    most = np.abs(matrix).max(axis=0)
    gains = (np.where(most > 0, most, 1) / 127).astype(np.float32)
    return np.rint(matrix / gains).astype(np.int8), gains


def learn_codebook(table: NDArray[np.float32], part: int, seed: int = 0) -> NDArray[np.float32]:
    """What codes of the parts of rows stand for, shape (256, part), learned by k-means.

    It serves all dimensions: they should be alike, as behind a `rotation`.

    Parameters
    ----------
    table : ndarray of float32, shape (n_rows, dim)
    part : int
        Dimensions that one code stands for; divides `dim`.
    seed : int
        Of k-means.
    """
    rng = np.random.default_rng(seed)
    parts = _parts(table, part)
    sample = parts[rng.permutation(len(parts))[:_SAMPLE]]
    codebook = sample[rng.permutation(len(sample))[:_N_CODES]]
    if len(codebook) < _N_CODES:  # a table this small is coded without loss
        return np.concatenate([codebook, np.zeros((_N_CODES - len(codebook), part), np.float32)])
    for _ in range(_ROUNDS):
        codes = _nearest(sample, codebook)
        counts = np.bincount(codes, minlength=_N_CODES)
        sums = np.stack([np.bincount(codes, column, minlength=_N_CODES) for column in sample.T], axis=1)
        used = counts > 0
        codebook[used] = (sums[used] / counts[used, None]).astype(np.float32)
    return codebook


def quantise(
    table: NDArray[np.float32], codebook: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Codes of the parts of each row, by a codebook of shape (256, part).

    Returns
    -------
    codes : ndarray of uint8, shape (n_rows, dim / part)
    scales : ndarray of float16, shape (n_rows,)
        Such that ``codebook[codes]`` times them is nearest to the rows.
    """
    n_rows, dim = table.shape
    part = codebook.shape[1]
    codes = _nearest(_parts(table, part), codebook)
    coded = codebook[codes].reshape(n_rows, dim)
    squares = np.einsum("ij,ij->i", coded, coded)
    fit = np.einsum("ij,ij->i", table, coded) / np.where(squares > 0, squares, 1)
    return codes.reshape(n_rows, dim // part), fit.astype(np.float16)


def _units(table: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return (table / np.where(norms > 0, norms, 1)).astype(np.float32)


def _parts(table: NDArray[np.float32], part: int) -> NDArray[np.float32]:
    """The parts of all rows, of a size that does not depend on that of the row, shape (n_rows * dim / part, part)."""
    return (math.sqrt(table.shape[1]) * _units(table)).reshape(-1, part)


def _nearest(parts: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.uint8]:
    half = 0.5 * np.einsum("ij,ij->i", codebook, codebook)
    codes = np.empty(len(parts), np.uint8)
    for start in range(0, len(parts), _BLOCK):
        block = slice(start, start + _BLOCK)
        codes[block] = (parts[block] @ codebook.T - half).argmax(axis=1)
    return codes
