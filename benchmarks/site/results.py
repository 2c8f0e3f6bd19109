"""What asv has measured, of all machines, environments and commits, as plain records.

Results may be missing, partial, failed or skipped, of benchmarks that have another name or version now, and of commits
that this clone does not have: all of that is read for what it is.
"""

import ast
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.site.commits import ROOT, CommitError

STATE = ROOT / ".asv"
# What reading a file of another shape ends in: asv checks little of what it loads.
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
LATEST = 4_102_444_800_000  # the year 2100, in milliseconds: no benchmark was started then

# ---------------------------------------------------------------------------------------------------------------------
# Families: what a series measures.


@dataclass(frozen=True)
class Family:
    """Series that are judged alike.

    Parameters
    ----------
    key : str
        What files and addresses call it.
    label : str
        What people call it.
    unit : str
        "seconds", "bytes", "blocks", "times" or "" for a plain number.
    threshold : float
        Share of the value before: what changes by less is called noise. 0 where figures are exact.
    chance : float
        Likewise, of exact figures: what chance may change in them.
    sampled : bool
        Whether a value is the median of samples.
    derived : bool
        Computed from other series, and therefore not counted beside them.
    better : int
        -1 where smaller is better, 1 where larger is, 0 where neither is.
    """

    key: str
    label: str
    unit: str
    threshold: float = 0.0
    chance: float = 0.0
    sampled: bool = False
    derived: bool = False
    better: int = -1

    @property
    def exact(self) -> bool:
        """Whether equal work gives equal figures, so that no test is needed."""
        return not self.threshold


# Of a peak: scipy makes the name of the function that multiplies anew in each call, and Python's cache of attributes
# keeps some of these, 59 bytes each, as their addresses have it. The peak of `rank`, 2.3 MB, moved by 445 bytes.
_CHANCE = 0.0005

FAMILIES = {
    family.key: family
    for family in (
        Family("time", "time", "seconds", threshold=0.03, sampled=True),
        Family("allocations", "allocations", "blocks"),
        Family("bytes", "allocated bytes", "bytes"),
        Family("peak", "peak heap", "bytes", chance=_CHANCE),
        Family("mean", "mean allocation size", "bytes", derived=True, better=0),
        Family("skill", "bytes per skill", "bytes", derived=True),
        Family("process", "peak memory of the process, net", "bytes", threshold=0.05),
        Family("ratio", "ratio to the least work", "times", threshold=0.2),
        Family("speedup", "speed-up over a loop", "times", threshold=0.2, better=1),
        Family("exponent", "growth exponent", "", chance=_CHANCE),
        Family("share", "peak over input and output", "times"),
        Family("deviation", "deviation from the first version", ""),
        Family("wrong", "share of wrong answers", ""),
        Family("other", "other", ""),
    )
}
HEADLINE = ("time", "allocations", "bytes", "peak")  # the columns of every summary

# Families by the method's name.
_METHODS = (
    (re.compile("time_"), "time"),
    (re.compile("track_allocations$"), "allocations"),
    (re.compile("track_allocated_bytes$"), "bytes"),
    (re.compile("track_peak_heap$"), "peak"),
    (re.compile("peakmem_"), "process"),
    (re.compile("track_ratio_to_loop$"), "speedup"),
    (re.compile("track_ratio_"), "ratio"),
    (re.compile("track_.*_exponent$"), "exponent"),
    (re.compile("track_.*_deviation$"), "deviation"),
    (re.compile("track_peak_over_"), "share"),
    (re.compile("track_wrong_"), "wrong"),
)


@dataclass(frozen=True)
class Series:
    """A benchmark with one value of each of its parameters, or a figure derived from such.

    Parameters
    ----------
    benchmark : str
        ``file.Class.method``.
    params : tuple of str
        As asv writes them.
    names : tuple of str
        Of the parameters; empty where they are not known.
    derived : str
        Key of a derived family, empty for what was measured.
    """

    benchmark: str
    params: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    derived: str = ""

    @property
    def name(self) -> str:
        """As asv writes it, ``file.Class.method(parameters)``; a derived one ends with its family."""
        params = f"({', '.join(self.params)})" if self.params else ""
        return f"{self.benchmark}{params}{f' {FAMILIES[self.derived].label}' if self.derived else ''}"

    @property
    def component(self) -> str:
        """The benchmark file."""
        return self.benchmark.split(".")[0]

    @cached_property
    def method(self) -> str:
        """The benchmark's method."""
        return self.benchmark.split(".")[-1]

    @cached_property
    def face(self) -> str:
        """The benchmark's class, by one name for time, heap and growth; empty where it has none."""
        classes = self.benchmark.split(".")[1:-1]
        return re.sub("(Heap|Growth)$", "", classes[-1]) if classes else ""

    @cached_property
    def family(self) -> Family:
        """What it measures."""
        found = (key for pattern, key in _METHODS if pattern.match(self.method))
        return FAMILIES[self.derived or next(found, "other")]

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The parameters for people: without the quotes of Python's strings."""
        return tuple(_plain(text) for text in self.params)

    @property
    def operation(self) -> str:
        """What is measured, and with which parameters."""
        method = self.method
        plain = method in ("time_run", "peakmem_run") or self.family.key in (*HEADLINE[1:], "mean", "skill")
        detail = [] if plain else [method.split("_", 1)[-1].replace("_", " ")]
        if self.face.lower() not in ("", self.component.replace("_", "")):
            detail.insert(0, self.face)
        return " ".join([self.component, *self.values, *(f"({', '.join(detail)})" if detail else "").split()])

    @cached_property
    def size(self) -> int | None:
        """The first parameter that is a number, or the first number of one like ``10x5``."""
        for text in self.values:
            if found := re.fullmatch(r"(0|[1-9]\d{0,11})(?:x\d{1,12})?", text, re.ASCII):
                return int(found[1])
        return None

    @property
    def skills(self) -> int:
        """How many skills it works on, 0 where that is not known."""
        from benchmarks.heap.report import count_skills

        try:
            return count_skills(dict(zip(self.names, self.values, strict=False)))
        except ValueError:
            return 0


def _plain(text: str) -> str:
    try:
        value = ast.literal_eval(text) if len(text) < 1000 else text
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, str) else text


# ---------------------------------------------------------------------------------------------------------------------
# Results.


@dataclass(frozen=True)
class Measurement:
    """A series on one commit.

    Parameters
    ----------
    value : float or None
        The result: None where the benchmark failed, NaN where it was skipped.
    samples : tuple of float
        What the value is the median of; empty where that was not recorded.
    version : str or None
        Of the benchmark; results of different versions are not comparable.
    reference : float or None
        For a process's peak: that of a process that only makes the inputs. The value is net of it.
    """

    value: float | None
    samples: tuple[float, ...] = ()
    version: str | None = None
    reference: float | None = None

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return self.value is not None and math.isfinite(self.value)


@dataclass(frozen=True)
class Setting:
    """Where results come from.

    Parameters
    ----------
    machine : str
        asv's name of the machine.
    environment : str
        asv's name of the environment.
    """

    machine: str
    environment: str


@dataclass
class Run:
    """All results of one commit in one setting.

    Parameters
    ----------
    commit : str
        Full hash.
    series : dict of Series to Measurement
        What was measured, and what is derived from it.
    facts : dict of str to str
        What asv recorded of the machine, the environment, and its variables.
    dates : tuple of int
        First and last second in which a benchmark was started; empty where that was not recorded.
    """

    commit: str
    series: dict[Series, Measurement] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    dates: tuple[int, ...] = ()


def beside(results: Path, kind: str, setting: Setting, commit: str) -> Path:
    """Where "profiles" and "conditions" of a commit are kept, beside asv's folder of results."""
    return results.parent / kind / setting.machine / f"{commit[:10]}-{setting.environment}"


Runs = dict[Setting, dict[str, Run]]  # by setting and full hash


def _number(value: Any) -> float | None:
    """A result as a number: None for what failed, or is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _samples(values: Any) -> tuple[float, ...]:
    found = [_number(value) for value in values] if isinstance(values, list) else []
    return tuple(value for value in found if value is not None and math.isfinite(value))


def _at(column: Any, place: int) -> Any:
    return column[place] if isinstance(column, list) and place < len(column) else None


def _measurements(results: Any, names: Mapping[str, Any]) -> Iterator[tuple[Series, Measurement]]:
    for key in results.get_all_result_keys():
        params = results.get_result_params(key) or []
        if not all(isinstance(one, list) for one in params):
            continue
        values, samples = results.get_result_value(key, params), results.get_result_samples(key, params)
        known = names.get(key)
        labels = tuple(known) if isinstance(known, list) and len(known) == len(params) else ()
        version = results.benchmark_version.get(key)
        for place, combination in enumerate(product(*params)):
            series = Series(key, tuple(map(str, combination)), tuple(map(str, labels)))
            yield series, Measurement(_number(_at(values, place)), _samples(_at(samples, place)), version)


def _derive(found: dict[Series, Measurement]) -> dict[Series, Measurement]:
    """The same with processes' peaks net of their references, and with mean sizes and bytes per skill."""
    made: dict[Series, Measurement] = {}
    for series, one in found.items():
        if series.method == "peakmem_reference":
            continue
        if series.family.key == "process":
            stem = series.benchmark.rsplit(".", 1)[0]
            reference = found.get(replace(series, benchmark=f"{stem}.peakmem_reference"))
            if reference is None or not reference.measured or not one.measured:
                made[series] = replace(one, value=one.value if not one.measured else math.nan)
            else:
                assert one.value is not None
                assert reference.value is not None
                made[series] = replace(one, value=one.value - reference.value, reference=reference.value)
            continue
        made[series] = one
        if series.family.key == "bytes" and one.value is not None:
            blocks = found.get(replace(series, benchmark=series.benchmark.replace("allocated_bytes", "allocations")))
            if blocks and blocks.value and blocks.version == one.version:
                made[replace(series, derived="mean")] = replace(one, value=one.value / blocks.value)
            if series.skills:
                made[replace(series, derived="skill")] = replace(one, value=one.value / series.skills)
    return made


def _parameter_names(folder: Path) -> dict[str, Any]:
    """Names of the parameters of each benchmark that is in the suite now."""
    try:
        found = json.loads((folder / "benchmarks.json").read_text("utf-8"))
        return {key: one.get("param_names") for key, one in found.items() if isinstance(one, dict)}
    except (OSError, ValueError, AttributeError):
        return {}


def _read_file(path: Path, machine: str, names: Mapping[str, Any]) -> tuple[Setting, Run]:
    from asv.results import Results

    results = Results.load(str(path), machine_name=machine)
    if not re.fullmatch("[0-9a-f]{40}", results.commit_hash):  # it becomes part of files' names
        raise ValueError(f"commit {results.commit_hash[:60]!r}: expected a full hash")
    setting = Setting(str(results.params.get("machine")), str(results.env_name))
    started = [int(one / 1000) for one in map(_number, results.started_at.values()) if one and 0 < one < LATEST]
    dates = (min(started), max(started)) if started else ()
    return setting, Run(results.commit_hash, _derive(dict(_measurements(results, names))), _facts(results), dates)


def read(folder: Path, commit: str = "") -> Runs:
    """All results of a folder that can be read; asv logs the files that cannot.

    Parameters
    ----------
    folder : Path
        asv's ``results_dir``.
    commit : str
        Full hash of the only commit that is asked for; empty for all.
    """
    from asv.console import log
    from asv.results import iter_results_paths
    from asv.util import UserError

    names = _parameter_names(folder)
    runs: Runs = defaultdict(dict)
    for root, name, machine in iter_results_paths(str(folder)):
        if not name.startswith(commit[:8]):
            continue
        try:
            setting, one = _read_file(Path(root, name), machine, names)
        except UserError as error:
            log.warning(str(error))
            continue
        except _MALFORMED as error:
            log.warning(f"{name}: {error}: expected results of asv")
            continue
        run = runs[setting].setdefault(one.commit, Run(one.commit))
        run.series.update(one.series)
        run.facts.update(one.facts)
        dates = *run.dates, *one.dates
        run.dates = (min(dates), max(dates)) if dates else ()
    for setting, found in runs.items():
        for run in found.values():
            run.facts.update(_recorded(beside(folder, "conditions", setting, run.commit)))
    return dict(runs)


def check(folder: Path) -> None:
    """Refuse the files in a folder of results that asv would read, and then end in a traceback; it passes over others.

    Raises
    ------
    UserError
        Where there is one, which it names.
    """
    from asv.results import iter_results_paths
    from asv.util import UserError, load_json

    for path in sorted(folder.rglob("machine.json")):
        found = load_json(path)
        if not isinstance(found, dict) or not isinstance(found.get("machine"), str):
            raise UserError(f"{path}: expected a machine that asv has described; `asv machine` does")
    for root, name, machine in iter_results_paths(str(folder)):
        path = Path(root, name)
        try:
            _read_file(path, machine, {})
        except UserError:
            continue
        except _MALFORMED as error:
            raise UserError(
                f"{path}: {error}: expected results of asv; without this file the rest is published"
            ) from None


def check_commits(folder: Path, machine: str, hashes: Iterable[str]) -> None:
    """Refuse damaged results of commits that a machine is to measure: asv adds to them, and would end there.

    Raises
    ------
    CommitError
        Where there are some; it names the file.
    """
    from asv.results import iter_results_paths
    from asv.util import UserError

    starts = tuple(one[:8] for one in hashes)
    for root, name, owner in iter_results_paths(str(folder)):
        if owner != machine or not name.startswith(starts):
            continue
        path = Path(root, name)
        try:
            _read_file(path, machine, {})
        except (UserError, *_MALFORMED) as error:
            said = error if isinstance(error, UserError) else f"{path}: {error}"  # asv's own names the file
            raise CommitError(f"{said}: expected results of asv; without this file they are measured anew") from None


def _recorded(folder: Path) -> dict[str, str]:
    """What `benchmarks.run` recorded of the libraries in use; all of it where they changed in between."""
    values: dict[str, dict[str, None]] = defaultdict(dict)
    for one in read_conditions(folder.with_name(f"{folder.name}.json")):
        for key, value in one.items():
            values[str(key)][str(value)] = None
    return {key: " and ".join(distinct) for key, distinct in values.items()}


def read_conditions(path: Path) -> list[dict[str, Any]]:
    """What was recorded in a file; nothing where it is missing or damaged, so that a long job does not end there."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else []


def _facts(results: Any) -> dict[str, str]:
    facts = {"python": results._python, **results.params, **results.env_vars}
    return {str(key): str(value) for key, value in facts.items() if value}


def here() -> Setting:
    """The setting of this machine, with the environment that ``asv.conf.json`` describes."""
    from asv.config import Config
    from asv.environment import get_environments
    from asv.machine import Machine

    (environment,) = get_environments(Config.load(str(ROOT / "asv.conf.json")), [])
    return Setting(Machine.get_unique_machine_name(), environment.name)


def choose(runs: Runs, commits: tuple[str, ...] = ()) -> Setting:
    """The setting to report on: this one where it has results of the commits, or else the one that has most.

    Raises
    ------
    ValueError
        Where there are no results at all.
    """
    if not runs:
        raise ValueError("no results: expected `tox -e bench` or `asv run` to have been run")

    def rank(setting: Setting) -> tuple[int, bool, int, str]:
        found = runs[setting]
        shared = sum(commit in found for commit in commits)
        return shared, setting == mine, sum(len(run.series) for run in found.values()), str(setting)

    mine = here()
    return max(runs, key=rank)


def load_series(commit: str, folder: Path) -> dict[str, Measurement]:
    """Every series of a commit that was measured on this machine, by name."""
    run = read(folder, commit).get(here(), {}).get(commit)
    return {series.name: one for series, one in run.series.items() if not series.derived} if run else {}
