"""What an embedder is trained on: names that mean the same, and names that have to do with each other.

Tables are CSV in UTF-8 with a header, gzipped where the file's name ends in ``.gz``. Names in one cell are separated
by `` | ``.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from competency.errors import ConfigError, InputError, shown
from competency.families import Knowledge, parse
from competency.files import reason
from competency.names import normalise

__all__ = ["Entry", "read_entries", "read_knowledge", "read_lines", "read_names", "read_pairs"]

_SEPARATOR = " | "
_HELD_OUT_SHARE = 10  # one in as many entries, where a taxonomy does not say which


@dataclass(frozen=True)
class Entry:
    """One skill of a taxonomy: its label, other names of it, what it is; held out of the training or not."""

    label: str
    alternatives: tuple[str, ...] = ()
    description: str = ""
    held_out: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names of it, the label first."""
        return (self.label, *self.alternatives)


def _read_bytes(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if str(path).endswith(".gz") else data
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(f"cannot read {shown(str(path), 200)}: {reason(error)}") from None


def _read_text(path: str | Path) -> str:
    try:
        return _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start}: expected UTF-8") from None


def _rows(path: str | Path, columns: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}: columns {shown(reader.fieldnames, 200)}: expected a column {missing[0]} among them, in CSV"
        )
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{path}: line {reader.line_num}: expected {len(reader.fieldnames or ())} cells")
            yield row
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}; expected CSV") from None


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for part in cell.split(_SEPARATOR) if (name := part.strip()))


def read_entries(path: str | Path) -> list[Entry]:
    """Entries of a taxonomy: columns ``preferred_label``, ``alt_labels``; ``description`` and ``split`` if it has them.

    Held out are those whose ``split`` is ``test``; in a file without that column every tenth, by the label's CRC-32.

    Raises
    ------
    InputError
        Where the file is not such a table, or has no entry.
    """
    entries: list[Entry] = []
    for row in _rows(path, ("preferred_label", "alt_labels")):
        label = row["preferred_label"].strip()
        if not label:
            raise InputError(f"{path}: entry {len(entries) + 1}: preferred_label '': expected a name")
        held_out = (
            row["split"] == "test" if "split" in row else zlib.crc32(normalise(label).encode()) % _HELD_OUT_SHARE == 0
        )
        entries.append(Entry(label, _names(row["alt_labels"]), row.get("description", "").strip(), held_out))
    if not entries:
        raise InputError(f"{path}: no rows: expected a row for each skill")
    return entries


def read_pairs(path: str | Path, first: str, second: str) -> list[tuple[str, str]]:
    """Two columns of a table, as pairs of names, each once.

    Raises
    ------
    InputError
        Where the file is not such a table.
    """
    return list(dict.fromkeys((row[first].strip(), row[second].strip()) for row in _rows(path, (first, second))))


def read_names(path: str | Path) -> list[str]:
    """All names in a table, whatever its columns are called, each once.

    Raises
    ------
    InputError
        Where the file is no table.
    """
    return list(dict.fromkeys(name for row in _rows(path) for cell in row.values() for name in _names(cell)))


def read_lines(path: str | Path) -> list[str]:
    """Lines of a text, without the blank ones.

    Raises
    ------
    InputError
        Where the file is no text in UTF-8.
    """
    return [line.strip() for line in _read_text(path).splitlines() if line.strip()]


def read_knowledge(path: str | Path) -> Knowledge:
    """Families, fields and spellings, as in the package's own ``data/families.toml``.

    Raises
    ------
    InputError
        Where the file is not such TOML.
    """
    try:
        return parse(_read_text(path))
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from None
