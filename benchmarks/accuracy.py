"""Correctness beside speed: how far the scores are from those of the first version.

The figures in ``data/golden.json`` were computed by the first version of this library, on inputs that the file holds
too. They were written once, by ``python -m benchmarks.accuracy >benchmarks/data/golden.json``, and stay.
"""

import functools
import json
import sys
from typing import Any

import numpy as np

from benchmarks import common

FILE = common.DATA / "golden.json"
STRATEGIES = ("default", "conservative", "aggressive")
FIELDS = ("overall_score", "probability", "mean", "variance", "pairwise_scores", "interval")


def _match(case: dict[str, Any], strategy: str) -> Any:
    from competency import SkillMatcher

    matcher = SkillMatcher(strategy=strategy)
    job, candidate = common.as_skills(case["required"]), common.as_skills(case["candidate"])
    return matcher.match(job, candidate, similarities=case["similarities"])


def _compute() -> list[dict[str, Any]]:
    cases = []
    for seed, (n_candidate, n_required) in enumerate([(1, 1), (3, 5), (10, 5), (20, 10), (20, 10), (40, 20)]):
        candidate, job = common.candidate_and_job(n_candidate, n_required, seed=seed)
        embed = common.cluster_embedder().embed
        similarities = embed([name for name, _ in candidate]) @ embed([name for name, _ in job]).T
        case = {"candidate": candidate, "required": job, "similarities": similarities.round(4).tolist()}
        figures = {}
        for strategy in STRATEGIES:
            result = _match(case, strategy)
            figures[strategy] = {field: np.asarray(getattr(result, field)).tolist() for field in FIELDS}
        cases.append({**case, "figures": figures})
    return cases


@functools.cache
def _deviations(strategy: str) -> dict[str, float]:
    """The largest absolute difference from the golden figures, by field."""
    largest = dict.fromkeys(FIELDS, 0.0)
    for case in json.loads(FILE.read_text("utf-8")):
        result = _match(case, strategy)
        for field in FIELDS:
            difference = np.abs(np.subtract(getattr(result, field), case["figures"][strategy][field]))
            largest[field] = max(largest[field], float(difference.max()))
    return largest


class Accuracy:
    """Largest deviation from the golden figures: of the scores (at most 1e-9), of the interval's ends (1e-6)."""

    params = STRATEGIES
    param_names = ("strategy",)
    unit = "absolute difference"
    version = 1

    def track_score_deviation(self, strategy):
        return max(value for field, value in _deviations(strategy).items() if field != "interval")

    def track_interval_deviation(self, strategy):
        return _deviations(strategy)["interval"]


if __name__ == "__main__":
    json.dump(_compute(), sys.stdout)
