import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from competency import CompetencyError, ProficiencyLevel, Skill, SkillDomain, SkillError

LEVEL = ProficiencyLevel(4, 5)


def test_ratio():
    assert LEVEL.ratio == 0.8
    assert ProficiencyLevel(0, 1).ratio == 0.0


@given(st.integers(1, 10**400), st.data())
def test_every_valid_level_has_a_ratio_between_0_and_1(largest, data):
    assert 0.0 <= ProficiencyLevel(data.draw(st.integers(0, largest)), largest).ratio <= 1.0


def test_numpy_integers_become_plain_ones():
    level = ProficiencyLevel(np.int64(3), np.uint8(5))
    assert (type(level.value), type(level.max)) == (int, int)
    assert json.dumps(dataclasses.asdict(level)) == '{"value": 3, "max": 5}'


@pytest.mark.parametrize(
    ("value", "largest", "named"),
    [
        (4.0, 5, "level value 4.0"),
        ("4", 5, "level value '4'"),
        (True, 5, "level value True"),
        (None, 5, "level value None"),
        (float("nan"), 5, "level value nan"),
        (4, 5.0, "level max 5.0"),
        (0, 0, "level max 0"),
        (0, -3, "level max -3"),
        (6, 5, "level value 6"),
        (-1, 5, "level value -1"),
        pytest.param(10**5000, 5, "level value <int>", id="5001 digits"),
    ],
)
def test_bad_level(value, largest, named):
    with pytest.raises(SkillError, match=f"^{named}: expected "):
        ProficiencyLevel(value, largest)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("", "skill name ''"),
        (" \t\n\u3000", "skill name ' "),
        ("x" * 1001, "skill name 'xxx"),
        (7, "skill name 7"),
        (b"Python", "skill name b'Python'"),
        ("\ud800", r"skill name '\\ud800'"),
    ],
)
def test_bad_name(name, named):
    with pytest.raises(SkillError, match=f"^{named}.*expected ") as caught:
        Skill(name, LEVEL)
    assert len(str(caught.value)) < 160


def test_longest_name():
    assert len(Skill("x" * 1000, LEVEL).name) == 1000


def test_bad_level_type_and_domain():
    with pytest.raises(SkillError, match="level 4 of skill 'Python'"):
        Skill("Python", 4)
    with pytest.raises(SkillError, match=r"unknown domain 'cooking': expected one of finance, .*general"):
        Skill("Python", LEVEL, "cooking")


def test_name_is_kept_as_given():
    assert Skill("  SQL  ", LEVEL).name == "  SQL  "


def test_domain_is_given_or_classified():
    assert Skill("Python", LEVEL, "hr").resolved_domain is SkillDomain.HR
    assert Skill("Python", LEVEL).domain is None
    assert Skill("Python", LEVEL).resolved_domain is SkillDomain.SOFTWARE_DEVELOPMENT


def test_frozen_and_hashable():
    skill = Skill("Python", LEVEL)
    assert {skill: 1}[Skill("Python", ProficiencyLevel(4, 5))] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        skill.name = "Go"


def test_from_dict():
    data = {"name": "Python", "level": {"value": 4, "max": 5}, "domain": "devops", "years": 3}
    assert Skill.from_dict(data) == Skill("Python", LEVEL, SkillDomain.DEVOPS)
    del data["domain"]
    assert Skill.from_dict(data) == Skill("Python", LEVEL)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ("Python", "skill 'Python'"),
        (None, "skill None"),
        ({}, "'name' is missing"),
        ({"name": "Python"}, "'level' is missing"),
        ({"name": "Python", "level": 4}, "level 4 of skill 'Python'"),
        ({"name": "Python", "level": {"value": 4}}, "level {'value': 4} of skill 'Python'"),
        ({"name": "Python", "level": {"value": 4.5, "max": 5}}, "skill 'Python': level value 4.5"),
        ({"name": "Python", "level": {"value": 4, "max": 5}, "domain": 3}, "unknown domain 3"),
        ({"name": ["Python"], "level": {"value": 4, "max": 5}}, r"skill name \['Python'\]"),
    ],
)
def test_bad_dict(data, named):
    with pytest.raises(SkillError, match=named):
        Skill.from_dict(data)


def test_errors_are_one_hierarchy():
    with pytest.raises(CompetencyError):
        ProficiencyLevel(6, 5)
    assert issubclass(CompetencyError, ValueError)
    assert issubclass(CompetencyError, RuntimeError)


def test_copies_are_whole():
    skill = Skill(" Data  Science ", ProficiencyLevel(3, 5))
    for twin in (copy.deepcopy(skill), pickle.loads(pickle.dumps(skill)), dataclasses.replace(skill)):
        assert (twin, twin.key, twin.resolved_domain, twin.level.ratio) == (skill, "data science", "data_science", 0.6)
    assert [entry.name for entry in dataclasses.fields(skill)] == ["name", "level", "domain"]
    assert dataclasses.replace(skill, name="SQL", domain="hr").key == "sql"
