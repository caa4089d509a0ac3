"""A Yahoo of one test's own, on loopback, and the product's provider that asks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from backbone.market.dimensions import DAILY_BARS
from backbone.providers.pacing import Limits
from backbone.providers.protocol import Connection, Delivery, Query
from backbone.providers.secrets import AUTHORITY, PROXY, Secret
from backbone.providers.yahoo.provider import YahooProvider
from switches import Board
from yahoo.service import Yahoo

AFTER_CLOSE = datetime(2024, 3, 14, 22, 0, tzinfo=UTC)
"""A Thursday, in the week in which the clocks of New York have changed and those of London have not."""
SYMBOLS = ("AAPL", "IBM", "MSFT")
MONTH = timedelta(days=30)
QUICK = Limits(deadline=2, first_wait=0.01, longest_wait=0.05, budget=1)
CONNECTION = Connection("yahoo")


@dataclass
class Clock:
    """The clock of the server and of the worker; a test moves it."""

    now: datetime = AFTER_CLOSE

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Market:
    """The server's board and clock, and ways to ask it."""

    yahoo: Yahoo
    clock: Clock
    secret: Secret
    waited: list[float]

    @property
    def board(self) -> Board:
        return self.yahoo.board

    def provider(self, limits: Limits = QUICK, clock: Callable[[], datetime] | None = None) -> YahooProvider:
        return YahooProvider(
            lambda _: self.secret,
            clock=clock or self.clock,
            pause=self.waited.append,
            limits=limits,
            rate=10_000,
        )

    def fetch(self, *symbols: str, lookback: timedelta | None = MONTH, **limits: float) -> Delivery:
        query = Query(DAILY_BARS, symbols or SYMBOLS, lookback, connection=CONNECTION)
        return self.provider(Limits(**{**vars_of(QUICK), **limits})).fetch(query)

    def charts(self, symbol: str) -> int:
        """How often a symbol's chart was asked for."""
        return len(self.board.requests(symbol=symbol))


def vars_of(limits: Limits) -> dict[str, float]:
    return {name: getattr(limits, name) for name in Limits.__slots__}


def market(folder: Path, address: str, yahoo: Yahoo, clock: Clock) -> Market:
    """The market with a Secret that leads to a server, whose authority is in `folder`."""
    secret = folder / "secret"
    secret.mkdir(exist_ok=True)
    (secret / PROXY).write_text(f"{address}\n")
    (secret / AUTHORITY).write_bytes((folder / "ca.crt").read_bytes())
    return Market(yahoo, clock, Secret("yahoo", secret), [])


def rows(delivery: Delivery) -> pa.Table:
    """The rows of the one source."""
    (slice_,) = delivery.slices
    return slice_.facts


def fates(delivery: Delivery) -> dict[str, str]:
    """What became of every name that did not come in full."""
    return {
        **dict.fromkeys(delivery.unknown, "UnknownSymbol"),
        **dict.fromkeys(delivery.without_data, "NoData"),
        **{item.name: item.outcome.value for item in delivery.failed},
    }
