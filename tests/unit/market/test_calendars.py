"""When exchanges trade, by the library's calendars and by what is known beside them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from backbone.market import calendars
from backbone.market.calendars import calendar
from backbone.market.symbols import _BY_SUFFIX, _INDICES

THIS_MONTH = (date.today().replace(day=1) - date(1970, 1, 1)).days  # noqa: DTZ011 - calendars end near today


@pytest.mark.parametrize("name", sorted({*_BY_SUFFIX.values(), *_INDICES.values()}))
def test_a_named_exchange_has_a_calendar_that_reaches_today(name: str) -> None:
    found = calendar(name)
    assert found.knows_days(np.array([THIS_MONTH])).all()
    assert len(found.sessions) == len(found.opens) == len(found.closes) > 100


def test_tel_aviv_trades_on_friday_and_not_on_sunday() -> None:
    days = [(date(2026, 2, day) - date(1970, 1, 1)).days for day in (6, 8)]
    assert calendar("XTAE").has_sessions(np.array(days)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["ASEX", "NOWHERE"])
def test_an_exchange_without_a_calendar_is_told_shortly_and_not_looked_for_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=f"^exchange_calendars has no calendar {name}$"):
        calendar(name)
    monkeypatch.delattr(exchange_calendars, "get_calendar")
    with pytest.raises(ValueError, match=name):
        calendar(name)


MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str, zone: str) -> np.ndarray:
    """A moment on the clocks of a zone, as calendars count it."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return np.array([(moment - EPOCH) // timedelta(microseconds=1)])


def minutes_traded(name: str, first: str, last: str) -> float:
    found = calendar(name)
    return (
        float(found.traded(micros(last, found.zone))[0] - found.traded(micros(first, found.zone))[0]) / MINUTE
    )


@pytest.mark.parametrize(
    ("name", "first", "last", "minutes"),
    [
        pytest.param("XHKG", "2026-06-10T09:30", "2026-06-10T16:00", 330, id="Hong Kong rests an hour"),
        pytest.param("XHKG", "2026-06-10T11:55", "2026-06-10T13:10", 15, id="which is no time of trading"),
        pytest.param("XHKG", "2025-12-24T09:30", "2025-12-24T16:00", 150, id="its half day has no break"),
        pytest.param(
            "XTKS", "2024-03-12T09:00", "2024-03-12T15:00", 300, id="Tokyo before it went on to 15:30"
        ),
        pytest.param("XTKS", "2026-06-10T09:00", "2026-06-10T15:30", 330, id="and since"),
        pytest.param("XSHG", "2026-06-10T09:30", "2026-06-10T15:00", 240, id="Shanghai rests for 90 minutes"),
        pytest.param("XNYS", "2024-03-12T09:30", "2024-03-12T16:00", 390, id="New York rests at no time"),
        pytest.param("XNYS", "2024-07-03T09:30", "2024-07-03T16:00", 210, id="its half day"),
        pytest.param("XNYS", "2024-03-08T15:00", "2024-03-11T10:00", 90, id="a weekend and a clock change"),
        pytest.param("XSES", "2026-06-10T09:00", "2026-06-10T17:00", 420, id="Singapore, by our own table"),
        pytest.param(
            "XSES", "2016-06-10T09:00", "2016-06-10T17:00", 480, id="and without a break before 2017"
        ),
        pytest.param("XIDX", "2026-06-05T09:00", "2026-06-05T15:50", 260, id="Jakarta on a Friday"),
        pytest.param("XBOM", "2026-06-10T09:00", "2026-06-10T16:00", 375, id="Mumbai"),
        pytest.param(
            "CMES", "2026-06-10T15:00", "2026-06-10T18:00", 120, id="Chicago pauses from 16:00 to 17:00"
        ),
        pytest.param("CMES", "2013-08-28T15:00", "2013-08-28T18:00", 135, id="from 16:15 until 2015"),
        pytest.param("CMES", "2013-09-01T18:00", "2013-09-02T16:00", 990, id="on Labor Day 2013 from 10:30"),
        pytest.param(
            "CMES", "2013-11-29T10:00", "2013-11-29T16:00", 120, id="and not on the day after a holiday"
        ),
    ],
)
def test_breaks_and_pauses_are_no_time_of_trading(name: str, first: str, last: str, minutes: float) -> None:
    assert minutes_traded(name, first, last) == minutes


@pytest.mark.parametrize("name", ["XHKG", "XTKS", "XNYS", "XKRX", "CMES", "24/7"])
def test_time_of_trading_leads_back_to_the_moment(name: str) -> None:
    found = calendar(name)
    moments = found.starts[-2000:-1000] + (found.ends - found.starts)[-2000:-1000] // 3
    assert [found.moment_after(int(item)) for item in found.traded(moments)] == moments.tolist()
    # The end of a stretch and the start of the next are one amount of trading: it was reached at the former.
    starts, ends = found.starts[-50:], found.ends[-51:-1]
    assert [found.moment_after(int(item)) for item in found.traded(starts)] == ends.tolist()


@pytest.mark.parametrize(
    ("name", "time", "width", "expected"),
    [
        pytest.param("XTKS", "2026-06-10T11:29", 1, True, id="before the break"),
        pytest.param("XTKS", "2026-06-10T11:44", 1, True, id="within a quarter of an hour"),
        pytest.param("XTKS", "2026-06-10T11:45", 1, False, id="in the break"),
        pytest.param("XTKS", "2026-06-10T12:00", 60, True, id="an hour in which trading begins again"),
        pytest.param("XTKS", "2026-06-10T12:00", 15, False, id="a quarter of an hour that ends before"),
        pytest.param("XASX", "2026-11-25T16:10", 1, True, id="the closing auction of Sydney"),
        pytest.param("XASX", "2026-11-25T16:15", 1, False, id="nothing is told so late"),
        pytest.param(
            "XNYS", "2024-03-12T09:00", 60, True, id="an hour by the clock, in which the market opens"
        ),
        pytest.param("XNYS", "2024-03-12T08:30", 60, False, id="an hour that ends as it opens"),
        pytest.param("XNYS", "2024-11-29T13:10", 1, True, id="after a half day's close"),
        pytest.param("XNYS", "2024-11-29T13:20", 1, False, id="in the afternoon of a half day"),
        pytest.param("XFRA", "2026-11-25T21:00", 60, True, id="the specialists of Frankfurt in the evening"),
        pytest.param("XFRA", "2026-11-25T22:30", 60, False, id="and not at night"),
        pytest.param("XETR", "2026-11-25T21:00", 60, False, id="Xetra has no evening"),
        pytest.param(
            "XBUE", "2026-11-25T10:30", 60, True, id="Buenos Aires begins earlier than the library knows"
        ),
        pytest.param("XCBO", "2026-11-25T03:15", 60, True, id="the VIX at night"),
        pytest.param("CMES", "2026-06-10T16:30", 1, False, id="the pause of Chicago"),
    ],
)
def test_rows_are_no_surprise_in_trading_and_shortly_after(
    name: str, time: str, width: int, expected: bool
) -> None:
    found = calendar(name)
    assert bool(found.trades_at(micros(time, found.zone), width * MINUTE)[0]) is expected


def test_a_calendar_moves_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    today = date(2026, 11, 30)
    for ahead in (0, 400, 1200):
        monkeypatch.setattr(calendars, "_today", lambda ahead=ahead: today + timedelta(days=ahead))
        last = date(1970, 1, 1) + timedelta(days=int(calendar("XLON").sessions[-1]))
        assert abs((last - (today + timedelta(days=ahead + 365))).days) <= 5
    moment = pd.Timestamp("2030-01-02 12:00", tz="UTC").value // 1000
    assert calendar("XLON").knows_moments(np.array([moment])).all()
