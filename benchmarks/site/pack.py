"""Data as scripts: a page that is opened as a file may load nothing else.

Each is gzip in base64, which `unpack.js` opens: the chart library alone shrinks from 4.8 to 2 MB.
"""

import base64
import gzip
import json
import math
from pathlib import Path
from typing import Any

from benchmarks.heap.files import write_atomically
from benchmarks.heap.html import embedded

UNPACK = Path(__file__).parent / "scripts" / "unpack.js"  # the loader of such scripts


def write_packed(path: Path, name: str, content: str) -> None:
    """Write a script that hands some text to ``site.load(name, ...)``; folders are made where they are missing."""
    packed = base64.b64encode(gzip.compress(content.encode(), 9, mtime=0)).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, f'site.receive({embedded(name)},"{packed}");\n')


def compact(data: Any) -> str:
    """JSON without spaces; numbers that JSON does not know become null."""
    return json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
