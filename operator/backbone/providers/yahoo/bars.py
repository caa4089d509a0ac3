"""From the columns of one answer to facts in Arrow, and what the answer lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from ...market.calendars import calendar
from ...market.dimensions import DAILY_BARS, INTRADAY_BARS
from ..values import stamp
from .columns import Columns

SOURCE = "yahoo"
SPLIT_ADJUSTED = "splitAdjusted"
"""Prices are divided by every later split that Yahoo knew when asked; adjusted_close by dividends too."""

Window = tuple[datetime, datetime]
"""From when to when (UTC); the end is not included."""

EPOCH = date(1970, 1, 1)
LATE_SESSIONS = 1
"""So many sessions may lie between the last bar and the last trade: a bar can come a day late."""
LATE_WEEKDAYS = 2
"""So many weekdays where no calendar tells the sessions: one of them may be a holiday."""
FIRST_DAYS = timedelta(days=7)


def ended(columns: Columns, meta: Mapping[str, Any], now: datetime, width: np.timedelta64 | None) -> Columns:
    """Without the bars that have not ended at `now` (UTC): they are no facts yet.

    `width` is the length of intraday bars. Of daily bars that is the session that Yahoo speaks of and those
    after it, until that session is over: a clock that is behind does not make it one of yesterday's. A day
    after a session that is over stays: that is for the validation. Raises SHAPE.
    """
    if width is not None:
        return columns.where(
            columns.stamps + width <= np.datetime64(now.astimezone(UTC).replace(tzinfo=None))
        )
    under_way = session_under_way(meta, now, columns.zone)
    return columns if under_way is None else columns.where(columns.days < np.datetime64(under_way))


def session_under_way(meta: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> date | None:
    """The day of the session that Yahoo speaks of; None once it is over. Raises SHAPE."""
    regular = meta["currentTradingPeriod"]["regular"]
    start, end = stamp(regular["start"]), stamp(regular["end"])
    if start is None or end is None:
        raise ValueError("a session without beginning or end")
    return None if now.timestamp() >= end else datetime.fromtimestamp(start, zone).date()


def lacking(columns: Columns, meta: Mapping[str, Any], exchange: str | None, window: Window) -> str:
    """What part of a window the answer lacks by its own account, in words; empty if none.

    Daily bars alone: Yahoo tells when a symbol traded first and last, `exchange` which sessions lie between.
    Gaps inside are the validation's. Raises SHAPE.
    """
    days, (start, now) = columns.days, window
    traded = min(_day(meta.get("regularMarketTime"), columns.zone) or EPOCH, now.date())
    under_way = session_under_way(meta, now, columns.zone)
    if under_way is not None:
        traded = min(traded, under_way - timedelta(days=1))
    last = days[-1].astype(object)
    if late(exchange, last, traded):
        return f"bars end on {last}, the last trade was on {traded}"
    began = first_trade(meta, columns.zone)
    first = days[0].astype(object)
    if began is not None and max(began, start.date()) + FIRST_DAYS < first:
        return f"bars begin on {first}, the first trade was on {began}"
    return ""


def late(exchange: str | None, last: date, traded: date) -> bool:
    """Whether more sessions lie after `last`, up to the day of the last trade, than may come late."""
    if traded <= last:
        return False
    ends = (np.asarray([last, traded], "datetime64[D]") + 1).astype(np.int64)
    known = None
    if exchange is not None:
        with suppress(ValueError):
            known = calendar(exchange)
    if known is None or not known.knows_days(ends - 1).all():
        return bool(np.busday_count(last, traded) > LATE_WEEKDAYS)
    before = known.sessions_before(ends)
    return bool(before[1] - before[0] > LATE_SESSIONS)


def first_trade(meta: Mapping[str, Any], zone: ZoneInfo) -> date | None:
    """The day of a symbol's first trade, where Yahoo tells it."""
    return _day(meta.get("firstTradeDate"), zone)


def passed_over(meta: Mapping[str, Any], empty: Sequence[Window], until: datetime, width: timedelta) -> str:
    """Which parts of a window of intraday bars came empty although the symbol traded, in words; "" if none.

    `empty` are first moment and end of the parts (UTC). That nothing comes is right before the first trade
    and after the last, and where no bar since has ended by `until` (UTC).
    """
    began = stamp(meta.get("firstTradeDate")) or 0
    traded = min(stamp(meta.get("regularMarketTime")) or 0, (until - width).timestamp())
    short = [
        f"{start:%Y-%m-%d}" for start, end in empty if end.timestamp() > began and start.timestamp() <= traded
    ]
    return f"no bars in the week from {', '.join(short)}" if short else ""


def _day(value: object, zone: ZoneInfo) -> date | None:
    at = stamp(value)
    return None if at is None else datetime.fromtimestamp(at, zone).date()


def daily_facts(symbol: str, columns: Columns, revision: int) -> pa.Table:
    """Facts of market.dimensions.DAILY_BARS; `session_date` is the day on the exchange's clocks."""
    return _table(
        DAILY_BARS.facts, symbol, columns, revision, session_date=pa.array(columns.days, pa.date32())
    )


def intraday_facts(symbol: str, columns: Columns, revision: int, interval_seconds: int) -> pa.Table:
    """Facts of market.dimensions.INTRADAY_BARS; `start` is UTC."""
    count = len(columns.stamps)
    return _table(
        INTRADAY_BARS.facts,
        symbol,
        columns,
        revision,
        start=pa.array(columns.stamps, pa.timestamp("us", "UTC")),
        interval_seconds=pa.repeat(pa.scalar(interval_seconds, pa.int32()), count),
        trades=pa.nulls(count, pa.int64()),
    )


def _table(schema: pa.Schema, symbol: str, columns: Columns, revision: int, **more: pa.Array) -> pa.Table:
    count = len(columns.stamps)
    arrays = {
        "source": pa.repeat(SOURCE, count),
        "symbol": pa.repeat(symbol, count),
        "price_basis": pa.repeat(SPLIT_ADJUSTED, count),
        "revision": pa.repeat(pa.scalar(revision, pa.int64()), count),
        # What is null in the answer is NaN in yfinance's frame, and null again here.
        **{name: pa.array(values, from_pandas=True) for name, values in columns.values.items()},
        **more,
    }
    return pa.table([arrays[name] for name in schema.names], schema=schema)
