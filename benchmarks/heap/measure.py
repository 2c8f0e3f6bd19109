"""One call's heap, counted exactly."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.heap.capture import read_profile, track
from benchmarks.heap.profile import Profile, Site, sites

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
    profile : Profile, optional
        A further call by program point, where it was asked for, with what Python allocates because of the stacks.
    """

    allocations: int
    allocated_bytes: int
    peak_bytes: int
    mapped_bytes: int
    profile: Profile | None = None

    @property
    def mean_bytes(self) -> float:
        """Mean size of an allocation; 0 where there is none."""
        return self.allocated_bytes / self.allocations if self.allocations else 0.0

    @property
    def end_bytes(self) -> int:
        """Bytes still alive when the call had returned, its result included."""
        return self._profile().total("end_bytes")

    @property
    def top_by_bytes(self) -> list[Site]:
        """The lines that allocate, the one with the most bytes first."""
        return sites(self._profile().points)

    @property
    def top_by_count(self) -> list[Site]:
        """The lines that allocate, the one with the most blocks first."""
        return sorted(self.top_by_bytes, key=lambda site: -site.total_blocks)

    def _profile(self) -> Profile:
        if self.profile is None:
            raise ValueError("no sites were recorded: expected measure(..., by_site=True)")
        return self.profile


def measure(
    call: Callable[..., object], *, setup: Callable[[], tuple[Any, ...] | None] | None = None, by_site: bool = False
) -> HeapProfile:
    """Measure the heap of a call: exact, and equal in every process with the same versions and one BLAS thread.

    Parameters
    ----------
    call : callable
        Called twice: the first call warms up (lazy imports, tables that are filled once), the second counts. Twice
        again where blocks are attributed to lines.
    setup : callable, optional
        Called before each of them: makes fresh arguments of `call`, returned as a tuple, or clears caches that would
        make the second call cheaper, and returns None.
    by_site : bool
        Also attribute blocks to lines of code; reading them takes several times as long.

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
    from memray._memray import compute_statistics

    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "capture.bin"

        def second_call(with_stacks: bool) -> list[int]:
            # the warm-up is tracked too: Python makes a table of lines for each function that first runs with stacks
            for _ in range(2):
                maps = track(call, (setup and setup()) or (), capture, with_stacks=with_stacks)
            return maps

        maps = second_call(with_stacks=False)
        figures = compute_statistics(str(capture))
        # memray's own peak includes mapped files
        peak = (
            read_profile(capture, "", ignored_maps=maps).total("peak_bytes") if maps else figures.peak_memory_allocated
        )
        profile = read_profile(capture, "", ignored_maps=second_call(with_stacks=True)) if by_site else None
    return HeapProfile(
        allocations=figures.total_num_allocations - len(maps),
        allocated_bytes=figures.total_memory_allocated - sum(maps),
        peak_bytes=peak,
        mapped_bytes=sum(maps),
        profile=profile,
    )
