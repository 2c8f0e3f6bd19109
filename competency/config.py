"""Every constant of the scoring model.

The defaults are those of competency-api 0.4.0. A piecewise linear function of the similarity is a tuple of bands, from
the highest similarity to the lowest; the first band that a similarity lies above decides. A last band above ``-inf``
takes all the rest.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from competency.domains import DomainPenalties
from competency.errors import ConfigError, shown

__all__ = [
    "BetaPrior",
    "BlendRatio",
    "Coherence",
    "Dissimilar",
    "DomainBand",
    "LinearBand",
    "LowestBonus",
    "Mixture",
    "PairBand",
    "SameSkill",
    "ScoringConfig",
    "Strategies",
]

_ROUNDING = 1e-9  # of constants such as 0.1, whose sums are not exact


def _check_numbers(instance: Any, low: float = 0.0, high: float = math.inf, *, only: tuple[str, ...] = ()) -> None:
    """Raise `ConfigError` where a field is not a finite number in [low, high]; `only` limits it to some fields."""
    for name in only or [entry.name for entry in fields(instance)]:
        value = getattr(instance, name)
        if not (_is_number(value) and low <= value <= high):
            raise ConfigError(f"{type(instance).__name__}.{name} {shown(value)}: expected a number in [{low}, {high}]")


def _is_number(value: Any) -> bool:
    """Whether a value is finite, also as a float: no infinity, and no integer of hundreds of digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _check_above(band: Any) -> None:
    """Raise `ConfigError` where the limit of a band is neither a number nor, as that of the last band, ``-inf``."""
    if not _is_number(band.above) and not (isinstance(band.above, float) and band.above == -math.inf):
        raise ConfigError(f"{type(band).__name__}.above {shown(band.above)}: expected a number, or -inf")


@dataclass(frozen=True)
class BetaPrior:
    """How a level becomes a Beta distribution with mean ``mu = ratio``.

    Parameters
    ----------
    variance : float
        Variance, where ``mu (1 - mu)`` is larger than that.
    largest_share : float
        Elsewhere the variance is this share of ``mu (1 - mu)``, the largest that a Beta can have; below 1.
    edge_near, edge_far : float
        A ratio of 0 is ``Beta(edge_near, edge_far)``, a ratio of 1 ``Beta(edge_far, edge_near)``; 1e-6 to 1e12.
    """

    variance: float = 0.05
    largest_share: float = 0.9
    edge_near: float = 1.0
    edge_far: float = 10.0

    def __post_init__(self) -> None:
        _check_numbers(self, 1e-6)
        _check_numbers(self, 1e-6, 0.999, only=("largest_share",))
        _check_numbers(self, 1e-6, 1e12, only=("edge_near", "edge_far"))  # of much larger ones products overflow


@dataclass(frozen=True)
class Dissimilar:
    """Score of a requirement that no candidate skill comes near.

    Parameters
    ----------
    below : float
        Best similarity under which a requirement is too dissimilar.
    far_below, far_base, near_base : float
        The base is `far_base` for a best similarity under `far_below`, else
        ``near_base - (similarity - far_below)``.
    level_weight : float
        Weight of the candidate's highest ratio.
    variance, margin : float
        Variance of the prediction; its interval is ``[0, probability + margin]``.

    The base may not become negative before `below`.
    """

    below: float = 0.30
    far_below: float = 0.20
    far_base: float = 0.05
    near_base: float = 0.15
    level_weight: float = 0.3
    variance: float = 0.1
    margin: float = 0.1

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 1)
        least = self.below - self.far_below
        if self.near_base < least - _ROUNDING:
            raise ConfigError(
                f"Dissimilar.near_base {self.near_base}: expected at least below - far_below, {least:.6g}"
            )


@dataclass(frozen=True)
class Mixture:
    """Weights and interval of the mixture that predicts the proficiency in a required skill.

    Parameters
    ----------
    level_weight : float
        The weight of a candidate skill is proportional to ``similarity (1 + level_weight ratio)``; at most 1e6.
    least_weight : float
        Least weight before they are scaled to sum to 1; 1e-12 to 1e6.
    lower, upper : float
        Quantiles at the ends of the interval.
    """

    level_weight: float = 0.5
    least_weight: float = 0.01
    lower: float = 0.025
    upper: float = 0.975

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 1e6, only=("level_weight",))
        _check_numbers(self, 1e-12, 1e6, only=("least_weight",))
        _check_numbers(self, 0, 1, only=("lower", "upper"))
        if self.lower >= self.upper:
            raise ConfigError(f"Mixture.lower {self.lower}: expected less than upper, {self.upper}")


@dataclass(frozen=True)
class SameSkill:
    """Score where a candidate has the required skill itself: ``base + span min(mean / threshold, 1)``, at most 1.

    Parameters
    ----------
    above : float
        Similarity above which two names count as the same skill.
    base, span : float
        See above.
    """

    above: float = 0.9
    base: float = 0.6
    span: float = 0.4

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 1)
        if self.base + self.span > 1 + _ROUNDING:
            raise ConfigError(f"SameSkill.span {self.span}: expected at most 1 - base, {1 - self.base:.6g}")


@dataclass(frozen=True)
class BlendRatio:
    """Share of the direct match in the raw score: ``min((base + confidence_weight confidence) boost, cap)``."""

    base: float
    confidence_weight: float
    cap: float

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 1)


@dataclass(frozen=True)
class LinearBand:
    """``base + slope (similarity - origin)``, for a similarity above `above`."""

    above: float
    base: float
    slope: float = 0.0
    origin: float = 0.0

    def __post_init__(self) -> None:
        _check_above(self)
        _check_numbers(self, 0, 10, only=("base", "slope", "origin"))


@dataclass(frozen=True)
class LowestBonus:
    """Bonus below the bands: ``min(square similarity^2, cap)``."""

    square: float = 3.0
    cap: float = 0.45

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 10)


@dataclass(frozen=True)
class DomainBand:
    """Domain factor ``1 - min(weight penalty, cap)``, for a similarity above `above`."""

    above: float
    weight: float
    cap: float = 1.0

    def __post_init__(self) -> None:
        _check_above(self)
        _check_numbers(self, 0, 1, only=("weight", "cap"))


@dataclass(frozen=True)
class PairBand:
    """Pairwise score ``base + similarity_weight similarity + level_weight met``, for a similarity above `above`.

    `met` is ``min(candidate ratio / required ratio, 1)``.
    """

    above: float
    base: float
    similarity_weight: float
    level_weight: float

    def __post_init__(self) -> None:
        _check_above(self)
        _check_numbers(self, 0, 1, only=("base", "similarity_weight", "level_weight"))


@dataclass(frozen=True)
class Strategies:
    """Constants of the conservative and the aggressive strategy.

    Parameters
    ----------
    variance_weight : float
        Conservative: each probability is multiplied by ``1 - variance_weight variance``.
    least_share : float
        Conservative: share of the least probability in the overall score, the rest is the mean's.
    boost_above, boost : float
        Aggressive: where the best similarity is above `boost_above`, each probability is multiplied by
        ``1 + boost (similarity - boost_above)``, to at most 1.
    largest_share : float
        Aggressive: share of the largest probability in the overall score, the rest is the mean's.
    """

    variance_weight: float = 0.5
    least_share: float = 0.3
    boost_above: float = 0.2
    boost: float = 0.3
    largest_share: float = 0.4

    def __post_init__(self) -> None:
        _check_numbers(self, 0, 1)


@dataclass(frozen=True)
class Coherence:
    """Bonus for a candidate whose skills fit the job as a whole.

    It is given where both lists hold `least_skills` or more, the mean best similarity is above `similarity_above`, the
    harmony of the domains is above `harmony_above`, and the overall score lies in ``[least_score, largest_score]``:
    ``min(base + similarity_weight (similarity - similarity_above) + harmony_weight (harmony - harmony_above), cap)``.
    """

    least_skills: int = 3
    similarity_above: float = 0.60
    harmony_above: float = 0.7
    least_score: float = 0.55
    largest_score: float = 0.75
    base: float = 0.05
    similarity_weight: float = 0.02
    harmony_weight: float = 0.02
    cap: float = 0.07

    def __post_init__(self) -> None:
        _check_numbers(self, 1, only=("least_skills",))
        _check_numbers(self, 0, 1, only=tuple(entry.name for entry in fields(self))[1:])


@dataclass(frozen=True)
class ScoringConfig:
    """All constants of the scoring model.

    Parameters
    ----------
    beta, dissimilar, mixture, same_skill, coherence, strategies, penalties
        One group of constants each.
    met, unmet : BlendRatio
        Share of the direct match where the predicted mean reaches the threshold, and where it does not.
    boost : tuple of LinearBand
        Factor of the blend ratio.
    bonus : tuple of LinearBand
        Factor of the raw score; below the last band `lowest_bonus` applies.
    domain : tuple of DomainBand
        Weight of the penalty between two domains.
    pair : tuple of PairBand
        Pairwise scores.

    Raises
    ------
    ConfigError
        Where a constant has the wrong type or is out of range, bands are not in descending order, or a band gives more
        than 1, or less than 0, for a similarity that it decides about.

    Examples
    --------
    >>> ScoringConfig(mixture=Mixture(lower=0.05, upper=0.95)).mixture.lower
    0.05
    """

    beta: BetaPrior = BetaPrior()
    dissimilar: Dissimilar = Dissimilar()
    mixture: Mixture = Mixture()
    same_skill: SameSkill = SameSkill()
    met: BlendRatio = BlendRatio(base=0.5, confidence_weight=0.2, cap=0.7)
    unmet: BlendRatio = BlendRatio(base=0.3, confidence_weight=0.3, cap=0.8)
    boost: tuple[LinearBand, ...] = (
        LinearBand(0.7, base=1.05),
        LinearBand(0.5, base=0.9, slope=0.3),
        LinearBand(0.3, base=0.6, slope=0.8),
        LinearBand(-math.inf, base=0.3, slope=1.0),
    )
    bonus: tuple[LinearBand, ...] = (
        LinearBand(0.7, base=1.0),
        LinearBand(0.5, base=0.75, slope=1.25, origin=0.5),
        LinearBand(0.3, base=0.45, slope=1.5, origin=0.3),
    )
    lowest_bonus: LowestBonus = LowestBonus()
    domain: tuple[DomainBand, ...] = (
        DomainBand(0.75, weight=0.0),
        DomainBand(0.65, weight=0.2, cap=0.10),
        DomainBand(0.5, weight=0.5),
        DomainBand(-math.inf, weight=1.0),
    )
    pair: tuple[PairBand, ...] = (
        PairBand(0.9, base=0.6, similarity_weight=0.0, level_weight=0.4),
        PairBand(0.7, base=0.5, similarity_weight=0.35, level_weight=0.15),
        PairBand(0.5, base=0.3, similarity_weight=0.5, level_weight=0.2),
        PairBand(0.3, base=0.2, similarity_weight=0.6, level_weight=0.2),
        PairBand(0.18, base=0.1, similarity_weight=0.7, level_weight=0.2),
        PairBand(-math.inf, base=0.05, similarity_weight=0.8, level_weight=0.15),
    )
    strategies: Strategies = Strategies()
    coherence: Coherence = Coherence()
    penalties: DomainPenalties = DomainPenalties()

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in _BANDS:
                self._check_bands(entry.name, value)
            elif not isinstance(value, _GROUPS[entry.name]):
                raise ConfigError(
                    f"ScoringConfig.{entry.name} {shown(value)}: expected a {_GROUPS[entry.name].__name__}"
                )
        self._check_scores()

    def _check_scores(self) -> None:
        """Raise `ConfigError` where a band leads to scores beyond 0 or 1; what each group can tell it has checked."""
        below = self.dissimilar.below  # the similarity from which on boost and bonus count
        for name, bands, most in (("boost", self.boost, math.inf), ("bonus", self.bonus, 1.0)):
            for band, low, high in _intervals(bands, below):
                for similarity in (low, high):
                    _check_value(name, band.base + band.slope * (similarity - band.origin), similarity, most)
        rest = self.bonus[-1].above
        if rest >= below:
            _check_value("lowest_bonus", min(self.lowest_bonus.square * rest**2, self.lowest_bonus.cap), rest)
        for pair, _, high in _intervals(self.pair, -1.0):
            # negative where the similarity is: nothing is taken from that
            _check_value("pair", pair.base + pair.similarity_weight * max(high, 0.0) + pair.level_weight, high)

    @staticmethod
    def _check_bands(name: str, bands: Any) -> None:
        kind = _BANDS[name]
        if not (isinstance(bands, tuple) and bands and all(isinstance(band, kind) for band in bands)):
            raise ConfigError(f"ScoringConfig.{name} {shown(bands)}: expected a tuple of {kind.__name__}")
        limits = [band.above for band in bands]
        if any(not higher > lower for higher, lower in pairwise(limits)):
            raise ConfigError(f"ScoringConfig.{name} above {limits}: expected descending limits")
        if name != "bonus" and limits[-1] != -math.inf:
            raise ConfigError(f"ScoringConfig.{name} last above {limits[-1]}: expected -inf")


def _intervals(bands: tuple[Any, ...], least: float) -> Iterator[tuple[Any, float, float]]:
    """Bands with the lowest and the highest similarity from `least` to 1 that each decides about."""
    high = 1.0
    for band in bands:
        if band.above < high and high >= least:  # both may be the same: a limit belongs to the band below it
            yield band, max(band.above, least), high
            high = band.above


def _check_value(name: str, value: float, similarity: float, most: float = 1.0) -> None:
    """Raise `ConfigError` where a part of the model gives what no score can be made of."""
    if not -_ROUNDING <= value <= most + _ROUNDING:
        expected = f"at most {most:g}" if value > 0 else "at least 0"
        raise ConfigError(f"ScoringConfig.{name} {value:.6g} at similarity {similarity:g}: expected {expected}")


_BANDS: dict[str, Any] = {"boost": LinearBand, "bonus": LinearBand, "domain": DomainBand, "pair": PairBand}
_GROUPS: dict[str, type] = {
    "beta": BetaPrior,
    "dissimilar": Dissimilar,
    "mixture": Mixture,
    "same_skill": SameSkill,
    "met": BlendRatio,
    "unmet": BlendRatio,
    "lowest_bonus": LowestBonus,
    "strategies": Strategies,
    "coherence": Coherence,
    "penalties": DomainPenalties,
}
