"""Values in the body of an answer, none of which is trusted: what they are if they are what they should be.

Nothing here raises for a value. A number that is none has a mark that no sound one has, so that the row which
it is in can be told from its neighbours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

UNREADABLE = math.inf
"""What stands for a price that is no number; NaN stands for one that is not told."""
WHOLE_DIGITS = 30
"""Longer whole numbers are read as doubles: reading takes time that grows with the square of their length."""
FIRST_STAMP, LAST_STAMP = -62_135_424_000, 253_402_128_000
"""Seconds since 1970 of the second day of year 1, and of the last of year 9999: a day less in any zone."""
_WHOLES = np.iinfo(np.int64)


def read_json(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """What a body says. Raises ValueError where it is no JSON, RecursionError where it nests too deeply."""
    return json.loads(body, parse_int=_whole)


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= WHOLE_DIGITS else float(text)


def stamp(value: object) -> int | None:
    """Seconds since 1970, within the years 1 to 9999; None for anything else."""
    found = whole(value)
    return found if found is not None and FIRST_STAMP <= found <= LAST_STAMP else None


def whole(value: object) -> int | None:
    """A whole number of 64 bits; None for anything else."""
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 2.0**62:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not _WHOLES.min <= value <= _WHOLES.max:
        return None
    return value


def decimal(value: object) -> float:
    """A number as a double: NaN for null and NaN, UNREADABLE for what is no number or too large for one."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNREADABLE
    try:
        return float(value)
    except OverflowError:
        return UNREADABLE


def decimals(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Each value as `decimal` has it."""
    if {type(value) for value in values} <= {float, int, type(None)}:
        with suppress(OverflowError):
            return np.asarray(values, np.float64)
    return np.fromiter((decimal(value) for value in values), np.float64, len(values))


def counts(values: Sequence[object]) -> np.ma.MaskedArray[Any, np.dtype[np.int64]]:
    """Each value as a whole number, zero for null and NaN; masked where it is none of 64 bits."""
    if {type(value) for value in values} <= {int, type(None)}:
        with suppress(OverflowError):
            return np.ma.array(np.asarray([value or 0 for value in values], np.int64))
    read = [0 if math.isnan(decimal(value)) else whole(value) for value in values]
    return np.ma.array(np.asarray([value or 0 for value in read], np.int64), mask=[v is None for v in read])


def stamps(values: Sequence[object]) -> npt.NDArray[np.datetime64]:
    """Seconds since 1970 as moments (UTC, microseconds). Raises ValueError for one that no calendar has."""
    read = [stamp(value) for value in values]
    if None in read:
        raise ValueError("a time that no calendar has")
    return np.asarray(read, np.int64).astype("datetime64[s]").astype("datetime64[us]")
