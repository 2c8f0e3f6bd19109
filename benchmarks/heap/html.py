"""One page of HTML for a profile, or for two and their difference; a browser needs nothing else to show it.

The page is ``page.html`` and ``page.js``. Names of functions, files and commands are not trusted: they stand in it as
text only, and its Content-Security-Policy lets nothing be loaded, and no script run but the two that it comes with.
"""

import base64
import hashlib
import json
import operator
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.heap.diff import Change, compare
from benchmarks.heap.profile import METRICS, Frame, Profile, ProgramPoint, Site, sites
from benchmarks.heap.tree import printable
from benchmarks.heap.units import format_bytes, ratio

__all__ = ["THRESHOLD", "SharedLibrary", "embedded", "page", "script_hash"]

THRESHOLD = 0.001  # share of a total; frames that are smaller by every metric are merged


def _flame_graph(profile: Profile) -> dict[str, Any]:
    """The stacks, merged from their outermost frames inwards, as columns of nodes; a parent stands before its children.

    A node without a frame is the whole (the first), or stands for as many small branches as `merged` says.
    """
    figures = operator.attrgetter(*METRICS)
    totals = [profile.total(metric) for metric in METRICS]
    frames: dict[Frame, int] = {}
    nodes: list[tuple[Any, ...]] = []
    pending: list[tuple[int, int, int, list[int], Sequence[ProgramPoint]]] = [(-1, -1, 0, totals, profile.points)]
    while pending:
        parent, frame_index, depth, sums, points = pending.pop()
        node = len(nodes)
        nodes.append((parent, frame_index, 0, *sums))
        groups: dict[Frame, list[ProgramPoint]] = defaultdict(list)
        for point in points:
            if len(point.frames) > depth:
                groups[point.frames[-1 - depth]].append(point)
        small = []
        for frame, group in groups.items():
            sums = list(map(sum, zip(*map(figures, group), strict=True)))
            if any(value and value >= THRESHOLD * total for value, total in zip(sums, totals, strict=True)):
                pending.append((node, frames.setdefault(frame, len(frames)), depth + 1, sums, group))
            else:
                small.append(sums)
        if small:
            nodes.append((node, -1, len(small), *map(sum, zip(*small, strict=True))))
    parents, indices, merged, *values = map(list, zip(*nodes, strict=True))
    return {
        "frames": [(printable(frame.function), printable(frame.file), frame.line) for frame in frames],
        "parent": parents,
        "frame": indices,
        "merged": merged,
        "values": dict(zip(METRICS, values, strict=True)),
    }


def _place(frame: Frame) -> tuple[str, str, int | None]:
    return printable(frame.function), printable(frame.file), frame.line or None


def _site_row(site: Site) -> tuple[Any, ...]:
    mean = round(site.total_bytes / site.total_blocks, 1) if site.total_blocks else None
    return *_place(site.frame), site.total_bytes, site.total_blocks, mean, site.peak_bytes, site.end_bytes


def _change_row(change: Change) -> tuple[Any, ...]:
    figures: list[int | None] = []
    for metric in ("total_bytes", "total_blocks"):
        figures += (site and getattr(site, metric) for site in (change.before, change.after))
        figures.append(change.delta(metric))
    return *_place(change.site.frame), change.status, *figures


_PLACE = {"Function": "text", "File": "text", "Line": "line"}
_SITE_COLUMNS = _PLACE | {
    "Total bytes": "count",
    "Total blocks": "count",
    "Mean size": "mean",
    "Bytes at the peak": "count",
    "Bytes at the end": "count",
}
_CHANGE_COLUMNS = _PLACE | {
    "Status": "status",
    "Bytes before": "count",
    "Bytes after": "count",
    "Difference in bytes": "difference",
    "Blocks before": "count",
    "Blocks after": "count",
    "Difference in blocks": "difference",
}


def _summary(profiles: Sequence[Profile]) -> str:
    """A table's rows: each figure of the whole heap, in each profile, and for two their difference and ratio."""
    figures: dict[str, list[float]] = {"Program points": [len(profile.points) for profile in profiles]}
    for metric, heading in METRICS.items():
        if metric != "lifetime":
            figures[heading] = [profile.total(metric) for profile in profiles]
        if metric == "total_blocks":
            pairs = [(profile.total("total_bytes"), profile.total(metric)) for profile in profiles]
            figures["Mean bytes of a block"] = [size / blocks if blocks else 0.0 for size, blocks in pairs]
    rows = []
    if len(profiles) == 2:
        headings = "".join(f'<th scope="col">{name}</th>' for name in ("Before", "After", "Difference", "Ratio"))
        rows.append(f"<thead><tr><td></td>{headings}</tr></thead>")
    for heading, values in figures.items():
        cells = [_figure(heading, value, "") for value in values]
        if len(values) == 2:
            before, after = values
            cells += [_figure(heading, after - before, "+"), ratio(after / before) if before else "\N{EN DASH}"]
        rows.append(f'<tr><th scope="row">{heading}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    return "\n".join(rows)


def _figure(heading: str, value: float, sign: str) -> str:
    if "bytes" not in heading.lower():
        return f"{value:{sign},}"
    if isinstance(value, float):
        return f"{value:{sign},.1f} bytes"
    exact = f" <small>{value:{sign},}</small>" if abs(value) >= 1_000 else ""
    return f"{sign if value > 0 else ''}{format_bytes(value)}{exact}"


def _described(profile: Profile, name: str, title: str) -> str:
    unit = escape(printable(profile.time_unit))
    about = ": ".join(
        filter(None, (name, escape(printable(title)), f"<code>{escape(printable(profile.command))}</code>"))
    )
    return (
        f"<p>{about}, process {profile.pid}, at its peak after {profile.peak_time:,} of {profile.end_time:,} {unit}</p>"
    )


def embedded(data: Any) -> str:
    """JSON that may stand in a page: ASCII, so U+2028 is escaped; no tag, comment or entity can begin in it."""
    text = json.dumps(data, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text)


def script_hash(script: str) -> str:
    """What a Content-Security-Policy calls a script that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@dataclass(frozen=True)
class SharedLibrary:
    """The chart library in a file beside many pages, and what a page says of its place among them.

    Parameters
    ----------
    address : str
        Of the file, from the page.
    loader : str
        A script that defines ``site.library(address)``, a promise of the library.
    links : mapping of str to str
        From addresses to names of pages to go on to.
    titles : sequence of str
        What tells the profiles of a page from those of others, in their order.
    """

    address: str
    loader: str
    links: Mapping[str, str]
    titles: Sequence[str]


def page(profile: Profile, before: Profile | None = None, shared: SharedLibrary | None = None) -> str:
    """A page that shows a profile, or how it differs from the one before.

    Parameters
    ----------
    profile : Profile
        What is shown.
    before : Profile, optional
        What it is compared with.
    shared : SharedLibrary, optional
        Where to find the chart library; by default it stands in the page.

    Returns
    -------
    str
        HTML, with all that it needs within, except for a shared library.

    Raises
    ------
    ImportError
        Where plotly is missing.
    """
    from plotly.offline import get_plotlyjs

    profiles = {"Before": before, "After": profile} if before else {"": profile}
    data = {
        "metrics": METRICS,
        "threshold": THRESHOLD,
        "graphs": {name: _flame_graph(shown) for name, shown in profiles.items()},
        "columns": list((_CHANGE_COLUMNS if before else _SITE_COLUMNS).items()),
        "rows": [_change_row(change) for change in compare(before, profile)]
        if before
        else [_site_row(site) for site in sites(profile.points)],
    }
    template, script = (Path(__file__).with_name(name).read_text("utf-8") for name in ("page.html", "page.js"))
    library, sources = get_plotlyjs(), ""
    if shared:
        library, sources = f"{shared.loader}\nsite.ready = site.library({json.dumps(shared.address)});\n", " 'self'"
    links = [f'<a href="{escape(link)}">{escape(name)}</a>' for link, name in (shared.links if shared else {}).items()]
    titles = shared.titles if shared else [""] * len(profiles)
    words = [*dict.fromkeys(shown.command for shown in profiles.values()), *filter(None, titles)]
    parts = {
        "title": escape(printable(" · ".join(words))),
        "scripts": " ".join(map(script_hash, dict.fromkeys((get_plotlyjs(), library, script)))) + sources,
        "links": f"<nav>{' '.join(links)}</nav>" if links else "",
        "described": "\n".join(map(_described, profiles.values(), profiles, titles)),
        "summary": _summary(list(profiles.values())),
        "order": "the largest change first" if before else "the most bytes first",
        "data": embedded(data),
        "plotly": library,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
