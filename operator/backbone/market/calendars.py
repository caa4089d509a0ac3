"""When exchanges trade: sessions, half days, holidays, clock changes, by the library exchange_calendars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd

from .hours import FIRST_DAY, Days, Flags, Moments, hours_of, library_name, micros

HOUR = 3_600_000_000
LATE = HOUR // 4
"""Microseconds after the end of trading in which a closing auction, or a last trade, is still told."""
AHEAD = pd.DateOffset(years=1)
STARTS = ("1970-01-01", "1990-01-01", "2000-01-01", None)
"""None is the library's own, twenty years ago."""
STARTS_OF = {"XTAE": ("2026-01-05",)}
"""Tel Aviv trades on other weekdays since then; that no earlier start will do takes seconds to find out."""


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Sessions of one exchange in ascending order; each ends before `closes`.

    A session has one stretch of trading, or two round a lunch break: from `starts` to before `ends`.
    """

    name: str
    zone: str
    sessions: Days
    opens: Moments
    closes: Moments
    whole: Flags
    """Which sessions are no half days."""
    starts: Moments
    ends: Moments
    admitted_from: Moments
    admitted_to: Moments
    """From when to when rows are no surprise: longer than trading where some names trade on."""
    traded_by: Moments
    """Per stretch the microseconds of trading up to its end, from the first session on."""
    earlier: Days
    """Per day from the first session to the day after the last: how many sessions lie before it."""
    open_days: Flags
    """Per day from the one before the first session to the one after the last: whether it is a session."""

    def knows_days(self, days: Days) -> Flags:
        """Which days lie within the span that the calendar covers."""
        found: Flags = (days >= self.sessions[0]) & (days <= self.sessions[-1])
        return found

    def has_sessions(self, days: Days) -> Flags:
        """Which days are sessions."""
        found: Flags = self.open_days[np.clip(days - self.sessions[0] + 1, 0, len(self.open_days) - 1)]
        return found

    def sessions_before(self, days: Days) -> Days:
        """How many sessions lie before each day."""
        found: Days = self.earlier[np.clip(days - self.sessions[0], 0, len(self.earlier) - 1)]
        return found

    def knows_moments(self, moments: Moments) -> Flags:
        """Which moments lie within the span that the calendar covers."""
        found: Flags = (moments >= self.opens[0]) & (moments < self.closes[-1])
        return found

    def session_of(self, moments: Moments) -> Days:
        """The place in `sessions` of the session that each moment is in or after."""
        return _place(self.opens, moments)

    def stretch_of(self, moments: Moments) -> Days:
        """The place in `starts` of the stretch of trading that each moment is in or after."""
        return _place(self.starts, moments)

    def trades_at(self, moments: Moments, width: Moments | int = 1) -> Flags:
        """At which moments rows are no surprise: of bars it is enough that trading begins before their end.

        `width` is the length of bars in microseconds. What is told up to LATE after trading is in time.
        """
        place = _place(self.admitted_from, moments)
        following = np.minimum(place + 1, len(self.admitted_from) - 1)
        found: Flags = (moments >= self.admitted_from[place]) & (moments < self.admitted_to[place] + LATE)
        found |= (moments < self.admitted_from[following]) & (moments + width > self.admitted_from[following])
        return found

    def traded(self, moments: Moments) -> Moments:
        """Microseconds of trading before each moment, from the first session on; breaks are none."""
        place = self.stretch_of(moments)
        left = np.clip(self.ends[place] - moments, 0, self.ends[place] - self.starts[place])
        found: Moments = self.traded_by[place] - left
        return found

    def moment_after(self, trading: int) -> int:
        """The first moment by which so many microseconds were traded: an end, and not the start after it."""
        place = int(np.clip(np.searchsorted(self.traded_by, trading), 0, len(self.ends) - 1))
        return max(int(self.starts[place]), int(self.ends[place]) - int(self.traded_by[place]) + trading)

    def taken_for_utc(self, moments: Moments) -> Moments:
        """The moments that these would be if their clock was the exchange's own and was taken for UTC."""
        clock = pd.DatetimeIndex(moments.astype("datetime64[us]"))
        twice = np.zeros(len(clock), bool)
        return micros(clock.tz_localize(self.zone, ambiguous=twice, nonexistent="shift_forward"))

    def days_at(self, moments: Moments) -> Days:
        """The day on the exchange's clocks at each moment."""
        clock = pd.DatetimeIndex(moments.astype("datetime64[us]")).tz_localize("UTC").tz_convert(self.zone)
        return np.asarray(clock.tz_localize(None).to_numpy().astype("datetime64[D]"), np.int64)

    def day_at(self, moment: pd.Timestamp) -> int:
        """The day on the exchange's clocks at a moment."""
        local = moment.tz_convert(ZoneInfo(self.zone)).tz_localize(None)
        return int((local.normalize() - FIRST_DAY).days)


def calendar(name: str) -> Calendar:
    """The calendar of an exchange, as far back as it is known (1970 at most), to a year from today.

    `name` is an ISO 10383 code that exchange_calendars or hours.py has. Raises ValueError for any other, and
    for one whose calendar the library cannot make.
    """
    found = _calendar(name, _today())
    if found is None:
        raise ValueError(f"exchange_calendars has no calendar {name}")
    return found


def _today() -> date:
    return date.today()  # noqa: DTZ011 - a year ahead, give or take a day


@lru_cache(maxsize=64)
def _calendar(name: str, today: date) -> Calendar | None:
    """None is kept as well: it takes seconds to find out. Another day has another horizon."""
    found = _longest(library_name(name), pd.Timestamp(today) + AHEAD)
    if found is None:
        return None
    hours = hours_of(name, found)
    earlier = np.searchsorted(hours.sessions, np.arange(hours.sessions[0], hours.sessions[-1] + 2)).astype(
        np.int64
    )
    return Calendar(
        name=name,
        zone=str(found.tz),
        sessions=hours.sessions,
        opens=hours.opens,
        closes=hours.closes,
        whole=hours.whole,
        starts=hours.starts,
        ends=hours.ends,
        admitted_from=hours.admitted_from,
        admitted_to=hours.admitted_to,
        traded_by=np.cumsum(hours.ends - hours.starts),
        earlier=earlier,
        open_days=np.concatenate([[False], np.diff(earlier) > 0, [False]]),
    )


def _longest(name: str, end: pd.Timestamp) -> exchange_calendars.ExchangeCalendar | None:
    """With the longest history that the library can make: each exchange's rules begin in another year.

    Some end before `end` as well, where their rules are known for months alone.
    """
    for last, start in product((end, None), STARTS_OF.get(name, STARTS)):
        try:
            return exchange_calendars.get_calendar(name, start=start, end=last)
        except exchange_calendars.errors.InvalidCalendarName:
            return None
        except (ValueError, NotImplementedError):
            continue
    return None


def _place(ordered: Days, values: Days) -> Days:
    place = np.searchsorted(ordered, values, side="right") - 1
    return np.clip(place, 0, len(ordered) - 1).astype(np.int64)
