"""Until when fresh rows reach, by the real calendars of exchanges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backbone.client.freshness import due_by_sessions
from backbone.market import calendars
from backbone.market.dimensions import DAILY_BARS, INTRADAY_BARS, MACRO_SERIES


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
    ("dimension", "symbol", "now", "why"),
    [
        pytest.param(MACRO_SERIES, "UNRATE", "2024-03-05T16:00", "has no sessions", id="a macro series"),
        pytest.param(DAILY_BARS, "EURUSD=X", "2024-03-05T16:00", "no exchange goes by", id="a currency pair"),
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
    monkeypatch.setitem(calendars._BY_SUFFIX, "XY", "NOWHERE")
    due, said = due_by_sessions(DAILY_BARS, "ABC.XY", None, at("2024-03-05T16:00"))
    assert (due, said) == (None, "no calendar of NOWHERE is known: say max_age")
