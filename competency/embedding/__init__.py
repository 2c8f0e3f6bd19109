"""Embeddings of skill names."""

from competency.embedding.base import Embedder, embed
from competency.embedding.hashing import HashingEmbedder
from competency.embedding.static import StaticEmbedder, default_embedder

__all__ = ["Embedder", "HashingEmbedder", "StaticEmbedder", "default_embedder", "embed"]
