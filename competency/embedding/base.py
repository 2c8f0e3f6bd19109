"""What an embedder is, and what its vectors are compared by."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError, shown

__all__ = ["Embedder", "cosine_similarity", "embed"]

_LENGTH_TOLERANCE = 1e-3


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
    """The vectors of `embedder.embed`, checked.

    Returns
    -------
    ndarray of float32, shape (n_names, dim)

    Raises
    ------
    EmbedderError
        Where the shape, dtype or length of the vectors is not what `Embedder` promises, or a value is not finite.
    """
    vectors: Any = embedder.embed(names)
    who = f"embedder {type(embedder).__name__}"
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
        kind = vectors.dtype if isinstance(vectors, np.ndarray) else type(vectors).__name__
        raise EmbedderError(f"{who} returned {kind}: expected an array of float32")
    if vectors.shape != (len(names), embedder.dim):
        raise EmbedderError(f"{who} returned shape {vectors.shape}: expected {(len(names), embedder.dim)}")
    for name, vector in zip(names, vectors, strict=True):
        length = math.sqrt(float(np.dot(vector, vector)))
        if not math.isfinite(length):
            raise EmbedderError(f"{who} returned a value that is not finite for {shown(name)}: expected finite values")
        if abs(length - 1) > _LENGTH_TOLERANCE and vector.any():
            raise EmbedderError(f"{who} returned length {length:.4g} for {shown(name)}: expected 1 or all zeros")
    return vectors


def cosine_similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Cosine of the angle between two vectors of shape (dim,), in [-1, 1]; 0 where either is all zero."""
    squares = float(np.dot(a, a)) * float(np.dot(b, b))
    if squares == 0:
        return 0.0
    return max(-1.0, min(1.0, float(np.dot(a, b)) / math.sqrt(squares)))
