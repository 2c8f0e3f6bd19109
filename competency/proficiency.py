"""Proficiency under uncertainty: Beta distributions and their mixtures."""

from dataclasses import dataclass

from scipy.special import betainc

from competency.config import BetaPrior

__all__ = ["Beta", "BetaMixture", "beta_of_ratio"]

_QUANTILE_WIDTH = 1e-6  # a quantile is bisected until it is known to less than this


@dataclass(frozen=True)
class Beta:
    """A Beta distribution."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """``alpha / (alpha + beta)``."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def variance(self) -> float:
        """``alpha beta / ((alpha + beta)^2 (alpha + beta + 1))``."""
        total = self.alpha + self.beta
        return self.alpha * self.beta / (total * total * (total + 1))

    def cdf(self, x: float) -> float:
        """Probability of a value up to `x`, in [0, 1]: the regularised incomplete beta function."""
        return float(betainc(self.alpha, self.beta, x))


def beta_of_ratio(ratio: float, prior: BetaPrior) -> Beta:
    """Distribution of the true proficiency behind a stated level.

    Parameters
    ----------
    ratio : float
        The level's ratio, in [0, 1]; the mean of the distribution.
    prior : BetaPrior
        Its variance, and what stands for the two ends.

    Notes
    -----
    Method of moments: for mean ``mu`` and variance ``v``, ``alpha = mu k`` and ``beta = (1 - mu) k`` with
    ``k = mu (1 - mu) / v - 1``.
    """
    if ratio == 0:
        return Beta(prior.edge_near, prior.edge_far)
    if ratio == 1:
        return Beta(prior.edge_far, prior.edge_near)
    spread = ratio * (1 - ratio)
    variance = prior.variance if prior.variance < spread else prior.largest_share * spread
    concentration = spread / variance - 1
    return Beta(ratio * concentration, (1 - ratio) * concentration)


@dataclass(frozen=True)
class BetaMixture:
    """A mixture of Beta distributions; the weights sum to 1."""

    weights: list[float]
    components: list[Beta]

    @property
    def mean(self) -> float:
        """Weighted mean of the components' means."""
        return sum(weight * beta.mean for weight, beta in zip(self.weights, self.components, strict=True))

    @property
    def variance(self) -> float:
        """Weighted mean of the components' second moments, less the square of the mean."""
        second_moment = sum(
            weight * (beta.variance + beta.mean**2) for weight, beta in zip(self.weights, self.components, strict=True)
        )
        return second_moment - self.mean**2

    def cdf(self, x: float) -> float:
        """Probability of a value up to `x`, in [0, 1]."""
        return sum(weight * beta.cdf(x) for weight, beta in zip(self.weights, self.components, strict=True))

    def quantile(self, probability: float) -> float:
        """The value up to which `probability` lies, by bisection; to 5e-7."""
        low, high = 0.0, 1.0
        while high - low > _QUANTILE_WIDTH:
            middle = (low + high) / 2
            if self.cdf(middle) < probability:
                low = middle
            else:
                high = middle
        return (low + high) / 2
