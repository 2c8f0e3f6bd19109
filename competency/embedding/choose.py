"""Embedders by name, as on the command line."""

import argparse

from competency.embedding.base import Embedder
from competency.embedding.hashing import MAX_DIM, HashingEmbedder
from competency.embedding.static import StaticEmbedder, default_embedder
from competency.errors import EmbedderError, shown

__all__ = ["CHOICES", "add_choice", "choose"]

CHOICES = (
    "static, static:FILE, hashing, hashing:DIM, sentence-transformers:MODEL, onnx:MODEL, onnx:MODEL,TOKENIZER "
    "or wordllama"
)
_MOST_DIGITS = 100


def add_choice(command: argparse.ArgumentParser) -> None:
    """Add the option that says which embedder a command uses."""
    command.add_argument(
        "--embedder", default="static", metavar="EMBEDDER", help=f"what compares names: {CHOICES} (default: static)"
    )


def choose(text: str) -> Embedder:
    """The embedder of a name, and of what follows the colon, such as ``hashing:256``.

    Raises
    ------
    EmbedderError
        Where there is no such embedder, or the package or the file that it needs is missing.
    """
    kind, colon, value = text.partition(":")
    match kind, value:
        case "static", "" if not colon:
            return default_embedder()
        case "static", path if path:
            embedder = StaticEmbedder(path)
            _ = embedder.dim  # a file that is no good is refused here
            return embedder
        case "hashing", "" if not colon:
            return HashingEmbedder()
        case "hashing", dim if dim.isdecimal():
            if len(dim) > _MOST_DIGITS:  # more than Python makes a number of
                raise EmbedderError(f"dim {shown(dim)}: expected an integer of 1 to {MAX_DIM:,}")
            return HashingEmbedder(int(dim))
        case "sentence-transformers", model if model:
            from competency.embedding.adapters import SentenceTransformersEmbedder

            return SentenceTransformersEmbedder(model)
        case "onnx", files if files:
            from competency.embedding.adapters import OnnxEmbedder

            model, _, tokenizer = files.partition(",")
            return OnnxEmbedder(model, tokenizer or None)
        case "wordllama", "" if not colon:
            from competency.embedding.adapters import WordLlamaEmbedder

            return WordLlamaEmbedder()
    raise EmbedderError(f"embedder {shown(text)}: expected {CHOICES}")
