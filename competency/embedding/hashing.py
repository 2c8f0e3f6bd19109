"""An embedder without weights: hashed character n-grams."""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError, as_integer, shown
from competency.names import normalise

__all__ = ["MAX_DIM", "HashingEmbedder"]

MAX_DIM = 65_536  # 256 KiB a name

_SIZES = (3, 4)  # characters of an n-gram
_SIGN_BIT = 1 << 31


def _features(name: str) -> Iterator[str]:
    """Words of a name and their character n-grams, the ends of a word marked by angle brackets."""
    for word in normalise(name).split():
        marked = f"<{word}>"
        yield marked
        for size in _SIZES:
            if size < len(marked):
                for start in range(len(marked) - size + 1):
                    yield marked[start : start + size]


class HashingEmbedder:
    """Embeds a name by the character n-grams of its normalised form, hashed into a fixed number of dimensions.

    Needs no weights, knows no meaning: it finds spellings, plurals and compounds alike. The same on every machine.

    Parameters
    ----------
    dim : int, default 512
        Length of a vector, 65,536 at most.

    Raises
    ------
    EmbedderError
        Where `dim` is not an integer of 1 to 65,536.

    Notes
    -----
    Feature hashing with signs as in Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009); the
    hash is CRC-32 of the feature in UTF-8.
    """

    def __init__(self, dim: int = 512) -> None:
        number = as_integer(dim)
        if number is None or not 1 <= number <= MAX_DIM:
            raise EmbedderError(f"dim {shown(dim)}: expected an integer of 1 to {MAX_DIM:,}")
        self._dim = number

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would."""
        return f"hashing-1 dim={self._dim} ngrams={','.join(map(str, _SIZES))} hash=crc32"

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names.

        Returns
        -------
        ndarray of float32, shape (n_names, dim)
            Rows of unit length; all zero where a name has nothing to embed.

        Raises
        ------
        EmbedderError
            Where a name holds a lone surrogate.
        """
        vectors = np.zeros((len(names), self._dim), dtype=np.float32)
        for row, name in zip(vectors, names, strict=True):
            try:
                row[:] = self._embed_one(name)
            except UnicodeEncodeError:
                raise EmbedderError(f"name {shown(name)}: expected Unicode text without lone surrogates") from None
        return vectors

    def _embed_one(self, name: str) -> NDArray[np.float64]:
        vector = np.zeros(self._dim)
        for feature in _features(name):
            code = zlib.crc32(feature.encode())
            vector[code % self._dim] += -1.0 if code & _SIGN_BIT else 1.0
        length = np.sqrt(np.dot(vector, vector))
        return vector / length if length else vector
