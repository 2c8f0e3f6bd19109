"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["TargetError", "check_targets", "write_atomically", "written_whole"]


# The library has the like, but the instruments measure commits whose library has not.
class TargetError(OSError):
    """Where a file was to be written, none can be."""


def _target(path: Path) -> Path:
    """Where a file to be written at a path will stand: links followed."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise TargetError(f"cannot write {str(path)!r}: expected a file in a folder that exists")
    if target.exists() and not target.is_file():  # a rename would put a file in the place of a device
        raise TargetError(f"cannot write {str(path)!r}: expected the name of a regular file, or a new one")
    return target


def check_targets(paths: Iterable[Path], inputs: Iterable[str | Path] = ()) -> None:
    """Before anything is measured: all files can be written, each in a place of its own that holds no input.

    Raises
    ------
    TargetError
        Where a folder is missing or takes no file, something else than a regular file stands there, or it is an input
        or another path.
    """
    taken = {os.path.realpath(file) for file in inputs}
    for path in paths:
        target = _target(path)
        if str(target) in taken:
            raise TargetError(f"cannot write {str(path)!r}: expected another file than is read or written besides")
        taken.add(str(target))
        try:
            with tempfile.TemporaryFile(dir=target.parent):
                pass
        except OSError as error:
            raise TargetError(f"cannot write {str(path)!r}: {error.strerror or error}") from None


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A new name beside a file, to write to; what stands there takes the file's name when all went well.

    Raises
    ------
    TargetError
        Where the file cannot be written.
    """
    target = _target(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.filename not in (None, str(temporary)):  # a full disk has no name
            raise
        raise TargetError(f"cannot write {str(path)!r}: {error.strerror or error}") from None
    finally:  # also Ctrl-C leaves nothing behind
        with contextlib.suppress(OSError):  # it may not even have been made
            temporary.unlink()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under a temporary name beside it, links followed, then rename it; text in UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
