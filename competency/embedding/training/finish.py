"""From what was trained to the weights of a file."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from competency.embedding.quantise import learn_codebook, quantise, rotation
from competency.embedding.static import StaticEmbedder
from competency.embedding.tokens import buckets, pairs, words
from competency.embedding.training.model import Layer
from competency.embedding.training.recipe import Corpus, Recipe
from competency.embedding.weights import Weights, checksums

__all__ = ["fold", "shifted", "to_weights", "with_spellings"]


def fold(table: NDArray[np.float32], terms: Sequence[str], n_buckets: int) -> NDArray[np.float32]:
    """The table with each word's row and those of its n-grams summed, so that a known word is one row."""
    folded = table.copy()
    for row, term in enumerate(terms):
        if " " not in term:
            folded[row] += table[buckets(term, n_buckets, len(terms))].sum(0)
    return folded


def with_spellings(
    folded: NDArray[np.float32], terms: Sequence[str], spelled: Mapping[str, str]
) -> NDArray[np.float32]:
    """The table with the rows of words that are spelled for a name: the sum of those of the name."""
    table = folded.copy()
    rows = {term: row for row, term in enumerate(terms)}
    for _ in range(2):  # a name may have such a word in it: "AWS Lambda"
        for word, name in spelled.items():
            tokens = words(name)
            parts = [rows[term] for term in (*tokens, *pairs(tokens)) if term in rows]
            if word in rows and parts:
                table[rows[word]] = table[parts].sum(0)
    return table


def to_weights(
    table: NDArray[np.float32], layer: Layer, terms: Sequence[str], recipe: Recipe, spelled: Mapping[str, str]
) -> Weights:
    """The file's arrays of a table and a layer."""
    folded = fold(table, terms, recipe.n_buckets)
    turn = rotation(folded, recipe.part, recipe.seed)
    codebook = learn_codebook(folded @ turn, recipe.part, recipe.seed)
    codes, scales = quantise(with_spellings(folded, terms, spelled) @ turn, codebook)
    keys, checks = checksums(terms)
    order = np.argsort(keys)
    rows = np.concatenate([order, np.arange(len(terms), len(table))])
    none = np.zeros(recipe.dim, np.float32)
    return Weights(codebook, keys[order], scales[rows], checks[order], codes[rows], *layer.quantised(turn), none)


def shifted(weights: Weights, corpus: Corpus, recipe: Recipe) -> Weights:
    """Weights that take a share of the mean of many names from each vector: what all names have in common."""
    names = corpus.names or [entry.label for entry in corpus.entries if not entry.held_out]
    mean = StaticEmbedder(weights, cache_size=0).embed(names).mean(axis=0, dtype=np.float64)
    return dataclasses.replace(weights, shift=(recipe.shift * mean).astype(np.float32))
