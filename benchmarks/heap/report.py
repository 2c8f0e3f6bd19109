"""The key metrics of an operation's heap, for a terminal or a script."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.common import Operation
from benchmarks.heap.measure import HeapProfile, measure
from benchmarks.heap.profile import Site
from benchmarks.heap.tree import frame_text
from benchmarks.heap.units import format_bytes

__all__ = ["OperationReport", "count_skills", "report"]

TOP = 5  # sites that are shown


@dataclass(frozen=True)
class OperationReport:
    """One operation's heap.

    Parameters
    ----------
    name : str
        The operation.
    params : mapping
        The values of its parameters.
    n_skills : int
        Skills that it works on, 0 where it works on none.
    heap : HeapProfile
        Measured, with its sites.
    """

    name: str
    params: Mapping[str, Any]
    n_skills: int
    heap: HeapProfile

    def to_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON; sizes in bytes."""
        heap = self.heap
        return {
            "operation": self.name,
            "parameters": dict(self.params),
            "allocations": heap.allocations,
            "allocated_bytes": heap.allocated_bytes,
            "mean_bytes": heap.mean_bytes,
            "peak_bytes": heap.peak_bytes,
            "end_bytes": heap.end_bytes,
            "mapped_bytes": heap.mapped_bytes,
            "skills": self.n_skills,
            "allocations_per_skill": heap.allocations / self.n_skills if self.n_skills else None,
            "peak_bytes_per_skill": heap.peak_bytes / self.n_skills if self.n_skills else None,
            "top_by_bytes": [_site(site) for site in heap.top_by_bytes[:TOP]],
            "top_by_count": [_site(site) for site in heap.top_by_count[:TOP]],
        }

    def lines(self) -> Iterator[str]:
        """The figures as text."""
        heap = self.heap
        all_bytes, all_blocks = heap.profile.total("total_bytes"), heap.profile.total("total_blocks")
        params = ", ".join(f"{name} {value}" for name, value in self.params.items())
        yield f"{self.name}: {params}" if params else self.name
        rows = [
            ("allocations", f"{heap.allocations:,}", heap.allocations, "{:,.1f}".format),
            ("allocated", format_bytes(heap.allocated_bytes), heap.allocated_bytes, format_bytes),
            ("peak heap", format_bytes(heap.peak_bytes), heap.peak_bytes, format_bytes),
            ("left at the end", format_bytes(heap.end_bytes), heap.end_bytes, format_bytes),
        ]
        for label, text, value, shown in rows:
            per_skill = f"   {shown(value / self.n_skills)} per skill" if self.n_skills else ""
            yield f"  {label:<16}{text:>12}{per_skill}"
        yield f"  {'mean size':<16}{format_bytes(heap.mean_bytes):>12}"
        if heap.mapped_bytes:
            yield f"  {'mapped files':<16}{format_bytes(heap.mapped_bytes):>12}"
        for heading, all_of_them, top, part in (
            ("bytes", format_bytes(all_bytes), heap.top_by_bytes, lambda site: site.total_bytes / all_bytes),
            ("count", f"{all_blocks:,}", heap.top_by_count, lambda site: site.total_blocks / all_blocks),
        ):
            yield f"  top sites by {heading} (of {all_of_them}, with what stacks take)"
            for site in top[:TOP]:
                yield (
                    f"    {part(site):6.1%} {format_bytes(site.total_bytes):>10} {site.total_blocks:>11,} blocks  "
                    f"{frame_text(site.frame)}"
                )


def _site(site: Site) -> dict[str, Any]:
    function, file, line = site.frame
    return {
        "function": function, "file": file, "line": line, "bytes": site.total_bytes, "blocks": site.total_blocks
    }  # fmt: skip


def count_skills(params: Mapping[str, Any]) -> int:
    """Skills that an operation with these parameters works on."""
    if "size" in params:
        return sum(map(int, params["size"].split("x")))
    if "percent" in params:
        return 40
    per_one = {"n_names": 1, "n_pairs": 30, "n_candidates": 20}
    return sum(n_skills * int(params.get(name, 0)) for name, n_skills in per_one.items())


def report(operation: Operation, params: tuple[Any, ...]) -> OperationReport:
    """Measure an operation with some parameters."""
    heap = measure(operation.run, setup=partial(operation.setup, *params), by_site=True)
    named = dict(zip(operation.params, params, strict=True))
    return OperationReport(operation.name, named, count_skills(named), heap)
