"""Many rows, and a provider that delivers them slice by slice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.second_try import SecondTry
from backbone.ingest.tasks import Task
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.ports.store import Store
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import RunReport

NOW = datetime(2024, 6, 3, 22, tzinfo=UTC)
FIRST = date(2000, 1, 3)
NAMES = tuple(f"SYM{number:02}" for number in range(10))
SOURCES = ("test/one", "test/two", "test/three")


def bars(source: str, days: int = 200, *, close: float = 101.0) -> pa.Table:
    """Daily bars of ten symbols on as many sessions, ordered by their key."""
    every = calendar("XNYS").sessions
    sessions = every[every >= (FIRST - date(1970, 1, 1)).days][:days].tolist()
    count = len(NAMES) * len(sessions)
    prices = {"open": 100.0, "high": 109.0, "low": 99.0, "close": close, "adjusted_close": close}
    return pa.table(
        {
            "source": [source] * count,
            "symbol": [name for name in NAMES for _ in sessions],
            "session_date": pa.array(sessions * len(NAMES), pa.int32()).cast(pa.date32()),
            **{name: [price] * count for name, price in prices.items()},
            "volume": list(range(1, count + 1)),
            "price_basis": ["splitAdjusted"] * count,
            "revision": [0] * count,
        },
        schema=DAILY_BARS.facts,
    )


def stamped(facts: pa.Table, run: int = 1) -> pa.Table:
    """Facts as the rows of a run; a later run observed later."""
    return stamp(DAILY_BARS, facts, Lineage(f"run-{run}", 1, NOW + timedelta(hours=run), "Test"))


class Delivers:
    """A provider of three sources in one delivery, which is stored as one batch."""

    def __init__(self, close: float, days: int) -> None:
        self._close = close
        self._days = days

    def fetch(self, _: Query) -> Delivery:
        return Delivery(
            tuple(Slice(source, NOW, bars(source, self._days, close=self._close)) for source in SOURCES)
        )


SENT = len(SOURCES) * len(NAMES) * 200
"""Rows of one delivery of 200 days."""


def ingest(
    store: Store,
    run_id: str = "run-1",
    *,
    checkpoint: Callable[[], None] = lambda: None,
    close: float = 101.0,
    days: int = 200,
    wait: timedelta = timedelta(),
    at: datetime = NOW,
    again: SecondTry | None = None,
) -> RunReport:
    """One whole run of the three sources. The third call of `checkpoint` is in the middle of the batch."""
    task = Task("Test", Query(DAILY_BARS, NAMES), True)
    return IngestRun(
        RunRequest(run_id, "sample", 1, (task,), wait),
        {"Test": Delivers(close, days)},
        store,
        clock=lambda: at,
        progress=lambda _: None,
        checkpoint=checkpoint,
        again=again,
    ).execute()


class On:
    """A checkpoint that does something when it is called for the n-th time."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self._left = number
        self._action = action

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._action()
