import copy
import json
import pickle

import pytest

from competency import ProficiencyLevel, Skill, SkillMatcher, SkillScore

LEVEL = ProficiencyLevel(3, 5)
REQUIRED = [Skill("Python", LEVEL, "devops"), Skill("SQL", ProficiencyLevel(5, 5), "hr")]
CANDIDATE = [Skill("Python", LEVEL, "devops"), Skill("python", LEVEL, "devops"), Skill("Excel", LEVEL, "finance")]
ROWS = [[0.95, 0.4], [0.94, 0.3], [0.1, 0.2]]
RESULT = SkillMatcher().match(REQUIRED, CANDIDATE, similarities=ROWS)


def test_skill_scores_hold_the_arrays():
    scores = RESULT.skill_scores
    arrays = RESULT.probability, RESULT.mean, RESULT.variance
    second = SkillScore("SQL", *(float(array[1]) for array in arrays), tuple(RESULT.interval[1].tolist()))
    assert scores[1] == scores[-1] == second
    assert [*scores] == [scores[0], second]
    assert scores[:1] == (scores[0],)
    assert len(scores) == 2
    assert second in scores
    assert repr(scores) == repr((scores[0], second))
    with pytest.raises(IndexError):
        scores[2]
    assert [score.skill_name for score in scores] == ["Python", "SQL"]


def test_to_dict_is_the_result_of_competency_api():
    data = RESULT.to_dict()
    assert list(data) == ["overall_score", "skill_scores", "skill_similarities", "pairwise_scores"]
    assert data["overall_score"] == RESULT.overall_score
    lower, upper = RESULT.interval[0]
    assert data["skill_scores"][0] == {
        "skill_name": "Python",
        "probability": RESULT.probability[0],
        "confidence_interval": {"lower": lower, "upper": upper},
        "mean": RESULT.mean[0],
        "variance": RESULT.variance[0],
    }
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))])
def test_a_copy_is_of_its_own_pair_only(copied):
    pairs = [(REQUIRED[: 1 + i % 2], CANDIDATE[i % 3 :]) for i in range(60)]
    for (required, candidate), result in zip(pairs, SkillMatcher().match_many(pairs), strict=True):
        again = copied(result)
        assert again.to_dict() == result.to_dict()
        assert again.shares.tolist() == result.shares.tolist()
        for field in ("similarities", "probability", "mean", "variance", "interval", "pairwise_scores"):
            assert not getattr(again, field).flags.writeable
        alone = SkillMatcher().match(required, candidate)
        assert len(pickle.dumps(result)) == pytest.approx(len(pickle.dumps(alone)), rel=0.05)


def test_identical_spelling_is_1_in_the_maps_only():
    assert RESULT.to_dict()["skill_similarities"] == {
        "Python": {"Python": 1.0, "python": 0.94, "Excel": 0.1},
        "SQL": {"Python": 0.4, "python": 0.3, "Excel": 0.2},
    }
    assert RESULT.similarities.tolist() == ROWS


def test_identical_spelling_counts_in_the_pairwise_scores():
    result = SkillMatcher().match(REQUIRED[:1], CANDIDATE[:2], similarities=[[0.0], [0.0]])
    assert result.pairwise_scores[0, 0] == 1.0
    assert result.pairwise_scores[1, 0] == pytest.approx(0.05 + 0.15)


def test_of_names_that_repeat_the_last_counts_in_the_maps():
    twice = [Skill("SQL", ProficiencyLevel(1, 5), "hr"), Skill("SQL", ProficiencyLevel(5, 5), "hr")]
    result = SkillMatcher().match(twice, [*CANDIDATE, CANDIDATE[2]], similarities=[[0.1, 0.6]] * 3 + [[0.2, 0.7]])
    data = result.to_dict()
    assert data["skill_similarities"]["SQL"] == {"Python": 0.6, "python": 0.6, "Excel": 0.7}
    assert data["pairwise_scores"]["SQL"]["Excel"] == result.pairwise_scores[3, 1]
    assert [score["skill_name"] for score in data["skill_scores"]] == ["SQL", "SQL"]


def test_changing_the_dict_leaves_the_result_alone():
    RESULT.to_dict()["skill_similarities"]["SQL"].clear()
    assert RESULT.to_dict()["skill_similarities"]["SQL"]
