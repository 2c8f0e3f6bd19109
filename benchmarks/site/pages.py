"""The report as pages: one that shows any pair of commits, its data in packed files, and the profiles beside it.

``data/site.js`` holds the commits, ``data/N.js`` all series of the Nth setting (machine and environment), and
``data/N/`` a file for each commit with samples and power laws, and one for each pair with the verdicts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.heap.files import write_atomically
from benchmarks.heap.html import SharedLibrary, page, script_hash
from benchmarks.heap.tree import printable
from benchmarks.site import comparison, stats, text
from benchmarks.site.commits import FIRST, History
from benchmarks.site.hotspots import Hotspots, load_profile, recorded
from benchmarks.site.pack import UNPACK, compact, write_packed
from benchmarks.site.report import Report, facts, report, title
from benchmarks.site.results import FAMILIES, HEADLINE, Measurement, Run, Runs, Series, Setting

TRENDS = "../index.html"  # from the report's page
# What the page runs, in this order: what it is made of, a file for each view, and what begins it.
SCRIPTS = (
    "elements", "state", "filters", "charts",
    "summary", "table", "distributions", "growth", "hotspots", "history", "method",
    "start",
)  # fmt: skip


def _number(value: float | None, digits: int = 6) -> float | int | None:
    """A figure with so many digits, or all of them where it is a count."""
    if value is None or value != value:
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else float(f"{value:.{digits}g}")


def pairs(measured: Sequence[str], known: History, baselines: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pairs that are compared beforehand: each baseline with each commit, and neighbours on this branch.

    Parameters
    ----------
    measured : sequence of str
        Hashes, in order.
    """
    named = [commit for commit in dict.fromkeys(baselines.values()) if commit in measured]
    branch = [commit for commit in measured if commit in known.places]
    found = [(base, commit) for base in named for commit in measured if base != commit]
    found += pairwise(branch)
    return sorted(set(found), key=lambda pair: (measured.index(pair[1]), measured.index(pair[0])))


def default_pair(measured: Sequence[str], known: History, baselines: Mapping[str, str]) -> tuple[str, str] | None:
    """The first version and the newest commit, or what comes nearest to that."""
    branch = [commit for commit in measured if commit in known.places] or list(measured)
    base = baselines.get(FIRST, "")
    before = base if base in measured else branch[0]
    after = next((commit for commit in reversed(branch) if commit != before), None)
    return (before, after) if after else None


class _Setting:
    """The files of one machine and environment."""

    def __init__(self, folder: Path, place: int, setting: Setting, runs: Mapping[str, Run], known: History) -> None:
        self.folder = folder
        self.place = place
        self.setting = setting
        self.runs = runs
        self.known = known
        self.measured = known.order(runs)
        self.series = sorted({series for run in runs.values() for series in run.series}, key=comparison.order)
        self.index = {series: place for place, series in enumerate(self.series)}
        self.groups = comparison.groups(self.series)

    def _write(self, name: str, data: Any) -> None:
        write_packed(self.folder / "data" / f"{name}.js", name, compact(data))

    def write_series(self) -> None:
        """Every series over all commits, its steps, and which series differ in their size only."""
        rows = []
        for series in self.series:
            found = [self.runs[commit].series.get(series) for commit in self.measured]
            versions = list(dict.fromkeys(one.version for one in found if one and one.measured))
            rows.append({
                "name": printable(series.name),
                "benchmark": printable(series.benchmark),
                "component": printable(series.component),
                "operation": printable(series.operation),
                "family": series.family.key,
                "size": series.size,
                "values": [_number(one.value) if one and one.measured else None for one in found],
                "failed": [place for place, one in enumerate(found) if one and one.value is None],
                "versions": [versions.index(one.version) if one and one.measured else 0 for one in found]
                if len(versions) > 1
                else [],
                "steps": list(self._steps(series, found)),
            })  # fmt: skip
        groups = [
            {"operation": printable(operation), "family": family, "sizes": list(sizes), "series": self._places(sizes)}
            for (operation, family), sizes in self.groups.items()
        ]
        self._write(str(self.place), {"series": rows, "groups": groups})

    def _places(self, sizes: Mapping[int, Series]) -> list[int]:
        return [self.index[series] for series in sizes.values()]

    def _steps(self, series: Series, found: Sequence[Measurement | None]) -> Iterator[tuple[int, int, Any, Any]]:
        """Place of the commit before and of the one that brought a step, and both levels; on this branch only."""
        family = series.family
        branch = [
            (place, one)
            for place, (commit, one) in enumerate(zip(self.measured, found, strict=True))
            if one is not None and one.measured and commit in self.known.places
        ]
        for version in dict.fromkeys(one.version for _, one in branch):
            kept = [(place, one.value) for place, one in branch if one.version == version and one.value is not None]
            if len(kept) < 2 or family.key == "deviation":
                continue
            places, values = zip(*kept, strict=True)
            for after, low, high in stats.steps(values, exact=family.exact, threshold=family.threshold):
                # what asv takes for a step of a noisy series must hold between the two commits as well
                (row,) = comparison.judge([(series, found[places[after - 1]], found[places[after]])])
                if not family.better or row.verdict in ("improved", "regressed"):
                    yield places[after - 1], places[after], _number(low), _number(high)

    def write_commit(self, commit: str) -> None:
        """Samples of the timings and power laws of the groups on one commit."""
        run = self.runs[commit]
        laws = [comparison.law(run, sizes) for sizes in self.groups.values()]
        data = {
            "samples": {
                self.index[series]: [float(f"{sample:.4g}") for sample in one.samples]
                for series, one in run.series.items()
                if series.family.sampled and one.samples
            },
            "laws": [[_number(one) for one in (law.exponent, law.low, law.high, law.scale)] if law else None
                     for law in laws],
            "facts": {printable(key): printable(value) for key, value in facts(run).items()},
        }  # fmt: skip
        self._write(f"{self.place}/{commit[:10]}", data)

    def write_pair(self, made: Report) -> None:
        """The verdicts on a pair, and what its summary says."""
        compared = made.comparison
        reasons: dict[str, int] = {}
        rows = []
        for row in compared.rows:
            cells = [self.index[row.series], comparison.VERDICTS.index(row.verdict),
                     reasons.setdefault(row.reason, len(reasons))]  # fmt: skip
            if row.evidence:
                evidence = row.evidence
                cells += map(_number, (evidence.low, evidence.high, evidence.p))
            rows.append(cells)
        data = {
            "rows": rows,
            "reasons": list(reasons),
            "counts": compared.counts,
            "chance": text.chance(made),
            "means": [
                [printable(component), key, _number(mean, 10), n]
                for (component, key), (mean, n) in compared.means.items()
            ],
            "targets": [{**asdict(one), "answer": one.answer} for one in compared.targets],
            "warnings": [printable(warning) for warning in made.warnings],
            "hotspots": [self._hotspots(spot, made) for spot in made.hotspots],
        }
        before, after = compared.before.commit, compared.after.commit
        self._write(f"{self.place}/{before[:10]}-{after[:10]}", data)

    def _profile_name(self, operation: str, *commits: str) -> str:
        """A file's name; what is in it is plain, whatever the operation is called."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", operation)[:60]
        return f"profiles/{self.place}-{plain}-{'-'.join(commit[:10] for commit in commits)}.html"

    def _hotspots(self, spot: Hotspots, made: Report) -> dict[str, Any]:
        commits = made.comparison.before.commit, made.comparison.after.commit
        name = self._profile_name(spot.operation, *commits)
        self._write_profile(name, page(spot.after, spot.before, self._shared(*commits)))
        return {
            "operation": printable(spot.operation),
            "pages": [name, *(self._profile_name(spot.operation, commit) for commit in commits)],
            "totals": [[one.total(metric) for metric in ("total_bytes", "total_blocks", "peak_bytes")]
                       for one in (spot.before, spot.after)],
            "sites": [
                [
                    printable(change.site.frame.function),
                    printable(change.site.frame.file),
                    change.site.frame.line,
                    change.status,
                    *(one and one.total_bytes for one in (change.before, change.after)),
                    *(one and one.total_blocks for one in (change.before, change.after)),
                ]
                for change in spot.changes
            ],
        }  # fmt: skip

    def _shared(self, *commits: str) -> SharedLibrary:
        back = "../index.html"
        if len(commits) == 2:
            back += f"#before={commits[0][:10]}&after={commits[1][:10]}&view=hotspots"
        links = {back: "Report: before and after", f"../{TRENDS}": "Trends"}
        titles = [title("", commit, self.known.subjects) for commit in commits]
        return SharedLibrary("../library.js", UNPACK.read_text("utf-8"), links, titles)

    def write_profiles(self, results: Path) -> None:
        """A page for each profile that was recorded."""
        for commit in self.measured:
            for operation, path in recorded(results, self.setting, commit).items():
                profile = load_profile(path)
                if profile:
                    self._write_profile(
                        self._profile_name(operation, commit), page(profile, shared=self._shared(commit))
                    )

    def _write_profile(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


def write(folder: Path, runs: Runs, results: Path, known: History, baselines: Mapping[str, str], project: str) -> None:
    """Write the report's page and all its data.

    Parameters
    ----------
    folder : Path
        Where to; made where it is missing.
    runs : dict
        All results.
    results : Path
        asv's folder of results.
    known : History
        What git knows of the commits.
    baselines : mapping of str to str
        Names and full hashes of commits to compare with.
    project : str
        Its name.
    """
    from plotly.offline import get_plotlyjs

    commits = known.order({commit for found in runs.values() for commit in found})
    settings = []
    for place, (setting, found) in enumerate(sorted(runs.items(), key=lambda item: -sum(map(_size, item[1].values())))):
        files = _Setting(folder, place, setting, found, known)
        files.write_series()
        files.write_profiles(results)
        for commit in files.measured:
            files.write_commit(commit)
        compared = pairs(files.measured, known, baselines)
        for pair in compared:
            files.write_pair(report(runs, setting, pair, pair, results))
        settings.append({
            "machine": printable(setting.machine),
            "environment": printable(setting.environment),
            "measured": [commits.index(commit) for commit in files.measured],
            "pairs": [[commits.index(commit) for commit in pair] for pair in compared],
            "default": [commits.index(one) for one in default_pair(files.measured, known, baselines) or ()],
        })  # fmt: skip
    data = {
        "project": project,
        "trends": TRENDS,
        "commits": [
            {
                "hash": commit,
                "subject": printable(known.subjects.get(commit, "")),
                "date": known.dates.get(commit),
                "place": known.places.get(commit),
                "names": [printable(name) for name, one in baselines.items() if one == commit],
            }
            for commit in commits
        ],
        "settings": settings,
        "families": {key: {**asdict(family), "exact": family.exact} for key, family in FAMILIES.items()},
        "headline": HEADLINE,
        "verdicts": comparison.VERDICTS,
        "alpha": stats.ALPHA,
    }
    write_packed(folder / "data" / "site.js", "site", compact(data))
    write_packed(folder / "library.js", "plotly", get_plotlyjs())
    write_atomically(folder / "index.html", _page(get_plotlyjs(), project))


def _size(run: Run) -> int:
    return len(run.series)


def _page(library: str, project: str) -> str:
    from html import escape

    here = Path(__file__).parent
    template, style = (here.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css"))
    script = "\n".join(here.joinpath("scripts", f"{name}.js").read_text("utf-8") for name in SCRIPTS)
    loader = UNPACK.read_text("utf-8")
    parts = {
        "project": escape(project),
        "scripts": " ".join(map(script_hash, (library, loader, script))),
        "style": style,
        "loader": loader,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
