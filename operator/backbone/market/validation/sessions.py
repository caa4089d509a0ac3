"""Checks against the exchange's calendar: rows while it is closed, shifted lines, sessions that lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from ...market.defects import Defect
from ..calendars import HOUR, ROUND_THE_CLOCK, Calendar, calendar, exchange_of
from ..dimensions import Dimension
from .lines import Lines, Mask, Whole
from .sheet import Sheet

ENOUGH_TO_SHIFT = 3
"""Days, or moments outside sessions: fewer fall into sessions by chance however they are shifted."""
SHIFTED_DAYS = 0.02
"""Of a line's days, that have to lie outside sessions before a shift explains them better."""
LONGEST_SHIFT = 14
SILENT_INTERVALS = 30
"""Intervals of a session without a bar that are a gap and no lack of trades; an hour is one in any case,
unless it is less than FEWEST_SILENT of them."""
FEWEST_SILENT = 2
SILENT_TRADING = 1_800_000_000
"""Microseconds of a session without a trade that are a gap."""


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of one line in `Lines`, and the calendar of its exchange."""

    start: int
    end: int
    calendar: Calendar


def exchanges_of(lines: Lines, given: Mapping[str, str]) -> tuple[str | None, ...]:
    """The calendar of each line: what the source says, else what the symbol's spelling says."""
    return tuple(given.get(subject) or exchange_of(subject) for _, subject in lines.names)


def check_sessions(
    dimension: Dimension, lines: Lines, exchanges: Mapping[str, str], now: datetime, sheet: Sheet
) -> tuple[str, ...]:
    """Quarantine rows outside sessions and lines that are shifted, flag rows after a gap.

    The subjects that could not be checked, because no calendar is known for them.
    """
    known = {name: _calendar(name) for name in set(exchanges_of(lines, exchanges)) if name is not None}
    names = tuple(name if known.get(name or "") else None for name in exchanges_of(lines, exchanges))
    for kind in (kind for kind in known.values() if kind is not None):
        spans = tuple(_spans(lines, names, kind))
        if dimension.dated:
            today = kind.day_at(pd.Timestamp(now))
            sheet.quarantine(lines.places(_rows(lines, spans) & (lines.time > today)), Defect.FUTURE_ROW)
        _check(dimension, lines, spans, kind, sheet)
    return tuple(sorted({lines.names[line][1] for line, name in enumerate(names) if name is None}))


def _calendar(name: str) -> Calendar | None:
    try:
        return calendar(name)
    except ValueError:
        return None


def _spans(lines: Lines, names: tuple[str | None, ...], kind: Calendar) -> Iterator[Span]:
    for start, end in zip(lines.starts.tolist(), lines.ends.tolist(), strict=True):
        if names[int(lines.line[start])] == kind.name:
            yield Span(start, end, kind)


def _rows(lines: Lines, spans: tuple[Span, ...]) -> Mask:
    rows = np.zeros(len(lines.line), bool)
    for span in spans:
        rows[span.start : span.end] = True
    return rows


def _check(dimension: Dimension, lines: Lines, spans: tuple[Span, ...], kind: Calendar, sheet: Sheet) -> None:
    inside = _trades(dimension, kind)(lines.time)
    rows = _rows(lines, spans)
    outside = rows & ~inside & lines.delivered
    if outside.any():
        for span in spans:
            if outside[span.start : span.end].any() and _shifted(dimension, lines, span, outside):
                sheet.quarantine(lines.places(_rows(lines, (span,))), Defect.ZONE_ERROR)
    sheet.quarantine(lines.places(outside), Defect.OFF_SESSION)
    if kind.name != ROUND_THE_CLOCK or dimension.dated:
        after_gap = _after_gap(dimension, lines, kind, inside)
        sheet.flag(lines.places(rows & after_gap), Defect.GAP_BEFORE)


def _trades(dimension: Dimension, kind: Calendar) -> Callable[[Whole], Mask]:
    """Whether the exchange trades on a day or at a moment; a day that the calendar does not reach passes."""
    if dimension.dated:
        return lambda time: kind.has_sessions(time) | ~kind.knows_days(time)
    return lambda time: kind.trades_at(time) | ~kind.knows_moments(time)


def _shifted(dimension: Dimension, lines: Lines, span: Span, outside: Mask) -> bool:
    """Whether some shift brings all rows of the line into sessions."""
    chosen = slice(span.start, span.end)
    mine = lines.delivered[chosen]
    time, inside = lines.time[chosen][mine], _trades(dimension, span.calendar)
    lost = int(outside[chosen].sum())
    if dimension.dated:
        enough = len(time) >= ENOUGH_TO_SHIFT and lost >= SHIFTED_DAYS * len(time)
        return enough and any(bool(inside(time + days).all()) for days in (1, -1))
    # The least shift, of an hour, takes an hour out of each session; a few late bars are none.
    least = HOUR / float(np.median(span.calendar.closes - span.calendar.opens))
    if lost < ENOUGH_TO_SHIFT or lost < least / 2 * len(time):
        return False
    hours = (hour for size in range(1, LONGEST_SHIFT + 1) for hour in (size, -size))
    return bool(inside(span.calendar.taken_for_utc(time)).all()) or any(
        bool(inside(time + hour * HOUR).all()) for hour in hours
    )


def _after_gap(dimension: Dimension, lines: Lines, kind: Calendar, inside: Mask) -> Mask:
    """Rows before which sessions, or a part of a session, did not come."""
    found = np.zeros(len(lines.line), bool)
    if len(found) == 0:
        return found
    time, before = lines.time[1:], lines.time[:-1]
    usable = ~lines.first[1:] & inside[1:] & inside[:-1]
    if dimension.dated:
        known, earlier = kind.knows_days(lines.time), kind.sessions_before(lines.time)
        found[1:] = usable & known[1:] & known[:-1] & (earlier[1:] - earlier[:-1] > 1)
        return found
    here, there = kind.session_of(time), kind.session_of(before)
    if "interval_seconds" in dimension.facts.names:
        width = np.asarray(lines.column("interval_seconds")[1:] * 1_000_000, np.int64)
        silence = np.maximum(np.minimum(SILENT_INTERVALS * width, HOUR), FEWEST_SILENT * width)
    else:
        silence = np.full(len(time), SILENT_TRADING, np.int64)
    within = (here == there) & (time - before > silence)
    length = kind.closes - kind.opens
    # When half days end has changed over the years, and calendars know the latest custom.
    whole = (length >= np.median(length))[there]
    at_an_end = (time - kind.opens[here] >= silence) | (whole & (kind.closes[there] - before > silence))
    known = kind.knows_moments(time) & kind.knows_moments(before)
    found[1:] = usable & known & ((here - there > 1) | within | ((here > there) & at_an_end))
    return found
