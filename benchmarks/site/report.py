"""A comparison with all that a report says about it: titles, growth, hotspots, and how it was measured."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from benchmarks.heap.units import format_bytes, percent
from benchmarks.site import comparison
from benchmarks.site.comparison import Comparison, Growth
from benchmarks.site.hotspots import Hotspots, hotspots
from benchmarks.site.results import Run, Runs, Setting

# What a report says of a commit's measurement, in this order; everything else that is known follows.
_FACTS = ("cpu", "num_cpu", "ram", "os", "arch", "python", "numpy", "scipy", "blas", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Report:
    """What changed between two commits.

    Parameters
    ----------
    titles : tuple of str
        Of the commits before and after, for people.
    setting : Setting
        Machine and environment.
    comparison : Comparison
        The series.
    hotspots : list of Hotspots
        By operation.
    warnings : list of str
        Why to read it with care: a commit measured in part, conditions that were not the same, and a busy machine.
    """

    titles: tuple[str, str]
    setting: Setting
    comparison: Comparison
    hotspots: list[Hotspots]
    warnings: list[str]

    @cached_property
    def growth(self) -> list[Growth]:
        """How each operation grows, by family."""
        return comparison.growth(self.comparison)


def report(runs: Runs, setting: Setting, commits: tuple[str, str], titles: tuple[str, str], results: Path) -> Report:
    """Compare two commits that were measured in a setting; what was not measured is an empty run.

    Parameters
    ----------
    runs : dict
        All results.
    commits : tuple of str
        Full hashes, before and after.
    results : Path
        asv's folder of results.
    """
    before, after = (runs.get(setting, {}).get(commit) or Run(commit) for commit in commits)
    compared = comparison.compare(before, after)
    return Report(
        titles,
        setting,
        compared,
        list(hotspots(results, setting, *commits)),
        [
            *comparison.run_in_part(compared),
            *comparison.different_conditions(before, after),
            *comparison.busy_machine(before, after),
        ],
    )


def facts(run: Run) -> dict[str, str]:
    """How a commit was measured, for people."""
    known = {key: run.facts[key] for key in _FACTS if key in run.facts}
    known |= {key: value for key, value in sorted(run.facts.items()) if key not in known}
    if re.fullmatch("[0-9]{1,18}", known.get("ram", "")):
        known["ram"] = format_bytes(int(known["ram"]))
    if run.dates:
        first, last = (f"{datetime.fromtimestamp(one, UTC):%Y-%m-%d %H:%M}" for one in run.dates)
        known["measured (UTC)"] = first if first == last else f"{first} to {last}"
    if counts := comparison.sample_counts(run):
        least, most = counts
        known["samples of a timing"] = str(least) if least == most else f"{least} to {most}"
    noise = comparison.spread(run)
    if noise is not None:
        known["noise of a timing (median)"] = percent(noise, 1)
    return known


def title(name: str, commit: str, subjects: Mapping[str, str]) -> str:
    """A commit on one line: what it was called, its hash and the first line of its message."""
    subject = subjects.get(commit, "not in this clone")
    return f"{name} ({commit[:7]} {subject})" if name and not commit.startswith(name) else f"{commit[:7]} {subject}"
