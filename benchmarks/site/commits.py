"""From names to commits: baselines of this project, and anything that git understands."""

import json
import math
import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from benchmarks.heap.files import write_atomically

ROOT = Path(__file__).parents[2]
BASELINES = ROOT / "benchmarks" / "baselines.json"
FIRST = "first"  # the baseline that reports begin with


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


@dataclass(frozen=True)
class History:
    """What git knows of some commits.

    Parameters
    ----------
    dates : dict
        From hash to seconds since 1970; without commits that this clone does not have.
    subjects : dict
        Likewise, to the first line of the message.
    places : dict
        From hash to its place in the history of ``HEAD``, the oldest first; without commits of other branches.
    """

    dates: dict[str, int]
    subjects: dict[str, str]
    places: dict[str, int]

    def order(self, hashes: Collection[str]) -> list[str]:
        """The commits of this branch, the oldest first, then those of others by date, then what is not known."""
        last = len(self.places)
        return sorted(hashes, key=lambda one: (self.places.get(one, last), self.dates.get(one, math.inf), one))


def _git(*arguments: str, stdin: str = "") -> str:
    command = ["git", *arguments]
    try:
        # an author may have written in any encoding
        done = subprocess.run(
            command, cwd=ROOT, input=stdin, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except FileNotFoundError:
        raise CommitError("git is not installed: expected it on the PATH") from None
    if done.returncode:
        raise CommitError(done.stderr.strip() or f"git {arguments[0]} failed")
    return done.stdout.strip()


def history(hashes: Collection[str]) -> History:
    """What git knows of some commits, whether they are on this branch, on another one, or in no branch that is left."""
    places = {one: place for place, one in enumerate(_git("rev-list", "--topo-order", "--reverse", "HEAD").split())}
    asked = "\n".join(one for one in hashes if re.fullmatch("[0-9a-f]{40}", one))
    known = [line.split() for line in _git("cat-file", "--batch-check", stdin=asked).splitlines() if asked]
    found = "\n".join(name for name, kind, *_ in known if kind == "commit")
    if not found:
        return History({}, {}, places)
    log = _git("log", "--no-walk=unsorted", "-z", "--format=%H %ct %s", "--stdin", stdin=found)
    entries = [entry.split(" ", 2) for entry in log.split("\0") if entry]
    dates = {name: int(date) for name, date, _ in entries}
    return History(dates, {name: subject for name, _, subject in entries}, places)


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


def _write_baselines(names: dict[str, str]) -> None:
    write_atomically(BASELINES, json.dumps(dict(sorted(names.items())), indent=2, ensure_ascii=False) + "\n")


def save_baseline(name: str, revision: str = "HEAD") -> Commit:
    """Give a commit a name that every report knows; a name that is taken already moves.

    Raises
    ------
    CommitError
        Where the name may be taken for something else, or there is no such commit.
    """
    taken = re.fullmatch("HEAD|ALL|NEW|newest|[0-9a-fA-F]{4,40}", name)
    if taken or not re.fullmatch(r"[A-Za-z][\w.-]{0,49}", name, re.ASCII):
        raise CommitError(
            f"baseline {name[:60]!r}: expected a letter, then up to 49 letters, digits, dots, hyphens and underscores, "
            "and nothing that reads like a hash, nor HEAD, ALL, NEW or newest"
        )
    commit = resolve(revision)
    _write_baselines({**baselines(), name: commit.hash})
    return Commit(name, commit.hash)


def remove_baseline(name: str) -> None:
    """Forget a name.

    Raises
    ------
    CommitError
        Where there is no baseline of that name, or it is the one that every report begins with.
    """
    names = baselines()
    if name == FIRST:
        raise CommitError(f"baseline {name!r}: expected another one, every report compares with it by default")
    if name not in names:
        raise CommitError(f"unknown baseline {name!r}: expected one of {', '.join(names)}")
    del names[name]
    _write_baselines(names)


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
