"""Until when rows have to reach to be fresh: by a stated age, or by the sessions of their exchange.

Imports the calendars, and pandas with them: only who asks by sessions pays for that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from ..market.calendars import Calendar, calendar
from ..market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, Dimension
from ..market.symbols import exchange_of
from ..ports.store import Line

DAILY_GRACE = timedelta(hours=12)
"""After the end of a session; plans ask in the evening of their exchange."""
INTRADAY_GRACE = timedelta(minutes=15)
"""Of trading time; a bar that is under way is not asked for."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Dues:
    """Until when rows of a dimension have to reach at a moment, worked out once per exchange."""

    def __init__(self, dimension: Dimension, grace: timedelta | None, at: datetime) -> None:
        """Without `grace` the dimension's usual one counts."""
        self._daily = dimension == DAILY_BARS
        unknown = f"{dimension.name} has no sessions: say max_age"
        self._unknown = "" if dimension in {DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES} else unknown
        self._grace = (
            grace if grace is not None else DAILY_GRACE if dimension == DAILY_BARS else INTRADAY_GRACE
        )
        self._at = at
        self._found: dict[str | None, tuple[datetime | None, str, Calendar | None]] = {}

    def of(self, symbol: str, line: Line | None = None) -> tuple[datetime | None, str]:
        """The earliest time that fresh rows of a symbol may end at; or None, and why nobody can tell.

        `line` is what is held of the symbol, if it is known: its source tells the exchange, too, and of bars
        the last one tells where the newest that has ended may begin.
        """
        if self._unknown:
            return None, self._unknown
        exchange = exchange_of(symbol, line.source if line is not None else "")
        if exchange not in self._found:
            self._found[exchange] = self._of_exchange(exchange)
        due, why, found = self._found[exchange]
        if due is None or found is None or line is None or line.interval_seconds is None:
            return due, why
        return ended_by(found, due, line.last_at, timedelta(seconds=line.interval_seconds)), ""

    def _of_exchange(self, exchange: str | None) -> tuple[datetime | None, str, Calendar | None]:
        found, why = _calendar(exchange, self._at)
        if found is None:
            return None, why, None
        if self._daily:
            return *due_session(found, self._grace, self._at), found
        return due_moment(found, self._grace, self._at), "", found


def _calendar(exchange: str | None, at: datetime) -> tuple[Calendar | None, str]:
    """The calendar of an exchange if it reaches a moment; or None, and why."""
    if exchange is None:
        return None, "no exchange goes by such a symbol: say max_age"
    try:
        found = calendar(exchange)
    except ValueError:
        return None, f"no calendar of {exchange} is known: say max_age"
    if not EPOCH + int(found.opens[0]) * MICROSECOND <= at < EPOCH + int(found.closes[-1]) * MICROSECOND:
        return None, f"the calendar of {exchange} does not reach that moment: say max_age"
    return found, ""


def due_session(found: Calendar, grace: timedelta, at: datetime) -> tuple[datetime | None, str]:
    """The day of the last session that ended `grace` before a moment, at midnight UTC."""
    ended = int(np.searchsorted(found.closes, (at - EPOCH) // MICROSECOND - grace // MICROSECOND, "right"))
    if not ended:
        return None, f"the calendar of {found.name} begins later"
    return EPOCH + timedelta(days=int(found.sessions[ended - 1])), ""


def due_moment(found: Calendar, grace: timedelta, at: datetime) -> datetime:
    """The moment since which trading went on for `grace`, as seen from a moment within the calendar.

    Breaks are no trading: after one it is a moment before it, as in the morning it is one of the evening.
    """
    traded = int(found.traded(np.array([(at - EPOCH) // MICROSECOND]))[0])
    return EPOCH + found.moment_after(max(traded - grace // MICROSECOND, 0)) * MICROSECOND


def ended_by(found: Calendar, due: datetime, last: datetime, width: timedelta) -> datetime:
    """When the newest bar had ended at a moment of trading: bars begin with trading, or as the last one did.

    Of both the earlier, since a source may count hours from the opening or by the clock. The last bar before
    a break is cut short by it.
    """
    moment, length = (due - EPOCH) // MICROSECOND, width // MICROSECOND
    place = int(found.stretch_of(np.array([moment]))[0])
    start, end = int(found.starts[place]), int(found.ends[place])
    if moment >= end:
        return due
    since = (moment - start) % length, (moment - (last - EPOCH) // MICROSECOND) % length
    ended = moment - max(since)
    if ended <= start:
        ended = int(found.ends[place - 1]) if place else start
    return EPOCH + ended * MICROSECOND
