"""The scoring model: how well a candidate's skills meet each required skill, and the job as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from competency.config import LinearBand, ScoringConfig
from competency.domains import SkillDomain
from competency.errors import ConfigError, shown
from competency.names import normalise
from competency.proficiency import BetaMixture, beta_of_ratio
from competency.skills import Skill

__all__ = ["STRATEGIES", "SkillScore", "coherence_bonus", "overall_score", "pairwise_score", "score_required_skill"]

STRATEGIES = ("default", "conservative", "aggressive")


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


def check_strategy(strategy: str) -> str:
    """The strategy's name; `ConfigError` where there is none of that name."""
    if strategy not in STRATEGIES:
        raise ConfigError(f"unknown strategy {shown(strategy)}: expected one of {', '.join(STRATEGIES)}")
    return strategy


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
