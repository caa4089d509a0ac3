"""Structural checks of single rows: finite numbers, positive prices, the order of a bar's prices, dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.defects import Defect
from ..dimensions import INTRADAY_TRADES, Dimension
from ..symbols import Kind, told_kind
from .lines import Floats, Mask, floats, joined
from .sheet import Sheet

PRICES = ("open", "high", "low", "close", "price")
VALUES = ("value", "actual", "expected", "prior", "revised")
_BAR = ("open", "high", "low", "close")
SIZES = ("volume", "trades", "size")
TOLERATED_SKEW = timedelta(minutes=2)
"""How far a source's clock may be ahead of ours."""
AHEAD = timedelta(hours=14)
"""The farthest zone from UTC: its day begins that much earlier."""


def check_numbers(dimension: Dimension, facts: pa.Table, kinds: Mapping[str, Kind], sheet: Sheet) -> None:
    """NaN and infinity, prices that are not positive, sizes that are negative, prices out of order.

    What trades below zero, by its source's word in `kinds` or by its spelling, is kept under a flag there.
    """
    prices = {name: floats(facts[name]) for name in PRICES if name in dimension.facts.names}
    values = {name: floats(facts[name]) for name in VALUES if name in dimension.facts.names}
    bar = frozenset(_BAR) if _bars_in_order(prices) else frozenset()
    for name in (prices.keys() | values.keys()) - bar:
        column = prices[name] if name in prices else values[name]
        if np.isfinite(column.min()) and np.isfinite(column.max()):
            continue
        odd = np.flatnonzero(~np.isfinite(column))
        there = pc.is_valid(joined(facts[name]).take(pa.array(odd)))
        sheet.quarantine(odd[np.asarray(there.to_numpy(zero_copy_only=False), bool)], Defect.NOT_FINITE)
    low = {name: column for name, column in prices.items() if name not in bar and bool((column <= 0).any())}
    if low:
        permitted = _below_zero(facts[dimension.subject], kinds)
        for column in low.values():
            sheet.quarantine((column <= 0) & ~permitted, Defect.NON_POSITIVE_PRICE)
            sheet.flag((column <= 0) & permitted, Defect.NON_POSITIVE_PRICE)
    for name in SIZES:
        if name in dimension.facts.names:
            least = 1 if dimension is INTRADAY_TRADES else 0
            if (pc.min(facts[name]).as_py() or 0) < least:
                sheet.quarantine(floats(facts[name]) < least, Defect.NEGATIVE_SIZE)
    if "high" in prices and not bar:
        highest = np.maximum(np.maximum(prices["open"], prices["close"]), prices["low"])
        lowest = np.minimum(np.minimum(prices["open"], prices["close"]), prices["high"])
        sheet.quarantine((prices["high"] < highest) | (prices["low"] > lowest), Defect.PRICE_ORDER)


def _below_zero(subjects: pa.ChunkedArray, kinds: Mapping[str, Kind]) -> Mask:
    """Which rows are of an instrument that trades at prices of zero and below."""
    encoded = joined(subjects).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    permitted = np.array([told_kind(name, kinds) is not None for name in names], bool)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    found: Mask = np.append(permitted, False)[codes]
    return found


def _bars_in_order(prices: Mapping[str, Floats]) -> bool:
    """Whether every bar has all of its prices, in their order, positive and finite: mostly all of them do."""
    if "high" not in prices:
        return False
    opened, high, low, close = (prices[name] for name in _BAR)
    inside = (low <= np.minimum(opened, close)) & (np.maximum(opened, close) <= high)
    return bool(inside.all() and low.min() > 0 and high.max() < np.inf)


def check_dates(dimension: Dimension, facts: pa.Table, now: datetime, sheet: Sheet) -> None:
    """Rows from the future. `now` is UTC.

    An event may lie ahead, and so may a period that is forecast, but not the day on which it was known. A day
    has begun where it begins first on earth; what the exchange's own clock says is checked with its calendar.
    """
    name = "vintage" if "vintage" in dimension.key else dimension.time
    kind = dimension.facts.field(name).type
    latest = now + (AHEAD if pa.types.is_date(kind) else TOLERATED_SKEW)
    bound = pa.scalar(latest.date() if pa.types.is_date(kind) else latest, kind)
    if pc.greater(pc.max(facts[name]), bound).as_py():
        sheet.quarantine(_mask(pc.greater(facts[name], bound)), Defect.FUTURE_ROW)


def _mask(found: pa.ChunkedArray) -> Mask:
    return np.asarray(pc.fill_null(joined(found), False).to_numpy(zero_copy_only=False), bool)
