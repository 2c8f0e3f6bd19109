"""What an embedder is trained on: names that mean the same, and names that have to do with each other.

Tables are CSV in UTF-8 with a header, gzipped where the file's name ends in ``.gz``. Names in one cell are separated
by `` | ``.
"""

import csv
import functools
import gzip
import io
import tomllib
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from competency.errors import InputError, shown
from competency.files import reason
from competency.names import normalise

__all__ = ["Entry", "Knowledge", "read_entries", "read_knowledge", "read_lines", "read_names", "read_pairs"]

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


@dataclass(frozen=True)
class Knowledge:
    """Families of members that do the same job, fields and what belongs to them, and other spellings of names."""

    families: tuple[tuple[str, str, tuple[str, ...]], ...] = ()  # name, domain, members
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()  # name, members
    spellings: tuple[tuple[str, ...], ...] = ()  # names of one thing

    def holds(self, first: str, second: str) -> bool:
        """Whether one family has both names among its members, in any spelling."""
        return not self._homes.get(normalise(first), frozenset()).isdisjoint(self._homes.get(normalise(second), ()))

    @functools.cached_property
    def _homes(self) -> dict[str, frozenset[str]]:
        """Labels of the families of each name."""
        homes: defaultdict[str, set[str]] = defaultdict(set)
        for label, _, members in self.families:
            for name in members:
                homes[normalise(name)].add(label)
        for name, *others in self.spellings:
            for other in others:
                homes[normalise(other)] |= homes[normalise(name)]
        return {name: frozenset(labels) for name, labels in homes.items()}


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
    """Families and fields from TOML.

    Tables ``[[family]]`` have ``name``, ``domain``, ``members`` and may have ``spellings``, a table of lists; tables
    ``[[field]]`` have ``name``, ``members`` and may have a list ``spellings``.

    Raises
    ------
    InputError
        Where the file is not such TOML.
    """
    try:
        value = tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}; expected TOML") from None
    families, fields, spellings = [], [], []
    for family in _tables(path, value, "family"):
        families.append((_text(path, family, "name"), _text(path, family, "domain"), _texts(path, family, "members")))
        others = family.get("spellings", {})
        if not isinstance(others, dict):
            raise InputError(f"{path}: spellings {shown(others)}: expected a table of names")
        spellings += [(name, *_texts(path, others, name)) for name in others]
    for field in _tables(path, value, "field"):
        fields.append((_text(path, field, "name"), _texts(path, field, "members")))
        if "spellings" in field:
            spellings.append((fields[-1][0], *_texts(path, field, "spellings")))
    return Knowledge(tuple(families), tuple(fields), tuple(spellings))


def _tables(path: str | Path, value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = value.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: {key} {shown(tables)}: expected [[{key}]] tables")
    return tables


def _text(path: str | Path, table: dict[str, Any], key: str) -> str:
    if not isinstance(table.get(key), str):
        raise InputError(f"{path}: {key} {shown(table.get(key))} of {shown(table)}: expected text")
    return str(table[key])


def _texts(path: str | Path, table: dict[str, Any], key: str) -> tuple[str, ...]:
    texts = table.get(key)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}: {key} {shown(texts)}: expected a list of names")
    return tuple(texts)
