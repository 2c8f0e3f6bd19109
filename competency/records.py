"""Files with one candidate a record, read bit by bit."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from competency import strict_json
from competency.errors import InputError, PoolError, shown

__all__ = ["JsonLines", "Records"]

_Raw = TypeVar("_Raw")


class Records(Protocol[_Raw]):
    """Records of a file, with their numbers, counted from 1."""

    path: str
    unit: str  # what the number counts: "line" or "row"
    share: float  # of the file that has been read, in [0, 1]

    def __iter__(self) -> Iterator[tuple[int, _Raw]]:
        """Numbers and records, not parsed yet, so that one that cannot be parsed does not end the file."""

    def parse(self, raw: _Raw) -> object:
        """What a record holds, as JSON has it; `InputError` where it cannot be parsed."""


class JsonLines:
    """Lines of JSON in UTF-8; blank lines are left out.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened when the iteration starts, which raises `PoolError` where it cannot be read.
    """

    unit = "line"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)
        self.share = 0.0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        try:
            with Path(self.path).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                done = 0
                for number, line in enumerate(file, start=1):
                    done += len(line)
                    self.share = min(done / size, 1.0) if size else 0.0  # a pipe has no size
                    if not line.isspace():
                        yield number, line
        except (OSError, ValueError) as error:  # also a path with a null character
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise PoolError(f"cannot read {shown(self.path, 200)}: {reason}") from None

    def parse(self, raw: bytes) -> object:
        """The value of a line."""
        try:
            return strict_json.loads(raw.rstrip(b"\r\n"))
        except InputError as error:
            raise InputError(str(error).removeprefix("line 1, ")) from None  # the file has its own count of lines
