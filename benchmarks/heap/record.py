"""Profiles of this library's operations, and of any Python program."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.common import OPERATIONS, Operation
from benchmarks.heap.capture import read_profile, track
from benchmarks.heap.files import written_whole
from benchmarks.heap.profile import Profile

__all__ = ["InstrumentError", "find_operation", "record_operations", "record_script"]

# What is recorded without an operation: a whole match, then its components.
COMPONENTS = ("match", "embed", "similarity", "score", "to_dict")


class InstrumentError(ValueError):
    """What was asked of an instrument cannot be done."""


def find_operation(name: str) -> Operation:
    """The operation of that name, where this version of the library has it.

    Raises
    ------
    InstrumentError
        Where there is none, or the library lacks what it needs.
    """
    if name not in OPERATIONS:
        raise InstrumentError(f"unknown operation {name!r}: expected one of {', '.join(OPERATIONS)}")
    try:
        OPERATIONS[name].check_available()
    except NotImplementedError as error:
        raise InstrumentError(str(error)) from None
    return OPERATIONS[name]


def parameters(operation: Operation, n_candidate: int, n_required: int) -> tuple[Any, ...]:
    """Parameters of an operation for a number of skills; the largest that are not skipped where it has no such size."""
    if operation.sized is None:
        for params in reversed(operation.combinations()):
            with suppress(NotImplementedError):
                operation.setup(*params)
                return params
        raise InstrumentError(f"{operation.name}: all its parameters are skipped here")
    try:
        params = operation.sized(n_candidate, n_required)
        operation.setup(*params)
    except (IndexError, ValueError) as error:
        raise InstrumentError(f"{operation.name} of {n_candidate} x {n_required} skills: {error}") from None
    return params


@contextmanager
def _capture_file(keep: Path | None):
    """Where memray writes: a file that is removed afterwards, or becomes `keep` when all went well."""
    if keep is not None:
        with written_whole(keep) as capture:
            yield capture
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "capture.bin"


def record_operations(names: Sequence[str], n_candidate: int, n_required: int, *, keep: Path | None = None) -> Profile:
    """Profile operations one after the other, each after a warm-up.

    Parameters
    ----------
    names : sequence of str
        Names of operations.
    n_candidate, n_required : int
        Numbers of skills, for the operations that are sized by them.
    keep : Path, optional
        Where to leave memray's capture; by default it is removed.
    """
    calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
    described, of_size = [], ""
    for name in names:
        operation = find_operation(name)
        params = parameters(operation, n_candidate, n_required)
        calls.append((operation.run, operation.setup(*params)))
        if operation.sized:
            described.append(name)
            of_size = f" of {n_candidate} x {n_required} skills"
        else:
            own = ", ".join(f"{key} {value}" for key, value in zip(operation.params, params, strict=True))
            described.append(f"{name} ({own})" if own else name)

    def run_all() -> list[object]:
        return [call(*arguments) for call, arguments in calls]

    with _capture_file(keep) as capture:
        track(run_all, (), capture)
        track(run_all, (), capture)
        return read_profile(capture, ", ".join(described) + of_size)


def record_script(arguments: Sequence[str], *, keep: Path | None = None) -> Profile:
    """Profile a Python program in a process of its own.

    Parameters
    ----------
    arguments : sequence of str
        What would follow ``python``: a script, or ``-m`` and a module, then arguments of the program's own.
    keep : Path, optional
        Where to leave memray's capture; by default it is removed.

    Raises
    ------
    InstrumentError
        Where there is no such script, or the program fails.
    """
    if arguments[0] not in ("-c", "-m") and not Path(arguments[0]).is_file():  # memray has options of its own
        raise InstrumentError(f"{arguments[0]!r}: expected a Python file, or -m and a module")
    with _capture_file(keep) as capture:
        command = [sys.executable, "-m", "memray", "run", "--trace-python-allocators", "--quiet", "--force"]
        done = subprocess.run([*command, "--output", str(capture), *arguments], check=False)
        if done.returncode:
            raise InstrumentError(f"{' '.join(arguments)} ended with exit code {done.returncode}: expected 0")
        return read_profile(capture, " ".join(arguments))
