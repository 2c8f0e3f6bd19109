"""What is trained: the table and the layer."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812, torch's own habit

from competency.embedding.quantise import quantise_columns
from competency.embedding.training.recipe import Recipe
from competency.embedding.training.texts import Texts
from competency.embedding.weights import LAYER_STEPS

__all__ = ["Layer", "Mean", "Table", "first_rows"]

_ADAM_BLOCK = 512  # rows that are changed at one time: they stay in a core's cache


class Table:
    """The rows, and Adam's moments of those that were touched."""

    def __init__(self, rows: NDArray[np.float32]) -> None:
        self.rows = torch.from_numpy(rows)
        self._first, self._second = torch.zeros_like(self.rows), torch.zeros_like(self.rows)
        self._step = 0

    def take(self, used: torch.Tensor) -> torch.Tensor:
        """Some of the rows, to be differentiated by."""
        return self.rows.index_select(0, used).requires_grad_()

    def update(self, used: torch.Tensor, taken: torch.Tensor, rate: float) -> None:
        """Change the rows that were taken by their gradient."""
        self._step += 1
        assert taken.grad is not None  # for mypy
        blocks = (tensor.split(_ADAM_BLOCK) for tensor in (used, taken.detach(), taken.grad))
        for at, now, gradient in zip(*blocks, strict=True):
            first = self._first.index_select(0, at).mul_(0.9).add_(gradient, alpha=0.1)
            second = self._second.index_select(0, at).mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            self._first.index_copy_(0, at, first)
            self._second.index_copy_(0, at, second)
            size = second.div_(1 - 0.99**self._step).sqrt_().add_(1e-8)
            self.rows.index_copy_(0, at, now.addcdiv(first.div_(1 - 0.9**self._step), size, value=-rate))


class Layer:
    """What texts mean beside the sum of their words: rectifiers between two matrices, and how Adam changes them."""

    def __init__(self, recipe: Recipe) -> None:
        chance = torch.Generator().manual_seed(recipe.seed)
        self._scale = math.sqrt(recipe.dim)  # of a unit vector, so that its numbers are about 1
        self.inner = torch.randn(recipe.dim, recipe.width, generator=chance).div_(self._scale).requires_grad_()
        self.offsets = torch.zeros(recipe.width, requires_grad=True)
        self.outer = torch.zeros(recipe.width, recipe.dim, requires_grad=True)
        self.parameters = [self.inner, self.offsets, self.outer]
        self._adam = torch.optim.Adam(self.parameters, betas=(0.9, 0.99))

    def __call__(self, units: torch.Tensor) -> torch.Tensor:
        """Unit vectors of texts, shape (n, dim), from those of the sums of their rows."""
        wide = self._scale * units
        return F.normalize(wide + torch.relu(wide @ self.inner + self.offsets) @ self.outer, dim=1)

    def update(self, rate: float) -> None:
        """Change the parameters by their gradients."""
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        self._adam.zero_grad()

    def quantised(
        self, rotation: NDArray[np.float32]
    ) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.float16], NDArray[np.float16], NDArray[np.float16]]:
        """The arrays of the file, for vectors that are turned by a rotation."""
        with torch.no_grad():
            inner, gains = quantise_columns(rotation.T @ self.inner.numpy())
            outer, out_gains = quantise_columns(self.outer.numpy() @ rotation)
            offsets = LAYER_STEPS * self.offsets.numpy()
        return inner, outer, gains.astype(np.float16), offsets.astype(np.float16), out_gains.astype(np.float16)


class Mean:
    """Mean of tensors over several steps."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        self._tensors = tensors
        self._means = [torch.zeros_like(tensor) for tensor in tensors]
        self._n = 0

    def add(self) -> None:
        """Count the tensors as they are now."""
        self._n += 1
        with torch.no_grad():
            for mean, now in zip(self._means, self._tensors, strict=True):
                mean += (now - mean) / self._n

    def take(self) -> None:
        """Make the tensors what they were on average."""
        with torch.no_grad():
            for mean, now in zip(self._means, self._tensors, strict=True):
                now.copy_(mean)


def first_rows(
    terms: Sequence[str], texts: Texts, taught: NDArray[np.float32] | None, recipe: Recipe, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Rows to begin with: of words by the teacher, in its main directions, the rarer the longer; the rest by chance."""
    rows = rng.normal(0, 0.15 / math.sqrt(recipe.dim), (texts.n_rows, recipe.dim))
    if taught is not None:
        single = [place for place, term in enumerate(terms) if " " not in term]
        vectors = taught[[texts.add(terms[place]) for place in single]].astype(np.float64)
        _, _, directions = np.linalg.svd(vectors.T @ vectors)
        vectors = vectors @ directions[: recipe.dim].T
        weight = np.maximum(1, np.log(60_000 / np.maximum(texts.frequency()[single], 1))) / 5
        rows[single, : vectors.shape[1]] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * weight[:, None]
    return rows.astype(np.float32)
