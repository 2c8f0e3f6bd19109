"""The README's figures, from asv's results: tables of the first version and now, and two plots."""

import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import OPERATIONS
from benchmarks.heap.files import write_atomically
from benchmarks.heap.units import format_bytes, seconds, short
from benchmarks.run import suite
from benchmarks.site.commits import Commit, CommitError, resolve, resolve_range
from benchmarks.site.results import Measurement, load_series

START, END = "<!-- figures -->", "<!-- /figures -->"

# Rows of the first table: what it says, the class that asv knows the operation by, and parameters as asv writes them.
ROWS = (
    ("match 10x5", "match.Match", "'10x5', 'real'"),
    ("match 100x50", "match.Match", "'100x50', 'real'"),
    ("match 200x100", "match.Match", "'200x100', 'real'"),
    ("score 100x50", "score.Score", "'100x50'"),
    ("similarity 100x50", "similarity.Similarity", "'100x50'"),
    ("batch of 100 pairs", "batch.Batch", "100"),
)
STORY = "'100x50', 'real'"  # parameters of the match whose story is drawn
SIZES, JOBS = OPERATIONS["rank"].params.values()
COLOURS = ("#0072b2", "#d55e00")


@dataclass(frozen=True)
class Measured:
    """A commit and its results.

    Parameters
    ----------
    commit : Commit
        The commit.
    series : mapping
        From names of series to what was measured.
    """

    commit: Commit
    series: Mapping[str, Measurement]

    def value(self, name: str) -> float | None:
        """The value of a series; None where there is none."""
        found = self.series.get(name)
        return found.value if found and found.measured else None

    def version(self, name: str) -> str | None:
        """What asv says the version of a series is."""
        return self.series[name].version if name in self.series else None


def load() -> list[Measured]:
    """The commits that have results on this machine, the first version first.

    Raises
    ------
    CommitError
        Where the first version has no results, or no later commit has.
    """
    first = resolve("first")
    hashes = [first.hash, *resolve_range(f"{first.hash}..HEAD")]
    results = suite.STATE / "results"
    found = [Measured(Commit(one[:7], one), load_series(one, results)) for one in hashes]
    measured = [one for one in found if one.series]
    if len(measured) < 2 or measured[0].commit.hash != first.hash:
        raise CommitError(f"no results in {results}: expected `tox -e bench` and `tox -e history` to have been run")
    return measured


def newest(measured: Sequence[Measured]) -> Measured:
    """The newest of the commits whose results have the most of the tables: some were run in part, or for their heap."""
    names = [name for _, row, params in ROWS for name in _row(row, params)]
    names += [name for size, _, series in _ranks() if size != SIZES[-1] for name in series.values()]  # only on demand
    names += [name for _, series in _builds() for name in series]
    return max(reversed(measured[1:]), key=lambda one: sum(name in one.series for name in names))


def _before_and_after(first: Measured, now: Measured, name: str, shown: Any) -> str:
    before, after = first.value(name), now.value(name)
    if after is None:
        return "-"
    if before is None or first.version(name) != now.version(name):
        return shown(after)
    return f"{shown(before)} → {shown(after)}"


def _times_as_fast(first: Measured, now: Measured, name: str) -> str:
    before, after = first.value(name), now.value(name)
    if before is None or after is None or first.version(name) != now.version(name):
        return "-"
    return f"{short(before / after)}x as fast"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    align = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)]


def tables(measured: Sequence[Measured]) -> str:
    """The figures of the first version and of the newest commit that has them, as Markdown."""
    first, now = measured[0], newest(measured)
    rows = []
    for title, name, params in ROWS:
        time, *heap = _row(name, params)
        shown = ("{:,.0f}".format, format_bytes, format_bytes)
        cells = (_before_and_after(first, now, series, show) for series, show in zip(heap, shown, strict=True))
        rows.append([title, _times_as_fast(first, now, time), *cells])
    lines = _table(["first version → now", "time", "allocations", "allocated bytes", "peak heap"], rows)
    ranks = [
        [f"{size:,}", job, *_cells(map(now.value, series.values()), (seconds, short, format_bytes))]
        for size, job, series in _ranks()
        if now.value(series["time"]) is not None
    ]
    builds = [
        [f"{size:,}", *_cells(map(now.value, series), (seconds, short, "{:,.0f}".format, format_bytes))]
        for size, series in _builds()
        if now.value(series[0]) is not None
    ]
    for head, shown_rows in (
        (["rank, candidates", "job", "time", "times the bare pass", "peak heap"], ranks),
        (["pool from JSON Lines, candidates", "time", "times `json.loads`", "allocations", "peak heap"], builds),
    ):
        if shown_rows:
            lines += ["", *_table(head, shown_rows)]
    return "\n".join([*lines, "", f"The first version is {first.commit.hash[:7]}, now is {now.commit.hash[:7]}."])


def _cells(values: Iterable[float | None], shown: Sequence[Any]) -> list[str]:
    return ["-" if value is None else show(value) for value, show in zip(values, shown, strict=True)]


def _row(name: str, params: str) -> list[str]:
    """Series of a row of the first table: the time, and those of the heap."""
    heap = ("allocations", "allocated_bytes", "peak_heap")
    return [f"{name}.time_run({params})", *(f"{name}Heap.track_{what}({params})" for what in heap)]


def _builds() -> list[tuple[int, list[str]]]:
    """Series of `pool_build` by size."""
    series = ("PoolBuild.time_run", "PoolBuild.track_ratio_to_parsing")
    series += ("PoolBuildHeap.track_allocations", "PoolBuildHeap.track_peak_heap")
    sizes = OPERATIONS["pool_build"].params["n_candidates"]
    return [(size, [f"pool_build.{one}({size})" for one in series]) for size in sizes]


def _ranks() -> list[tuple[int, str, dict[str, str]]]:
    """Series of `rank` by size and job."""
    found = []
    for size in SIZES:
        name = "rank.RankMillion" if size == SIZES[-1] else "rank.Rank"
        for job in JOBS:
            params = f"({size}, {job!r})"
            series = {
                "time": f"{name}.time_run{params}",
                "bare pass": f"{name}.track_ratio_to_bare_pass{params}",
                "peak": f"{name}Heap.track_peak_heap{params}",
            }
            found.append((size, job, series))
    return found


def write_block(path: Path, text: str) -> None:
    """Put text between the two marks of a file; the file is written whole or not at all.

    Raises
    ------
    CommitError
        Where the file cannot be read or written, or does not have each mark once, in order.
    """
    try:
        content = path.read_text("utf-8")
        before, start, rest = content.partition(START)
        _, end, after = rest.partition(END)
        if not end or START in rest or END in before + after:
            raise CommitError(f"{str(path)!r}: expected {START} and {END}, once each and in this order")
        write_atomically(path, f"{before}{start}\n\n{text}\n\n{end}{after}")
    except (OSError, UnicodeDecodeError) as error:
        raise CommitError(f"cannot rewrite {str(path)!r}: {error}") from None


def plots(measured: Sequence[Measured], folder: Path) -> list[Path]:
    """Draw both plots as SVG files in a folder, which is made where it is missing.

    Raises
    ------
    CommitError
        Where matplotlib is missing, or a file cannot be written.
    """
    drawn = {"history.svg": _draw_history(measured), "rank.svg": _draw_rank(newest(measured))}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in drawn.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise CommitError(f"cannot write to {str(folder)!r}: {error.strerror or error}") from None
    return [folder / name for name in drawn]


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CommitError("matplotlib is not installed: plots need `pip install '.[memory-profiling]'`") from None
    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Any) -> bytes:
    import matplotlib

    stream = io.BytesIO()
    # without a date and random ids the same figures give the same file
    with matplotlib.rc_context({"svg.hashsalt": "competency"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _draw_history(measured: Sequence[Measured]) -> bytes:
    """Allocations and time of a match by commit, as shares of the first version's."""
    figure = _figure(8, 4.8)
    panel = figure.subplots()
    series = {"allocations": "match.MatchHeap.track_allocations", "time": "match.Match.time_run"}
    now = newest(measured)
    for (label, name), colour in zip(series.items(), COLOURS, strict=True):
        name = f"{name}({STORY})"
        points = [(place, value) for place, one in enumerate(measured) if (value := one.value(name)) is not None]
        points = [point for point in points if measured[point[0]].version(name) == now.version(name)]
        if points and points[0][0] == 0:
            panel.plot(*zip(*((x, y / points[0][1]) for x, y in points), strict=True), "o-", color=colour, label=label)
    panel.set(yscale="log", ylabel="share of the first version", title="A match of 100 x 50 skills, commit by commit")
    labels = [one.commit.subject for one in measured]
    shown = [label if len(label) <= 40 else f"{label[:38]} ..." for label in labels]
    panel.set_xticks(range(len(measured)), shown, rotation=40, ha="right", fontsize="x-small", parse_math=False)
    panel.grid(alpha=0.3)
    if panel.lines:
        panel.legend()
    return _svg(figure)


def _draw_rank(now: Measured) -> bytes:
    """Time and peak heap of `rank` against the size of the pool."""
    figure = _figure(8, 3.6)
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    panels = figure.subplots(1, 2)
    for panel, key, factor, label in zip(
        panels, ("time", "peak"), (1e3, 1e-6), ("time (ms)", "peak heap (MB)"), strict=True
    ):
        shown: list[float] = []
        for job, colour in zip(JOBS, COLOURS, strict=True):
            points = [(size, now.value(series[key])) for size, one, series in _ranks() if one == job]
            measured = [(size, factor * value) for size, value in points if value is not None]
            if measured:
                panel.plot(*zip(*measured, strict=True), "o-", color=colour, label=job)
                panel.legend(loc="upper left")
                shown += [value for _, value in measured]
        panel.set(xscale="log", yscale="log", xlabel="candidates in the pool", ylabel=label)
        if shown:  # whole decades, so that what hardly grows looks so
            panel.set_ylim(10 ** math.floor(math.log10(min(shown))), 10 ** (math.floor(math.log10(max(shown))) + 1))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
            axis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3)
    return _svg(figure)


def figures(readme: Path | None, folder: Path | None) -> str:
    """The Markdown of the figures; also written into a file, and drawn into a folder, where these are given."""
    measured = load()
    text = tables(measured)
    if folder is not None:
        base = readme.parent if readme else Path()
        links = [f"![{path.stem}]({Path(os.path.relpath(path, base)).as_posix()})" for path in plots(measured, folder)]
        text = "\n".join([text, "", *links])
    if readme is not None:
        write_block(readme, text)
    return text
