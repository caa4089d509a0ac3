"""When an exchange trades within its sessions: breaks, half days, and what the library does not know of them.

exchange_calendars gives opening, lunch break and close. The tables here add what is published elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import exchange_calendars
import numpy as np
import numpy.typing as npt
import pandas as pd

Days = npt.NDArray[np.int64]
"""Days since 1970-01-01."""
Moments = npt.NDArray[np.int64]
"""Microseconds since 1970-01-01, UTC."""
Flags = npt.NDArray[np.bool_]

FIRST_DAY = pd.Timestamp("1970-01-01")
MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Minutes after the midnight of the exchange's clocks."""

    minutes: int

    @classmethod
    def at(cls, text: str) -> Clock:
        """From a text such as 16:15."""
        hours, minutes = text.split(":")
        return cls(60 * int(hours) + int(minutes))


SESSIONS_OF = {"XCBO": "XNYS"}
"""Exchanges that the library lacks, and whose sessions are those of another."""
ADMITTED = {
    "XFRA": (Clock.at("08:00"), Clock.at("22:00")),
    "XBUE": (Clock.at("10:30"), Clock.at("17:00")),
    "XCBO": (Clock.at("03:15"), Clock.at("16:15")),
}
"""From when to when some names of an exchange trade on whole days, where the library has fewer hours: with
the specialists of Frankfurt, in Buenos Aires since July 2025, and the VIX, told from the session before the
opening to the close of its options."""
CLOSES = {
    "CMES": ((date(1970, 1, 1), Clock.at("16:15")), (date(2015, 9, 21), Clock.at("16:00"))),
}
"""From which session on whole days end when, where the library goes on through the pause to the evening."""
HALTS = {"CMES": (date(2014, 1, 1), Clock.at("10:30"))}
"""Before which day, and when, trading halted on a holiday of New York. Half days that are none, before a
holiday or on a Friday after one, went on to the library's close."""
FRIDAY = 4
DECEMBER = 12
WEEK = range(7)
BREAKS = {
    "XSES": ((date(2017, 11, 13), WEEK, Clock.at("12:00"), Clock.at("13:00")),),
    "XKLS": ((date(1970, 1, 1), WEEK, Clock.at("12:30"), Clock.at("14:30")),),
    "XBKK": ((date(1970, 1, 1), WEEK, Clock.at("12:30"), Clock.at("14:30")),),
    "XIDX": (
        (date(1970, 1, 1), range(FRIDAY), Clock.at("12:00"), Clock.at("13:30")),
        (date(1970, 1, 1), (FRIDAY,), Clock.at("11:30"), Clock.at("14:00")),
    ),
}
"""Lunch breaks that the library does not have: since when, on which days of the week, from when to when.

Nothing is missed in them. As they have moved over the years, a row in them is no surprise either."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Per session opening, close, and whether it is no half day; per stretch what Calendar tells."""

    sessions: Days
    opens: Moments
    closes: Moments
    whole: Flags
    starts: Moments
    ends: Moments
    admitted_from: Moments
    admitted_to: Moments


def library_name(name: str) -> str:
    """The library's calendar that has an exchange's sessions."""
    return SESSIONS_OF.get(name, name)


def hours_of(name: str, known: exchange_calendars.ExchangeCalendar) -> Hours:
    """The hours of an exchange in the sessions that the library's calendar has."""
    schedule, zone = known.schedule, str(known.tz)
    days = pd.DatetimeIndex(schedule.index)
    opens, closes = (micros(pd.DatetimeIndex(schedule[edge].array)) for edge in ("open", "close"))
    # When half days end has changed over the years, and calendars know the latest custom.
    whole = closes - opens >= np.median(closes - opens)
    first, last = opens, closes
    closes = _closes(name, days, closes, whole, zone)
    if name in ADMITTED:
        earliest, latest = (at_clock(days, clock, zone) for clock in ADMITTED[name])
        first = np.where(whole, np.minimum(opens, earliest), opens)
        last = np.where(whole, np.maximum(closes, latest), closes)
    elif whole.any():
        last = np.where(whole, closes, last)
    library = [
        micros(pd.DatetimeIndex(schedule[edge].array).fillna(pd.Timestamp(0, tz="UTC")))
        for edge in ("break_start", "break_end")
    ]
    starts, ends = _stretches(opens, closes, *_breaks(name, days, zone, *library))
    admitted_from, admitted_to = _stretches(first, last, *library)
    return Hours(
        sessions=np.asarray(days.to_numpy().astype("datetime64[D]"), np.int64),
        opens=opens,
        closes=closes,
        whole=whole,
        starts=starts,
        ends=ends,
        admitted_from=admitted_from,
        admitted_to=admitted_to,
    )


def _stretches(opens: Moments, closes: Moments, rests: Moments, resumes: Moments) -> tuple[Moments, Moments]:
    """Beginnings and ends of trading: a session with a break within has two."""
    broken = (opens < rests) & (rests < resumes) & (resumes < closes)
    return np.sort(np.append(opens, resumes[broken])), np.sort(np.append(closes, rests[broken]))


def _breaks(
    name: str, days: pd.DatetimeIndex, zone: str, rests: Moments, resumes: Moments
) -> tuple[Moments, Moments]:
    """When each session's break begins and ends, where it has one."""
    for since, weekdays, first, last in BREAKS.get(name, ()):
        chosen = (days >= pd.Timestamp(since)) & days.day_of_week.isin(list(weekdays))
        rests = np.where(chosen, at_clock(days, first, zone), rests)
        resumes = np.where(chosen, at_clock(days, last, zone), resumes)
    return rests, resumes


def _closes(name: str, days: pd.DatetimeIndex, closes: Moments, whole: Flags, zone: str) -> Moments:
    """When sessions end, where more is known of it than the library has."""
    for since, clock in CLOSES.get(name, ()):
        chosen = whole & (days >= pd.Timestamp(since))
        closes = np.where(chosen, at_clock(days, clock, zone), closes)
    if name in HALTS:
        until, clock = HALTS[name]
        halted = ~whole & (days < pd.Timestamp(until)) & (days.day_of_week != FRIDAY)
        halted &= days.month != DECEMBER
        closes = np.where(halted, at_clock(days, clock, zone), closes)
    return np.asarray(closes, np.int64)


def at_clock(days: pd.DatetimeIndex, clock: Clock, zone: str) -> Moments:
    """The moment on each day at which the clocks of a zone show a time."""
    local = days.tz_localize(None) + pd.Timedelta(minutes=clock.minutes)
    never = np.zeros(len(local), bool)
    return micros(local.tz_localize(zone, ambiguous=never, nonexistent="shift_forward"))


def micros(moments: pd.DatetimeIndex) -> Moments:
    """Moments as microseconds since 1970."""
    plain = moments.tz_convert("UTC").tz_localize(None)
    return np.asarray(plain.to_numpy().astype("datetime64[us]"), np.int64)
