import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from competency import ProficiencyLevel
from competency.config import BetaPrior
from competency.proficiency import Beta, BetaMixture, beta_of_ratio

PRIOR = BetaPrior()


@st.composite
def mixtures(draw):
    ratios = draw(st.lists(st.sampled_from([0, 0.01, 0.04, 0.2, 0.4, 0.6, 0.8, 0.99, 1]), min_size=1, max_size=6))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(ratios), max_size=len(ratios)))
    return BetaMixture([weight / sum(weights) for weight in weights], [beta_of_ratio(ratio, PRIOR) for ratio in ratios])


def test_ends():
    assert beta_of_ratio(0.0, PRIOR) == Beta(1, 10)
    assert beta_of_ratio(1.0, PRIOR) == Beta(10, 1)


@given(st.floats(0.001, 0.999))
def test_beta_has_the_level_as_mean_and_the_prior_variance(ratio):
    beta = beta_of_ratio(ratio, PRIOR)
    spread = ratio * (1 - ratio)
    assert stats.beta(beta.alpha, beta.beta).mean() == pytest.approx(ratio, rel=1e-9)
    assert beta.variance == pytest.approx(0.05 if spread > 0.05 else 0.9 * spread, rel=1e-6)


@given(st.floats(0.001, 0.999))
def test_formula_as_the_model_states_it(ratio):
    spread = ratio * (1 - ratio)
    v = 0.9 * spread if spread <= 0.05 else 0.05
    alpha = ((1 - ratio) / v - 1 / ratio) * ratio**2
    beta = beta_of_ratio(ratio, PRIOR)
    assert (beta.alpha, beta.beta) == pytest.approx((alpha, alpha * (1 / ratio - 1)), rel=1e-9)


@given(st.integers(1, 10**30))
def test_extreme_levels_stay_finite(largest):
    for value in (0, 1, largest - 1, largest):
        mixture = BetaMixture([1.0], [beta_of_ratio(ProficiencyLevel(value, largest).ratio, PRIOR)])
        values = [mixture.mean, mixture.variance, mixture.quantile(0.025), mixture.quantile(0.975), mixture.cdf(0.5)]
        assert np.isfinite(values).all()
        assert all(0 <= value <= 1 for value in values)


@given(mixtures(), st.floats(0, 1))
def test_mixture_against_scipy(mixture, x):
    parts = [stats.beta(beta.alpha, beta.beta) for beta in mixture.components]
    mean = sum(w * part.mean() for w, part in zip(mixture.weights, parts, strict=True))
    square = sum(w * (part.var() + part.mean() ** 2) for w, part in zip(mixture.weights, parts, strict=True))
    assert mixture.mean == pytest.approx(mean, rel=1e-9)
    assert mixture.variance == pytest.approx(square - mean**2, rel=1e-9)
    assert mixture.cdf(x) == pytest.approx(
        sum(w * part.cdf(x) for w, part in zip(mixture.weights, parts, strict=True)), abs=1e-12
    )


@given(mixtures(), st.sampled_from([0.025, 0.5, 0.975]))
def test_quantile_against_a_root_finder(mixture, probability):
    expected = brentq(lambda x: mixture.cdf(x) - probability, 0, 1, xtol=1e-12)
    assert mixture.quantile(probability) == pytest.approx(expected, abs=5e-7)
