"""Files that are written as a whole or not at all, and mapped into memory to be read."""

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from competency.errors import CompetencyError, shown

__all__ = ["check_path", "check_target", "mapped", "reason", "written_whole"]


def reason(error: Exception) -> str:
    """What an error says, in the words of the system where it has some."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def check_path(path: object, error: type[CompetencyError]) -> None:
    """Raise an error of the type `error` where something is no path at all."""
    if not isinstance(os.fspath(path) if isinstance(path, os.PathLike) else path, str):
        raise error(f"path {shown(path)}: expected text or a path-like object")


def check_target(path: str | os.PathLike[str], error: type[CompetencyError]) -> None:
    """Before long work, whose result is to stand in a file: it can be written.

    Raises
    ------
    CompetencyError
        Of the type `error`, where there is no such folder, it takes no file, or something else than a regular file
        stands there.
    """
    target = _target(path, error)
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as cause:
        raise error(f"cannot write {shown(str(path), 200)}: {reason(cause)}") from None


def _target(path: str | os.PathLike[str], error: type[CompetencyError]) -> Path:
    """Where a file to be written at `path` will stand: links followed.

    Raises
    ------
    CompetencyError
        Of the type `error`, where there is no such folder, or something else than a regular file stands there.
    """
    check_path(path, error)
    try:
        if os.fspath(path).endswith(os.sep):
            raise error(f"cannot write {shown(str(path), 200)}: expected the path of a file, not of a folder")
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise error(f"cannot write {shown(str(path), 200)}: there is no folder {target.parent}")
        if target.exists() and not target.is_file():  # os.replace would put a file in the place of a device
            raise error(f"cannot write {shown(str(path), 200)}: expected a path of a regular file, or a new one")
    except CompetencyError:
        raise
    except (OSError, ValueError) as cause:  # also a path with a null character
        raise error(f"cannot write {shown(str(path), 200)}: {reason(cause)}") from None
    return target


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], error: type[CompetencyError]) -> Iterator[BinaryIO]:
    """A file to write into, under another name in the same folder; it takes the name `path` when all went well.

    Raises
    ------
    CompetencyError
        Of the type `error`, where it cannot be written.
    """
    target = _target(path, error)
    temporary = target.with_name(f".competency-{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as cause:  # also Ctrl-C leaves nothing behind
        with contextlib.suppress(OSError):  # it may not even have been made
            temporary.unlink()
        if isinstance(cause, OSError):
            raise error(f"cannot write {shown(str(path), 200)}: {reason(cause)}") from None
        raise


def mapped(
    path: str | os.PathLike[str], magic: bytes, n_start: int, what: str, error: type[CompetencyError]
) -> tuple[bytes, NDArray[np.uint8]]:
    """The first `n_start` bytes of a file that begins with `magic`, and all of it, mapped.

    Raises
    ------
    CompetencyError
        Of the type `error`, where it cannot be read, is no regular file, or is not `what` is expected.
    """
    check_path(path, error)
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise error(f"{shown(str(path), 200)}: not a regular file: expected {what}")
        with Path(path).open("rb") as file:
            start = file.read(n_start)
            if len(start) < n_start or not start.startswith(magic):
                raise error(f"{path}: starts with {shown(start[:16])}: expected {what}")
            # the file that was checked, not another one that took its name since
            return start, np.asarray(np.memmap(file, np.uint8, "r", shape=(os.fstat(file.fileno()).st_size,)))
    except CompetencyError:
        raise
    except (OSError, ValueError) as cause:
        raise error(f"cannot read {shown(str(path), 200)}: {reason(cause)}") from None
