"""A light high-water mark: of the blocks that Python and numpy allocate, and of the whole process."""

import re
import sys
import threading
import tracemalloc
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

__all__ = ["PeakTracker"]

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakTracker:
    """Tracks the most memory that was alive at one time within a ``with`` block, or since `reset`.

    Trackers nest: resetting an inner one leaves the peak of an outer one alone. All threads of the process count.

    Parameters
    ----------
    process : bool
        Also reset the process's own high-water mark (``VmHWM``, Linux only) where this tracker is entered or reset;
        that resets ``ru_maxrss`` too, so it is not for a process that asv measures with ``peakmem_``.

    Attributes
    ----------
    current, peak : int
        Bytes allocated through Python's allocators and by numpy since the block was entered, now and at most. What was
        freed since counts against `current`, so that it can be negative. They stay as they were when the block ends.
    process_peak : int or None
        The process's high-water mark of resident memory in bytes; None where there is no ``/proc``.

    Notes
    -----
    On `tracemalloc`, which keeps a record for each block that is alive.
    """

    # shared on purpose: tracemalloc has one peak for all
    _lock = threading.RLock()
    _active: ClassVar[list["PeakTracker"]] = []
    _started = False  # by the outermost tracker, and not by the user

    def __init__(self, *, process: bool = False) -> None:
        self._process = process
        self._base = self._current = self._peak = 0
        self._process_peak: int | None = None

    def __enter__(self) -> Self:
        with self._lock:
            if not tracemalloc.is_tracing():
                tracemalloc.start()
                PeakTracker._started = True
            self._active.append(self)
            self._base = tracemalloc.get_traced_memory()[0]
        self.reset()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._update()
            self._process_peak = self._read_process_peak()
            self._active.remove(self)
            if not self._active and PeakTracker._started:
                tracemalloc.stop()
                PeakTracker._started = False

    @classmethod
    def _update(cls) -> None:
        """Tell every active tracker of the highest mark since the last update."""
        current, peak = tracemalloc.get_traced_memory()
        for tracker in cls._active:
            tracker._current = current - tracker._base
            tracker._peak = max(tracker._peak, peak - tracker._base)
        tracemalloc.reset_peak()

    def reset(self) -> None:
        """Forget the peak: it starts anew from what is alive now."""
        with self._lock:
            if self not in self._active:
                raise ValueError("this PeakTracker is not active: expected a call within its with block")
            self._update()
            self._peak = self._current
            if self._process and _CLEAR_REFS.exists():
                _CLEAR_REFS.write_text("5")

    @property
    def current(self) -> int:
        """Bytes alive now, less those alive when the block was entered."""
        with self._lock:
            if self in self._active:
                self._update()
            return self._current

    @property
    def peak(self) -> int:
        """Most bytes alive at one time, less those alive when the block was entered."""
        with self._lock:
            if self in self._active:
                self._update()
            return self._peak

    @property
    def process_peak(self) -> int | None:
        """The process's high-water mark of resident memory in bytes; None where there is no ``/proc``."""
        return self._read_process_peak() if self in self._active else self._process_peak

    @staticmethod
    def _read_process_peak() -> int | None:
        if not sys.platform.startswith("linux"):
            return None
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
