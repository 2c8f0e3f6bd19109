"""JSON as this package accepts it: UTF-8, no repeated keys, no NaN."""

import json
from collections import Counter
from typing import Any, NoReturn

from competency.errors import InputError, shown

__all__ = ["loads"]


def _refuse_constant(text: str) -> NoReturn:
    raise InputError(f"{text}: expected a finite number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        repeated = next(key for key, count in counts.items() if count > 1)
        raise InputError(f"key {shown(repeated)} stands twice in one object: expected it once")
    return result


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)


def loads(data: bytes) -> Any:
    """The value of a JSON text.

    Parameters
    ----------
    data : bytes
        UTF-8, with or without a byte-order mark.

    Raises
    ------
    InputError
        Where it is not UTF-8 or not JSON, repeats a key within an object, holds NaN or an infinity, or is nested too
        deep.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {data[error.start]:#04x} at offset {error.start}: expected UTF-8") from None
    try:
        return _DECODER.decode(text)
    except InputError:
        raise
    except RecursionError:
        raise InputError("brackets nested too deep: expected a list of skills") from None
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno}, column {error.colno}: expected JSON ({error.msg})") from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise InputError(f"{error}: expected JSON with shorter numbers") from None
