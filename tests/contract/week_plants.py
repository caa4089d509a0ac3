"""What is wrong in a week: each error planted in a name of its own, and under which word it has to be found.

Nothing here knows the checks: an error is a change of what the server sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from week_oddities import Bend
from yahoo.rows import OF_PRICE, Rows

MONDAY = date(2023, 3, 20)
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (MONDAY + timedelta(days=count) for count in (1, 2, 3, 4))
DAYS = (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
BEFORE = date(2023, 3, 8)
"""A session that was over when the week began."""
PENCE = 0.01
SATURDAY = datetime(2023, 3, 18, 15, tzinfo=UTC)
SILENT = (datetime(2023, 3, 22, 15, tzinfo=UTC), datetime(2023, 3, 22, 18, 30, tzinfo=UTC))


@dataclass(frozen=True)
class Plant:
    """An error in one name's daily or intraday bars, and the findings by which it has to be known.

    `found` are the session or the minute (UTC) and the word. `unfit` says whether nobody may decide on the
    name when the week is over; an error that was mended, or of long ago, is no reason.
    """

    name: str
    daily: bool
    bend: Bend
    found: frozenset[tuple[str, str]]
    unfit: bool


def plant(name: str, bend: Bend, *found: tuple[object, str], daily: bool = True, unfit: bool = True) -> Plant:
    """A plant that is found at some days or moments."""
    said = frozenset(
        (f"{when:%Y-%m-%d %H:%M}" if isinstance(when, datetime) else str(when), word) for when, word in found
    )
    return Plant(name, daily, bend, said, unfit)


def row(day: date, change: Callable[[Rows, int], None], *evenings: date) -> Bend:
    """A change of one day's row, on some evenings or on all."""

    def bend(rows: Rows, now: datetime) -> None:
        place = rows.at(day)
        if place is not None and (not evenings or now.date() in evenings):
            change(rows, place)

    return bend


def scaled(factor: float) -> Callable[[Rows, int], None]:
    """All prices of a row by a factor."""
    return lambda rows, place: rows.scale(place, factor)


def put(**values: object) -> Callable[[Rows, int], None]:
    """Values in the place of those that were right."""
    return lambda rows, place: rows.put(place, **values)


def swapped(rows: Rows, place: int) -> None:
    """High and low in each other's place."""
    told = rows.values(place)
    rows.put(place, high=told["low"] * 0.999, low=told["high"] * 1.001)


def with_high(rows: Rows, place: int) -> None:
    """A high that was never traded."""
    rows.scale(place, 1.6, ("high",))


def as_the_day_before(rows: Rows, place: int) -> None:
    """Yesterday's bar with today's stamp."""
    rows.put(place, **rows.values(place - 1))


def told_twice(rows: Rows, place: int) -> None:
    """The day once more, with other prices."""
    other = rows.values(place)
    rows.scale(rows.insert(rows.stamps[place] + 3600, **other), 1.01)


def since(day: date, factor: float) -> Bend:
    """From a day on all prices by a factor, those before as they were."""

    def bend(rows: Rows, _: datetime) -> None:
        for place in rows.since(day):
            rows.scale(place, factor)

    return bend


def in_turn(*bends: Bend) -> Bend:
    """Several changes of one name."""

    def bend(rows: Rows, now: datetime) -> None:
        for item in bends:
            item(rows, now)

    return bend


def tomorrow(day: date) -> Bend:
    """On the evening of a day the next session's bar is there already."""

    def bend(rows: Rows, now: datetime) -> None:
        if now.date() == day:
            last = rows.values(len(rows.stamps) - 1)
            rows.scale(rows.insert(rows.stamps[-1] + 86_400, **last), 1.003)

    return bend


def bar(moment: datetime, evening: date) -> Bend:
    """On one evening a bar of five minutes at a moment at which nobody trades."""

    def bend(rows: Rows, now: datetime) -> None:
        if now.date() == evening:
            price = rows.columns["close"][0]
            rows.insert(int(moment.timestamp()), **dict.fromkeys(OF_PRICE, price), volume=321)

    return bend


def session(day: date) -> Bend:
    """A bar on a day without a session: that of the day before, with a little more to it."""

    def bend(rows: Rows, _: datetime) -> None:
        before = rows.before(day)
        if before and rows.since(day):
            place = before[-1]
            told = rows.values(place)
            rows.scale(rows.insert(rows.stamps[place] + 86_400, **told), 1.002)

    return bend


def silence(start: datetime, end: datetime) -> Bend:
    """Bars from a moment to another do not come."""

    def bend(rows: Rows, _: datetime) -> None:
        for place in reversed(range(len(rows.stamps))):
            if start.timestamp() <= rows.stamps[place] < end.timestamp():
                rows.remove(place)

    return bend


PLANTS = (
    # New York
    plant("AAPL", bar(SATURDAY, MONDAY), (SATURDAY, "OffSession"), daily=False, unfit=False),
    plant("GOOG", silence(*SILENT), (SILENT[1], "GapBefore"), daily=False, unfit=False),
    plant("NVDA", row(THURSDAY, as_the_day_before), (THURSDAY, "StaleRepeat")),
    plant(
        "META",
        row(WEDNESDAY, scaled(1.25)),
        *((WEDNESDAY, word) for word in ("UnconfirmedMove", "PriceSpike", "Condemned")),
    ),
    # London
    plant("EZJ.L", since(WEDNESDAY, PENCE), *((day, "UnadjustedSplit") for day in DAYS[2:])),
    plant("TSCO.L", row(TUESDAY, put(low=0.0)), (TUESDAY, "NonPositivePrice")),
    plant("VOD.L", tomorrow(TUESDAY), (WEDNESDAY, "FutureRow"), unfit=False),
    plant("BARC.L", row(WEDNESDAY, put(volume=1.3e29)), (WEDNESDAY, "SchemaMismatch")),
    # Tokyo
    plant("7203.T", session(TUESDAY), (TUESDAY, "OffSession")),
    plant(
        "6758.T",
        row(MONDAY, Rows.remove, THURSDAY, FRIDAY),
        (MONDAY, "Withdrawn"),
        (WEDNESDAY, "GapBefore"),
    ),
    plant("9984.T", row(BEFORE, told_twice), (BEFORE, "ConflictingRows")),
    # Hong Kong
    plant(
        "0005.HK",
        in_turn(*(row(day, scaled(1e-5), TUESDAY, WEDNESDAY, THURSDAY) for day in (TUESDAY, WEDNESDAY))),
        (TUESDAY, "UnadjustedSplit"),
        (WEDNESDAY, "UnadjustedSplit"),
        unfit=False,
    ),
    plant("0700.HK", row(TUESDAY, with_high), (TUESDAY, "BadExtreme")),
    plant("1299.HK", row(TUESDAY, put(close=None)), (TUESDAY, "SchemaMismatch")),
    # Mumbai
    plant("RELIANCE.NS", row(WEDNESDAY, swapped), (WEDNESDAY, "PriceOrder")),
    plant("INFY.NS", row(TUESDAY, Rows.remove), (WEDNESDAY, "GapBefore"), unfit=False),
    plant("TCS.NS", since(THURSDAY, 0.5), *((day, "UnadjustedSplit") for day in DAYS[3:])),
)
