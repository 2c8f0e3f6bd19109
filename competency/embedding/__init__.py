"""Embeddings of skill names."""

from competency.embedding.base import Embedder, cosine_similarity, embed
from competency.embedding.hashing import HashingEmbedder

__all__ = ["Embedder", "HashingEmbedder", "cosine_similarity", "embed"]
