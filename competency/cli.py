"""The command line."""

import argparse
import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import competency
from competency import strict_json
from competency.api import parse_skills
from competency.errors import CompetencyError, InputError, shown
from competency.matcher import SkillMatcher
from competency.result import MatchResult
from competency.scoring import STRATEGIES
from competency.skills import Skill

__all__ = ["main"]

_NAME_WIDTH = 40


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="competency", description="Match a candidate's skills to the required skills of a job."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {competency.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    match = commands.add_parser(
        "match",
        help="score one candidate against one job",
        description="Score one candidate against one job.",
        epilog='A FILE holds a JSON list of skills, or an object with such a list under "skills"; a skill is '
        '{"name": "Python", "level": {"value": 4, "max": 5}}, optionally with "domain". '
        "Exit code: 0, or 1 for bad input, 2 for wrong usage.",
    )
    match.add_argument(
        "--required", required=True, metavar="FILE", help="the job's required skills; - is standard input"
    )
    match.add_argument("--candidate", required=True, metavar="FILE", help="the candidate's skills; - is standard input")
    match.add_argument(
        "--strategy", choices=STRATEGIES, default="default", help="how uncertainty counts (default: default)"
    )
    match.add_argument("--json", action="store_true", help="print the whole result as JSON")
    return parser


def _read_skills(role: str, path: str) -> list[Skill]:
    source = "standard input" if path == "-" else path
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {shown(path, 200)}: {error.strerror or error}") from None
    except ValueError as error:  # a path with a null character
        raise InputError(f"cannot read {shown(path, 200)}: {error}") from None
    try:
        value: Any = strict_json.loads(data)
        if isinstance(value, dict):
            if "skills" not in value:
                raise InputError(
                    f'object with keys {shown(sorted(value))}: expected a list of skills, or "skills" in it'
                )
            value = value["skills"]
        return parse_skills(role, value)
    except CompetencyError as error:
        raise InputError(f"{source}: {error}") from None


def _width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _cell(name: str) -> str:
    """A name as a table cell: on one line, without control characters, padded or cut to the width of the column."""
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
    if _width(text) > _NAME_WIDTH:
        while _width(text) > _NAME_WIDTH - 3:
            text = text[:-1]
        text += "..."
    return text + " " * (_NAME_WIDTH - _width(text))


def _table(result: MatchResult) -> str:
    lines = [
        f"Overall score: {result.overall_score:.3f}",
        "",
        f"{'Required skill':<{_NAME_WIDTH}}  {'Score':>5}  {'Mean':>5}  {'95 % interval':>13}  "
        f"{'Closest candidate skill':<{_NAME_WIDTH}}  {'Cosine':>6}",
    ]
    for j, score in enumerate(result.skill_scores):
        closest = int(result.similarities[:, j].argmax())
        lower, upper = score.interval
        lines.append(
            f"{_cell(score.skill_name)}  {score.probability:>5.3f}  {score.mean:>5.3f}  "
            f"{f'{lower:.3f}-{upper:.3f}':>13}  "
            f"{_cell(result.candidate[closest].name)}  {result.similarities[closest, j]:>6.3f}"
        )
    return "\n".join(lines)


def _run(arguments: argparse.Namespace) -> str:
    required = _read_skills("required", arguments.required)
    candidate = _read_skills("candidate", arguments.candidate)
    result = SkillMatcher(strategy=arguments.strategy).match(required, candidate)
    return json.dumps(result.to_dict(), indent=2) if arguments.json else _table(result)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        Exit code: 0, or 1 for bad input.

    Raises
    ------
    SystemExit
        With code 2 for wrong usage, 0 after help and version.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.required == arguments.candidate == "-":
        parser.error("only one of --required and --candidate can be standard input")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        print(_run(arguments))
    except CompetencyError as error:
        print(f"competency: {error}", file=sys.stderr)
        return 1
    return 0
