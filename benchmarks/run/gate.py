"""A gate without noise: the heap series of two commits, measured afresh and compared exactly."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.run import suite
from benchmarks.site.commits import ROOT, Commit, CommitError
from benchmarks.site.results import Measurement, Series, load_series

FOLDER = suite.STATE / "gate"


@dataclass(frozen=True)
class Verdict:
    """One heap series on two commits.

    Parameters
    ----------
    name : str
        ``file.Class.method(parameters)``.
    before, after : float or None
        The counts; None where the benchmark failed or does not exist.
    grew : bool
        Whether it grew by more than the tolerance, or cannot be measured any more.
    """

    name: str
    before: float | None
    after: float | None
    grew: bool

    @property
    def text(self) -> str:
        """The series and what became of it, on one line."""
        if self.before is None or self.after is None:
            return f"{self.name}: {_count(self.before)} -> {_count(self.after)}"
        share = f"{self.after / self.before - 1:+.3%}" if self.before else "from none"
        return f"{self.name}: {_count(self.before)} -> {_count(self.after)} ({share})"


def _count(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.0f}"


def _configuration() -> str:
    """The configuration of asv, with empty results of its own and the environments of the suite."""
    from asv.util import load_json, write_json

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    conf: dict[str, Any] = load_json(str(ROOT / "asv.conf.json"), js_comments=True)
    conf.pop("version")
    conf.pop("plugins", None)  # no site is written from these
    places = {"repo": "../..", "benchmark_dir": "../../benchmarks", "env_dir": "../env", "results_dir": "results"}
    path = FOLDER / "asv.conf.json"
    write_json(str(path), {**conf, **places, "html_dir": "html"}, 1)
    return str(path)


def judge(before: float | None, after: float | None, tolerance: float) -> bool:
    """Whether a count grew by more than the share `tolerance`, or is gone."""
    if before is None:
        return False
    return after is None or after > before * (1 + tolerance)


def gate(before: Commit, after: Commit, names: Sequence[str], tolerance: float) -> list[Verdict]:
    """Measure heap series of two commits, whatever was measured before, and compare them; asv writes to standard error.

    Parameters
    ----------
    names : sequence of str
        The benchmarks.
    tolerance : float
        Share by which a series may grow; 0 for none but what chance may change.

    Raises
    ------
    CommitError
        Where a commit could not be built or a benchmark failed.
    """
    code = suite.measure(names, [before.hash, after.hash], *suite.FORK, config=_configuration(), to=sys.stderr)
    if code:  # what is not measured before cannot have grown: that must not pass for an answer
        raise CommitError(f"asv ended with exit code {code}, see above: expected every heap series to be measured")
    old, new = (load_series(commit.hash, FOLDER / "results") for commit in (before, after))
    return compare(old, new, tolerance)


def compare(old: Mapping[str, Measurement], new: Mapping[str, Measurement], tolerance: float) -> list[Verdict]:
    """Verdicts on the heap series of two commits, by name; parameters as for `gate`."""

    def value(series: Mapping[str, Measurement], name: str) -> float | None:
        found = series.get(name)
        return found.value if found and found.measured else None

    verdicts = []
    for name in sorted(old.keys() | new.keys()):
        a, b = value(old, name), value(new, name)
        chance = Series(name.split("(")[0]).family.chance
        verdicts.append(Verdict(name, a, b, judge(a, b, max(tolerance, chance))))
    return verdicts
