"""When a symbol trades by Yahoo's own word: the periods beside its prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Periods = npt.NDArray[np.int64]
"""Rows of beginning and end, in microseconds since 1970 (UTC), by time."""

SECOND = 1_000_000
LONGEST = 86_400
"""Seconds; a longer period says nothing of a day's hours."""
LATEST = 253_402_300_800
"""The end of the year 9999, in seconds since 1970."""
TOLD = ("tradingPeriods", "currentTradingPeriod")
"""Of intraday bars the sessions of each day, and of all the present one with the hours before and after."""


def periods_of(meta: dict[str, Any]) -> Periods:
    """Every period that Yahoo tells of a symbol, however deep; one that cannot be is passed over."""
    return _ordered(_spans([meta.get(name) for name in TOLD]))


def merged(parts: Iterable[Periods]) -> Periods:
    """The periods of several answers about one symbol."""
    return _ordered(tuple(span) for part in parts for span in (part // SECOND).tolist())


def _spans(told: list[Any]) -> Iterator[tuple[int, ...]]:
    while told:
        item = told.pop()
        if isinstance(item, list):
            told += item
        elif isinstance(item, dict):
            start, end = item.get("start"), item.get("end")
            if type(start) is int and type(end) is int and 0 < start < end < LATEST:
                if end - start <= LONGEST:
                    yield start, end
            else:
                told += item.values()


def _ordered(spans: Iterable[tuple[int, ...]]) -> Periods:
    return np.array(sorted(set(spans)), np.int64).reshape(-1, 2) * SECOND
