"""From one answer to facts in Arrow, column by column, and what the answer lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ...market.dimensions import DAILY_BARS, INTRADAY_BARS
from .asking import Answer

SOURCE = "yahoo"
SPLIT_ADJUSTED = "splitAdjusted"
"""Prices are divided by every later split that Yahoo knew when asked; adjusted_close by dividends too."""

PRICES = {"open": "Open", "high": "High", "low": "Low", "close": "Close"}
ADJUSTED = "Adj Close"
VOLUME = "Volume"
EPOCH = date(1970, 1, 1)
LATE_SESSIONS = 2
"""So many weekdays may lie between the last bar and the last trade: a bar can come a day late."""
FIRST_DAYS = timedelta(days=7)

Stamps = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Columns:
    """An answer's columns; `stamps` are moments (UTC) in microseconds."""

    stamps: Stamps
    zone: ZoneInfo
    values: dict[str, npt.NDArray[Any]]

    @property
    def days(self) -> Stamps:
        """The day on the exchange's clocks at each stamp."""
        return local_days(self.stamps, self.zone)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Columns:
        """The chosen rows."""
        return Columns(
            self.stamps[chosen], self.zone, {name: item[chosen] for name, item in self.values.items()}
        )

    def with_rows(self, more: Columns) -> Columns:
        """With the rows of another, in the order of time."""
        stamps = np.concatenate([self.stamps, more.stamps])
        order = np.argsort(stamps, kind="stable")
        values = {
            name: np.concatenate([item, more.values[name]])[order] for name, item in self.values.items()
        }
        return Columns(stamps[order], self.zone, values)


def columns_of(answer: Answer, *, daily: bool) -> Columns:
    """The columns of yfinance's frame, with the rows of a key that Yahoo told twice.

    yfinance keeps the first of them and drops the others, without a word. Raises KeyError, TypeError or
    ValueError on an answer of another shape.
    """
    frame, zone = answer.frame, ZoneInfo(str(answer.result["meta"]["exchangeTimezoneName"]))
    index = frame.index.tz_convert("UTC").tz_localize(None)
    names = {**PRICES, **({"adjusted_close": ADJUSTED} if daily else {})}
    values: dict[str, npt.NDArray[Any]] = {
        name: frame[column].to_numpy(dtype=np.float64) for name, column in names.items()
    }
    values["volume"] = frame[VOLUME].to_numpy(dtype=np.int64)
    found = Columns(index.to_numpy().astype("datetime64[us]"), zone, values)
    told = _as_told(answer.result, zone, daily=daily)
    if len(told.stamps) == len(found.stamps):
        return found
    keys, counts = np.unique(_keys(told, daily=daily), return_counts=True)
    twice = keys[counts > 1]
    if daily and _live(answer.result):
        # The session that is under way comes as a bar and as a last trade: yfinance keeps the trade.
        twice = twice[twice != _keys(told, daily=True)[-1]]
    kept = found.where(~np.isin(_keys(found, daily=daily), twice))
    return kept.with_rows(told.where(np.isin(_keys(told, daily=daily), twice)))


def _as_told(result: dict[str, Any], zone: ZoneInfo, *, daily: bool) -> Columns:
    quote = result["indicators"]["quote"][0]
    stamps = np.asarray(result["timestamp"], np.int64).astype("datetime64[s]").astype("datetime64[us]")
    values: dict[str, npt.NDArray[Any]] = {name: np.asarray(quote[name], np.float64) for name in PRICES}
    if daily:
        adjusted = result["indicators"].get("adjclose") or [{"adjclose": quote["close"]}]
        values["adjusted_close"] = np.asarray(adjusted[0]["adjclose"], np.float64)
    values["volume"] = np.nan_to_num(np.asarray(quote["volume"], np.float64)).astype(np.int64)
    return Columns(stamps, zone, values)


def _keys(columns: Columns, *, daily: bool) -> Stamps:
    return columns.days if daily else columns.stamps


def _live(result: dict[str, Any]) -> bool:
    stamps = result["timestamp"]
    return bool(stamps) and stamps[-1] == result["meta"].get("regularMarketTime")


def local_days(stamps: Stamps, zone: ZoneInfo) -> Stamps:
    """The day on a zone's clocks at each moment (UTC, microseconds)."""
    local = pa.array(stamps, pa.timestamp("us", "UTC")).cast(pa.timestamp("us", str(zone)))
    naive = pa.compute.local_timestamp(local)
    return np.asarray(naive.to_numpy(zero_copy_only=False).astype("datetime64[D]"))


def ended(columns: Columns, result: dict[str, Any], now: datetime, width: timedelta | None) -> Columns:
    """Without the bars that have not ended at `now` (UTC): they are no facts yet.

    `width` is the length of intraday bars. Of daily bars that is the session that Yahoo speaks of and those
    after it, until that session is over: a clock that is behind does not make it one of yesterday's. A day
    after a session that is over stays: that is for the validation.
    """
    at = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
    if width is not None:
        return columns.where(columns.stamps + np.timedelta64(width) <= at)
    regular = result["meta"]["currentTradingPeriod"]["regular"]
    if now.timestamp() >= regular["end"]:
        return columns
    opens = np.asarray([regular["start"]], "datetime64[s]").astype("datetime64[us]")
    return columns.where(columns.days < local_days(opens, columns.zone)[0])


def lacking(columns: Columns, result: dict[str, Any], start: datetime, end: datetime) -> str:
    """What part of a window the answer lacks by its own account, in words; empty if none.

    Daily bars alone: Yahoo tells when a symbol traded first and last. Gaps inside are the validation's.
    """
    meta, days = result["meta"], columns.days
    traded = min(_day(meta.get("regularMarketTime"), columns.zone) or EPOCH, end.date())
    last = days[-1].astype(object)
    if np.busday_count(last, traded) > LATE_SESSIONS:
        return f"bars end on {last}, the last trade was on {traded}"
    began = _day(meta.get("firstTradeDate"), columns.zone)
    first = days[0].astype(object)
    if began is not None and max(began, start.date()) + FIRST_DAYS < first:
        return f"bars begin on {first}, the first trade was on {began}"
    return ""


def passed_over(
    meta: dict[str, Any], empty: Sequence[tuple[datetime, datetime]], until: datetime, width: timedelta
) -> str:
    """Which parts of a window of intraday bars came empty although the symbol traded, in words; "" if none.

    `empty` are first moment and end of the parts (UTC). That nothing comes is right before the first trade
    and after the last, and where no bar since has ended by `until` (UTC).
    """
    began = meta.get("firstTradeDate") or 0
    traded = min(meta.get("regularMarketTime") or 0, (until - width).timestamp())
    short = [
        f"{start:%Y-%m-%d}" for start, end in empty if end.timestamp() > began and start.timestamp() <= traded
    ]
    return f"no bars in the week from {', '.join(short)}" if short else ""


def _day(stamp: int | None, zone: ZoneInfo) -> date | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, zone).date()


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
        **{name: pa.array(values) for name, values in columns.values.items()},
        **more,
    }
    return pa.table([arrays[name] for name in schema.names], schema=schema)
