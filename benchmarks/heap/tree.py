"""The tree of program points, as DHAT shows it: from the line that allocates out to its callers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.heap.profile import METRICS, Frame, Profile, ProgramPoint
from benchmarks.heap.units import format_bytes

__all__ = ["Node", "build", "frame_text", "lines", "printable"]


@dataclass
class Node:
    """Program points whose innermost frames are the same.

    Parameters
    ----------
    frames : tuple of Frame
        Those that this node adds to its parent's, innermost first.
    points : list of ProgramPoint
        All below it.
    children : list of Node
        The callers, one for each that differs.
    """

    frames: tuple[Frame, ...]
    points: list[ProgramPoint]
    children: list["Node"] = field(default_factory=list)

    def total(self, metric: str) -> int:
        """Sum of a metric over the node's points."""
        return sum(getattr(point, metric) for point in self.points)


def _shared(stacks: Sequence[tuple[Frame, ...]], start: int) -> int:
    """How far the stacks agree, from `start` on."""
    stop = start
    shortest = min(map(len, stacks))
    while stop < shortest and all(stack[stop] == stacks[0][stop] for stack in stacks):
        stop += 1
    return stop


def build(profile: Profile) -> Node:
    """The tree of a profile; a chain of frames without a fork is one node."""
    root = Node((), list(profile.points))
    pending = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        groups: dict[Frame, list[ProgramPoint]] = defaultdict(list)
        for point in node.points:
            if len(point.frames) > depth:
                groups[point.frames[depth]].append(point)
        for points in groups.values():
            stop = _shared([point.frames for point in points], depth)
            child = Node(points[0].frames[depth:stop], points)
            node.children.append(child)
            pending.append((child, stop))
    return root


def printable(text: str) -> str:
    """Text without control characters, marks that turn its direction, and half characters that no file can hold."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def frame_text(frame: Frame) -> str:
    """A frame on one line, without control characters."""
    return printable(f"{frame.function} ({frame.file}:{frame.line})" if frame.file else frame.function)


def _shown(value: int, metric: str) -> str:
    return format_bytes(value) if metric.endswith("bytes") else f"{value:,}"


def lines(profile: Profile, metric: str, *, depth: int, threshold: float) -> Iterator[str]:
    """The tree as text, the largest nodes first.

    Parameters
    ----------
    metric : str
        One of `METRICS`.
    depth : int
        Levels of nodes that are shown.
    threshold : float
        Share of the total, in [0, 1], below which nodes are only counted.
    """
    root = build(profile)
    total = root.total(metric)
    yield f"{METRICS[metric]}: {_shown(total, metric)} in {len(profile.points)} program points"

    def figures(value: int) -> str:
        return f"{value / total if total else 0:6.1%}  {_shown(value, metric):>10}"

    def walk(node: Node, indent: str, level: int) -> Iterator[str]:
        shown = sorted(node.children, key=lambda child: -child.total(metric))
        hidden = [child for child in shown if level > depth or child.total(metric) < threshold * total]
        shown = shown[: len(shown) - len(hidden)]
        for position, child in enumerate(shown):
            last = position == len(shown) - 1 and not hidden
            first, *rest = child.frames
            yield f"{figures(child.total(metric))}  {indent}{'└' if last else '├'}─ {frame_text(first)}"
            below = indent + ("   " if last else "│  ")
            for frame in rest:
                yield f"{'':18}  {below}{frame_text(frame)}"
            yield from walk(child, below, level + 1)
        if hidden:
            yield f"{figures(sum(child.total(metric) for child in hidden))}  {indent}└─ {len(hidden)} more"

    yield from walk(root, "", 1)
