"""Match a candidate's skills to the required skills of a job."""

from competency import families
from competency.api import batch_match_score, init_logging, match_score
from competency.config import ScoringConfig
from competency.domains import SkillDomain, classify, domain_penalty
from competency.embedding import Embedder, HashingEmbedder, StaticEmbedder
from competency.errors import (
    ClusterError,
    CompetencyError,
    ConfigError,
    EmbedderError,
    InputError,
    PoolError,
    SimilarityError,
    SkillError,
)
from competency.matcher import SkillMatcher
from competency.pool import CandidatePool
from competency.ranking import Carrier, Plan, Ranking
from competency.result import MatchResult
from competency.scoring import SkillScore
from competency.skills import ProficiencyLevel, Skill

__all__ = [
    "CandidatePool",
    "Carrier",
    "ClusterError",
    "CompetencyError",
    "ConfigError",
    "Embedder",
    "EmbedderError",
    "HashingEmbedder",
    "InputError",
    "MatchResult",
    "Plan",
    "PoolError",
    "ProficiencyLevel",
    "Ranking",
    "ScoringConfig",
    "SimilarityError",
    "Skill",
    "SkillDomain",
    "SkillError",
    "SkillMatcher",
    "SkillScore",
    "StaticEmbedder",
    "batch_match_score",
    "classify",
    "domain_penalty",
    "families",
    "init_logging",
    "match_score",
]

__version__ = "0.1.0"
