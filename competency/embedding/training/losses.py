"""Losses."""

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812, torch's own habit

from competency.embedding.training.recipe import Ids

__all__ = ["band", "distillation", "gram", "info_nce", "same"]


def info_nce(first: torch.Tensor, second: torch.Tensor, same: torch.Tensor, temperature: float) -> torch.Tensor:
    """Row i of one belongs to row i of the other and to no other row, but for those that are the `same`."""
    logits = (first @ second.T / temperature).masked_fill(same, -1e4)
    target = torch.arange(len(first))
    return 0.6 * F.cross_entropy(logits, target) + 0.4 * F.cross_entropy(logits.T, target)


def same(groups: Ids) -> torch.Tensor:
    """Pairs of different rows of one group."""
    same = groups[:, None] == groups[None, :]
    np.fill_diagonal(same, False)
    return torch.from_numpy(same)


def distillation(own: torch.Tensor, given: torch.Tensor, temperature: float) -> torch.Tensor:
    """Two Gram matrices should be alike, above all which entries are the largest of each row."""
    square = (own - given).square().mean()
    off = torch.eye(len(own), dtype=torch.bool)
    ranks = F.cross_entropy(
        (own / temperature).masked_fill(off, -1e4), (given / temperature).masked_fill(off, -1e4).softmax(1)
    )
    return 20 * square + ranks


def gram(vectors: torch.Tensor) -> torch.Tensor:
    """Cosines of all pairs of unit vectors."""
    return vectors @ vectors.T


def band(cosine: torch.Tensor, low: torch.Tensor | float, high: torch.Tensor | float) -> torch.Tensor:
    """How far cosines are from a band, squared."""
    return ((low - cosine).clamp(min=0).square() + (cosine - high).clamp(min=0).square()).mean()
