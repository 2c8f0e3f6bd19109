"""The training itself."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from competency.embedding.base import Embedder, embed
from competency.embedding.training.finish import shifted, to_weights
from competency.embedding.training.model import Layer, Mean, Table, first_rows
from competency.embedding.training.numbered import number
from competency.embedding.training.recipe import Corpus, Ids, Progress, Recipe
from competency.embedding.training.sources import Part, sources_of
from competency.embedding.training.terms import choose_terms, spelled_words
from competency.embedding.training.texts import Batch, Texts
from competency.embedding.weights import Weights
from competency.errors import InputError

__all__ = ["train", "train_floats"]

_AVERAGED_EVERY = 10  # steps


def train(corpus: Corpus, recipe: Recipe, teacher: Embedder | None, progress: Progress) -> Weights:
    """Train a table on a corpus, and quantise it.

    Parameters
    ----------
    corpus : Corpus
    recipe : Recipe
    teacher : Embedder, optional
        A sentence model to learn from.
    progress : callable
        Told what is being done, how much of it is done, and how much there is.

    Raises
    ------
    InputError
        Where no skill that may be learned from has two names.
    """
    terms = choose_terms(corpus, recipe)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order: a seed gives the same bytes
    try:
        table, layer = train_floats(corpus, terms, recipe, teacher, progress)
    finally:
        torch.set_num_threads(n_threads)
    return shifted(to_weights(table, layer, terms, recipe, spelled_words(corpus)), corpus, recipe)


def train_floats(
    corpus: Corpus, terms: Sequence[str], recipe: Recipe, teacher: Embedder | None, progress: Progress
) -> tuple[NDArray[np.float32], Layer]:
    """The table before it is folded and quantised, shape (n_terms + n_buckets, dim), terms first, and the layer."""
    rng = np.random.default_rng(recipe.seed)
    texts = Texts(terms, recipe.n_buckets)
    numbered = number(corpus, terms, texts)
    if not numbered.synonyms:
        raise InputError("no skill with another name: expected alternative labels in the taxonomy")
    texts.freeze()
    taught = None if teacher is None else _taught(texts.texts[: numbered.n_taught], teacher, progress)
    sources = sources_of(numbered, texts, taught, recipe)
    table, layer = Table(first_rows(terms, texts, taught, recipe, rng)), Layer(recipe)

    def keep(rows: Ids) -> NDArray[np.bool_]:
        return ~(texts.is_word[rows] & (rng.random(len(rows)) < recipe.dropout))

    def prepare(step: int) -> tuple[list[Part], Batch]:
        parts = [turns[step % len(turns)].part(rng) for turns in sources]
        ids = np.concatenate([part.ids for part in parts])
        phrases = [np.full(len(part.ids), -1) if part.phrases is None else part.phrases for part in parts]
        return parts, texts.batch(ids, np.concatenate(phrases), keep)

    mean = Mean([table.rows, *layer.parameters])
    with ThreadPoolExecutor(1) as ahead:  # another core may draw what the next step looks at: it needs no table
        coming = ahead.submit(prepare, 0)
        for step in range(recipe.steps):
            parts, batch = coming.result()
            if step + 1 < recipe.steps:
                coming = ahead.submit(prepare, step + 1)
            taken = table.take(batch.used)
            vectors = layer(batch.embed(taken))
            loss = torch.zeros(())
            for part, own in zip(parts, torch.split(vectors, [len(part.ids) for part in parts]), strict=True):
                loss = loss + part.loss(own)
            loss.backward()
            warm = min(1, (step + 1) / 50)
            left = 1 - max(0, step - 50) / max(1, recipe.steps - 50)
            share = warm * max(left, 0.02)
            table.update(batch.used, taken, recipe.rate * share)
            layer.update(recipe.layer_rate * share)
            behind = recipe.steps - 1 - step
            if behind <= recipe.averaged * recipe.steps and behind % _AVERAGED_EVERY == 0:
                mean.add()
            progress(f"training, loss {loss.item():.3f}", step + 1, recipe.steps)
    mean.take()
    rows_now: NDArray[np.float32] = table.rows.numpy()
    return rows_now, layer


def _taught(texts: Sequence[str], teacher: Embedder, progress: Progress) -> NDArray[np.float32]:
    vectors = np.empty((len(texts), teacher.dim), np.float32)
    order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i]))  # a batch of like lengths is faster
    for start in range(0, len(texts), 2048):
        batch = order[start : start + 2048]
        vectors[batch] = embed(teacher, [texts[i] for i in batch])
        progress("embedding with the teacher", start + len(batch), len(texts))
    return vectors
