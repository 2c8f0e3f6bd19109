"""Files with one candidate a record, read bit by bit."""

import contextlib
import functools
import os
import re
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Protocol

from competency.errors import InputError, PoolError, shown
from competency.files import check_path, reason
from competency.pool_builder import PoolBuilder

__all__ = ["Chain", "JsonLines", "ParquetRows", "RecordFile", "Records", "divided", "records_of"]

_ROWS = 1024  # of a Parquet file that are read at a time
_BLOCK = 1 << 20  # bytes in which lines are counted at a time
# Paths of the Parquet columns that count; between a list and its elements writers put up to two levels, of any names.
_LEAF = re.compile(r"id|skills(?:\.[^.]+){0,2}\.(?:name|domain|level\.(?:value|max))")


class Records(Protocol):
    """Records of a file, or of several, with their numbers in the file, counted from 1."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def unit(self) -> str:
        """What the number counts: "line" or "row"."""

    @property
    def share(self) -> float:
        """How much has been read, in [0, 1]."""

    def __iter__(self) -> Iterator[tuple[int, Callable[[PoolBuilder], None]]]:
        """Numbers, and what adds the record to a builder.

        That call raises `InputError` where the record cannot be parsed, which does not end the file, and all that
        `PoolBuilder.add_record` does.
        """


class RecordFile(Records, Protocol):
    """Records of one file, which can be read in pieces."""

    def pieces(self, cuts: Sequence[int]) -> Sequence[Records | None]:
        """The file in ``len(cuts) + 1`` pieces, cut between records near some of its bytes; None without a record."""


def _unreadable(path: str, error: Exception) -> PoolError:
    return PoolError(f"cannot read {shown(path, 200)}: {' '.join(reason(error).split())}")


class JsonLines:
    """Lines of JSON in UTF-8; blank lines are left out.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened when the iteration starts, which raises `PoolError` where it cannot be read.
    start, stop : int
        The bytes that count, from the beginning of a line to the end of one; -1 is the end of the file.
    first : int
        The number of the line that begins at `start`.
    """

    unit = "line"

    def __init__(self, path: str | os.PathLike[str], start: int = 0, stop: int = -1, first: int = 1) -> None:
        check_path(path, PoolError)
        self.path = str(path)
        self.share = 0.0
        self._start, self._stop, self._first = start, stop, first

    def __iter__(self) -> Iterator[tuple[int, Callable[[PoolBuilder], None]]]:
        try:
            with Path(self.path).open("rb") as file:
                if self._start:  # a pipe cannot even seek to its beginning
                    file.seek(self._start)
                stop = self._stop if self._stop >= 0 else os.fstat(file.fileno()).st_size
                size = stop - self._start
                done = 0
                for number, line in enumerate(file, start=self._first):
                    done += len(line)
                    self.share = min(done / size, 1.0) if size else 0.0  # a pipe has no size
                    if not line.isspace():
                        yield number, functools.partial(self._add, line)
                    if done == size and self._stop >= 0:
                        break
        except (OSError, ValueError) as error:  # also a path with a null character
            raise _unreadable(self.path, error) from None

    def pieces(self, cuts: Sequence[int]) -> "list[JsonLines | None]":
        """The file in pieces, each cut behind the line that the byte belongs to; the lines before a cut are counted."""
        pieces: list[JsonLines | None] = []
        start, first = 0, 1
        try:
            with Path(self.path).open("rb") as file:
                for cut in cuts:
                    n_lines = 0
                    while file.tell() < cut - 1:
                        n_lines += file.read(min(cut - 1 - file.tell(), _BLOCK)).count(b"\n")
                    n_lines += bool(file.readline())
                    pieces.append(JsonLines(self.path, start, file.tell(), first) if n_lines else None)
                    start, first = file.tell(), first + n_lines
                rest = JsonLines(self.path, start, -1, first) if file.read(1) else None
        except (OSError, ValueError) as error:
            raise _unreadable(self.path, error) from None
        return [*pieces, rest]

    @staticmethod
    def _add(line: bytes, builder: PoolBuilder) -> None:
        try:
            builder.add_line(line.rstrip(b"\r\n"))
        except InputError as error:
            raise InputError(str(error).removeprefix("line 1, ")) from None  # the file has its own count of lines


class ParquetRows:
    """Rows of a Parquet file, read some at a time, by pyarrow.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened when the iteration starts, which raises `PoolError` where it cannot be read, or where its
        columns `id` and `skills` are not text and lists of skills.
    start, stop : int
        The rows that count; -1 is the end of the file.
    """

    unit = "row"

    def __init__(self, path: str | os.PathLike[str], start: int = 0, stop: int = -1) -> None:
        check_path(path, PoolError)
        self.path = str(path)
        self.share = 0.0
        self._start, self._stop = start, stop

    def __iter__(self) -> Iterator[tuple[int, Callable[[PoolBuilder], None]]]:
        with self._opened() as (pa, table):
            self._check(pa, table.schema_arrow)
            stop = table.metadata.num_rows if self._stop < 0 else self._stop
            groups, begin = self._groups(table.metadata, stop)
            for batch in table.iter_batches(batch_size=_ROWS, row_groups=groups, columns=self._leaves(table.schema)):
                skipped = max(self._start - begin, 0)
                rows = batch.slice(skipped, max(stop - begin - skipped, 0))
                number = begin + skipped
                begin += len(batch)
                for candidate_id, skills in zip(rows.column("id"), rows.column("skills"), strict=True):
                    number += 1
                    self.share = (number - self._start) / (stop - self._start)
                    yield number, functools.partial(self._add, candidate_id, skills)

    def pieces(self, cuts: Sequence[int]) -> "list[ParquetRows | None]":
        """The file in pieces, as if all rows took equally many bytes."""
        with self._opened() as (_, table):
            n_rows, size = table.metadata.num_rows, Path(self.path).stat().st_size
        ends = [0, *(-(-cut * n_rows // size) for cut in cuts), n_rows]
        return [ParquetRows(self.path, start, stop) if start < stop else None for start, stop in pairwise(ends)]

    @staticmethod
    def _leaves(schema: Any) -> list[str]:
        """Paths of the columns that count: what else a skill has may be of types that Python has no values for."""
        paths = [schema.column(place).path for place in range(len(schema))]
        return list(filter(_LEAF.fullmatch, paths))

    def _groups(self, metadata: Any, stop: int) -> tuple[list[int], int]:
        """The row groups that hold rows which count, and the number of the rows before them."""
        ends = list(accumulate(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)))
        first, last = bisect_right(ends, self._start), bisect_left(ends, stop)
        return list(range(first, min(last + 1, len(ends)))), ends[first - 1] if first else 0

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """Pyarrow, and the file."""
        try:
            import pyarrow as pa  # only here: it is large, and an extra
            from pyarrow import parquet
        except ImportError:
            raise PoolError(
                f"cannot read {shown(self.path, 200)}: expected pyarrow to be installed "
                "(python -m pip install 'competency[parquet]')"
            ) from None
        try:
            with Path(self.path).open("rb") as file, parquet.ParquetFile(file) as table:
                yield pa, table
        except PoolError:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:  # also a path with a null character
            raise _unreadable(self.path, error) from None

    def _check(self, pa: Any, schema: Any) -> None:
        """Refuse columns of wrong types at once, rather than every row."""

        def is_text(kind: Any) -> bool:
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

        def is_integer(kind: Any) -> bool:
            return bool(pa.types.is_integer(kind))

        def is_level(kind: Any) -> bool:
            return has(kind, value=is_integer, max=is_integer)

        def has(kind: Any, **accepted: Callable[[Any], bool]) -> bool:
            fields = [field for field in kind if field.name in accepted] if pa.types.is_struct(kind) else []
            return sorted(field.name for field in fields) == sorted(accepted) and all(
                accepted[field.name](field.type) for field in fields
            )

        def is_skills(kind: Any) -> bool:
            if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
                return False
            skill = kind.value_type
            return has(skill, name=is_text, level=is_level) and (
                not any(field.name == "domain" for field in skill)
                or has(skill, domain=lambda kind: is_text(kind) or pa.types.is_null(kind))
            )

        level = "struct<value: int64, max: int64>"
        for name, accepts, expected in (
            ("id", is_text, "string"),
            ("skills", is_skills, f"list<struct<name: string, level: {level}>>, optionally with domain: string"),
        ):
            kinds = [field.type for field in schema if field.name == name]
            if len(kinds) != 1:
                raise PoolError(f"{self.path}: columns {shown(schema.names)}: expected one column {name!r}")
            if not accepts(kinds[0]):
                raise PoolError(f"{self.path}: column {name!r} of type {kinds[0]}: expected {expected}")

    @staticmethod
    def _add(candidate_id: Any, skills: Any, builder: PoolBuilder) -> None:
        try:
            record = {"id": candidate_id.as_py(), "skills": skills.as_py()}
        except UnicodeDecodeError:
            raise InputError("text that is not UTF-8: expected UTF-8") from None
        builder.add_record(record)


class Chain:
    """Records of files, or of pieces of files, one after the other.

    Parameters
    ----------
    parts : sequence of Records
        At least one.
    """

    def __init__(self, parts: Sequence[Records]) -> None:
        self._parts = parts
        self._place = 0

    @property
    def path(self) -> str:
        """The file that is being read."""
        return self._parts[self._place].path

    @property
    def unit(self) -> str:
        """What its numbers count."""
        return self._parts[self._place].unit

    @property
    def share(self) -> float:
        """How much has been read, of so many files."""
        return (self._place + self._parts[self._place].share) / len(self._parts)

    def __iter__(self) -> Iterator[tuple[int, Callable[[PoolBuilder], None]]]:
        for place, part in enumerate(self._parts):
            self._place = place
            yield from part


def divided(files: Sequence[RecordFile], n: int) -> list[Chain]:
    """Records of files in parts of about as many bytes, which follow each other.

    Raises
    ------
    PoolError
        Where a file cannot be read, or not in pieces, or a part would have no record.
    """
    sizes = [_size(file.path) for file in files]
    bounds = [sum(sizes) * number // n for number in range(1, n)]
    parts: list[list[Records]] = [[] for _ in range(n)]
    start = 0
    for file, size in zip(files, sizes, strict=True):
        first, last = bisect_right(bounds, start), bisect_left(bounds, start + size)
        pieces = file.pieces([bound - start for bound in bounds[first:last]])
        for part, piece in zip(parts[first:], pieces, strict=False):
            if piece is not None:
                part.append(piece)
        start += size
    if not all(parts):
        shortest = min(range(n), key=lambda number: len(parts[number]))
        raise PoolError(f"part {shortest + 1} of {n} would have no record: expected fewer parts, or more records")
    return [Chain(part) for part in parts]


def _size(path: str) -> int:
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise PoolError(f"cannot read {shown(path, 200)} in pieces: expected a regular file")
    return status.st_size


def records_of(path: str | os.PathLike[str]) -> RecordFile:
    """The records of a file: Parquet by its suffix, or else lines of JSON."""
    return ParquetRows(path) if Path(path).suffix.lower() == ".parquet" else JsonLines(path)
