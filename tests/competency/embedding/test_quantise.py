import numpy as np
import pytest

from competency.embedding.quantise import learn_codebook, quantise, quantise_columns, rotation


def cosines(table):
    units = table / np.linalg.norm(table, axis=1, keepdims=True)
    return units @ units.T


def coded(table, part):
    """What comes of a table, and its codebook, codes and scales."""
    codebook = learn_codebook(table, part)
    codes, scales = quantise(table, codebook)
    return codebook[codes].reshape(table.shape) * scales[:, None].astype(np.float32), (codebook, codes, scales)


@pytest.mark.parametrize(("part", "noise"), [(1, 0.001), (2, 0.02), (3, 0.06)])
def test_cosines_stay(part, noise):
    """Noise of this share of a row's energy moves cosines of 24 dimensions by about the square root of 2/24 of it."""
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(400, 24)) * rng.uniform(0.1, 5, (400, 1)) + rng.normal(size=24)).astype(np.float32)
    back, (codebook, codes, scales) = coded(table, part)
    assert (codebook.shape, codes.shape, scales.shape) == ((256, part), (400, 24 // part), (400,))
    assert np.abs(cosines(back) - cosines(table)).mean() < np.sqrt(2 * noise / 24)
    assert (np.linalg.norm(back, axis=1) / np.linalg.norm(table, axis=1)).mean() > 1 - noise


def test_finer_parts_are_nearer():
    table = np.random.default_rng(1).normal(size=(600, 24)).astype(np.float32)
    errors = [np.abs(cosines(coded(table, part)[0]) - cosines(table)).mean() for part in (1, 2, 3, 4)]
    assert errors == sorted(errors)


def test_a_seed_gives_the_same():
    table = np.random.default_rng(2).normal(size=(300, 12)).astype(np.float32)
    for learn in (learn_codebook, rotation):
        np.testing.assert_array_equal(learn(table, 3, seed=5), learn(table, 3, seed=5))
        assert (learn(table, 3, seed=5) != learn(table, 3, seed=6)).any()


def test_small_tables_and_empty_rows():
    table = np.zeros((2, 6), np.float32)
    table[0, 0] = 3
    np.testing.assert_allclose(np.linalg.norm(coded(table, 3)[0], axis=1), [3, 0], atol=0.01)
    np.testing.assert_allclose(cosines(np.eye(6)), cosines(rotation(table, 3)), atol=1e-6)


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_a_rotation_moves_no_cosine_and_spreads_the_mean_evenly(part):
    rng = np.random.default_rng(3)
    table = (rng.normal(size=(200, 24)) * np.linspace(0.1, 5, 24) + 6 * rng.normal(size=24)).astype(np.float32)
    turned = table @ rotation(table, part, seed=1)
    np.testing.assert_allclose(cosines(turned), cosines(table), atol=1e-5)
    mean = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).mean(0).reshape(-1, part)
    assert np.abs(mean[:, 0]).min() > 0.9 * np.abs(mean[:, 0]).max()
    assert np.abs(mean[:, 1:]).sum() < 0.2 * np.abs(mean[:, 0]).sum()


def test_less_is_lost_behind_the_rotation_than_behind_one_by_chance():
    """Rows have a mean, and some directions are stronger than others; chance makes all alike."""
    rng = np.random.default_rng(4)
    table = (rng.normal(size=(4000, 24)) * 0.9 ** np.arange(24) + 0.5 * rng.normal(size=24)).astype(np.float32)
    chance, _ = np.linalg.qr(rng.normal(size=(24, 24)))
    lost = []
    for turn in (rotation(table, 3), chance.astype(np.float32)):
        back, _ = coded(table @ turn, 3)
        lost.append(np.square(back @ turn.T - table).sum() / np.square(table).sum())
    assert lost[0] < 0.85 * lost[1]


def test_columns_come_back_within_half_a_step():
    matrix = np.random.default_rng(4).normal(size=(30, 7)).astype(np.float32) * np.arange(7, dtype=np.float32)
    whole, gains = quantise_columns(matrix)
    assert (whole.dtype, gains.dtype, np.abs(whole[:, 1:]).max(0).tolist()) == (np.int8, np.float32, [127] * 6)
    assert (np.abs(whole * gains - matrix) <= gains / 2 * 1.0001).all()
    assert not whole[:, 0].any()
