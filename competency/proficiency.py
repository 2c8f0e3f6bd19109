"""Proficiency under uncertainty: Beta distributions and their mixtures, as arrays."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, xlog1py, xlogy

from competency.config import BetaPrior

__all__ = ["MOST_LEVELS", "Levels", "beta_parameters", "levels_of", "mixture_quantiles", "moments", "share_met"]

Array = NDArray[np.float64]

MOST_LEVELS = 32  # whose tables are kept, and that pairs are scored with although not all have them
_TINY = 1e-300  # added to divisors, so that none is 0


def beta_parameters(ratio: Array, prior: BetaPrior) -> tuple[Array, Array]:
    """Distributions of the true proficiency behind stated levels.

    Parameters
    ----------
    ratio : ndarray of float64, shape (n_level,)
        Ratios of the levels, in [0, 1]; the means of the distributions.
    prior : BetaPrior
        Their variance, and what stands for the two ends.

    Returns
    -------
    alpha, beta : ndarray of float64, shape (n_level,)

    Notes
    -----
    Method of moments: for mean ``mu`` and variance ``v``, ``alpha = mu k`` and ``beta = (1 - mu) k`` with
    ``k = mu (1 - mu) / v - 1``.
    """
    spread = ratio * (1 - ratio)
    variance = np.where(prior.variance < spread, prior.variance, prior.largest_share * spread)
    lowest = ratio < np.finfo(np.float64).tiny  # 0, and numbers that have too few bits for what follows
    inner = ~lowest & (ratio < 1)
    concentration = np.divide(spread, variance, out=np.ones_like(ratio), where=inner) - 1
    near, far = prior.edge_near, prior.edge_far
    alpha = np.where(inner, ratio * concentration, np.where(lowest, near, far))
    beta = np.where(inner, (1 - ratio) * concentration, np.where(lowest, far, near))
    return alpha, beta


@dataclass(frozen=True, eq=False)
class Levels:
    """The distinct levels that mixtures are made of, one Beta distribution each.

    Parameters
    ----------
    ratio : ndarray of float64, shape (n_level,)
        Their ratios, ascending.
    alpha, beta : ndarray of float64, shape (n_level,)
        Parameters of the distributions.
    is_kept : bool
        Whether they are kept to be used again, and so are their `moments`.
    """

    ratio: Array
    alpha: Array
    beta: Array
    is_kept: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.ratio, self.alpha, self.beta)  # tables are made anew

    def cdf(self, x: Array) -> Array:
        """Probability of a value up to each of `x`, shape (..., n_level): the regularised incomplete beta function."""
        values: Array = betainc(self.alpha, self.beta, x[..., None])
        return values

    @functools.cached_property
    def narrow(self) -> bool:
        """Whether one is narrower than any of the default prior, and may bend between two nodes unseen."""
        return bool((self.alpha + self.beta).max() > _NARROW)

    @functools.cached_property
    def curves(self) -> Array:
        """Distribution function and density at the nodes, shape (n_node, 2, n_level)."""
        curves = np.full((len(_NODES), 2, len(self.ratio)), _TINY)
        curves[:, 0] = self.cdf(_NODES)
        curves[1:-1, 1] += _density(self.alpha, self.beta, _NODES[1:-1])
        return curves

    @functools.cached_property
    def search_table(self) -> Array:
        """Distribution function at the nodes, shape (n_level, n_node).

        At the two ends it is beyond 0 and 1, so that every probability has a node before and one behind it.
        """
        table = self.curves[:, 0].T.copy()
        table[:, 0], table[:, -1] = -1, 2
        return table


def levels_of(ratios: tuple[float, ...], prior: BetaPrior, *, keep: bool = True) -> Levels:
    """The levels of some ratios, ascending; kept where they are few, because people use few scales, unless told."""
    keep = keep and len(ratios) <= MOST_LEVELS
    return (_levels if keep else _levels.__wrapped__)(ratios, prior, keep)


@functools.lru_cache(maxsize=64)
def _levels(ratios: tuple[float, ...], prior: BetaPrior, is_kept: bool) -> Levels:
    ratio = np.array(ratios, np.float64)
    return Levels(ratio, *beta_parameters(ratio, prior), is_kept)


def moments(thresholds: tuple[float, ...], levels: Levels) -> Array:
    """What a mixture's weights are summed with; kept as `levels_of` keeps levels.

    Returns
    -------
    ndarray of float64, shape (n_level, 5, n_threshold)
        For each level and threshold: 1, the mean, the second moment, ``min(ratio / threshold, 1)``, and the probability
        of a proficiency above the threshold.
    """
    return (_moments if levels.is_kept else _moments.__wrapped__)(thresholds, levels)


@functools.lru_cache(maxsize=64)
def _moments(thresholds: tuple[float, ...], levels: Levels) -> Array:
    threshold = np.array(thresholds)
    total = levels.alpha + levels.beta
    mean = levels.alpha / total
    table = np.empty((len(levels.ratio), 5, len(thresholds)))
    table[:, 0] = 1
    table[:, 1] = mean[:, None]
    table[:, 2] = (levels.alpha * levels.beta / (total * total * (total + 1)) + mean * mean)[:, None]
    table[:, 3] = share_met(levels.ratio[:, None].repeat(len(thresholds), axis=1), threshold)
    table[:, 4] = 1 - levels.cdf(threshold).T
    return table


def share_met(ratio: Array, threshold: Array) -> Array:
    """``min(ratio / threshold, 1)`` in place of `ratio`; a threshold of 0 is always met."""
    ratio += _TINY
    ratio /= threshold + _TINY
    return np.minimum(ratio, 1.0, out=ratio)


# ---------------------------------------------------------------------------------------------------------------------
# Quantiles: a cubic between two nodes of a table of the distribution function, inverted. The nodes get denser towards 0
# and 1, where the density of a Beta may have a pole. The error is below 1e-6.

_LEAST_NODE = 1e-7  # a quantile below is not looked for any closer
_BENT = 0.05  # share by which a slope may differ from that of its bracket; beyond, the cubic is not trusted
_NARROW = 11.5  # alpha + beta; those of the default prior are 11 at most
_NEWTON_STEP = 1e-9
_MOST_STEPS = 60  # halving alone needs 24, from the widest bracket
_MOST_ROWS = 25  # at one time: a row is looked for among all nodes


def _make_nodes() -> Array:
    end = np.geomspace(_LEAST_NODE, 0.04, 90)
    return np.concatenate([[0.0], end, np.linspace(0.04, 0.96, 205)[1:-1], 1 - end[::-1], [1.0]])


_NODES = _make_nodes()
_ENDS = np.array([-1, 0])[:, None, None]  # of a bracket, from its upper one


def _density(alpha: Array, beta: Array, x: Array) -> Array:
    x = x[..., None]
    density: Array = np.exp(xlogy(alpha - 1, x) + xlog1py(beta - 1, -x) - betaln(alpha, beta))
    return density


def mixture_quantiles(weights: Array, levels: Levels, probabilities: Array) -> Array:
    """Quantiles of mixtures of Beta distributions, to 1e-6.

    Parameters
    ----------
    weights : ndarray of float64, shape (n_mixture, n_level)
        Of the distributions, on any scale.
    levels : Levels
        The distributions.
    probabilities : ndarray of float64, shape (n_probability,)
        In [0, 1].

    Returns
    -------
    ndarray of float64, shape (n_mixture, n_probability)

    Notes
    -----
    The rational function of Gregory and Delbourgo (1982), "Piecewise rational quadratic interpolation to monotonic
    data", has the values and the slopes of the quantile function at both ends of a bracket, and never turns back.
    """
    scaled = weights / np.add.reduce(weights, axis=1, keepdims=True)
    p = probabilities[:, None]  # arrays have the shape (n_probability, n_mixture) from here on
    # ends of the brackets, shape (2, n_probability, n_mixture)
    ends = _upper_nodes(scaled, levels.search_table, p[..., None]) + _ENDS
    at_ends = np.matmul(levels.curves.take(ends, axis=0), scaled[..., None])
    cdf, density = at_ends[..., 0, 0], at_ends[..., 1, 0]
    low, high = _NODES.take(ends)
    width = high - low
    rise = cdf[1] - cdf[0]
    rise += _TINY
    bend = rise / width / density  # by how much the slopes at the ends differ from that of the bracket
    bend -= 1
    x: Array = p - cdf[0]
    x /= rise
    np.minimum(x, 1.0, out=x)  # beyond only by rounding, but far beyond where nothing rises
    np.maximum(x, 0.0, out=x)
    turn = bend * (x - x * x)
    x += turn[0]
    x *= width
    below = np.add.reduce(turn, axis=0)
    below += 1
    x /= below
    x += low

    np.abs(bend, out=bend)
    if levels.narrow or np.maximum.reduce(bend, axis=None) > _BENT:
        bent = ((np.maximum(bend[0], bend[1]) > _BENT) | levels.narrow) & (width > _LEAST_NODE)
        of_p, of_row = bent.nonzero()
        x[bent] = _newton(probabilities[of_p], scaled[of_row], levels, low[bent], high[bent], x[bent])
    return x.T


def _upper_nodes(weights: Array, search_table: Array, p: Array) -> NDArray[np.intp]:
    """The first node behind each quantile, shape (n_probability, n_mixture); `p` has the shape (..., 1, 1)."""
    upper = np.empty((len(p), len(weights)), np.intp)
    for start in range(0, len(weights), _MOST_ROWS):
        rows = slice(start, start + _MOST_ROWS)
        upper[:, rows] = (weights[rows].dot(search_table) >= p).argmax(axis=2)
    return upper


def _newton(p: Array, weights: Array, levels: Levels, low: Array, high: Array, x: Array) -> Array:
    """Newton's method within brackets; where it would leave one, the bracket is halved."""
    for _ in range(_MOST_STEPS):
        missing = p - (weights * levels.cdf(x)).sum(axis=1)
        low, high = np.where(missing > 0, x, low), np.where(missing > 0, high, x)
        density = (weights * _density(levels.alpha, levels.beta, x)).sum(axis=1)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            new = x + missing / density
        new = np.where((new > low) & (new < high), new, (low + high) / 2)
        x, step = new, np.abs(new - x).max(initial=0)
        if step < _NEWTON_STEP:
            break
    return x
