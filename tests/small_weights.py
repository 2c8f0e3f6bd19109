"""Weights of random numbers, for tests."""

import numpy as np

from competency.embedding.weights import Weights, checksums

TERMS = ["python", "c", "c++", "c#", ".net", "r", "node.js", "ci", "cd", "ci cd", "m&a", "machine", "learning", "sql"]


def random_weights(terms=TERMS, dim=12, part=3, n_buckets=64, width=8, seed=0):
    rng = np.random.default_rng(seed)
    keys, checks = checksums(terms)
    order = np.argsort(keys)
    n_rows = len(terms) + n_buckets
    return Weights(
        codebook=rng.normal(size=(256, part)).astype(np.float32),
        keys=keys[order],
        scales=rng.uniform(0.1, 2, n_rows).astype(np.float16),
        checks=checks[order],
        codes=rng.integers(256, size=(n_rows, dim // part)).astype(np.uint8),
        inner=rng.integers(-127, 128, size=(dim, width)).astype(np.int8),
        outer=rng.integers(-127, 128, size=(width, dim)).astype(np.int8),
        gains=rng.uniform(0.001, 0.02, width).astype(np.float16),
        offsets=rng.normal(size=width).astype(np.float16),
        out_gains=rng.uniform(1e-3, 1e-2, dim).astype(np.float16),
        shift=rng.normal(size=dim).astype(np.float32) / 20,
    )
