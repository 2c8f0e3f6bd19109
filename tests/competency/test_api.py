import logging

import pytest

from competency import Skill, SkillMatcher, batch_match_score, init_logging, match_score

JOB = [
    {"name": "Python", "level": {"value": 4, "max": 5}},
    {"name": "SQL", "level": {"value": 3, "max": 5}, "domain": "data_science"},
]
CV = [{"name": "Python", "level": {"value": 5, "max": 5}}, {"name": "MySQL", "level": {"value": 2, "max": 5}}]


def test_match_score_is_to_dict_of_a_match():
    expected = SkillMatcher().match([Skill.from_dict(s) for s in JOB], [Skill.from_dict(s) for s in CV])
    assert match_score(JOB, CV) == expected.to_dict()
    assert match_score(required_skills=JOB, candidate_skills=CV) == expected.to_dict()


def test_batch_match_score_is_match_score_for_each_pair():
    assert batch_match_score([(JOB, CV), [CV, JOB]]) == [match_score(JOB, CV), match_score(CV, JOB)]
    assert batch_match_score([]) == []


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_bad_input_is_a_runtime_error_as_in_competency_api(error):
    with pytest.raises(error, match=r"^required skills \[\]: expected at least one skill$"):
        match_score([], CV)


@pytest.mark.parametrize(
    ("required", "named"),
    [
        ("Python", "required skills 'Python': expected a list of skills"),
        ({"name": "Python"}, "required skills {'name': 'Python'}: expected a list of skills"),
        (None, "required skills None: expected a list of skills"),
        ([*JOB, {"name": ""}], "required skill 2: skill {'name': ''}: 'level' is missing"),
    ],
)
def test_bad_skills_are_named(required, named):
    with pytest.raises(RuntimeError, match=f"^{named}$"):
        match_score(required, CV)
    with pytest.raises(RuntimeError, match=f"^pair 1: {named}$"):
        batch_match_score([(JOB, CV), (required, CV)])


def test_bad_pair():
    with pytest.raises(RuntimeError, match=r"^pair 0, 5: expected \(required, candidate\)$"):
        batch_match_score([5])


@pytest.fixture
def logger():
    logger = logging.getLogger("competency")
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_init_logging_once(logger, monkeypatch, capsys):
    monkeypatch.setenv("COMPETENCY_LOG", "DEBUG")
    init_logging()
    init_logging()
    match_score(JOB, CV)
    assert capsys.readouterr().err.count("DEBUG competency: matched 2 candidate skills to 2 required") == 1


def test_init_logging_is_quiet_by_default(logger, monkeypatch, capsys):
    monkeypatch.delenv("COMPETENCY_LOG", raising=False)
    init_logging()
    match_score(JOB, CV)
    assert capsys.readouterr().err == ""


def test_unknown_log_level(logger, monkeypatch):
    monkeypatch.setenv("COMPETENCY_LOG", "loud")
    with pytest.raises(RuntimeError, match=r"^COMPETENCY_LOG 'loud': expected one of debug, info, warning, error$"):
        init_logging()
