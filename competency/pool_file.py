"""The file of a pool: a header that says where each column stands, and the columns as they are in memory.

::

    magic (16 bytes) | version (u32) | length of the header (u32) | SHA-256 of the header (32 bytes)
    header (JSON): fingerprint, counts, sections (name, dtype, shape, offset, bytes, sha256)
    sections, each at a multiple of 64 bytes; the last one ends the file

Numbers are little-endian. Offsets of sections count from the first multiple of 64 behind the header.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from competency import strict_json
from competency.errors import InputError, PoolError, shown
from competency.files import mapped, written_whole

__all__ = ["Columns", "PoolFile", "read", "sha256", "write"]

Columns = Mapping[str, NDArray[Any]]

_MAGIC = b"COMPETENCY-POOL\n"  # a newline, so that a copy that changed line ends is found out
_VERSION = 1
_PREAMBLE = struct.Struct("<16sII32s")
_ALIGNMENT = 64
_LONGEST_HEADER = 1 << 20  # bytes; a fingerprint of the greatest length takes an eighth of it
_BLOCK = 1 << 20  # bytes hashed at a time


@dataclass(frozen=True)
class _Counts:
    """What all shapes follow from."""

    candidates: int
    entries: int
    items: int
    names: int
    dim: int
    name_bytes: int
    id_bytes: int

    @classmethod
    def of(cls, columns: Columns) -> Self:
        return cls(
            candidates=len(columns["offsets"]) - 1,
            entries=len(columns["items"]),
            items=len(columns["item_name"]),
            names=len(columns["name_offsets"]) - 1,
            dim=columns["embeddings"].shape[1],
            name_bytes=len(columns["name_bytes"]),
            id_bytes=len(columns["id_bytes"]),
        )


@dataclass(frozen=True)
class _Section:
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    bytes: int


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _sections(counts: _Counts) -> list[_Section]:
    """The one layout that goes with some counts."""
    columns: list[tuple[str, str, tuple[int, ...]]] = [
        ("offsets", "<i8", (counts.candidates + 1,)),
        ("items", "<i4", (counts.entries,)),
        ("item_name", "<i4", (counts.items,)),
        ("item_value", "<i8", (counts.items,)),
        ("item_max", "<i8", (counts.items,)),
        ("item_domain", "|i1", (counts.items,)),
        ("embeddings", "<f4", (counts.names, counts.dim)),
        ("name_bytes", "|u1", (counts.name_bytes,)),
        ("name_offsets", "<i8", (counts.names + 1,)),
        ("id_bytes", "|u1", (counts.id_bytes,)),
        ("id_offsets", "<i8", (counts.candidates + 1,)),
    ]
    sections: list[_Section] = []
    end = 0
    for name, dtype, shape in columns:
        size = np.dtype(dtype).itemsize
        for length in shape:  # in Python's integers, which do not overflow
            size *= length
        sections.append(_Section(name, dtype, shape, _aligned(end), size))
        end = sections[-1].offset + size
    return sections


def _raw(array: NDArray[Any], dtype: str) -> memoryview:
    return np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data


def sha256(array: NDArray[Any]) -> str:
    """SHA-256 of the bytes of an array, in hexadecimal, read block by block."""
    return _sha256(_raw(array, array.dtype.str))


def _sha256(raw: memoryview) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(raw), _BLOCK):
        digest.update(raw[start : start + _BLOCK])
    return digest.hexdigest()


def write(path: str | os.PathLike[str], fingerprint: str, columns: Columns) -> None:
    """Write the file of a pool: as a whole, or not at all.

    Raises
    ------
    PoolError
        Where it cannot be written.
    """
    with written_whole(path, PoolError) as file:
        counts = _Counts.of(columns)
        sections = _sections(counts)
        raw = [_raw(columns[section.name], section.dtype) for section in sections]
        header = json.dumps(
            {
                "fingerprint": fingerprint,
                "counts": asdict(counts),
                "sections": [
                    {**asdict(section), "sha256": _sha256(data)} for section, data in zip(sections, raw, strict=True)
                ],
            }
        ).encode()
        body = _aligned(_PREAMBLE.size + len(header))
        file.write(_PREAMBLE.pack(_MAGIC, _VERSION, len(header), hashlib.sha256(header).digest()) + header)
        for section, data in zip(sections, raw, strict=True):
            file.write(bytes(body + section.offset - file.tell()))
            file.write(data)


@dataclass(frozen=True)
class PoolFile:
    """What the file of a pool holds: its columns as views of the mapped file, and the SHA-256 that each should have."""

    fingerprint: str
    columns: Columns
    checksums: Mapping[str, str]


def read(path: str | os.PathLike[str]) -> PoolFile:
    """Map the file of a pool. Only its header is read and checked, so the time does not depend on its size.

    Raises
    ------
    PoolError
        Where it cannot be read, is no pool, or its header is damaged or does not fit the size of the file.
    """
    where = str(path)
    start, data = mapped(path, _MAGIC, _PREAMBLE.size, "the file of a pool", PoolError)
    _, version, length, digest = _PREAMBLE.unpack(start)
    if version != _VERSION:
        raise PoolError(f"{where}: version {version} of the file format: expected {_VERSION}")
    if length > min(_LONGEST_HEADER, len(data) - _PREAMBLE.size):
        raise PoolError(f"{where}: header of {length} bytes in a file of {len(data)}: the file is damaged or cut off")
    header = data[_PREAMBLE.size :][:length].tobytes()
    if hashlib.sha256(header).digest() != digest:
        raise PoolError(f"{where}: the header does not have its checksum: the file is damaged")
    body = _aligned(_PREAMBLE.size + length)
    fingerprint, sections, checksums = _parse_header(where, header, len(data) - body)
    columns = {
        section.name: data[body + section.offset :][: section.bytes].view(section.dtype).reshape(section.shape)
        for section in sections
    }
    return PoolFile(fingerprint, columns, checksums)


def _parse_header(where: str, header: bytes, body_size: int) -> tuple[str, list[_Section], dict[str, str]]:
    """Fingerprint, sections and their checksums; nothing in it is believed that does not follow from the counts."""

    def damaged(reason: str) -> PoolError:
        return PoolError(f"{where}: header: {reason}")

    try:
        value: Any = strict_json.loads(header)
    except InputError as error:
        raise damaged(str(error)) from None
    if not isinstance(value, dict) or value.keys() != {"fingerprint", "counts", "sections"}:
        raise damaged(f"{shown(value)}: expected an object with fingerprint, counts and sections")
    fingerprint, counts, sections = value["fingerprint"], value["counts"], value["sections"]
    if not isinstance(fingerprint, str):
        raise damaged(f"fingerprint {shown(fingerprint)}: expected text")
    keys = [field.name for field in fields(_Counts)]
    if not isinstance(counts, dict) or counts.keys() != set(keys):
        raise damaged(f"counts {shown(counts)}: expected an object with {', '.join(keys)}")
    for key in keys:
        if type(counts[key]) is not int or counts[key] < 1:
            raise damaged(f"{key} {shown(counts[key])}: expected an integer of 1 or more")
    expected = _sections(_Counts(**counts))
    if not isinstance(sections, list) or len(sections) != len(expected):
        raise damaged(f"sections {shown(sections)}: expected a list of {len(expected)}")
    checksums = {}
    for section, found in zip(expected, sections, strict=True):
        checksum = found.get("sha256") if isinstance(found, dict) else None
        if not isinstance(checksum, str) or found != {
            **asdict(section),
            "shape": list(section.shape),
            "sha256": checksum,
        }:
            raise damaged(
                f"section {shown(found, 200)}: expected {shown(section, 200)}, as the counts say, and its sha256"
            )
        checksums[section.name] = checksum
    end = expected[-1].offset + expected[-1].bytes
    if body_size != end:
        raise PoolError(
            f"{where}: {shown(body_size)} bytes behind the header: expected {shown(end)}; "
            "the file is damaged or cut off"
        )
    return fingerprint, expected, checksums
