"""A week of evenings in New York, London, Tokyo, Hong Kong and Mumbai: what is odd, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from week import NAMES, Week, said
from week_oddities import Bend, at, auction, lacks_adjusted, oddities, of, of_days
from week_plants import DAYS, PLANTS, THURSDAY, WEDNESDAY
from yahoo.service import Edit
from yahoo_market import Market


@dataclass(frozen=True)
class Days:
    """Days of runs, the first of them a Monday, and on which of them some name's exchange is closed."""

    monday: date
    evenings: tuple[int, ...]
    closed: dict[str, date]


CLOCKS = Days(date(2023, 3, 20), (0, 1, 2, 3, 4, 7), {"7203.T": date(2023, 3, 21)})
"""New York has summer time already, London from Sunday on; Tokyo has a holiday on Tuesday."""
HALF_DAYS = Days(
    date(2024, 12, 23), (0, 1, 3, 4), {"VOD.L": date(2024, 12, 26), "0005.HK": date(2024, 12, 25)}
)
"""New York, London and Hong Kong close early on Tuesday; all but Tokyo are closed on Wednesday."""


def of_minutes(name: str, bend: Bend) -> Edit:
    """A change of a symbol's intraday bars."""
    return of((name,), lambda rows, now: None if rows.daily else bend(rows, now))


def evening(days: Days, number: int) -> datetime:
    """When New York has closed, and Tokyo has not opened again."""
    return at(days.monday + timedelta(days=number), 22, 30)


@pytest.mark.parametrize("days", [pytest.param(CLOCKS, id="clocks"), pytest.param(HALF_DAYS, id="half days")])
def test_of_a_week_that_is_odd_and_right_nothing_is_told(yahoo: Market, tmp_path: Path, days: Days) -> None:
    week = Week(yahoo, tmp_path / "store")
    yahoo.yahoo.edits += oddities(days.monday, days.closed)
    for number in days.evenings:
        week.run(evening(days, number))
        week.told |= week.unfit(yahoo.clock())
    noted = {
        (name, said(day), "NoAdjustedClose")
        for name in week.names
        for day in week.closes(name)
        if lacks_adjusted(name, day, days.monday)
    }
    assert week.told == noted
    assert week.lacking() == set()


@dataclass(frozen=True)
class Noon:
    """A break: when a run asks, from then to a quarter of an hour after it, and when that is over (UTC)."""

    city: str
    asked: tuple[int, int]
    fit: tuple[tuple[int, int], ...]
    stale: tuple[int, int]


NOONS = (
    Noon("Tokyo", (2, 40), ((2, 40), (3, 25), (3, 40)), (3, 50)),
    Noon("Hong Kong", (4, 10), ((4, 10), (4, 55), (5, 10)), (5, 20)),
)


@pytest.mark.parametrize("noon", NOONS, ids=lambda item: item.city)
def test_at_noon_nothing_is_stale_until_trading_has_gone_on_for_a_quarter_of_an_hour(
    yahoo: Market, tmp_path: Path, noon: Noon
) -> None:
    week = Week(yahoo, tmp_path / "store", NAMES[noon.city])
    week.run(at(THURSDAY, *noon.asked))
    for clock in noon.fit:
        week.told |= week.unfit(at(THURSDAY, *clock))
    assert week.told == set()
    assert {name for name, _, _ in week.unfit(at(THURSDAY, *noon.stale))} == set(week.names)


UNKNOWN = "AZN.L"
"""Is not found on the evening of Wednesday."""


def test_every_error_that_is_planted_in_a_week_is_found_and_nothing_else_is_told(
    yahoo: Market, tmp_path: Path
) -> None:
    week = Week(yahoo, tmp_path / "store", (*(item.name for item in PLANTS), UNKNOWN))
    yahoo.yahoo.edits += [
        auction,
        *(
            of_days(item.name, item.bend) if item.daily else of_minutes(item.name, item.bend)
            for item in PLANTS
        ),
    ]
    for day in DAYS:
        if day == WEDNESDAY:
            yahoo.board.on("unknown", UNKNOWN)
        week.run(at(day, 22, 30))
        yahoo.board.clear()
    expected = {(item.name, when, word) for item in PLANTS for when, word in item.found}
    expected |= {(UNKNOWN, said(at(WEDNESDAY, 22, 30)), "UnknownSymbol")}
    assert week.told == expected
    unfit = {name for name, _, _ in week.unfit(yahoo.clock())}
    assert unfit == {item.name for item in PLANTS if item.unfit}
