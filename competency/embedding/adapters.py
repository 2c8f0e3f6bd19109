"""Embedders that are sentence models of other packages; each package is imported when its embedder is made."""

import functools
import hashlib
import importlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency.errors import EmbedderError, shown

__all__ = ["OnnxEmbedder", "SentenceTransformersEmbedder", "WordLlamaEmbedder"]

_BATCH = 32  # names that go through a model at one time


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EmbedderError(
            f"embedder {extra} needs {error.name or module}: expected it installed, "
            f"as by python -m pip install 'competency[{extra}]'"
        ) from None


def _file(path: str | Path, what: str) -> Path:
    if not Path(path).is_file():
        raise EmbedderError(f"{what} {shown(str(path), 200)}: expected a file")
    return Path(path)


def _digest(parts: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of unit length, or all zero, as float32."""
    rows: NDArray[np.float32] = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, np.where(lengths > 0, lengths, 1), dtype=np.float32)


class SentenceTransformersEmbedder:
    """Any model of the package sentence-transformers.

    Parameters
    ----------
    model : str or path
        Folder of a model, or a name that sentence-transformers knows and may fetch.

    Raises
    ------
    EmbedderError
        Where sentence-transformers is missing, or cannot load the model.
    """

    def __init__(self, model: str | Path) -> None:
        package = _import("sentence_transformers", "sentence-transformers")
        try:
            self._model = package.SentenceTransformer(str(model), device="cpu")
        except Exception as error:
            raise EmbedderError(
                f"sentence-transformers model {shown(str(model), 200)}: {shown(str(error), 200)}; "
                "expected a model's folder or name"
            ) from None
        self._dim = self._model.encode([""], show_progress_bar=False).shape[1]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._dim)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would: a checksum of all parameters."""
        state = sorted(self._model.state_dict().items())
        digest = _digest(part for name, tensor in state for part in (name.encode(), tensor.contiguous().numpy().data))
        return f"sentence-transformers sha256={digest}"

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names, float32, shape (n_names, dim), of unit length."""
        if not names:
            return np.zeros((0, self.dim), np.float32)
        return _unit(self._model.encode(list(names), batch_size=_BATCH, show_progress_bar=False))


class OnnxEmbedder:
    """A transformer in an ONNX file, with the tokenizer that it was trained with; local files only.

    The vector of a name is the model's own where its first output has shape (batch, dim), and else the mean of its
    tokens, without padding. Models with dynamic quantisation give slightly other vectors in other batches.

    Parameters
    ----------
    model : path
        The ONNX file.
    tokenizer : path, optional
        A ``tokenizer.json``; by default the one that stands beside the model.
    n_tokens : int, default 256
        Tokens of a name that are read; the rest is left out.

    Raises
    ------
    EmbedderError
        Where onnxruntime or tokenizers is missing, or a file is missing or not usable.
    """

    def __init__(self, model: str | Path, tokenizer: str | Path | None = None, *, n_tokens: int = 256) -> None:
        onnxruntime, tokenizers = _import("onnxruntime", "onnx"), _import("tokenizers", "onnx")
        self._files = (
            _file(model, "ONNX model"),
            _file(Path(model).with_name("tokenizer.json") if tokenizer is None else tokenizer, "tokenizer"),
        )
        try:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1  # cores take a batch each: to share one costs more than it gains
            self._session = onnxruntime.InferenceSession(
                str(self._files[0]), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = tokenizers.Tokenizer.from_file(str(self._files[1]))
        except Exception as error:
            raise EmbedderError(
                f"ONNX model {shown(str(self._files[0]), 200)} with tokenizer {shown(str(self._files[1]), 200)}: "
                f"{shown(str(error), 200)}; expected files that onnxruntime and tokenizers read"
            ) from None
        self._tokenizer.enable_truncation(n_tokens)
        self._tokenizer.no_padding()
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._dim = self._vectors([self._tokenizer.encode("")]).shape[1]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._dim)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would: a checksum of both files."""
        return f"onnx sha256={_digest(path.read_bytes() for path in self._files)}"

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names, float32, shape (n_names, dim), of unit length."""
        vectors = np.zeros((len(names), self.dim), np.float32)
        encodings = self._tokenizer.encode_batch(list(names))
        # names of like length go together, so that little is padding
        order = sorted(range(len(names)), key=lambda i: (len(encodings[i].ids), names[i]))
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        with ThreadPoolExecutor(min(max(len(batches), 1), os.cpu_count() or 1)) as cores:
            found = cores.map(lambda batch: self._vectors([encodings[i] for i in batch]), batches)
            for batch, own in zip(batches, found, strict=True):
                vectors[batch] = own
        return vectors

    def _vectors(self, encodings: Sequence[Any]) -> NDArray[np.float32]:
        ids = np.zeros((len(encodings), max(len(encoding.ids) for encoding in encodings)), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        output = self._session.run(None, {name: feed[name] for name in feed.keys() & self._inputs})[0]
        if output.ndim == 3:
            output = np.einsum("ntd,nt->nd", output, mask / mask.sum(1, keepdims=True))
        return _unit(output)


class WordLlamaEmbedder:
    """The static embeddings of the package wordllama, with the weights that it ships.

    Raises
    ------
    EmbedderError
        Where wordllama is missing, or cannot load its weights.
    """

    def __init__(self) -> None:
        package = _import("wordllama", "wordllama")
        try:
            # it looks for the weights in its own folder, but for the tokenizer, which is there too, in the cache only
            self._model = package.WordLlama.load(cache_dir=Path(package.__file__).parent, disable_download=True)
        except Exception as error:
            raise EmbedderError(f"wordllama: {shown(str(error), 200)}; expected the weights it ships") from None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.embedding.shape[1])

    @functools.cached_property
    def fingerprint(self) -> str:
        """Text that changes whenever the vectors would: a checksum of the weights."""
        return f"wordllama sha256={_digest([np.ascontiguousarray(self._model.embedding).data])}"

    def embed(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of names, float32, shape (n_names, dim), of unit length, or all zero for a name without tokens."""
        if not names:
            return np.zeros((0, self.dim), np.float32)
        return _unit(self._model.embed(list(names)))
