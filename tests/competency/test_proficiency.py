import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq

from competency import ProficiencyLevel
from competency.config import BetaPrior
from competency.proficiency import levels_of, mixture_quantiles, moments

PRIOR = BetaPrior()
PROBABILITIES = np.array([0.025, 0.5, 0.975])


@st.composite
def mixtures(draw, ratios=(0, 0.01, 0.04, 0.2, 0.4, 0.6, 0.8, 0.99, 1)):
    chosen = tuple(sorted(draw(st.sets(st.sampled_from(ratios), min_size=1, max_size=6))))
    weights = np.array(draw(st.lists(st.floats(0.001, 1), min_size=len(chosen), max_size=len(chosen))))
    return weights / weights.sum(), chosen


def beta(ratio, prior=PRIOR):
    levels = levels_of((ratio,), prior)
    return float(levels.alpha[0]), float(levels.beta[0])


def root(weights, levels, probability):
    """The quantile by a well-kept root finder."""
    return brentq(lambda x: float(weights @ levels.cdf(np.array([x]))[0]) - probability, 0, 1, xtol=1e-14, rtol=1e-14)


def test_ends():
    assert beta(0.0) == (1, 10)
    assert beta(1.0) == (10, 1)


@given(st.floats(0.001, 0.999))
def test_beta_has_the_level_as_mean_and_the_prior_variance(ratio):
    spread = ratio * (1 - ratio)
    distribution = stats.beta(*beta(ratio))
    assert distribution.mean() == pytest.approx(ratio, rel=1e-9)
    assert distribution.var() == pytest.approx(0.05 if spread > 0.05 else 0.9 * spread, rel=1e-6)


@given(st.floats(0.001, 0.999))
def test_formula_as_the_model_states_it(ratio):
    spread = ratio * (1 - ratio)
    v = 0.9 * spread if spread <= 0.05 else 0.05
    alpha = ((1 - ratio) / v - 1 / ratio) * ratio**2
    assert beta(ratio) == pytest.approx((alpha, alpha * (1 / ratio - 1)), rel=1e-9)


@given(st.integers(1, 10**30))
def test_extreme_levels_stay_finite(largest):
    for value in (0, 1, largest - 1, largest):
        levels = levels_of((ProficiencyLevel(value, largest).ratio,), PRIOR)
        quantiles = mixture_quantiles(np.array([[1.0]]), levels, PROBABILITIES)
        for values in (quantiles, moments((0.0, 0.5, 1.0), levels)):
            assert ((values >= 0) & (values <= 1)).all()


@given(mixtures(), st.just(0.0) | st.floats(1e-9, 1))
def test_moments_against_scipy(mixture, threshold):
    weights, ratios = mixture
    one, mean, second, met, exceed = weights @ moments((threshold,), levels_of(ratios, PRIOR))[:, :, 0]
    parts = [stats.beta(*beta(ratio)) for ratio in ratios]
    assert one == pytest.approx(1)
    assert mean == pytest.approx(sum(w * part.mean() for w, part in zip(weights, parts, strict=True)), rel=1e-9)
    squares = sum(w * (part.var() + part.mean() ** 2) for w, part in zip(weights, parts, strict=True))
    assert second == pytest.approx(squares, rel=1e-9)
    assert exceed == pytest.approx(
        sum(w * part.sf(threshold) for w, part in zip(weights, parts, strict=True)), abs=1e-12
    )
    shares = [1.0 if ratio >= threshold else ratio / threshold for ratio in ratios]
    assert met == pytest.approx(np.dot(weights, shares))


@given(st.lists(mixtures(), min_size=1, max_size=3))
@example([(np.array([0.974999, 0.025001]), (0.0, 1.0))])  # next to no density where the quantile is
def test_quantiles_against_a_root_finder(several):
    for weights, ratios in several:
        levels = levels_of(ratios, PRIOR)
        quantiles = mixture_quantiles(weights[None], levels, PROBABILITIES)[0]
        assert quantiles == pytest.approx([root(weights, levels, p) for p in PROBABILITIES], abs=5e-7)


@given(mixtures((0.1, 0.3, 0.5, 0.7)), st.sampled_from([1e-6, 1e-5, 1e-4, 1e-3, 0.01]))
def test_quantiles_of_narrow_distributions(mixture, variance):
    """Narrower than the nodes of the table are apart."""
    weights, ratios = mixture
    levels = levels_of(ratios, BetaPrior(variance=variance))
    quantiles = mixture_quantiles(weights[None], levels, PROBABILITIES)[0]
    for probability, quantile in zip(PROBABILITIES, quantiles, strict=True):
        # between two narrow distributions the function is flat, and many values are right
        below, above = (float(weights @ levels.cdf(np.array([quantile + d]))[0]) for d in (-1e-6, 1e-6))
        assert below - 1e-9 <= probability <= above + 1e-9


def test_many_mixtures_at_once():
    rng = np.random.default_rng(0)
    levels = levels_of((0.2, 0.4, 0.6, 0.8, 1.0), PRIOR)
    weights = rng.random((200, 5))
    weights /= weights.sum(axis=1, keepdims=True)
    together = mixture_quantiles(weights, levels, PROBABILITIES)
    for row in (0, 63, 64, 199):
        np.testing.assert_allclose(
            mixture_quantiles(weights[[row]], levels, PROBABILITIES)[0], together[row], atol=1e-12
        )


@given(mixtures(), st.sampled_from([0.0, 1.0]))
@example((np.array([0.48, 0.55 * 1.2]), (0.0, 0.4)), 1.0)  # nothing rises any more before the last node
def test_the_ends_are_quantiles_too(mixture, probability):
    weights, ratios = mixture
    levels = levels_of(ratios, PRIOR)
    (quantile,) = mixture_quantiles(weights[None], levels, np.array([probability]))[0]
    assert 0 <= quantile <= 1
    near = np.clip([quantile - 1e-6, quantile + 1e-6], 0, 1)
    below, above = levels.cdf(near) @ weights / weights.sum()
    assert below - 1e-9 <= probability <= above + 1e-9


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_the_ends_are_the_ends(probability):
    levels = levels_of((0.2, 0.6), PRIOR)
    (quantile,) = mixture_quantiles(np.array([[0.5, 0.5]]), levels, np.array([probability]))[0]
    assert quantile == pytest.approx(probability, abs=0.01)
