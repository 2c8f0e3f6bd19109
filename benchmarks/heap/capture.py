"""Captures: every allocation and free of a call, written by memray, and read in one pass."""

import functools
import gc
import mmap
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.heap.profile import Frame, Profile, ProgramPoint

__all__ = ["read_profile", "track"]

NO_FRAMES = Frame("[no Python frames]", "", 0)
RUNNERS = ("<frozen runpy>", f"memray{os.sep}")  # files of the outermost frames of a script run by memray
# Of threads that are started. From Python 3.12 on also of those that run: an earlier capture may have left one whose
# calls are reported, and then Python makes frames and methods in all threads.
_SET_PROFILE_OF_THREADS = getattr(threading, "setprofile_all_threads", threading.setprofile)


@contextmanager
def _file_maps() -> Iterator[list[int]]:
    """Sizes of the files that Python code maps while the context is open.

    memray sees a mapping's size only, not whether a file is behind it.
    """
    sizes: list[int] = []
    plain = mmap.mmap

    class RecordedMap(plain):  # type: ignore[misc, valid-type]
        def __new__(cls, fileno: int, length: int, *args: Any, **kwargs: Any) -> Any:
            self = super().__new__(cls, fileno, length, *args, **kwargs)
            if fileno != -1:
                sizes.append(len(self))
            return self

    mmap.mmap = RecordedMap  # type: ignore[misc]
    try:
        yield sizes
    finally:
        mmap.mmap = plain  # type: ignore[misc]


def track(
    call: Callable[..., object], arguments: tuple[Any, ...], capture: Path, *, with_stacks: bool = True
) -> list[int]:
    """Write all allocations of a call to a file, from its start to its return; its result counts as alive.

    Parameters
    ----------
    call : callable
    arguments : tuple
        Of the call.
    capture : Path
        The file.
    with_stacks : bool
        Also record where each block is allocated. For this memray has Python report every call to it, and Python then
        makes a frame object for each function, and a bound method for each method of C: they are in the capture too.

    Returns
    -------
    list of int
        Sizes of the files that the call mapped into memory.
    """
    import memray

    destination = memray.FileDestination(capture, overwrite=True)
    gc.collect()  # older garbage is not collected within the call
    tracing, tracing_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)  # a debugger, or a tool that measures coverage, would allocate too
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        with _file_maps() as maps, memray.Tracker(destination=destination, trace_python_allocators=True):
            if not with_stacks:
                sys.setprofile(None)
                _SET_PROFILE_OF_THREADS(None)
            result = call(*arguments)
        del result
    finally:
        sys.settrace(tracing)
        threading.settrace(tracing_threads)  # type: ignore[arg-type]
    return maps


@functools.cache
def _import_path(file: str) -> str:
    """A file's path below the folder it was imported from: the same on every machine and in every environment."""
    entries = [*sys.path, Path(__file__).parents[2]]  # asv imports the suite without adding its folder to the path
    folders = [folder for entry in entries if file.startswith(folder := str(Path(entry).absolute()) + os.sep)]
    return file.removeprefix(max(folders, key=len, default=""))


def _stack(record: Any) -> tuple[Frame, ...]:
    """The record's frames, innermost first, up to the call that is profiled."""
    frames: list[Frame] = []
    for function, file, line in record.stack_trace():
        if file == __file__ and function == track.__name__:
            break
        frames.append(Frame(function, _import_path(file), line))
    while frames and frames[-1].file.startswith(RUNNERS):
        frames.pop()
    return tuple(frames) or (NO_FRAMES,)


# A live block in one integer: its program point, its size, and the event that it was allocated at.
POINT_BITS, SIZE_BITS = 24, 48
POINT_MASK, SIZE_MASK, EVENT_SHIFT = (1 << POINT_BITS) - 1, (1 << SIZE_BITS) - 1, POINT_BITS + SIZE_BITS


class _Tally:
    """Figures of one program point while a capture is read."""

    __slots__ = (
        "blocks", "bytes", "lifetime", "max_blocks", "max_bytes", "number", "peak_blocks", "peak_bytes", "seen",
        "total_blocks", "total_bytes",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.total_bytes = self.total_blocks = self.lifetime = 0
        self.bytes = self.blocks = 0  # alive now
        self.max_bytes = self.max_blocks = 0
        self.peak_bytes = self.peak_blocks = 0  # at the peak numbered `seen`
        self.seen = 0


def read_profile(capture: Path, command: str, ignored_maps: Iterable[int] = ()) -> Profile:
    """Read a capture in one pass.

    The clock counts events, that is allocations and frees, because a capture has no time stamps. The free of a block
    that was allocated before the capture began is an event, and nothing else.

    Parameters
    ----------
    capture : Path
        The file that memray wrote.
    command : str
        What was profiled.
    ignored_maps : iterable of int
        Sizes of mapped files: as many mappings of these sizes are left out.

    Notes
    -----
    What is alive at the peak is not copied at each new peak: peaks are numbered, and a program point notes its figures
    when it first changes after a peak. Time and memory grow with events and live blocks, not with their product.
    """
    from memray import AllocatorType, FileReader

    frees = frozenset(map(int, (AllocatorType.FREE, AllocatorType.PYMALLOC_FREE, AllocatorType.MUNMAP)))
    tallies: dict[tuple[Frame, ...], _Tally] = {}
    by_number: list[_Tally] = []
    by_stack_id: dict[int, _Tally] = {}  # several ids can stand for equal frames
    # address -> event, size and number of the program point in one integer: a tuple takes twice the memory
    alive: dict[int, int] = {}
    ignored = Counter(ignored_maps)
    current = peak = peak_number = peak_time = event = 0
    with FileReader(capture) as reader:
        for record in reader.get_allocation_records():
            event += 1
            if record.allocator in frees:
                block = alive.pop(record.address, None)
                if block is None:
                    continue
                tally, size = by_number[block & POINT_MASK], block >> POINT_BITS & SIZE_MASK
                if tally.seen != peak_number:
                    tally.peak_bytes, tally.peak_blocks, tally.seen = tally.bytes, tally.blocks, peak_number
                tally.bytes -= size
                tally.blocks -= 1
                tally.lifetime += event - (block >> EVENT_SHIFT)
                current -= size
                continue
            size, stack_id = record.size, record.stack_id
            if ignored and record.allocator == AllocatorType.MMAP and ignored[size]:
                ignored[size] -= 1
                continue
            tally = by_stack_id.get(stack_id)
            if tally is None:
                frames = _stack(record)
                if frames not in tallies:
                    tallies[frames] = _Tally(len(by_number))
                    by_number.append(tallies[frames])
                tally = by_stack_id[stack_id] = tallies[frames]
            if tally.seen != peak_number:
                tally.peak_bytes, tally.peak_blocks, tally.seen = tally.bytes, tally.blocks, peak_number
            alive[record.address] = event << EVENT_SHIFT | size << POINT_BITS | tally.number
            tally.total_bytes += size
            tally.total_blocks += 1
            tally.bytes += size
            tally.blocks += 1
            if tally.bytes > tally.max_bytes:
                tally.max_bytes, tally.max_blocks = tally.bytes, tally.blocks
            current += size
            if current > peak:
                peak, peak_time = current, event
                peak_number += 1
        pid = reader.metadata.pid
    for block in alive.values():
        by_number[block & POINT_MASK].lifetime += event - (block >> EVENT_SHIFT)
    points = tuple(_point(frames, tally, peak_number) for frames, tally in tallies.items())
    return Profile(command, pid, points, peak_time=peak_time, end_time=event)


def _point(frames: tuple[Frame, ...], tally: _Tally, peak_number: int) -> ProgramPoint:
    unchanged = tally.seen != peak_number  # since the last peak
    return ProgramPoint(
        frames,
        total_bytes=tally.total_bytes,
        total_blocks=tally.total_blocks,
        lifetime=tally.lifetime,
        max_bytes=tally.max_bytes,
        max_blocks=tally.max_blocks,
        peak_bytes=tally.bytes if unchanged else tally.peak_bytes,
        peak_blocks=tally.blocks if unchanged else tally.peak_blocks,
        end_bytes=tally.bytes,
        end_blocks=tally.blocks,
    )
