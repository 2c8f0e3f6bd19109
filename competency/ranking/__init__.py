"""Ranking a pool: the best candidates for a job, without scoring everyone in full.

Every candidate's score is bounded from above three times, each time more closely, and of fewer candidates: those whose
bound reaches the current top. First by a sum of what each skill adds for all requirements together. Then by the best
similarity for each requirement, found as one byte that says what the requirement's probability is at most. Then by all
similarities and levels. Only those who still may be among the best are scored, by the code that `SkillMatcher.match`
runs on its own rows.
"""

from competency.ranking.codes import Bands, name_codes
from competency.ranking.passes import all_candidates, best_candidates, likely_best
from competency.ranking.plan import Plan, Sizes, group_plan, parse_budget, parse_top
from competency.ranking.ranker import Ranker
from competency.ranking.results import Carrier, Ranked, Ranking, carriers

__all__ = [
    "Bands",
    "Carrier",
    "Plan",
    "Ranked",
    "Ranker",
    "Ranking",
    "Sizes",
    "all_candidates",
    "best_candidates",
    "carriers",
    "group_plan",
    "likely_best",
    "name_codes",
    "parse_budget",
    "parse_top",
]
