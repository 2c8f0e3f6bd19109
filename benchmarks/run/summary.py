"""What changed between two commits, from asv's results."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from benchmarks.run.commits import ROOT, Commit
from benchmarks.run.suite import STATE

FAMILIES = {
    "time_run": "time",
    "track_allocations": "allocations",
    "track_allocated_bytes": "allocated bytes",
    "track_peak_heap": "peak heap",
}
NOISE = 1.1  # asv's own default: a time or a process's peak must change by more than this factor


@dataclass(frozen=True)
class Change:
    """One series (a benchmark with one combination of parameters) on two commits.

    Parameters
    ----------
    name : str
        ``file.Class.method(parameters)``.
    before, after : float
        The results; NaN where there is none or it was skipped, None where the benchmark failed.
    verdict : str
        "improved", "got worse", "unchanged", "new", "gone", "failed", "not measured" or "not comparable".
    """

    name: str
    before: float | None
    after: float | None
    verdict: str

    @property
    def operation(self) -> str:
        """The benchmark file."""
        return self.name.split(".")[0]

    @property
    def method(self) -> str:
        """The benchmark's method."""
        return self.name.split("(")[0].split(".")[-1]


def load_series(commit_hash: str, folder: str = str(STATE / "results")) -> dict[str, tuple[Any, Any, Any]]:
    """Value, statistics with samples, and version of every series of a commit on this machine."""
    from asv.commands.compare import unroll_result
    from asv.config import Config
    from asv.environment import get_environments
    from asv.machine import Machine
    from asv.results import iter_results_for_machine_and_hash

    conf = Config.load(str(ROOT / "asv.conf.json"))
    environments = {environment.name for environment in get_environments(conf, [])}
    series = {}
    for results in iter_results_for_machine_and_hash(folder, Machine.get_unique_machine_name(), commit_hash):
        if results.env_name not in environments:
            continue
        for key in results.get_all_result_keys():
            params = results.get_result_params(key)
            columns = (
                getattr(results, f"get_result_{column}")(key, params) for column in ("value", "stats", "samples")
            )
            for name, value, stats, samples in unroll_result(key, params, *columns):
                series[name] = value, (stats, samples), results.benchmark_version.get(key)
    return series


def _verdict(name: str, before: tuple[Any, Any, Any], after: tuple[Any, Any, Any]) -> str:
    from asv.commands.compare import _is_result_better

    (old, old_stats, old_version), (new, new_stats, new_version) = before, after
    if new is None:
        return "failed"
    if math.isnan(new):
        return "not measured" if old is None or math.isnan(old) else "gone"
    if old is None or math.isnan(old):
        return "new"
    if old_version != new_version:
        return "not comparable"
    if ".track_ratio_to_loop" in name:  # the only series that is better when it is larger
        (old, old_stats), (new, new_stats) = (new, new_stats), (old, old_stats)
    if ".track_" in name and ".track_ratio_" not in name:  # exact
        return "unchanged" if new == old else "improved" if new < old else "got worse"
    if _is_result_better(new, old, new_stats, old_stats, NOISE, use_stats=True):
        return "improved"
    if _is_result_better(old, new, old_stats, new_stats, NOISE, use_stats=True):
        return "got worse"
    return "unchanged"


def changes(before: Commit, after: Commit, benchmarks: list[str]) -> Iterator[Change]:
    """Every series of some benchmarks, on two commits."""
    old, new = load_series(before.hash), load_series(after.hash)
    missing = (math.nan, None, None)
    for name in sorted(old.keys() | new.keys()):
        if name.split("(")[0] in benchmarks:
            a, b = old.get(name, missing), new.get(name, missing)
            yield Change(name, a[0], b[0], _verdict(name, a, b))


def _table(found: list[Change]) -> list[str]:
    """Geometric mean of after / before, a row an operation and a column a family of series."""
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for change in found:
        if (
            change.method in FAMILIES
            and change.before
            and change.after
            and not math.isnan(change.before + change.after)
        ):
            ratios[change.operation, FAMILIES[change.method]].append(change.after / change.before)
    if not ratios:
        return []
    lines = ["after / before".ljust(16) + "".join(family.rjust(17) for family in FAMILIES.values())]
    for operation in sorted({operation for operation, _ in ratios}):
        cells = []
        for family in FAMILIES.values():
            values = ratios.get((operation, family))
            cells.append(f"{geometric_mean(values):.3f}" if values else "-")
        lines.append(operation.ljust(16) + "".join(cell.rjust(17) for cell in cells))
    return [*lines, "Geometric means over the sizes; below 1 is better.", ""]


def summary(before: Commit, after: Commit, benchmarks: list[str]) -> str:
    """The comparison, for a terminal."""
    found = list(changes(before, after, benchmarks))
    counts = Counter(change.verdict for change in found)
    lines = [f"before: {before.title}", f"after:  {after.title}", "", *_table(found)]
    order = ["improved", "got worse", "unchanged", "new", "gone", "failed", "not measured", "not comparable"]
    lines.append(
        f"{len(found)} series: " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in order if counts[verdict])
    )
    worse = [change for change in found if change.verdict in ("got worse", "failed")]
    lines += [f"  {change.verdict}: {change.name}  {change.before:.6g} -> {_shown(change.after)}" for change in worse]
    deviation = max((change.after or 0 for change in found if change.operation == "accuracy"), default=None)
    if deviation is not None:
        lines.append(f"Largest deviation from the golden figures: {deviation:.3g}")
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "failed" if value is None else f"{value:.6g}"
