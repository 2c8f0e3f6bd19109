"""The first version of the scoring model, in loops: the oracle of every faster one.

It is written skill by skill, as the model is stated, and stays as it was.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy.special import betainc

from competency import ScoringConfig, Skill, SkillDomain
from competency.config import BetaPrior, LinearBand
from competency.names import normalise

_DEFAULT = ScoringConfig()

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


@dataclass(frozen=True)
class SkillScore:
    """How well a candidate meets one required skill.

    Parameters
    ----------
    skill_name : str
        The required skill, as spelled in the job.
    probability : float
        Score of the requirement, in [0, 1], after the strategy's change.
    mean, variance : float
        Of the proficiency predicted for the required skill.
    interval : (float, float)
        95 % interval of that proficiency.
    """

    skill_name: str
    probability: float
    mean: float
    variance: float
    interval: tuple[float, float]


def share_met(ratio: float, threshold: float) -> float:
    """``min(ratio / threshold, 1)``; a threshold of 0 is always met."""
    return 1.0 if ratio >= threshold else ratio / threshold


def _linear(bands: Sequence[LinearBand], similarity: float) -> float | None:
    for band in bands:
        if similarity > band.above:
            return band.base + band.slope * (similarity - band.origin)
    return None


def _bonus(similarity: float, config: ScoringConfig) -> float:
    bonus = _linear(config.bonus, similarity)
    if bonus is None:
        bonus = min(config.lowest_bonus.square * similarity**2, config.lowest_bonus.cap)
    return bonus


def _domain_factor(similarity: float, penalty: float, config: ScoringConfig) -> float:
    band = next(band for band in config.domain if similarity > band.above)
    return 1 - min(band.weight * penalty, band.cap)


def _main_domain(weights: Sequence[float], domains: Sequence[SkillDomain]) -> SkillDomain:
    """The domain of the largest total weight; of equal ones the first."""
    totals: dict[SkillDomain, float] = {}
    for weight, domain in zip(weights, domains, strict=True):
        totals[domain] = totals.get(domain, 0.0) + weight
    return max(totals, key=totals.__getitem__)


def _dissimilar_score(name: str, similarity: float, ratios: Sequence[float], config: ScoringConfig) -> SkillScore:
    rule = config.dissimilar
    base = rule.far_base if similarity < rule.far_below else rule.near_base - (similarity - rule.far_below)
    probability = min(base * (1 + rule.level_weight * max(ratios)), 1.0)
    return SkillScore(name, probability, probability, rule.variance, (0.0, probability + rule.margin))


def _blend(mixture: BetaMixture, direct: float, similarity: float, threshold: float, config: ScoringConfig) -> float:
    """The raw score: the direct match of levels, blended with the chance to exceed the threshold."""
    exceed = 1 - mixture.cdf(threshold)
    confidence = 1 - mixture.variance
    ratio = config.met if mixture.mean >= threshold else config.unmet
    boost = _linear(config.boost, similarity)
    assert boost is not None  # the last band takes all the rest
    share = min((ratio.base + ratio.confidence_weight * confidence) * boost, ratio.cap)
    return share * direct + (1 - share) * exceed


def score_required_skill(
    required: Skill,
    required_domain: SkillDomain,
    candidate: Sequence[Skill],
    candidate_domains: Sequence[SkillDomain],
    similarities: Sequence[float],
    config: ScoringConfig,
) -> SkillScore:
    """Score of one required skill, before any strategy.

    Parameters
    ----------
    required, required_domain
        The requirement.
    candidate, candidate_domains, similarities : sequences of length n_candidate
        The candidate's skills and their cosine similarities to the requirement.
    """
    ratios = [skill.level.ratio for skill in candidate]
    threshold = required.level.ratio
    best = max(similarities)
    if best < config.dissimilar.below:
        return _dissimilar_score(required.name, best, ratios, config)

    rule = config.mixture
    weights = [
        max(similarity * (1 + rule.level_weight * ratio), rule.least_weight)
        for similarity, ratio in zip(similarities, ratios, strict=True)
    ]
    total = sum(weights)
    weights = [weight / total for weight in weights]
    mixture = BetaMixture(weights, [beta_of_ratio(ratio, config.beta) for ratio in ratios])

    required_name = normalise(required.name)
    if best > config.same_skill.above or any(normalise(skill.name) == required_name for skill in candidate):
        probability = config.same_skill.base + config.same_skill.span * share_met(mixture.mean, threshold)
    else:
        direct = sum(weight * share_met(ratio, threshold) for weight, ratio in zip(weights, ratios, strict=True))
        penalty = config.penalties.between(required_domain, _main_domain(weights, candidate_domains))
        probability = (
            _blend(mixture, direct, best, threshold, config)
            * _bonus(best, config)
            * _domain_factor(best, penalty, config)
        )
    interval = (mixture.quantile(rule.lower), mixture.quantile(rule.upper))
    return SkillScore(required.name, probability, mixture.mean, mixture.variance, interval)


def adjusted_probability(score: SkillScore, best_similarity: float, strategy: str, config: ScoringConfig) -> float:
    """The probability of a requirement after the strategy's change."""
    rule = config.strategies
    if strategy == "conservative":
        return score.probability * (1 - rule.variance_weight * score.variance)
    if strategy == "aggressive" and best_similarity > rule.boost_above:
        return min(score.probability * (1 + rule.boost * (best_similarity - rule.boost_above)), 1.0)
    return score.probability


def overall_score(probabilities: Sequence[float], strategy: str, config: ScoringConfig) -> float:
    """Overall score of the requirements' probabilities, before the coherence bonus."""
    rule = config.strategies
    mean = fmean(probabilities)
    if strategy == "conservative":
        return (1 - rule.least_share) * mean + rule.least_share * min(probabilities)
    if strategy == "aggressive":
        return (1 - rule.largest_share) * mean + rule.largest_share * max(probabilities)
    return mean


def coherence_bonus(
    overall: float,
    best_similarities: Sequence[float],
    required_domains: Sequence[SkillDomain],
    candidate_domains: Sequence[SkillDomain],
    config: ScoringConfig,
) -> float:
    """Bonus on the overall score for a candidate that fits the job as a whole.

    Parameters
    ----------
    best_similarities, required_domains : sequences of length n_required
        The best similarity to each requirement, and its domain.
    candidate_domains : sequence of length n_candidate

    Notes
    -----
    The harmony of the domains divides by ``n_candidate n_required``, although it sums over distinct pairs of domains
    only, as competency-api does.
    """
    rule = config.coherence
    if min(len(required_domains), len(candidate_domains)) < rule.least_skills:
        return 0.0
    pairs = {(a, b) for a in required_domains for b in candidate_domains}
    harmony = sum(1 - config.penalties.between(a, b) for a, b in sorted(pairs))
    harmony = min(harmony / (len(required_domains) * len(candidate_domains)), 1.0)
    similarity = fmean(best_similarities)
    if not (
        similarity > rule.similarity_above
        and harmony > rule.harmony_above
        and rule.least_score <= overall <= rule.largest_score
    ):
        return 0.0
    bonus = rule.base + rule.similarity_weight * (similarity - rule.similarity_above)
    return min(bonus + rule.harmony_weight * (harmony - rule.harmony_above), rule.cap)


def pairwise_score(required: Skill, candidate: Skill, similarity: float, config: ScoringConfig) -> float:
    """Score of one candidate skill against one requirement, in [0, 1]."""
    if candidate.name == required.name:
        similarity = 1.0
    band = next(band for band in config.pair if similarity > band.above)
    met = share_met(candidate.level.ratio, required.level.ratio)
    return band.base + band.similarity_weight * similarity + band.level_weight * met


@dataclass(frozen=True)
class Match:
    """What the first version answered, field by field, as lists."""

    overall_score: float
    skill_scores: list[SkillScore]
    pairwise_scores: list[list[float]]  # n_candidate rows of n_required
    similarity_map: dict[str, dict[str, float]]
    pairwise_map: dict[str, dict[str, float]]


def match(
    required: Sequence[Skill],
    candidate: Sequence[Skill],
    rows: Sequence[Sequence[float]],
    strategy: str = "default",
    config: ScoringConfig = _DEFAULT,
) -> Match:
    """Match a candidate to a job by given similarities, n_candidate rows of n_required."""
    required_domains = [skill.resolved_domain for skill in required]
    candidate_domains = [skill.resolved_domain for skill in candidate]
    columns = [[row[j] for row in rows] for j in range(len(required))]
    best = [max(column) for column in columns]
    scores = [
        score_required_skill(skill, domain, candidate, candidate_domains, column, config)
        for skill, domain, column in zip(required, required_domains, columns, strict=True)
    ]
    probabilities = [
        adjusted_probability(score, similarity, strategy, config)
        for score, similarity in zip(scores, best, strict=True)
    ]
    overall = overall_score(probabilities, strategy, config)
    overall += coherence_bonus(overall, best, required_domains, candidate_domains, config)

    similarity_map: dict[str, dict[str, float]] = {}
    pairwise_map: dict[str, dict[str, float]] = {}
    pairwise_rows = [[0.0] * len(required) for _ in candidate]
    for j, required_skill in enumerate(required):
        similarity_map[required_skill.name] = {}
        pairwise_map[required_skill.name] = {}
        for i, skill in enumerate(candidate):
            pairwise_rows[i][j] = pairwise_score(required_skill, skill, rows[i][j], config)
            pairwise_map[required_skill.name][skill.name] = pairwise_rows[i][j]
            same = skill.name == required_skill.name
            similarity_map[required_skill.name][skill.name] = 1.0 if same else rows[i][j]
    return Match(
        min(overall, 1.0),
        [
            SkillScore(score.skill_name, probability, score.mean, score.variance, score.interval)
            for score, probability in zip(scores, probabilities, strict=True)
        ],
        pairwise_rows,
        similarity_map,
        pairwise_map,
    )


def cosine_similarities(
    embed: Callable[[list[str]], np.ndarray], required: Sequence[Skill], candidate: Sequence[Skill]
) -> list[list[float]]:
    """Cosines of the names' vectors, n_candidate rows of n_required."""

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        squares = float(np.dot(a, a)) * float(np.dot(b, b))
        return max(-1.0, min(1.0, float(np.dot(a, b)) / math.sqrt(squares))) if squares else 0.0

    wanted = embed([skill.name for skill in required])
    return [[cosine(vector, other) for other in wanted] for vector in embed([skill.name for skill in candidate])]
