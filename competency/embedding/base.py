"""What an embedder is, and what its vectors are compared by."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError, shown

__all__ = ["Embedder", "embed"]

_LENGTH_TOLERANCE = 1e-3
_ONE = np.float32(1)
_ROUNDING = 5e-7  # of a unit vector's length in float32


@runtime_checkable
class Embedder(Protocol):
    """Turns names into vectors whose cosine says how similar two names are."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would."""

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names, float32, shape (n_names, dim); each of unit length to 1e-3, or all zero."""


def embed(embedder: Embedder, names: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of `embedder.embed`, checked, and scaled to unit length.

    Returns
    -------
    ndarray of float32, shape (n_names, dim)
        The product of two rows is their cosine similarity; a row that was all zero still is.

    Raises
    ------
    EmbedderError
        Where the shape, dtype or length of the vectors is not what `Embedder` promises, or a value is not finite.
    """
    returned: Any = embedder.embed(names)
    if not isinstance(returned, np.ndarray) or returned.dtype != np.float32:
        kind = returned.dtype if isinstance(returned, np.ndarray) else type(returned).__name__
        raise EmbedderError(f"{_who(embedder)} returned {kind}: expected an array of float32")
    if returned.shape != (len(names), embedder.dim):
        raise EmbedderError(f"{_who(embedder)} returned shape {returned.shape}: expected {(len(names), embedder.dim)}")
    vectors: NDArray[np.float32] = np.ascontiguousarray(returned)  # products of other layouts round differently
    squares: NDArray[np.floating] = np.matmul(vectors[:, None], vectors[..., None]).ravel()
    # rows that are off by rounding alone stay as they are: mostly all, and then nothing is copied
    off = squares - _ONE
    if not len(off) or np.maximum.reduce(np.abs(off, out=off)) < 2 * _ROUNDING:
        return vectors
    lengths = np.sqrt(squares)
    off = np.abs(lengths - 1)
    if not (off <= _LENGTH_TOLERANCE).all():
        _check_lengths(_who(embedder), names, vectors, lengths)
    lengths[(off < _ROUNDING) | (lengths == 0)] = 1
    units: NDArray[np.float32] = vectors / lengths[:, None]
    return units


def _who(embedder: Embedder) -> str:
    return f"embedder {type(embedder).__name__}"


def _check_lengths(who: str, names: Sequence[str], vectors: NDArray[np.float32], lengths: NDArray[np.float32]) -> None:
    for name, vector, length in zip(names, vectors, lengths.tolist(), strict=True):
        if abs(length - 1) <= _LENGTH_TOLERANCE or not vector.any():
            continue
        exact = float(np.linalg.norm(vector.astype(np.float64)))  # whose square float32 may not hold
        if not math.isfinite(exact):
            raise EmbedderError(f"{who} returned a value that is not finite for {shown(name)}: expected finite values")
        raise EmbedderError(f"{who} returned length {exact:.4g} for {shown(name)}: expected 1 or all zeros")
