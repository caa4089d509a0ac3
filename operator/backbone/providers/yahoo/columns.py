"""From the body of one answer of Yahoo's chart call to columns, row by row as the answer has them.

Yahoo's habits are unlearned here as yfinance unlearns them: days that begin an hour early, rows outside of
the hours that were asked for, and the last trade as a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..values import counts, decimals, stamp, stamps, whole

PRICES = ("open", "high", "low", "close")
ADJUSTED, VOLUME = "adjusted_close", "volume"

Stamps = npt.NDArray[np.datetime64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """An answer's columns in the order of time; `stamps` are moments (UTC) in microseconds.

    A price that the answer does not tell is NaN; one that is no number is infinite, and such a volume masked.
    """

    stamps: Stamps
    zone: ZoneInfo
    values: dict[str, npt.NDArray[Any]]

    @property
    def days(self) -> Stamps:
        """The session of each row by its exchange's clocks: some begin an hour or two before midnight."""
        local = local_times(self.stamps, self.zone)
        hour = local - local.astype("datetime64[D]")
        early = np.isin(hour, np.asarray([22, 23], "timedelta64[h]"))
        days: Stamps = local.astype("datetime64[D]") + early.astype("timedelta64[D]")
        return days

    def where(self, chosen: Mask) -> Columns:
        """The chosen rows."""
        return Columns(
            self.stamps[chosen], self.zone, {name: item[chosen] for name, item in self.values.items()}
        )


def columns_of(result: Mapping[str, Any], width: np.timedelta64 | None) -> Columns:
    """The columns of an answer, daily where `width` is None; what is told twice is here twice.

    Raises SHAPE on an answer of another shape, and on one with a time that no calendar has.
    """
    zone = _zone(result["meta"]["exchangeTimezoneName"])
    moments, values = _told(result, daily=width is None)
    order = np.argsort(moments, kind="stable")
    found = Columns(moments[order], zone, {name: item[order] for name, item in values.items()})
    if width is None:
        return _once(found)
    return _one_last(found.where(_within(found, periods_of(result["meta"]), width)), width)


def periods_of(meta: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """When the symbol trades by Yahoo's own word: rows of beginning and end, seconds since 1970, by time."""
    told = meta.get("tradingPeriods")
    sessions = told.get("regular") if isinstance(told, dict) else told
    listed = [part for item in _list(sessions) for part in _list(item) if isinstance(part, dict)]
    found = [(stamp(part.get("start")), stamp(part.get("end"))) for part in listed]
    whole = sorted((start, end) for start, end in found if start is not None and end is not None)
    return np.asarray(whole, np.int64).reshape(-1, 2)


def local_times(moments: Stamps, zone: ZoneInfo) -> Stamps:
    """What a zone's clocks say at each moment (UTC, microseconds).

    By Python's zones: Arrow's own conversion needs the zone database of the machine.
    """
    local = pd.DatetimeIndex(moments, tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(local.to_numpy(), "datetime64[us]")


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise ValueError("there is no such time zone") from None


def _told(result: Mapping[str, Any], *, daily: bool) -> tuple[Stamps, dict[str, npt.NDArray[Any]]]:
    quote, moments = result["indicators"]["quote"][0], stamps(result["timestamp"])
    values: dict[str, npt.NDArray[Any]] = {
        name: decimals(_listed(quote[name], len(moments))) for name in PRICES
    }
    if daily:
        adjusted = result["indicators"].get("adjclose") or [{"adjclose": quote["close"]}]
        values[ADJUSTED] = decimals(_listed(adjusted[0]["adjclose"], len(moments)))
    values[VOLUME] = counts(_listed(quote[VOLUME], len(moments)))
    return moments, values


def _listed(values: object, count: int) -> Sequence[object]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError("a column is longer or shorter than the others")
    return values


def _once(found: Columns) -> Columns:
    """Without a second row of the last day: the session comes as a bar, and its last trade as another.

    The later one counts, as it does for yfinance, unless it is not whole.
    """
    while len(found.stamps) > 1 and found.days[-1] == found.days[-2]:
        kept = np.ones(len(found.stamps), bool)
        kept[-2 if _whole(found, -1) else -1] = False
        found = found.where(kept)
    return found


def _whole(found: Columns, row: int) -> bool:
    read = not np.ma.getmaskarray(found.values[VOLUME])[row]
    return bool(read and all(np.isfinite(found.values[name][row]) for name in PRICES))


def _within(found: Columns, periods: npt.NDArray[np.int64], width: np.timedelta64) -> Mask:
    """Rows in the regular hours of their day; those of a day of which Yahoo tells none are all kept."""
    kept = np.ones(len(found.stamps), bool)
    if not len(periods):
        return kept
    begins, ends = (periods[:, side].astype("datetime64[s]").astype("datetime64[us]") for side in (0, 1))
    days, place = np.unique(local_times(begins, found.zone).astype("datetime64[D]"), return_inverse=True)
    first = begins[np.searchsorted(place, np.arange(len(days)))]
    last = np.asarray([ends[place == day].max() for day in range(len(days))])
    mine = local_times(found.stamps, found.zone).astype("datetime64[D]")
    at = np.clip(np.searchsorted(days, mine), 0, len(days) - 1)
    inside = (found.stamps < last[at]) & (found.stamps + width > first[at])
    chosen: Mask = inside | (days[at] != mine)
    return chosen


def _one_last(found: Columns, width: np.timedelta64) -> Columns:
    """With the last trade in the interval that it belongs to, where it comes as a row of its own."""
    apart = np.diff(found.stamps[-2:])
    if not len(apart) or not np.timedelta64(0) < apart[0] < width:
        return found
    joined = {name: item[:-1].copy() for name, item in found.values.items()}
    for name, choose in (("high", np.fmax), ("low", np.fmin)):
        joined[name][-1] = choose(*found.values[name][-2:])
    joined["close"][-1] = found.values["close"][-1]
    if np.isnan(joined["open"][-1]):
        joined["open"][-1] = found.values["open"][-1]
    sizes = found.values[VOLUME][-2:]
    total = None if np.ma.is_masked(sizes) else whole(int(sizes[0]) + int(sizes[1]))
    joined[VOLUME][-1] = np.ma.masked if total is None else total
    return Columns(found.stamps[:-1], found.zone, joined)
