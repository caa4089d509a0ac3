"""Until when fresh rows reach, by the real calendars of exchanges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from backbone.client.freshness import EPOCH, MICROSECOND, Dues
from backbone.market import symbols
from backbone.market.calendars import calendar
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, MACRO_SERIES, Dimension
from backbone.ports.store import Line

SECOND = 1_000_000


def due_by_sessions(
    dimension: Dimension, symbol: str, grace: timedelta | None, at: datetime, line: Line | None = None
) -> tuple[datetime | None, str]:
    return Dues(dimension, grace, at).of(symbol, line)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "grace_hours", "now", "due"),
    [
        pytest.param("AAPL", 12, "2024-03-05T14:00", "2024-03-04", id="on Tuesday Monday's bar is due"),
        pytest.param("AAPL", 12, "2024-03-05T08:00", "2024-03-01", id="at night Friday's will still do"),
        pytest.param("AAPL", 0, "2024-03-04T21:00", "2024-03-04", id="without grace a bar is due at once"),
        pytest.param("AAPL", 0, "2024-03-04T20:59", "2024-03-01", id="and not before the close"),
        pytest.param("AAPL", 12, "2024-03-03T12:00", "2024-03-01", id="on Sunday Friday's"),
        pytest.param("AAPL", 12, "2024-07-04T04:59", "2024-07-02", id="a half day ends early: not yet"),
        pytest.param("AAPL", 12, "2024-07-04T05:00", "2024-07-03", id="a half day ends early: already"),
        pytest.param("AAPL", 12, "2024-07-05T14:00", "2024-07-03", id="a holiday asks for no bar"),
        pytest.param("AAPL", 0, "2024-03-11T20:00", "2024-03-11", id="in summer time the close is earlier"),
        pytest.param("7203.T", 12, "2024-03-04T20:00", "2024-03-04", id="Tokyo is ahead"),
        pytest.param("BTC-USD", 12, "2024-03-03T13:00", "2024-03-02", id="round the clock also on Sunday"),
    ],
)
def test_of_daily_bars_the_last_session_is_due(symbol: str, grace_hours: int, now: str, due: str) -> None:
    found, why = due_by_sessions(DAILY_BARS, symbol, timedelta(hours=grace_hours), at(now))
    assert (found, why) == (at(due), "")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param("2024-03-05T16:00", "2024-03-05T15:45", id="during a session"),
        pytest.param("2024-03-06T02:00", "2024-03-05T20:45", id="after the close, from the close"),
        pytest.param("2024-03-05T14:35", "2024-03-04T20:50", id="after the open, from the close before"),
        pytest.param("2024-03-02T12:00", "2024-03-01T20:45", id="on a Saturday, from Friday's close"),
        pytest.param("2024-07-03T20:00", "2024-07-03T16:45", id="on a half day, from its early close"),
    ],
)
def test_of_intraday_bars_a_quarter_of_an_hour_of_trading_may_lack(now: str, due: str) -> None:
    assert due_by_sessions(INTRADAY_BARS, "AAPL", None, at(now)) == (at(due), "")


@pytest.mark.parametrize(
    ("symbol", "now", "due"),
    [
        pytest.param("0700.HK", "2026-06-10T04:20", "2026-06-10T03:45", id="at noon in Hong Kong"),
        pytest.param("0700.HK", "2026-06-10T05:10", "2026-06-10T03:55", id="ten minutes after its break"),
        pytest.param("0700.HK", "2026-06-10T05:15", "2026-06-10T04:00", id="a quarter of an hour after it"),
        pytest.param("0700.HK", "2026-06-10T05:16", "2026-06-10T05:01", id="and later"),
        pytest.param("7203.T", "2026-06-10T03:20", "2026-06-10T02:15", id="at noon in Tokyo"),
        pytest.param("600519.SS", "2026-06-10T03:45", "2026-06-10T03:15", id="at noon in Shanghai"),
        pytest.param("D05.SI", "2026-06-10T04:45", "2026-06-10T03:45", id="at noon in Singapore"),
        pytest.param(
            "0700.HK", "2024-12-24T05:30", "2024-12-24T03:45", id="on a half day without an afternoon"
        ),
    ],
)
def test_a_lunch_break_is_no_time_of_trading(symbol: str, now: str, due: str) -> None:
    assert due_by_sessions(INTRADAY_BARS, symbol, None, at(now)) == (at(due), "")
    assert due_by_sessions(INTRADAY_TRADES, symbol, None, at(now)) == (at(due), "")


def line(symbol: str, last: str, seconds: int | None = 3600, source: str = "test/bars") -> Line:
    return Line(symbol, source, seconds, at(last), at(last))


@pytest.mark.parametrize(
    ("held", "now", "due"),
    [
        pytest.param(line("AAPL", "2024-03-12T13:30"), "2024-03-12T15:20", "2024-03-12T14:30", id="at 11:20"),
        pytest.param(line("AAPL", "2024-03-12T13:30"), "2024-03-12T15:44", "2024-03-12T14:30", id="at 11:44"),
        pytest.param(line("AAPL", "2024-03-12T13:30"), "2024-03-12T15:45", "2024-03-12T15:30", id="at 11:45"),
        pytest.param(
            line("AAPL", "2024-03-11T19:30"), "2024-03-12T14:44", "2024-03-11T20:00", id="before 10:45"
        ),
        pytest.param(line("AAPL", "2024-03-11T19:30"), "2024-03-12T14:45", "2024-03-12T14:30", id="at 10:45"),
        pytest.param(
            line("AAPL", "2024-03-12T14:00"), "2024-03-12T15:20", "2024-03-12T14:30", id="hours by the clock"
        ),
        pytest.param(
            line("AAPL", "2024-03-12T14:00"), "2024-03-12T15:46", "2024-03-12T15:00", id="and later"
        ),
        pytest.param(
            line("AAPL", "2024-03-12T15:00", 900), "2024-03-12T15:29", "2024-03-12T15:00", id="quarters"
        ),
        pytest.param(
            line("AAPL", "2024-03-12T15:10", 300), "2024-03-12T15:29", "2024-03-12T15:10", id="five minutes"
        ),
        pytest.param(
            line("7203.T", "2026-06-10T02:00"), "2026-06-10T04:40", "2026-06-10T02:30", id="Tokyo at 13:40"
        ),
        pytest.param(
            line("7203.T", "2026-06-10T03:30"), "2026-06-10T04:46", "2026-06-10T04:30", id="and at 13:46"
        ),
        pytest.param(
            line("7203.T", "2026-06-10T04:00"), "2026-06-10T04:46", "2026-06-10T04:00", id="by the clock"
        ),
    ],
)
def test_a_bar_that_is_under_way_is_not_asked_for(held: Line, now: str, due: str) -> None:
    assert due_by_sessions(INTRADAY_BARS, held.subject, None, at(now), held) == (at(due), "")


@pytest.mark.parametrize("width", [60, 300, 900, 3600])
@pytest.mark.parametrize(
    ("symbol", "exchange"), [("AAPL", "XNYS"), ("0700.HK", "XHKG"), ("7203.T", "XTKS"), ("VOD.L", "XLON")]
)
def test_what_has_all_that_ended_is_never_stale(symbol: str, exchange: str, width: int) -> None:
    found = calendar(exchange)
    starts, ends = found.starts[-80:-70], found.ends[-80:-70]
    bars = np.concatenate(
        [np.arange(start, end, width * SECOND) for start, end in zip(starts, ends, strict=True)]
    )
    for now in range(int(starts[4]), int(ends[-1]), 11 * 60 * SECOND):
        last = int(bars[bars + width * SECOND <= now - 60 * SECOND][-1])
        held = Line(symbol, "test/bars", width, EPOCH, EPOCH + last * MICROSECOND)
        due, why = due_by_sessions(INTRADAY_BARS, symbol, None, EPOCH + now * MICROSECOND, held)
        cut = width == 3600 and now - int(found.ends[found.ends <= now][-1]) < 3660 * SECOND
        assert why == "" and due is not None
        assert cut or held.last_at + timedelta(seconds=width) >= due, (symbol, width, due, held.last_at)


def test_the_source_tells_where_its_symbol_trades() -> None:
    labor_day = at("2013-09-02T14:00")
    held = line("ES", "2013-09-02T13:44", 60, "sample/mlfinpy-emini-derived")
    assert due_by_sessions(INTRADAY_BARS, "ES", None, labor_day, held)[0] == at("2013-09-02T13:45")
    assert due_by_sessions(INTRADAY_BARS, "ES", None, labor_day)[0] == at("2013-08-30T19:45")
    pause = at("2013-09-02T20:00")
    assert due_by_sessions(INTRADAY_BARS, "ES", None, pause, held)[0] == at("2013-09-02T15:15")


@pytest.mark.parametrize(
    ("dimension", "symbol", "now", "why"),
    [
        pytest.param(MACRO_SERIES, "UNRATE", "2024-03-05T16:00", "has no sessions", id="a macro series"),
        pytest.param(DAILY_BARS, "EURUSD=X", "2024-03-05T16:00", "no exchange goes by", id="a currency pair"),
        pytest.param(DAILY_BARS, "EURUSD", "2024-03-05T16:00", "no exchange goes by", id="spelled otherwise"),
        pytest.param(DAILY_BARS, "ES=F", "2024-03-05T16:00", "no exchange goes by", id="a future"),
        pytest.param(DAILY_BARS, "OPAP.AT", "2024-03-05T16:00", "no exchange goes by", id="no calendar"),
        pytest.param(DAILY_BARS, "TEVA.TA", "2024-03-05T16:00", "does not reach", id="a calendar of months"),
        pytest.param(DAILY_BARS, "AAPL", "1950-03-05T16:00", "does not reach", id="before the calendar"),
        pytest.param(DAILY_BARS, "AAPL", "2090-03-05T16:00", "does not reach", id="after the calendar"),
    ],
)
def test_where_nobody_can_tell_a_stated_age_is_asked_for(
    dimension: object, symbol: str, now: str, why: str
) -> None:
    due, said = due_by_sessions(dimension, symbol, None, at(now))  # type: ignore[arg-type]
    assert due is None
    assert why in said
    assert "max_age" in said


def test_an_exchange_without_a_calendar_asks_for_a_stated_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(symbols._BY_SUFFIX, "XY", "NOWHERE")
    due, said = due_by_sessions(DAILY_BARS, "ABC.XY", None, at("2024-03-05T16:00"))
    assert (due, said) == (None, "no calendar of NOWHERE is known: say max_age")
