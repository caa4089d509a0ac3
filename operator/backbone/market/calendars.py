"""When exchanges trade: sessions, half days, holidays, clock changes, by the library exchange_calendars."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

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
ROUND_THE_CLOCK = "24/7"
HOUR = 3_600_000_000
STARTS = ("1970-01-01", "1990-01-01", "2000-01-01", None, "2026-01-05")
"""None is the library's own, twenty years ago. Tel Aviv trades on other weekdays since the last."""

_BY_SUFFIX = {
    **dict.fromkeys(("L", "IL"), "XLON"),
    **dict.fromkeys(("SS", "SZ"), "XSHG"),
    **dict.fromkeys(("KS", "KQ"), "XKRX"),
    **dict.fromkeys(("TO", "V", "NE", "CN"), "XTSE"),
    **dict.fromkeys(("BO", "NS"), "XBOM"),
    **dict.fromkeys(("TW", "TWO"), "XTAI"),
    "DE": "XETR",
    "F": "XFRA",
    "PA": "XPAR",
    "AS": "XAMS",
    "BR": "XBRU",
    "LS": "XLIS",
    "MI": "XMIL",
    "MC": "XMAD",
    "SW": "XSWX",
    "ST": "XSTO",
    "CO": "XCSE",
    "HE": "XHEL",
    "OL": "XOSL",
    "VI": "XWBO",
    "WA": "XWAR",
    "IR": "XDUB",
    "T": "XTKS",
    "HK": "XHKG",
    "SI": "XSES",
    "AX": "XASX",
    "NZ": "XNZE",
    "SA": "BVMF",
    "MX": "XMEX",
    "JO": "XJSE",
    "IS": "XIST",
    "TA": "XTAE",
    "JK": "XIDX",
    "KL": "XKLS",
    "BK": "XBKK",
    "SN": "XSGO",
    "BA": "XBUE",
    "PR": "XPRA",
    "BD": "XBUD",
}
_INDICES = {
    **dict.fromkeys(("^GSPC", "^IXIC", "^DJI", "^NDX", "^NYA", "^RUT", "^VIX"), "XNYS"),
    "^FTSE": "XLON",
    "^GDAXI": "XETR",
    "^FCHI": "XPAR",
    "^N225": "XTKS",
    "^HSI": "XHKG",
    "^AXJO": "XASX",
}
_QUOTES = (
    *(
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "CAD",
        "AUD",
        "NZD",
        "CHF",
        "CNY",
        "HKD",
        "TWD",
        "KRW",
        "INR",
        "SGD",
        "IDR",
    ),
    *("BRL", "MXN", "SEK", "NOK", "DKK", "PLN", "TRY", "ZAR", "RUB", "BTC", "ETH", "USDT", "USDC"),
)
_PAIRS = tuple(f"-{quote}" for quote in _QUOTES)
"""How crypto currencies are spelled; a hyphen before one or two letters is a class of shares."""


def exchange_of(symbol: str) -> str | None:
    """The calendar of a symbol by its spelling: a plain one trades in New York. None where nobody can tell.

    What a source knows of its own symbols goes before this.
    """
    if symbol.startswith("^"):
        return _INDICES.get(symbol)
    if symbol.endswith(_PAIRS):
        return ROUND_THE_CLOCK
    if "=" in symbol:
        return None
    _, dot, suffix = symbol.rpartition(".")
    return _BY_SUFFIX.get(suffix) if dot else "XNYS"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Sessions of one exchange in ascending order; each ends before `closes`."""

    name: str
    zone: str
    sessions: Days
    opens: Moments
    closes: Moments
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
        return self._place(self.opens, moments)

    def trades_at(self, moments: Moments) -> Flags:
        """Which moments lie within a session."""
        place = self.session_of(moments)
        found: Flags = (moments >= self.opens[place]) & (moments < self.closes[place])
        return found

    def taken_for_utc(self, moments: Moments) -> Moments:
        """The moments that these would be if their clock was the exchange's own and was taken for UTC."""
        clock = pd.DatetimeIndex(moments.astype("datetime64[us]"))
        twice = np.zeros(len(clock), bool)
        return _micros(clock.tz_localize(self.zone, ambiguous=twice, nonexistent="shift_forward"))

    def day_at(self, moment: pd.Timestamp) -> int:
        """The day on the exchange's clocks at a moment."""
        local = moment.tz_convert(ZoneInfo(self.zone)).tz_localize(None)
        return int((local.normalize() - FIRST_DAY).days)

    @staticmethod
    def _place(ordered: Days, values: Days) -> Days:
        place = np.searchsorted(ordered, values, side="right") - 1
        return np.clip(place, 0, len(ordered) - 1).astype(np.int64)


def calendar(name: str) -> Calendar:
    """The calendar of an exchange, as far back as it is known (1970 at most), to a year from today.

    `name` is an ISO 10383 code that exchange_calendars has. Raises ValueError for any other, and for one
    whose calendar the library cannot make.
    """
    found = _calendar(name)
    if found is None:
        raise ValueError(f"exchange_calendars has no calendar {name}")
    return found


@lru_cache(maxsize=64)
def _calendar(name: str) -> Calendar | None:
    """None is kept as well: it takes seconds to find out."""
    found = _longest(name)
    if found is None:
        return None
    schedule = found.schedule
    sessions = np.asarray(schedule.index.to_numpy().astype("datetime64[D]"), np.int64)
    earlier = np.searchsorted(sessions, np.arange(sessions[0], sessions[-1] + 2)).astype(np.int64)
    return Calendar(
        name=name,
        zone=str(found.tz),
        sessions=sessions,
        opens=_micros(pd.DatetimeIndex(schedule["open"].array)),
        closes=_micros(pd.DatetimeIndex(schedule["close"].array)),
        earlier=earlier,
        open_days=np.concatenate([[False], np.diff(earlier) > 0, [False]]),
    )


def _longest(name: str) -> exchange_calendars.ExchangeCalendar | None:
    """With the longest history that the library can make: each exchange's rules begin in another year."""
    for start in STARTS:
        try:
            return exchange_calendars.get_calendar(name, start=start)
        except exchange_calendars.errors.InvalidCalendarName:
            return None
        except (ValueError, NotImplementedError):
            continue
    return None


def _micros(moments: pd.DatetimeIndex) -> Moments:
    plain = moments.tz_convert("UTC").tz_localize(None)
    return np.asarray(plain.to_numpy().astype("datetime64[us]"), np.int64)
