"""How a command ends, whatever becomes of its output."""

import io
import os
import sys
from collections.abc import Callable

from benchmarks.heap.tree import printable

__all__ = ["exit_code"]

INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended,
PIPE_CLOSED = 141  # and of one whose reader went away


def exit_code(command: Callable[[], int], *refusals: type[Exception], interrupted: str = "") -> int:
    """Run a command.

    Parameters
    ----------
    command : callable
        Returns its exit code.
    refusals : exception classes
        What it raises where what was asked cannot be done: one sentence on standard error, and no traceback.
    interrupted : str
        Said after Ctrl-C.

    Returns
    -------
    int
        The command's own code, or 1 where it was refused or a file cannot be read or written, 130 after Ctrl-C, 141
        where the reader of the output went away.
    """
    if sys.stdout is None:  # print would do nothing, and a file that is opened be taken for it
        print("cannot write standard output: it is closed: expected a file, a pipe or a terminal", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # rather "?" than no figures, where an encoding has no such character
    try:
        try:
            return command()
        finally:
            print(end="", flush=True)  # here, where a closed pipe is no traceback
    except BrokenPipeError:  # whoever reads the output has seen enough
        _let_go()
        return PIPE_CLOSED
    except (OSError, *refusals) as error:
        print(printable(str(error)), file=sys.stderr)
        _let_go()
        return 1
    except KeyboardInterrupt:
        if interrupted:
            print(interrupted, file=sys.stderr)
        return INTERRUPTED


def _let_go() -> None:
    """What standard output still holds and cannot write, Python would fail to write once more when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
