"""How sure a change is: bootstrap intervals, a rank test, and steps in a history."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

CONFIDENCE = 0.95
RESAMPLES = 2000
MOST_EXACT = 200  # samples of both sides, for an exact test
# A difference with a greater p-value may be chance. Together with a threshold for noise it keeps false alarms below
# 5 %, and finds a change by 10 % at 5 % noise in 95 % of cases with ten samples a side.
ALPHA = 0.04


Samples = tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """What the samples of two commits say.

    Parameters
    ----------
    low, high : float
        95 % confidence interval of the ratio of the medians, after to before.
    p : float
        Two-sided p-value of a Mann-Whitney test.
    """

    low: float
    high: float
    p: float


def enough(n_before: int, n_after: int) -> bool:
    """Whether so few samples could show any change: whether the least p-value that they can give is below `ALPHA`."""
    return min(n_before, n_after) > 1 and 2 / math.comb(n_before + n_after, n_before) < ALPHA


@cache
def _draws(n: int, side: int) -> Any:
    """Places of the resamples of n values, shape (RESAMPLES, n): the same for all, so that reports repeat."""
    import numpy as np

    return np.random.default_rng([n, side]).integers(n, size=(RESAMPLES, n))


@lru_cache(1024)
def _medians(samples: Samples, side: int) -> Any:
    """Medians of the resamples of some values, shape (RESAMPLES,)."""
    import numpy as np

    return np.median(np.asarray(samples)[_draws(len(samples), side)], axis=1)


def compare(pairs: Sequence[tuple[Samples, Samples]]) -> list[Evidence]:
    """Compare samples before and after, all positive, of many series at once.

    The test is exact where no two samples are equal, else asymptotic.
    """
    import numpy as np
    from scipy.stats import mannwhitneyu

    alike: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for place, (before, after) in enumerate(pairs):
        distinct = len({*before, *after})
        n = len(before) + len(after)
        method = "none" if distinct == 1 else "exact" if distinct == n <= MOST_EXACT else "asymptotic"
        alike[len(before), len(after), method].append(place)
    p_values = np.ones(len(pairs))
    for (_, _, method), places in alike.items():
        if method != "none":
            sides = (np.array([pairs[place][side] for place in places]) for side in (0, 1))
            p_values[places] = mannwhitneyu(*sides, axis=1, method=method).pvalue
    tails = 100 * (1 - CONFIDENCE) / 2
    found = []
    for (before, after), p in zip(pairs, p_values, strict=True):
        low, high = np.percentile(_medians(after, 1) / _medians(before, 0), [tails, 100 - tails])
        found.append(Evidence(float(low), float(high), float(p)))
    return found


def geometric_mean(values: Sequence[float]) -> float | None:
    """Of positive numbers; None of none."""
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if values else None


def noise(samples: Sequence[float]) -> float | None:
    """Relative spread: half the distance of the quartiles as a share of the median, scaled to a standard deviation."""
    import numpy as np

    if len(samples) < 4:
        return None
    lower, median, upper = np.percentile(samples, [25, 50, 75])
    return float((upper - lower) / 1.349 / median) if median > 0 else None


def steps(values: Sequence[float], *, exact: bool, threshold: float) -> list[tuple[int, float, float]]:
    """Where a history steps: the place of the first value after each step, and the levels before and after it.

    Parameters
    ----------
    values : sequence of float
        In the order of the commits, none missing.
    exact : bool
        Whether every change is a step. Otherwise asv's own detection finds them, as on its pages.
    threshold : float
        Share by which the level must change.
    """
    if exact:
        return [(place, a, b) for place, (a, b) in enumerate(pairwise(values), 1) if a != b]
    if len(values) < 2:
        return []
    from asv.step_detect import detect_steps

    found = detect_steps(list(values))
    return [
        (right[0], left[2], right[2])
        for left, right in pairwise(found)
        if abs(right[2] - left[2]) > threshold * abs(left[2])
    ]
