"""The functions of competency-api, under the same names: skills as dicts in, dicts out."""

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from competency.errors import ConfigError, SkillError, each, shown
from competency.matcher import SkillMatcher
from competency.skills import Skill

__all__ = ["batch_match_score", "init_logging", "match_score"]


def parse_skills(role: str, skills: Iterable[Mapping[str, Any]]) -> list[Skill]:
    """Skills from JSON objects; `SkillError` names the role and position of one that is not usable."""
    if isinstance(skills, str | bytes | Mapping) or not isinstance(skills, Iterable):
        raise SkillError(f"{role} skills {shown(skills)}: expected a list of skills")
    parsed = []
    for position, skill in enumerate(skills):
        try:
            parsed.append(Skill.from_dict(skill))
        except SkillError as error:
            raise SkillError(f"{role} skill {position}: {error}") from None
    return parsed


def match_score(
    required_skills: Iterable[Mapping[str, Any]], candidate_skills: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Match a candidate's skills to a job's, with the default matcher.

    Parameters
    ----------
    required_skills, candidate_skills : iterable of dict
        Each as `Skill.from_dict` takes it.

    Returns
    -------
    dict
        As `MatchResult.to_dict` gives it.

    Raises
    ------
    SkillError
        Where a list is empty or holds a skill that is not usable.
    """
    return (
        SkillMatcher()
        .match(parse_skills("required", required_skills), parse_skills("candidate", candidate_skills))
        .to_dict()
    )


def batch_match_score(
    pairs: Iterable[tuple[Iterable[Mapping[str, Any]], Iterable[Mapping[str, Any]]]],
) -> list[dict[str, Any]]:
    """Match many pairs with the default matcher.

    Parameters
    ----------
    pairs : iterable of (required_skills, candidate_skills)
        Each as for `match_score`.

    Returns
    -------
    list of dict
        One for each pair, as `MatchResult.to_dict` gives it.

    Raises
    ------
    SkillError
        Where a pair is no pair, or holds a skill that is not usable; nothing is matched then.
    """
    parsed = []
    for position, pair in enumerate(each("pairs", pairs, "a list of (required, candidate)")):
        try:
            required, candidate = pair
        except (TypeError, ValueError):
            raise SkillError(f"pair {position}, {shown(pair)}: expected (required, candidate)") from None
        try:
            parsed.append((parse_skills("required", required), parse_skills("candidate", candidate)))
        except SkillError as error:
            raise SkillError(f"pair {position}: {error}") from None
    return [result.to_dict() for result in SkillMatcher().match_many(parsed)]


def init_logging() -> None:
    """Write the log of this package to standard error.

    The environment variable ``COMPETENCY_LOG`` names the level: debug, info (the default), warning or error. A second
    call changes the level only.

    Raises
    ------
    ConfigError
        Where there is no such level.
    """
    name = os.environ.get("COMPETENCY_LOG", "info")
    levels = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
    if name.lower() not in levels:
        raise ConfigError(f"COMPETENCY_LOG {shown(name)}: expected one of {', '.join(levels)}")
    logger = logging.getLogger("competency")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(levels[name.lower()])
