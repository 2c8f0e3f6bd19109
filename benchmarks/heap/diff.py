"""What changed between two profiles, site by site."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.heap.profile import Profile, Site, sites
from benchmarks.heap.tree import frame_text
from benchmarks.heap.units import format_bytes

__all__ = ["Change", "compare", "lines"]


@dataclass(frozen=True)
class Change:
    """One site in two profiles; None where it is not there."""

    before: Site | None
    after: Site | None

    @property
    def status(self) -> str:
        """One of "appeared", "vanished", "unchanged", "grew" and "shrank" (by total bytes, then by blocks)."""
        if self.before is None:
            return "appeared"
        if self.after is None:
            return "vanished"
        old = (self.before.total_bytes, self.before.total_blocks)
        new = (self.after.total_bytes, self.after.total_blocks)
        return "grew" if new > old else "shrank" if new < old else "unchanged"

    @property
    def site(self) -> Site:
        """Where it is now, or was."""
        site = self.after or self.before
        assert site is not None
        return site

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the status, and the place and the figures before and after."""
        sides = {"before": self.before, "after": self.after}
        return {"status": self.status} | {name: site and _plain(site) for name, site in sides.items()}

    def delta(self, metric: str) -> int:
        """After less before."""
        return (getattr(self.after, metric) if self.after else 0) - (getattr(self.before, metric) if self.before else 0)


def _plain(site: Site) -> dict[str, Any]:
    figures = site._asdict()
    return figures.pop("frame")._asdict() | figures


def _pair(before: Sequence[Site], after: Sequence[Site]) -> list[Change]:
    """Pair the sites of one function: in their order where there are as many, else by line first."""
    if len(before) == len(after):
        by_line = (sorted(found, key=lambda site: site.frame.line) for found in (before, after))
        return [Change(old, new) for old, new in zip(*by_line, strict=True)]
    old = {site.frame.line: site for site in before}
    new = {site.frame.line: site for site in after}
    changes = [Change(old.pop(line), new.pop(line)) for line in sorted(old.keys() & new.keys())]
    rest_old, rest_new = ([found[line] for line in sorted(found)] for found in (old, new))
    common = min(len(rest_old), len(rest_new))
    changes += [Change(a, b) for a, b in zip(rest_old[:common], rest_new[:common], strict=True)]
    changes += [Change(site, None) for site in rest_old[common:]]
    return changes + [Change(None, site) for site in rest_new[common:]]


def compare(before: Profile, after: Profile) -> list[Change]:
    """The changes of all sites, the largest in total bytes first.

    Two sites are the same where function and file are; several in one function are told apart by their lines, and by
    their order where lines moved.
    """
    functions: dict[tuple[str, str], tuple[list[Site], list[Site]]] = defaultdict(lambda: ([], []))
    for side, profile in enumerate((before, after)):
        for site in sites(profile.points):
            functions[site.frame.function, site.frame.file][side].append(site)
    changes = [change for old, new in functions.values() for change in _pair(old, new)]
    return sorted(changes, key=lambda change: (-abs(change.delta("total_bytes")), change.site.frame))


def _signed(value: int, shown: str) -> str:
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{shown}"


def lines(before: Profile, after: Profile, *, most: int) -> Iterator[str]:
    """The changes as text: the totals, then the `most` sites that changed most."""
    for name, label in (("total", "Total"), ("peak", "At the peak"), ("end", "At the end")):
        sizes = [format_bytes(profile.total(f"{name}_bytes")) for profile in (before, after)]
        blocks = [f"{profile.total(f'{name}_blocks'):,}" for profile in (before, after)]
        yield f"{label + ':':<14}{sizes[0]:>10} -> {sizes[1]:>10}   {blocks[0]:>12} -> {blocks[1]:>12} blocks"
    changes = compare(before, after)
    counts = Counter(change.status for change in changes)
    statuses = ("appeared", "vanished", "grew", "shrank", "unchanged")
    yield f"{len(changes)} sites: " + ", ".join(f"{counts[status]} {status}" for status in statuses if counts[status])
    yield ""
    changed = [change for change in changes if change.status != "unchanged"]
    for change in changed[:most]:
        size, blocks = change.delta("total_bytes"), change.delta("total_blocks")
        yield (
            f"{change.status:<9}{_signed(size, format_bytes(abs(size))):>11} "
            f"{_signed(blocks, f'{abs(blocks):,}'):>12} blocks  {frame_text(change.site.frame)}"
        )
    if len(changed) > most:
        yield f"... and {len(changed) - most} more"
