"""From names to commits: baselines of this project, and anything that git understands."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASELINES = ROOT / "benchmarks" / "baselines.json"


class CommitError(ValueError):
    """A name stands for no commit, or for one that this clone does not have."""


@dataclass(frozen=True)
class Commit:
    """A commit to measure.

    Parameters
    ----------
    name : str
        What the user called it.
    hash : str
        Its full hash.
    """

    name: str
    hash: str

    @property
    def subject(self) -> str:
        """First line of the message."""
        return _git("log", "-1", "--format=%s", self.hash)

    @property
    def title(self) -> str:
        """Name, short hash and first line of the message."""
        return f"{self.name} ({_git('log', '-1', '--format=%h %s', self.hash)})"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommitError(done.stderr.strip() or f"git {arguments[0]} failed")
    return done.stdout.strip()


def baselines() -> dict[str, str]:
    """The named commits of ``benchmarks/baselines.json``, from name to full hash."""
    try:
        names = json.loads(BASELINES.read_text("utf-8"))
    except ValueError as error:
        raise CommitError(f"{BASELINES.name}: {error}: expected JSON") from None
    if not isinstance(names, dict):
        raise CommitError(f"{BASELINES.name}: expected an object of names and hashes")
    for name, value in names.items():
        if not (isinstance(value, str) and re.fullmatch("[0-9a-f]{40}", value)):
            raise CommitError(f"{BASELINES.name}: {name!r} is {value!r}: expected a full hash")
    return names


def _lacking(what: str) -> CommitError:
    if _git("rev-parse", "--is-shallow-repository") == "true":
        return CommitError(f"this shallow clone lacks {what}: fetch it with `git fetch --unshallow`")
    return CommitError(f"unknown commit {what}: expected a baseline ({', '.join(baselines())}) or a git revision")


def resolve(name: str) -> Commit:
    """The commit that a baseline's name or a git revision stands for.

    Raises
    ------
    CommitError
        Where there is none of that name, or this clone lacks it.
    """
    revision = baselines().get(name, name)
    try:
        return Commit(name, _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"))
    except CommitError:
        raise _lacking(repr(name)) from None


def resolve_range(revisions: str) -> list[str]:
    """Hashes of the commits in a git range, the oldest first; of all commits for ``ALL``.

    Raises
    ------
    CommitError
        Where git does not understand it, or there is no commit in it.
    """
    selection = "HEAD" if revisions == "ALL" else revisions
    try:
        found = _git("rev-list", "--first-parent", "--reverse", "--end-of-options", selection, "--")
    except CommitError:
        raise _lacking(repr(revisions)) from None
    if not found:
        raise CommitError(f"no commit in range {revisions!r}: expected at least one")
    return found.splitlines()


def uncommitted() -> bool:
    """Whether the library has changes that no commit holds."""
    return bool(_git("status", "--porcelain", "--", "competency"))
