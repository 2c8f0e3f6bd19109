"""The 300 golden cases: the figures of competency-api 0.4.0, which this package must meet."""

import json
from pathlib import Path

import numpy as np
import pytest

from competency import Skill, SkillMatcher

CASES = json.loads((Path(__file__).parents[1] / "data" / "scoring.json").read_text("utf-8"))


def test_there_are_300():
    assert len(CASES) == 300


@pytest.mark.parametrize("case", CASES, ids=range(300))
def test_golden(case):
    result = SkillMatcher(strategy=case["strategy"]).match(
        [Skill.from_dict(skill) for skill in case["required"]],
        [Skill.from_dict(skill) for skill in case["candidate"]],
        similarities=case["similarities"],
    )
    expected = case["expected"]
    scores = expected["skill_scores"]
    assert result.overall_score == pytest.approx(expected["overall_score"], abs=1e-9)
    for field in ("probability", "mean", "variance"):
        np.testing.assert_allclose(getattr(result, field), [score[field] for score in scores], rtol=0, atol=1e-9)
    ends = [[score["lower"], score["upper"]] for score in scores]
    np.testing.assert_allclose(result.interval, ends, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.pairwise_scores, expected["pairwise_scores"], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(result.similarities, case["similarities"])
