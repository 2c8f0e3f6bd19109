"""From a table of floats to one byte for every few dimensions."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["quantise", "quantise_columns", "rotation"]

_N_CODES = 256
_SAMPLE = 50_000  # parts that the codebook is learned from
_ROUNDS = 20  # of k-means
_BLOCK = 16_384  # parts that are compared with the codebook at one time


def rotation(dim: int, seed: int) -> NDArray[np.float32]:
    """A rotation by chance, shape (dim, dim), which no cosine sees, and which makes all dimensions alike."""
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))
    return turned.astype(np.float32)


def quantise_columns(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers of -127 to 127, and a factor of each column, which gives the matrix back, rounded."""
    most = np.abs(matrix).max(axis=0)
    gains = (np.where(most > 0, most, 1) / 127).astype(np.float32)
    return np.rint(matrix / gains).astype(np.int8), gains


def quantise(
    table: NDArray[np.float32], part: int, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float16]]:
    """Codes of the parts of each row, by a codebook that all rows share.

    The codebook is learned by k-means and serves all dimensions: they should be alike, as behind a `rotation`.

    Parameters
    ----------
    table : ndarray of float32, shape (n_rows, dim)
    part : int
        Dimensions that one code stands for; divides `dim`.
    seed : int
        Of k-means.

    Returns
    -------
    codebook : ndarray of float32, shape (256, part)
    codes : ndarray of uint8, shape (n_rows, dim / part)
    scales : ndarray of float16, shape (n_rows,)
        Such that ``codebook[codes]`` times them is nearest to the rows.
    """
    rng = np.random.default_rng(seed)
    n_rows, dim = table.shape
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    scale = np.where(norms > 0, norms, 1) / np.sqrt(dim)
    parts = (table / scale).reshape(-1, part).astype(np.float32)
    codebook = _codebook(parts[rng.permutation(len(parts))[:_SAMPLE]], rng)
    codes = _nearest(parts, codebook)
    coded = codebook[codes].reshape(n_rows, dim)
    squares = np.einsum("ij,ij->i", coded, coded)
    fit = np.einsum("ij,ij->i", table, coded) / np.where(squares > 0, squares, 1)
    return codebook, codes.reshape(n_rows, dim // part), fit.astype(np.float16)


def _nearest(parts: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.uint8]:
    half = 0.5 * np.einsum("ij,ij->i", codebook, codebook)
    codes = np.empty(len(parts), np.uint8)
    for start in range(0, len(parts), _BLOCK):
        block = slice(start, start + _BLOCK)
        codes[block] = (parts[block] @ codebook.T - half).argmax(axis=1)
    return codes


def _codebook(sample: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    codebook = sample[rng.permutation(len(sample))[:_N_CODES]]
    if len(codebook) < _N_CODES:  # a table this small is coded without loss
        return np.concatenate([codebook, np.zeros((_N_CODES - len(codebook), sample.shape[1]), np.float32)])
    for _ in range(_ROUNDS):
        codes = _nearest(sample, codebook)
        counts = np.bincount(codes, minlength=_N_CODES)
        sums = np.stack([np.bincount(codes, column, minlength=_N_CODES) for column in sample.T], axis=1)
        used = counts > 0
        codebook[used] = (sums[used] / counts[used, None]).astype(np.float32)
    return codebook
