import numpy as np
import pytest

from competency.embedding.quantise import quantise, quantise_columns, rotation


def cosines(table):
    units = table / np.linalg.norm(table, axis=1, keepdims=True)
    return units @ units.T


@pytest.mark.parametrize(("part", "noise"), [(1, 0.001), (2, 0.02), (3, 0.06)])
def test_cosines_stay(part, noise):
    """Noise of this share of a row's energy moves cosines of 24 dimensions by about the square root of 2/24 of it."""
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(400, 24)) * rng.uniform(0.1, 5, (400, 1)) + rng.normal(size=24)).astype(np.float32)
    codebook, codes, scales = quantise(table, part)
    assert (codebook.shape, codes.shape, scales.shape) == ((256, part), (400, 24 // part), (400,))
    coded = codebook[codes].reshape(table.shape) * scales[:, None].astype(np.float32)
    assert np.abs(cosines(coded) - cosines(table)).mean() < np.sqrt(2 * noise / 24)
    assert (np.linalg.norm(coded, axis=1) / np.linalg.norm(table, axis=1)).mean() > 1 - noise


def test_finer_parts_are_nearer():
    table = np.random.default_rng(1).normal(size=(600, 24)).astype(np.float32)
    errors = []
    for part in (1, 2, 3, 4):
        codebook, codes, scales = quantise(table, part)
        coded = codebook[codes].reshape(table.shape) * scales[:, None].astype(np.float32)
        errors.append(np.abs(cosines(coded) - cosines(table)).mean())
    assert errors == sorted(errors)


def test_a_seed_gives_the_same():
    table = np.random.default_rng(2).normal(size=(300, 12)).astype(np.float32)
    for first, second in zip(quantise(table, 3, seed=5), quantise(table, 3, seed=5), strict=True):
        np.testing.assert_array_equal(first, second)


def test_small_tables_and_empty_rows():
    table = np.zeros((2, 6), np.float32)
    table[0, 0] = 3
    codebook, codes, scales = quantise(table, 3)
    coded = codebook[codes].reshape(2, 6) * scales[:, None].astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(coded, axis=1), [3, 0], atol=0.01)


def test_a_rotation_moves_no_cosine_and_evens_the_dimensions_out():
    table = (np.random.default_rng(3).normal(size=(200, 24)) * np.linspace(0.1, 5, 24)).astype(np.float32)
    turned = table @ rotation(24, seed=1)
    np.testing.assert_allclose(cosines(turned), cosines(table), atol=1e-5)
    before, after = (np.square(rows).mean(0) for rows in (table, turned))
    assert after.max() / after.min() < 20 < before.max() / before.min()


def test_columns_come_back_within_half_a_step():
    matrix = np.random.default_rng(4).normal(size=(30, 7)).astype(np.float32) * np.arange(7, dtype=np.float32)
    whole, gains = quantise_columns(matrix)
    assert (whole.dtype, gains.dtype, np.abs(whole[:, 1:]).max(0).tolist()) == (np.int8, np.float32, [127] * 6)
    assert (np.abs(whole * gains - matrix) <= gains / 2 * 1.0001).all()
    assert not whole[:, 0].any()
