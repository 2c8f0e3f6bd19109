"""DHAT files, version 2: what valgrind's ``dh_view.html`` opens.

The format is described in a comment of valgrind's ``dhat/dh_main.c``.
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.heap.files import write_atomically
from benchmarks.heap.profile import Frame, Profile, ProgramPoint

__all__ = ["MAX_FILE_SIZE", "DhatError", "load", "save"]

VERSION = 2
MAX_FILE_SIZE = 512_000_000  # bytes
SHORT_LIVED = 500  # events; the viewer marks program points whose blocks live no longer on average
ROOT = "[root]"
LARGEST = 2**63 - 1

# DHAT's name of each field of a program point
_FIELDS = {
    "tb": "total_bytes",
    "tbk": "total_blocks",
    "tl": "lifetime",
    "mb": "max_bytes",
    "mbk": "max_blocks",
    "gb": "peak_bytes",
    "gbk": "peak_blocks",
    "eb": "end_bytes",
    "ebk": "end_blocks",
}


class DhatError(ValueError):
    """A file is no DHAT file that this reader understands."""


def _text(frame: Frame) -> str:
    return f"{frame.function} ({frame.file}:{frame.line})" if frame.file else frame.function


# "0x48397B5: malloc (vg_replace_malloc.c:307)" of valgrind, "fun (file.rs:12:5)" of dhat-rs, "fun (file.py:12)" of ours
_ADDRESS = re.compile("0x[0-9A-Fa-f]+: ")
_LINE = re.compile(r":(\d{1,9})(?::\d{1,9})?\)\Z")


def _opening(text: str) -> int:
    """Where the bracket opens that ends a text: functions of C++ and names of files may have some of their own."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if not depth:
            return place
    return text.find(" (") + 1


def _frame(text: str) -> Frame:
    line = _LINE.search(text)
    place = _opening(text) if line else 0
    if not line or text[place - 1 : place + 1] != " (" or place > line.start():
        return Frame(text, "", 0)
    address = _ADDRESS.match(text, 0, place)
    return Frame(text[address.end() if address else 0 : place - 1], text[place + 1 : line.start()], int(line[1]))


def save(profile: Profile, path: Path) -> None:
    """Write a profile as a DHAT file, whole or not at all."""
    table = {ROOT: 0}
    points = []
    for point in profile.points:
        numbers = {short: getattr(point, name) for short, name in _FIELDS.items()}
        points.append({**numbers, "fs": [table.setdefault(_text(frame), len(table)) for frame in point.frames]})
    data = {
        "dhatFileVersion": VERSION,
        "mode": "heap",
        "verb": "Allocated",
        "bklt": True,  # lifetimes of blocks are known
        "bkacc": False,  # reads and writes are not
        "tu": profile.time_unit,
        "Mtu": f"M{profile.time_unit.removesuffix('s')}",
        "tuth": SHORT_LIVED,
        "cmd": profile.command,
        "pid": profile.pid,
        "tg": profile.peak_time,
        "te": profile.end_time,
        "pps": points,
        "ftbl": list(table),
    }
    write_atomically(path, json.dumps(data, separators=(",", ":")))


def _count(holder: dict[str, Any], key: str, where: str) -> int:
    value = holder.get(key)
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise DhatError(f"{where}: {key!r} is {_cut(value)}: expected a count")
    return value


def _typed(holder: dict[str, Any], key: str, kind: type, where: str) -> Any:
    value = holder.get(key)
    if type(value) is not kind:
        raise DhatError(f"{where}: {key!r} is {_cut(value)}: expected {kind.__name__}")
    return value


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse_constant(text: str) -> None:
    raise DhatError(f"{text}: expected a finite number")


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_SIZE + 1)  # of a pipe or a device no size is known
        if len(content) > MAX_FILE_SIZE:
            size = max(path.stat().st_size, len(content))
            raise DhatError(f"{path.name}: {size:,} bytes: expected at most {MAX_FILE_SIZE:,}")
        data = json.loads(content, parse_constant=_refuse_constant)
    except DhatError:
        raise
    except OSError as error:
        raise DhatError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except RecursionError:
        raise DhatError(f"{path.name}: brackets nested too deep: expected a DHAT file") from None
    except ValueError as error:
        raise DhatError(f"{path.name}: {error}: expected JSON") from None
    if not isinstance(data, dict):
        raise DhatError(f"{path.name}: {_cut(data)}: expected an object")
    return data


def load(path: Path) -> Profile:
    """Read a DHAT file, of this package, of valgrind or of dhat-rs.

    Raises
    ------
    DhatError
        Where the file cannot be read, is larger than `MAX_FILE_SIZE`, or is not a DHAT file of version 2 in every part.
    """
    path = Path(path)
    data = _parse(path)
    if data.get("dhatFileVersion") != VERSION:
        raise DhatError(f"{path.name}: dhatFileVersion {_cut(data.get('dhatFileVersion'))}: expected {VERSION}")
    lifetimes = _typed(data, "bklt", bool, path.name)
    table = _typed(data, "ftbl", list, path.name)
    for text in table:
        if not isinstance(text, str):
            raise DhatError(f"{path.name}: frame {_cut(text)}: expected text")
    frames = [_frame(text) for text in table]
    fields = _FIELDS if lifetimes else {"tb": "total_bytes", "tbk": "total_blocks"}
    points: dict[tuple[int, ...], ProgramPoint] = {}
    for position, point in enumerate(_typed(data, "pps", list, path.name)):
        where = f"{path.name}: program point {position}"
        if not isinstance(point, dict):
            raise DhatError(f"{where}: {_cut(point)}: expected an object")
        stack = _typed(point, "fs", list, where)
        for index in stack:
            if type(index) is not int or not 0 < index < len(frames):
                raise DhatError(f"{where}: frame {_cut(index)}: expected the index of one of {len(frames)} frames")
        if not stack or tuple(stack) in points:
            raise DhatError(f"{where}: frames {_cut(stack)}: expected a stack of its own")
        numbers = {name: _count(point, short, where) for short, name in fields.items()}
        points[tuple(stack)] = ProgramPoint(tuple(frames[index] for index in stack), **numbers)
    return Profile(
        command=_typed(data, "cmd", str, path.name),
        pid=_count(data, "pid", path.name),
        points=tuple(points.values()),
        peak_time=_count(data, "tg", path.name) if lifetimes else 0,
        end_time=_count(data, "te", path.name),
        time_unit=_typed(data, "tu", str, path.name),
    )
