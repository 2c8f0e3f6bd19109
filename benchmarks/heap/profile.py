"""A heap profile: where blocks were allocated, how many, and how long they lived."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["METRICS", "Frame", "Profile", "ProgramPoint", "Site", "sites"]


class Frame(NamedTuple):
    """A place in a program; `line` is 0 where it is not known."""

    function: str
    file: str
    line: int


@dataclass(frozen=True)
class ProgramPoint:
    """All blocks that were allocated with one stack.

    Parameters
    ----------
    frames : tuple of Frame
        The stack, innermost first; never empty.
    total_bytes, total_blocks : int
        All that was allocated.
    lifetime : int
        Lifetimes of all blocks, summed, in the unit of the profile's clock.
    max_bytes, max_blocks : int
        At the time when this point had the most bytes alive.
    peak_bytes, peak_blocks : int
        Alive at the peak of the whole heap (DHAT's t-gmax).
    end_bytes, end_blocks : int
        Alive at the end.
    """

    frames: tuple[Frame, ...]
    total_bytes: int
    total_blocks: int
    lifetime: int = 0
    max_bytes: int = 0
    max_blocks: int = 0
    peak_bytes: int = 0
    peak_blocks: int = 0
    end_bytes: int = 0
    end_blocks: int = 0


# What a profile can be sorted by: the field of a program point, and its heading.
METRICS = {
    "total_bytes": "Total bytes",
    "total_blocks": "Total blocks",
    "peak_bytes": "Bytes at the peak",
    "peak_blocks": "Blocks at the peak",
    "end_bytes": "Bytes at the end",
    "end_blocks": "Blocks at the end",
    "lifetime": "Lifetime",
}


@dataclass(frozen=True)
class Profile:
    """What a program asked of the heap.

    Parameters
    ----------
    command : str
        What was profiled.
    pid : int
        Its process.
    points : tuple of ProgramPoint
        One for each distinct stack.
    peak_time, end_time : int
        When the heap was at its peak, and the end; in `time_unit`.
    time_unit : str
        Unit of the clock: "events" (allocations and frees) for profiles of this package, "instrs" for valgrind's.
    """

    command: str
    pid: int
    points: tuple[ProgramPoint, ...]
    peak_time: int
    end_time: int
    time_unit: str = "events"

    def total(self, metric: str) -> int:
        """Sum of a metric over all program points."""
        return sum(map(operator.attrgetter(metric), self.points))


class Site(NamedTuple):
    """A line that allocates: all program points whose innermost frame is there."""

    frame: Frame
    total_bytes: int
    total_blocks: int
    peak_bytes: int
    peak_blocks: int
    end_bytes: int
    end_blocks: int


def sites(points: Iterable[ProgramPoint]) -> list[Site]:
    """The lines that allocate, the one with the most bytes first."""
    sums: dict[Frame, list[int]] = {}
    for point in points:
        figures = [getattr(point, name) for name in Site._fields[1:]]
        sums[point.frames[0]] = list(map(operator.add, sums.get(point.frames[0], [0] * len(figures)), figures))
    return sorted((Site(frame, *figures) for frame, figures in sums.items()), key=lambda site: (-site[1], site.frame))
