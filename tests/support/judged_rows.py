"""Rows as a good source delivers them, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from backbone.market.calendars import calendar
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
)
from backbone.market.validation.judge import Context, Judgement, judge

NOW = datetime(2024, 3, 28, 22, tzinfo=UTC)
EPOCH = date(1970, 1, 1)
SEED = 5


def sessions(count: int, end: date = date(2024, 3, 28), exchange: str = "XNYS") -> list[date]:
    kind = calendar(exchange)
    last = int(np.searchsorted(kind.sessions, (end - EPOCH).days, side="right"))
    return [EPOCH + timedelta(days=int(day)) for day in kind.sessions[last - count : last]]


def bars(count: int = 60, symbol: str = "AAPL", **columns: object) -> list[dict[str, object]]:
    """Bars of a random walk with 1.5 % a day."""
    random = np.random.default_rng(SEED)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.015, count)))
    return [
        {
            "source": "test/bars",
            "symbol": symbol,
            "session_date": day,
            "open": price * 0.999,
            "high": price * 1.01,
            "low": price * 0.99,
            "close": price,
            "adjusted_close": price,
            "volume": int(random.integers(900_000, 1_100_000)),
            "price_basis": "splitAdjusted",
            "revision": 0,
            **columns,
        }
        for day, price in zip(sessions(count), close.tolist(), strict=True)
    ]


def judged(rows: list[dict[str, object]], history: list[dict[str, object]] | None = None) -> Judgement:
    table = pa.Table.from_pylist(rows, schema=DAILY_BARS.facts)
    stored = pa.Table.from_pylist(history, schema=DAILY_BARS.facts) if history else None
    return judge(DAILY_BARS, table, Context(NOW, before=None if stored is None else lambda _: stored))


def minutes(
    *spans: tuple[str, str], symbol: str = "AAPL", width: int = 1, **columns: object
) -> list[dict[str, object]]:
    """Bars of `width` minutes from the first to before the second moment of each span (UTC), no two alike."""
    random = np.random.default_rng(SEED)
    rows: list[dict[str, object]] = []
    for first, last in spans:
        moment, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        while moment < end:
            price = 100 + len(rows) / 100
            rows.append(
                {
                    "source": "test/bars",
                    "symbol": symbol,
                    "interval_seconds": width * 60,
                    "start": moment,
                    "open": price,
                    "high": price + 0.1,
                    "low": price - 0.1,
                    "close": price,
                    "volume": int(random.integers(900, 1100)),
                    "trades": None,
                    "price_basis": "asTraded",
                    "revision": 0,
                    **columns,
                }
            )
            moment += timedelta(minutes=width)
    return rows


def judged_minutes(rows: list[dict[str, object]], now: datetime = NOW) -> Judgement:
    return judge(INTRADAY_BARS, pa.Table.from_pylist(rows, schema=INTRADAY_BARS.facts), Context(now))


def told(found: Judgement) -> dict[str, int]:
    return {str(item): count for item, count in (found.quarantined_counts | found.flagged_counts).items()}
