"""One comparison of two commits, as plain data: every report only formats it."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.heap.growth import GrowthError, Law, fit
from benchmarks.heap.units import percent
from benchmarks.site import stats
from benchmarks.site.results import FAMILIES, Measurement, Run, Series

# How a row can end, in the order of every list.
VERDICTS = (
    "improved",
    "regressed",
    "no change",
    "not enough data",
    "new",
    "gone",
    "failed",
    "not comparable",
    "not measured",
    "not judged",
)
BAD = ("regressed", "failed")

# What the deviation from the first version's figures may be (see accuracy.py): less is rounding.
ALLOWED = {"track_score_deviation": 1e-9, "track_interval_deviation": 1e-6}
# A process's peak is known no better than this share of its reference, however small the difference is.
PROCESS_NOISE = 0.01
# Spread of timings from which on a report says so.
BUSY = 0.2
# Share of the series with results of one commit only from which on a report says so.
PART = 0.2


@dataclass(frozen=True)
class Row:
    """One series on two commits.

    Parameters
    ----------
    series : Series
        What was measured.
    before, after : Measurement or None
        None where the series does not exist on that commit.
    verdict : str
        One of `VERDICTS`.
    reason : str
        What the verdict rests on.
    evidence : Evidence or None
        What samples say, where both commits have enough.
    """

    series: Series
    before: Measurement | None
    after: Measurement | None
    verdict: str
    reason: str
    evidence: stats.Evidence | None = None

    @property
    def ratio(self) -> float | None:
        """After to before; None where there is none, or where versions differ."""
        old, new = _value(self.before), _value(self.after)
        if old is None or new is None or old <= 0 or new < 0 or self.verdict == "not comparable":
            return None
        return new / old

    @property
    def counted(self) -> bool:
        """Whether it stands for itself: derived figures repeat what others say."""
        return not self.series.derived


@dataclass(frozen=True)
class Target:
    """What competency-api's guide asks of an optimisation, and what was reached.

    Parameters
    ----------
    label : str
        What is to go down.
    family : str
        Key of the family that shows it.
    least, most : float
        By which share.
    reached : float or None
        The share by which the geometric mean went down; None where nothing was comparable.
    best, worst : float or None
        The share of the series that fell most, and least.
    n_series : int
        How many series were comparable.
    """

    label: str
    family: str
    least: float
    most: float
    reached: float | None = None
    best: float | None = None
    worst: float | None = None
    n_series: int = 0

    @property
    def answer(self) -> str:
        """Whether it was met."""
        if self.reached is None:
            return "not measured"
        return "not met" if self.reached < self.least else "met" if self.reached <= self.most else "met, and exceeded"


TARGETS = (Target("peak memory", "peak", 0.2, 0.3), Target("allocations", "allocations", 0.4, 0.5))


@dataclass(frozen=True)
class Growth:
    """How a metric grows with the size of the input, on two commits.

    Parameters
    ----------
    operation : str
        Component and the parameters beside the size.
    family : str
        Key of the family.
    sizes : tuple of int
        In ascending order.
    series : tuple of Series
        One for each size.
    laws : tuple of Law or None
        The power laws before and after; None where fewer than three sizes were measured.
    """

    operation: str
    family: str
    sizes: tuple[int, ...]
    series: tuple[Series, ...]
    laws: tuple[Law | None, Law | None]


@dataclass(frozen=True)
class Comparison:
    """Two commits, measured in the same setting.

    Parameters
    ----------
    before, after : Run
        Their results.
    rows : tuple of Row
        By component, family and size.
    """

    before: Run
    after: Run
    rows: tuple[Row, ...]
    targets: tuple[Target, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(_reached(target, self.rows) for target in TARGETS))

    @property
    def counts(self) -> dict[str, int]:
        """How many series ended how, derived ones not counted."""
        found = Counter(row.verdict for row in self.rows if row.counted)
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}

    @property
    def means(self) -> dict[tuple[str, str], tuple[float, int]]:
        """Geometric mean of the ratios and their number, by component and family; the component "" is all of them.

        Rows of too few data are left out.
        """
        ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
        for row in self.rows:
            if row.ratio and row.verdict != "not enough data":
                for component in ("", row.series.component):
                    ratios[component, row.series.family.key].append(row.ratio)
        found = {key: (stats.geometric_mean(values), len(values)) for key, values in ratios.items()}
        return {key: (mean, n) for key, (mean, n) in found.items() if mean is not None}

    @property
    def components(self) -> list[str]:
        """Components that have a row, in order."""
        return list(dict.fromkeys(row.series.component for row in self.rows))

    @property
    def tested(self) -> int:
        """How many verdicts rest on a test, and may be wrong by chance."""
        return sum(row.evidence is not None for row in self.rows)


def _value(one: Measurement | None) -> float | None:
    return one.value if one is not None and one.measured else None


def _reached(target: Target, rows: Iterable[Row]) -> Target:
    ratios = [row.ratio for row in rows if row.series.family.key == target.family and row.ratio]
    mean = stats.geometric_mean(ratios)
    if mean is None:
        return target
    shares = (1 - mean, 1 - min(ratios), 1 - max(ratios), len(ratios))
    return Target(target.label, target.family, target.least, target.most, *shares)


def _judge(series: Series, before: Measurement | None, after: Measurement | None) -> tuple[str, str]:
    """The verdict on a series and what it rests on, by everything but a test of its samples."""
    if before is None and after is None:
        return "not measured", "on neither commit"
    if after is None:
        assert before is not None
        if before.measured:
            return "gone", "measured on the commit before only"
        return "not measured", "on neither commit"
    if before is None:
        if after.value is None:
            return "failed", "failed on the commit after, which alone has it"
        return ("new", "measured on the commit after only") if after.measured else ("not measured", "on neither commit")
    if after.value is None:
        return "failed", "failed on both commits" if before.value is None else "failed on the commit after"
    if not after.measured:
        return ("gone", "skipped on the commit after") if before.measured else ("not measured", "skipped or failed")
    if not before.measured:
        return "new", "failed on the commit before" if before.value is None else "skipped on the commit before"
    if before.version != after.version:
        return "not comparable", "the benchmark has another version"
    family = series.family
    assert before.value is not None
    if not family.better:
        return "not judged", "neither direction is better by itself"
    if family.key == "deviation":
        allowed = ALLOWED.get(series.method, 0.0)
        reason = f"exact; up to {allowed:g} is rounding"
        return _direction(max(after.value - allowed, 0) - max(before.value - allowed, 0), family.better), reason
    change = after.value - before.value
    if family.exact:
        return _direction(change if abs(change) > family.chance * abs(before.value) else 0, family.better), "exact"
    margin = family.threshold * abs(before.value)
    if family.sampled:
        samples = before.samples, after.samples
        if not stats.enough(*map(len, samples)) or min(map(min, samples)) <= 0:
            return "not enough data", f"{len(before.samples)} and {len(after.samples)} samples: too few"
    reason = f"one value a commit; noise: {percent(family.threshold)}"
    if before.reference is not None:
        margin = max(margin, PROCESS_NOISE * before.reference)
        reason += f", or {percent(PROCESS_NOISE)} of the reference"
        if before.value <= 0 or after.value <= 0:
            return "not enough data", "no more than its reference"
    return _direction(change if abs(change) > margin else 0, family.better), reason


def _direction(change: float, better: int) -> str:
    return "no change" if not change else "improved" if (change > 0) == (better > 0) else "regressed"


Pair = tuple[Series, Measurement | None, Measurement | None]


def judge(pairs: Sequence[Pair]) -> list[Row]:
    """Compare series on two commits: each with what was measured before and after."""
    rows = [Row(*pair, *_judge(*pair)) for pair in pairs]
    tested = [place for place, row in enumerate(rows) if _is_testable(row)]
    found = stats.compare([(_samples(rows[place].before), _samples(rows[place].after)) for place in tested])
    for place, evidence in zip(tested, found, strict=True):
        rows[place] = _with_evidence(rows[place], evidence)
    return rows


def _samples(one: Measurement | None) -> stats.Samples:
    return one.samples if one else ()


def _is_testable(row: Row) -> bool:
    """Whether the verdict rests on samples, and these are enough."""
    return row.series.family.sampled and row.verdict in ("improved", "regressed", "no change")


def _with_evidence(row: Row, evidence: stats.Evidence) -> Row:
    threshold = row.series.family.threshold
    if evidence.p >= stats.ALPHA:
        return replace(row, evidence=evidence, verdict="no change", reason=f"p is not below {stats.ALPHA}")
    place = "within" if row.verdict == "no change" else "beyond"
    return replace(row, evidence=evidence, reason=f"p < {stats.ALPHA}, {place} {percent(threshold)} of noise")


def order(series: Series) -> tuple[object, ...]:
    """Sorts series by component, correctness last, then by family, then by parameters, numbers by their value."""
    params = tuple((series.size or 0, text) if place == 0 else (0, text) for place, text in enumerate(series.values))
    return (
        series.component == "accuracy",
        series.component,
        list(FAMILIES).index(series.family.key),
        series.benchmark,
        params,
    )


def compare(before: Run, after: Run) -> Comparison:
    """Compare two commits, series by series."""
    found = sorted(before.series.keys() | after.series.keys(), key=order)
    pairs = [(series, before.series.get(series), after.series.get(series)) for series in found]
    return Comparison(before, after, tuple(judge(pairs)))


# ---------------------------------------------------------------------------------------------------------------------
# Growth.


def groups(series: Iterable[Series]) -> dict[tuple[str, str], dict[int, Series]]:
    """Series that differ in their size only, by operation and family; those of three sizes or more."""
    found: dict[tuple[str, str], dict[int, Series]] = defaultdict(dict)
    for one in series:
        if one.size is None or one.family.key in ("exponent", "deviation", "mean", "skill", "other"):
            continue
        place = next(place for place, text in enumerate(one.values) if text.split("x")[0] == str(one.size))
        rest = [text for other, text in enumerate(one.values) if other != place]
        # a file may hold several operations; RankMillion goes on where Rank ends
        if one.face and not one.face.lower().startswith(one.component.replace("_", "")):
            rest.append(f"({one.face})")
        found[" ".join([one.component, *rest]), one.family.key][one.size] = one
    return {key: dict(sorted(sizes.items())) for key, sizes in sorted(found.items()) if len(sizes) >= 3}


def law(run: Run, sizes: Mapping[int, Series]) -> Law | None:
    """The power law of a group on one commit."""
    points = [(size, _value(run.series.get(series))) for size, series in sizes.items()]
    measured = [(size, value) for size, value in points if value is not None]
    try:
        return fit(*zip(*measured, strict=True)) if measured else None
    except GrowthError:
        return None


def growth(comparison: Comparison) -> list[Growth]:
    """How each operation grows on both commits."""
    found = []
    for (operation, family), sizes in groups(row.series for row in comparison.rows).items():
        laws = law(comparison.before, sizes), law(comparison.after, sizes)
        if any(laws):
            found.append(Growth(operation, family, tuple(sizes), tuple(sizes.values()), laws))
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Conditions.


def spread(run: Run) -> float | None:
    """The median spread of samples, over all timings of a commit."""
    found = sorted(filter(None, (stats.noise(one.samples) for one in run.series.values())))
    return found[len(found) // 2] if found else None


def busy_machine(before: Run, after: Run) -> list[str]:
    """A sentence where timings scatter so much that only large changes show."""
    found = [noise for noise in map(spread, (before, after)) if noise is not None]
    if max(found, default=0.0) < BUSY:
        return []
    return [
        f"timings scatter by {' and '.join(map(percent, found))}: on so busy a machine only large changes of time show"
    ]


def sample_counts(run: Run) -> tuple[int, int] | None:
    """The least and the greatest number of samples of a timing."""
    counts = [len(one.samples) for series, one in run.series.items() if series.family.sampled and one.measured]
    return (min(counts), max(counts)) if counts else None


def run_in_part(compared: Comparison) -> list[str]:
    """A sentence where many series have results of one commit only, on which the other was not even skipped.

    Benchmarks are those of this checkout, whatever the commit: they do not come and go with it.
    """
    rows = [row for row in compared.rows if row.counted]
    lacking = {"before": sum(row.after is None for row in rows), "after": sum(row.before is None for row in rows)}
    if sum(lacking.values()) <= PART * len(rows):
        return []
    found = ", ".join(f"{number:,} on the commit {side} only" for side, number in lacking.items() if number)
    return [f"measured in part: of {len(rows):,} series, {found}; what is new or gone need not be so"]


def different_conditions(before: Run, after: Run) -> list[str]:
    """What was not the same when two commits were measured; one sentence each."""
    said = []
    for key in sorted(before.facts.keys() & after.facts.keys()):
        old, new = before.facts[key], after.facts[key]
        if (
            old != new and not (f"{old}.").startswith(f"{new}.") and not (f"{new}.").startswith(f"{old}.")
        ):  # 3.11, 3.11.7
            said.append(f"{key} was {old}, then {new}")
    if unknown := sorted(before.facts.keys() ^ after.facts.keys()):
        said.append(f"recorded of one commit only: {', '.join(unknown)}")
    if before.dates and after.dates:
        gap = max(before.dates[0] - after.dates[1], after.dates[0] - before.dates[1], 0)
        if gap > 24 * 3600:
            said.append(f"measured {math.ceil(gap / 86400):,} days apart: compare times with care")
    return said
