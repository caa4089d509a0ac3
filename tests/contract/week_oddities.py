"""What Yahoo does that is odd and right, after public reports: of none of it there is anything to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from yahoo.rows import OF_PRICE, Rows
from yahoo.service import Edit

AUCTIONS = {"": (0,), "L": (0, 300), "T": (0,), "HK": (300,), "NS": (0,)}
"""By the end of a symbol: seconds from the end of a session to the bars of its closing auction."""

WIDTH = 300
PAYOUT = timedelta(days=20)
"""Before the week: a payout that was larger than the price."""

Bend = Callable[[Rows, datetime], None]


def of(names: tuple[str, ...], bend: Bend) -> Edit:
    """A change of some symbols' charts."""

    def edit(symbol: str, result: dict[str, Any], now: datetime) -> None:
        if symbol in names and result.get("timestamp"):
            bend(Rows(result), now)

    return edit


def of_days(name: str, bend: Bend) -> Edit:
    """A change of a symbol's daily bars."""
    return of((name,), lambda rows, now: bend(rows, now) if rows.daily else None)


def auction(symbol: str, result: dict[str, Any], now: datetime) -> None:
    """Bars of five minutes after each session's end: the closing auction, most of the day's turnover.

    Yahoo counts it among the hours that it tells.
    """
    if not result["meta"].get("tradingPeriods") or not result.get("timestamp"):
        return
    rows = Rows(result)
    for (period,) in result["meta"]["tradingPeriods"]:
        stamps = [
            period["end"] + delay for delay in AUCTIONS[symbol.rpartition(".")[2] if "." in symbol else ""]
        ]
        for stamp in (item for item in stamps if item <= now.timestamp()):
            last = max((place for place, item in enumerate(rows.stamps) if item < stamp), default=0)
            price = rows.columns["close"][last] or rows.columns["close"][last - 1]
            rows.insert(stamp, **dict.fromkeys(OF_PRICE, price * 1.0005), volume=1_234_567 + stamp % 7)
        period["end"] = stamps[-1] + WIDTH


def without_values(day: date) -> Bend:
    """A row without any value on a day on which nobody traded."""

    def bend(rows: Rows, now: datetime) -> None:
        opened = datetime.fromtimestamp(rows.stamps[0], rows.zone).time()
        stamp = datetime.combine(day, opened, rows.zone)
        if stamp <= now and rows.before(day):
            rows.insert(int(stamp.timestamp()))

    return bend


def untraded(rows: Rows, _: datetime) -> None:
    """Intervals in which nobody traded, listed without values."""
    if not rows.daily:
        for place, stamp in enumerate(rows.stamps):
            if stamp // 300 % 9 == 4:
                rows.blank(place)


def before_the_opening(rows: Rows, now: datetime) -> None:
    """A row of the next session, without values until it opens."""
    rows.insert(int((now + timedelta(hours=3)).timestamp()))


def without_adjusted(day: date) -> Bend:
    """A day whose adjusted close alone is missing."""

    def bend(rows: Rows, _: datetime) -> None:
        for place in rows.since(day)[:1]:
            rows.put(place, adjclose=None)

    return bend


def adjusted_below_zero(day: date) -> Bend:
    """Adjusted prices below zero before a payout that was larger than the price."""

    def bend(rows: Rows, _: datetime) -> None:
        for place in rows.before(day):
            rows.scale(place, -0.038, ("adjclose",))

    return bend


def twice(*, live: bool, volume: float = 1.0) -> Bend:
    """The last session as a bar and once more as a last trade; before it, less may have been counted."""

    def bend(rows: Rows, now: datetime) -> None:
        period = rows.meta["currentTradingPeriod"]["regular"]
        if now.timestamp() < period["end"] or rows.stamps[-1] != period["start"]:
            return
        last = rows.values(len(rows.stamps) - 1)
        rows.put(len(rows.stamps) - 1, volume=int(last["volume"] * volume))
        rows.insert(period["end"], **last)
        rows.meta["regularMarketTime"] = period["end"] + (0 if live else 7)

    return bend


def paid(day: date) -> Bend:
    """A dividend: from its day on the adjusted prices before it are lower."""

    def bend(rows: Rows, now: datetime) -> None:
        if now.date() >= day:
            for place in rows.before(day):
                rows.scale(place, 0.985, ("adjclose",))

    return bend


def split(day: date, ratio: int) -> Bend:
    """A split that is announced: from its day on all prices are a part of what they were."""

    def bend(rows: Rows, now: datetime) -> None:
        if now.date() < day:
            return
        for place in range(len(rows.stamps)):
            rows.scale(place, 1 / ratio)
            rows.scale(place, ratio, ("volume",))

    return bend


def as_double(rows: Rows, _: datetime) -> None:
    """Volumes that JSON tells as 1234.0."""
    for place, volume in enumerate(rows.columns["volume"]):
        rows.put(place, volume=None if volume is None else float(volume))


def oddities(monday: date, closed: dict[str, date]) -> list[Edit]:
    """Those of a week; `closed` has a day without a session for some names."""
    tuesday, wednesday, thursday = (monday + timedelta(days=count) for count in (1, 2, 3))
    return [
        of(("TSCO.L",), untraded),
        auction,
        *(of_days(name, without_values(day)) for name, day in closed.items()),
        of_days("0005.HK", before_the_opening),
        of_days("GOOG", without_adjusted(tuesday)),
        of_days("6758.T", adjusted_below_zero(monday - PAYOUT)),
        of_days("VOD.L", paid(wednesday)),
        of(("NVDA",), split(thursday, 4)),
        of(("AAPL",), as_double),
        of_days("AAPL", twice(live=True)),
        of_days("INFY.NS", twice(live=True, volume=0.9)),
        of_days("0700.HK", twice(live=False)),
        of_days("M&M.NS", twice(live=False, volume=0.9)),
    ]


def lacks_adjusted(name: str, day: date, monday: date) -> bool:
    """Whether an oddity takes a day's adjusted close: the row has a flag for it, and is fit all the same."""
    return {"GOOG": day == monday + timedelta(days=1), "6758.T": day < monday - PAYOUT}.get(name, False)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment (UTC)."""
    return datetime.combine(day, time(hour, minute), UTC)
