"""Embeddings of skill names."""

from competency.embedding.base import Embedder, embed
from competency.embedding.hashing import HashingEmbedder

__all__ = ["Embedder", "HashingEmbedder", "embed"]
