"""Files with one candidate a record, read bit by bit."""

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from competency import strict_json
from competency.errors import InputError, PoolError, shown

__all__ = ["JsonLines", "ParquetRows", "Records", "records_of"]

_ROWS = 1024  # of a Parquet file that are read at a time


class Records(Protocol):
    """Records of a file, with their numbers, counted from 1."""

    path: str
    unit: str  # what the number counts: "line" or "row"
    share: float  # of the file that has been read, in [0, 1]

    def __iter__(self) -> Iterator[tuple[int, Callable[[], object]]]:
        """Numbers, and what gives the value of a record as JSON has it.

        That call raises `InputError` where the record cannot be parsed, which does not end the file.
        """


def _unreadable(path: str, error: Exception) -> PoolError:
    reason = (error.strerror if isinstance(error, OSError) else None) or " ".join(str(error).split())
    return PoolError(f"cannot read {shown(path, 200)}: {reason}")


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

    def __iter__(self) -> Iterator[tuple[int, Callable[[], object]]]:
        try:
            with Path(self.path).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                done = 0
                for number, line in enumerate(file, start=1):
                    done += len(line)
                    self.share = min(done / size, 1.0) if size else 0.0  # a pipe has no size
                    if not line.isspace():
                        yield number, functools.partial(self._parse, line)
        except (OSError, ValueError) as error:  # also a path with a null character
            raise _unreadable(self.path, error) from None

    @staticmethod
    def _parse(line: bytes) -> object:
        try:
            return strict_json.loads(line.rstrip(b"\r\n"))
        except InputError as error:
            raise InputError(str(error).removeprefix("line 1, ")) from None  # the file has its own count of lines


class ParquetRows:
    """Rows of a Parquet file, read some at a time, by pyarrow.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened when the iteration starts, which raises `PoolError` where it cannot be read, or where its
        columns `id` and `skills` are not text and lists of skills.
    """

    unit = "row"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)
        self.share = 0.0

    def __iter__(self) -> Iterator[tuple[int, Callable[[], object]]]:
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
                self._check(pa, table.schema_arrow)
                number = 0
                for batch in table.iter_batches(batch_size=_ROWS, columns=["id", "skills"]):
                    for candidate_id, skills in zip(batch.column("id"), batch.column("skills"), strict=True):
                        number += 1
                        self.share = number / table.metadata.num_rows
                        yield number, functools.partial(self._parse, candidate_id, skills)
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
    def _parse(candidate_id: Any, skills: Any) -> object:
        try:
            return {"id": candidate_id.as_py(), "skills": skills.as_py()}
        except UnicodeDecodeError:
            raise InputError("text that is not UTF-8: expected UTF-8") from None


def records_of(path: str | os.PathLike[str]) -> Records:
    """The records of a file: Parquet by its suffix, or else lines of JSON."""
    return ParquetRows(path) if Path(path).suffix.lower() == ".parquet" else JsonLines(path)
