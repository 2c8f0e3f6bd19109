"""One call's heap, counted exactly."""

import gc
import mmap
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["HeapProfile", "measure"]


@dataclass(frozen=True)
class HeapProfile:
    """What one call asked of the heap.

    Parameters
    ----------
    allocations : int
        Blocks allocated, by C and Python allocators alike; a realloc counts as one.
    allocated_bytes : int
        Their sizes, summed.
    peak_bytes : int
        High-water mark: the most bytes that were allocated by the call and alive at one time.
    mapped_bytes : int
        Sizes of the files that were mapped into memory, summed; they are in none of the other figures.
    """

    allocations: int
    allocated_bytes: int
    peak_bytes: int
    mapped_bytes: int


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


def measure(call: Callable[..., object], *, setup: Callable[[], tuple[Any, ...] | None] | None = None) -> HeapProfile:
    """Measure the heap of a call: exact, and equal in every process with the same versions and one BLAS thread.

    Parameters
    ----------
    call : callable
        Called twice: the first call warms up (lazy imports, tables that are filled once), the second counts.
    setup : callable, optional
        Called before each of the two: makes fresh arguments of `call`, returned as a tuple, or clears caches that would
        make the second call cheaper, and returns None.

    Returns
    -------
    HeapProfile
        Of the second call, from its start to its return, its result included; `setup` is not in it.

    Raises
    ------
    ImportError
        Where memray is missing (extra ``memory-profiling``); it runs on Linux and macOS.
    RuntimeError
        Where a memray tracker is active already.
    """
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "capture.bin"
        # the warm-up is tracked too: Python makes a table of lines for each function that first runs under a tracker
        _track(call, (setup and setup()) or (), capture)
        maps = _track(call, (setup and setup()) or (), capture)
        return _read(capture, maps)


def _track(call: Callable[..., object], arguments: tuple[Any, ...], capture: Path) -> list[int]:
    """Write all allocations of a call to a file; returns the sizes of the files that it mapped."""
    import memray

    destination = memray.FileDestination(capture, overwrite=True)
    gc.collect()  # older garbage is not collected within the call
    with _file_maps() as maps, memray.Tracker(destination=destination, trace_python_allocators=True):
        result = call(*arguments)
    del result
    return maps


def _read(capture: Path, maps: list[int]) -> HeapProfile:
    from memray._memray import compute_statistics

    figures = compute_statistics(str(capture))
    return HeapProfile(
        allocations=figures.total_num_allocations - len(maps),
        allocated_bytes=figures.total_memory_allocated - sum(maps),
        peak_bytes=_peak_without(capture, maps) if maps else figures.peak_memory_allocated,
        mapped_bytes=sum(maps),
    )


def _peak_without(capture: Path, maps: list[int]) -> int:
    """The high-water mark of all blocks but the mapped files."""
    from memray import AllocatorType, FileReader

    frees = {AllocatorType.FREE, AllocatorType.PYMALLOC_FREE, AllocatorType.MUNMAP}
    expected = Counter(maps)
    sizes: dict[int, int] = {}
    current = peak = 0
    with FileReader(capture) as reader:
        for record in reader.get_allocation_records():
            if record.allocator in frees:
                current -= sizes.pop(record.address, 0)
            elif record.allocator == AllocatorType.MMAP and expected[record.size]:
                expected[record.size] -= 1
            else:
                sizes[record.address] = record.size
                current += record.size
                peak = max(peak, current)
    return peak
