"""Until when rows have to reach to be fresh: by a stated age, or by the sessions of their exchange.

Imports the calendars, and pandas with them: only who asks by sessions pays for that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from ..market.calendars import Calendar, calendar, exchange_of
from ..market.dimensions import DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES, Dimension

DAILY_GRACE = timedelta(hours=12)
"""After the end of a session; plans ask in the evening of their exchange."""
INTRADAY_GRACE = timedelta(minutes=15)
"""Of trading time."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def due_by_sessions(
    dimension: Dimension, symbol: str, grace: timedelta | None, at: datetime
) -> tuple[datetime | None, str]:
    """The earliest time that fresh rows may end at; or None, and why nobody can tell."""
    if dimension not in {DAILY_BARS, INTRADAY_BARS, INTRADAY_TRADES}:
        return None, f"{dimension.name} has no sessions: say max_age"
    exchange = exchange_of(symbol)
    if exchange is None:
        return None, "no exchange goes by such a symbol: say max_age"
    try:
        found = calendar(exchange)
    except ValueError:
        return None, f"no calendar of {exchange} is known: say max_age"
    if not EPOCH + int(found.opens[0]) * MICROSECOND <= at < EPOCH + int(found.closes[-1]) * MICROSECOND:
        return None, f"the calendar of {exchange} does not reach that moment: say max_age"
    if dimension == DAILY_BARS:
        return due_session(found, DAILY_GRACE if grace is None else grace, at)
    return due_moment(found, INTRADAY_GRACE if grace is None else grace, at), ""


def due_session(found: Calendar, grace: timedelta, at: datetime) -> tuple[datetime | None, str]:
    """The day of the last session that ended `grace` before a moment, at midnight UTC."""
    ended = int(np.searchsorted(found.closes, (at - grace - EPOCH) // MICROSECOND, side="right"))
    if not ended:
        return None, f"the calendar of {found.name} begins later"
    return EPOCH + timedelta(days=int(found.sessions[ended - 1])), ""


def due_moment(found: Calendar, grace: timedelta, at: datetime) -> datetime:
    """The moment since which trading went on for `grace`, as seen from a moment within the calendar."""
    now, left = (at - EPOCH) // MICROSECOND, grace // MICROSECOND
    place = int(np.searchsorted(found.opens, now, side="right")) - 1
    end = min(now, int(found.closes[place]))
    while place > 0 and left > end - int(found.opens[place]):
        left -= end - int(found.opens[place])
        place -= 1
        end = int(found.closes[place])
    return EPOCH + (end - left) * MICROSECOND
