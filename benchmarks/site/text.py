"""The report as text: for a terminal, a pull request, a spreadsheet or a program."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.heap.diff import Change
from benchmarks.heap.profile import Frame
from benchmarks.heap.tree import frame_text, printable
from benchmarks.heap.units import EQUAL, decimals, format_bytes, percent, ratio, seconds, short, written
from benchmarks.site import stats
from benchmarks.site.comparison import BAD, Row, Target
from benchmarks.site.report import Report, facts
from benchmarks.site.results import FAMILIES, HEADLINE

DASH = "-"
MOST_BAD, MOST_SITES = 15, 3  # of the headline
COLUMNS = (
    "component", "operation", "metric", "unit", "before", "after", "ratio", "ratio low", "ratio high", "p",
    "samples before", "samples after", "verdict", "reason", "series",
)  # fmt: skip


def shown(value: float, unit: str) -> str:
    """A figure for people."""
    if unit == "seconds":
        return seconds(value)
    if unit == "bytes":
        return format_bytes(value)
    return f"{value:,.0f}" if unit == "blocks" else short(value)


def figures(values: Sequence[float | None], unit: str) -> list[str]:
    """A figure before and after, for people: bytes in full where three digits do not tell them apart."""
    texts = [DASH if value is None else shown(value, unit) for value in values]
    if unit == "bytes" and len(set(texts)) < len(set(values)):
        texts = [f"{value:,.0f} bytes" for value in values if value is not None]
    return texts


def _figures(row: Row) -> list[str]:
    sides = row.before, row.after
    texts = figures([one.value if one and one.measured else None for one in sides], row.series.family.unit)
    return ["failed" if one and one.value is None else text for one, text in zip(sides, texts, strict=True)]


def change(value: float) -> str:
    """What a ratio means: a share down or up, or a factor where that says more."""
    if value < 0.1:
        return f"{short(1 / value)} times less" if value else "none left"
    return f"{short(value)} times as much" if value > 10 else _share(1 - value)


def _share(share: float) -> str:
    """How much less, or more."""
    if abs(share) < EQUAL:
        return "unchanged"
    return f"{percent(abs(share), decimals(100 * share, 1))} {'down' if share > 0 else 'up'}"


def _cells(row: Row) -> list[str]:
    interval = f"{ratio(row.evidence.low)} to {ratio(row.evidence.high)}" if row.evidence else DASH
    exact = "exact" if row.series.family.exact and row.ratio is not None else interval
    return [
        printable(row.series.operation),
        row.series.family.label,
        *_figures(row),
        ratio(row.ratio) if row.ratio is not None else DASH,
        exact,
        written(row.evidence.p, ".2g") if row.evidence else DASH,
        row.verdict,
    ]


_HEAD = ("operation", "metric", "before", "after", "ratio", "95 % interval", "p", "verdict")


def _align(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Rows as columns of text; the columns `left` are flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def target(one: Target) -> str:
    """Whether a target is met, with the true figures."""
    asked = f"{percent(one.least)} to {percent(one.most)} down"
    if one.reached is None or one.best is None or one.worst is None:
        return f"{one.label}: not measured on both commits; the guide asks for {asked}"
    series = f"{one.n_series} series from {change(1 - one.best)} to {change(1 - one.worst)}"
    return f"{one.label}: {_share(one.reached)}, {one.answer}; the guide asks for {asked} ({series})"


def _means(report: Report) -> list[list[str]]:
    means = report.comparison.means
    keys = [key for key in HEADLINE if ("", key) in means]
    rows = [["after / before", *(FAMILIES[key].label for key in keys)]]
    for component in ["", *report.comparison.components]:
        if any((component, key) in means for key in keys):
            cells = (ratio(means[component, key][0]) if (component, key) in means else DASH for key in keys)
            rows.append([printable(component) or "all", *cells])
    return rows if keys else []


def _counts(report: Report) -> str:
    counts = report.comparison.counts
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return f"{sum(counts.values())} series: {said}" if counts else "0 series: nothing was measured on these commits"


def chance(report: Report) -> str:
    """How many verdicts chance alone could change."""
    return (
        f"{report.comparison.tested} verdicts rest on a test, p < {stats.ALPHA}: without any change, chance alone "
        f"would call up to {percent(stats.ALPHA)} of them changed. Heap series are exact."
    )


def most_changed(report: Report) -> list[Change]:
    """The sites that changed most, each once: a whole match has those of its parts, too."""
    found = [change for spot in report.hotspots for change in spot.changes if change.status != "unchanged"]
    largest: dict[Frame, Change] = {}
    for change in sorted(found, key=lambda change: -abs(change.delta("total_bytes"))):
        largest.setdefault(change.site.frame, change)
    return list(largest.values())[:MOST_SITES]


def _site(change: Change) -> str:
    sizes = figures([site and site.total_bytes for site in (change.before, change.after)], "bytes")
    return f"  {change.status:<10}{sizes[0]:>10} -> {sizes[1]:>10}  {frame_text(change.site.frame)}"


def headline(report: Report) -> list[str]:
    """What changed, in a few lines."""
    lines = [f"before: {printable(report.titles[0])}", f"after:  {printable(report.titles[1])}"]
    lines += [*(f"WARNING: {printable(text)}" for text in report.warnings), ""]
    lines += [f"{text[0].upper()}{text[1:]}" for text in map(target, report.comparison.targets)]
    if means := _means(report):
        lines += ["", *_align(means, (0,)), "Geometric means over the sizes; below 1 is better."]
    if places := most_changed(report):
        lines += ["", "Where in the code:", *map(_site, places)]
    lines += ["", _counts(report), *([chance(report)] if report.comparison.rows else [])]
    bad = [row for row in report.comparison.rows if row.verdict in BAD and row.counted]
    lines += [f"  {row.verdict}: {printable(row.series.name)}  {' -> '.join(_figures(row))}" for row in bad[:MOST_BAD]]
    if len(bad) > MOST_BAD:
        lines.append(f"  ... and {len(bad) - MOST_BAD} more in the table above")
    deviations = [row.after for row in report.comparison.rows if row.series.family.key == "deviation" and row.after]
    figures = [one.value for one in deviations if one.measured and one.value is not None]
    if figures:
        lines.append(f"Largest deviation from the golden figures: {max(figures):.3g}")
    return lines


def terminal(report: Report) -> str:
    """The whole report; what matters most stands last, where a terminal shows it."""
    parts: list[str] = []
    if report.comparison.rows:
        rows = [_HEAD, *map(_cells, report.comparison.rows)]
        parts += [*_align(rows, (0, 1, 7)), ""]
    if report.growth:
        rows = [("growth", "metric", "exponent before", "95 % interval", "exponent after", "95 % interval")]
        for one in report.growth:
            laws = [
                text
                for law in one.laws
                for text in ((f"{law.exponent:.2f}", f"{law.low:.2f} to {law.high:.2f}") if law else (DASH, DASH))
            ]
            rows.append((printable(one.operation), FAMILIES[one.family].label, *laws))
        parts += [*_align(rows, (0, 1)), ""]
    for spot in report.hotspots:
        totals = " -> ".join(format_bytes(one.total("total_bytes")) for one in (spot.before, spot.after))
        parts.append(f"hotspots of {printable(spot.operation)}: {totals} allocated, with what stacks take")
        parts += [*map(_site, spot.changes[:5]), ""]
    return "\n".join([*parts, *conditions(report), "", *headline(report)])


def conditions(report: Report) -> list[str]:
    """How it was measured."""
    before, after = (facts(run) for run in (report.comparison.before, report.comparison.after))
    lines = [f"measured on {printable(report.setting.machine)} in {printable(report.setting.environment)}"]
    for key in dict.fromkeys([*before, *after]):
        values = [printable(facts.get(key, DASH)) for facts in (before, after)]
        lines.append(f"  {printable(key)}: {values[0] if values[0] == values[1] else ' | '.join(values)}")
    return lines


# ---------------------------------------------------------------------------------------------------------------------


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"[\\`*_{}\[\]()#+!|<>&~@:-]", lambda match: f"&#{ord(match[0])};", printable(text))


def _markdown_table(rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    rule = ["---" if place in left else "---:" for place in range(len(rows[0]))]
    return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]


def markdown(report: Report) -> str:
    """The report for a comment on a pull request; the whole table is folded."""
    lines = [f"**{_escaped(report.titles[0])}** → **{_escaped(report.titles[1])}**", ""]
    lines += [f"- {text}" for text in map(target, report.comparison.targets)]
    lines += [f"- {_counts(report)}", *(f"- ⚠ {_escaped(text)}" for text in report.warnings), ""]
    if means := _means(report):
        table = [[cell if place else _escaped(cell) for place, cell in enumerate(row)] for row in means]
        lines += [*_markdown_table(table, (0,)), "", "Geometric means over the sizes; below 1 is better.", ""]
    rows = [[_escaped(cells[0]), *cells[1:]] for cells in map(_cells, report.comparison.rows)]
    bad = [cells for cells, row in zip(rows, report.comparison.rows, strict=True) if row.verdict in BAD]
    if bad:
        lines += ["Regressed or failed:", "", *_markdown_table([_HEAD, *bad], (0, 1, 7)), ""]
    if rows:
        lines += ["<details><summary>All series</summary>", "", *_markdown_table([_HEAD, *rows], (0, 1, 7)), ""]
        lines += ["</details>", "", _escaped(chance(report))]
    return "\n".join(lines)


def _record(row: Row) -> dict[str, Any]:
    """A row as plain values."""
    evidence = row.evidence
    before, after = (one.value if one and one.measured else None for one in (row.before, row.after))
    counts = [len(one.samples) if one else 0 for one in (row.before, row.after)]
    values = (
        row.series.component, row.series.operation, row.series.family.label, row.series.family.unit, before, after,
        row.ratio, evidence and evidence.low, evidence and evidence.high, evidence and evidence.p, *counts,
        row.verdict, row.reason, row.series.name,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def csv_table(report: Report) -> str:
    """The table for a spreadsheet, which takes no text in it for a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.comparison.rows:
        values = _record(row).values()
        writer.writerow(
            [re.sub(r"^(?=[=+\-@])", "'", printable(one)) if isinstance(one, str) else one for one in values]
        )
    return stream.getvalue()


def json_document(report: Report) -> str:
    """The whole report for a program."""
    compared = report.comparison
    document = {
        "before": {"commit": compared.before.commit, "title": report.titles[0], "conditions": facts(compared.before)},
        "after": {"commit": compared.after.commit, "title": report.titles[1], "conditions": facts(compared.after)},
        "setting": asdict(report.setting),
        "warnings": report.warnings,
        "targets": [{**asdict(one), "answer": one.answer} for one in compared.targets],
        "counts": compared.counts,
        "means": [
            {"component": component or None, "metric": FAMILIES[key].label, "ratio": mean, "series": n}
            for (component, key), (mean, n) in compared.means.items()
        ],
        "rows": [{key.replace(" ", "_"): value for key, value in _record(row).items()} for row in compared.rows],
        "growth": [
            {
                "operation": one.operation,
                "metric": FAMILIES[one.family].label,
                "sizes": one.sizes,
                "before": one.laws[0] and asdict(one.laws[0]),
                "after": one.laws[1] and asdict(one.laws[1]),
            }
            for one in report.growth
        ],
        "hotspots": [
            {
                "operation": spot.operation,
                "sites": [
                    {
                        **change.site.frame._asdict(),
                        "status": change.status,
                        "bytes_before": change.before.total_bytes if change.before else None,
                        "bytes_after": change.after.total_bytes if change.after else None,
                        "blocks_before": change.before.total_blocks if change.before else None,
                        "blocks_after": change.after.total_blocks if change.after else None,
                    }
                    for change in spot.changes
                ],
            }
            for spot in report.hotspots
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False)
