"""Checks against the exchange's calendar: rows while it is closed, shifted lines, sessions that lack.

What the source itself says of its hours goes before the calendar, and so do nearly all names of an exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from ...market.defects import Defect
from ..calendars import HOUR, LATE, Calendar, calendar
from ..dimensions import INTRADAY_BARS, Dimension
from ..symbols import ROUND_THE_CLOCK, exchange_of
from .doubts import Span, doubted
from .lines import OF_HISTORY, Lines, Mask, Whole
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


QUARTER_HOUR = HOUR // 4
MICROSECONDS = 1_000_000
Periods = Mapping[str, Whole]
"""Per symbol when its source says that it trades: rows of beginning and end in microseconds, by time."""


def exchanges_of(lines: Lines, given: Mapping[str, str]) -> tuple[str | None, ...]:
    """The calendar of each line: what the source says, else what the symbol's spelling says."""
    return tuple(given.get(subject) or exchange_of(subject, source) for source, subject in lines.names)


def check_sessions(
    dimension: Dimension,
    lines: Lines,
    now: datetime,
    sheet: Sheet,
    *,
    exchanges: Mapping[str, str],
    periods: Periods,
) -> tuple[str, ...]:
    """Quarantine rows outside sessions and lines that are shifted, flag rows after a gap.

    The subjects that could not be checked, because no calendar is known for them.
    """
    known = {name: known_calendar(name) for name in set(exchanges_of(lines, exchanges)) if name is not None}
    names = tuple(name if known.get(name or "") else None for name in exchanges_of(lines, exchanges))
    kinds = {kind: tuple(_spans(lines, names, kind)) for kind in known.values() if kind is not None}
    if _barred(dimension):
        _check_grid(lines, kinds, periods, sheet)
    for kind, spans in kinds.items():
        if dimension.dated:
            today = kind.day_at(pd.Timestamp(now))
            sheet.quarantine(lines.places(_rows(lines, spans) & (lines.time > today)), Defect.FUTURE_ROW)
        _check(dimension, lines, spans, periods, sheet)
    return tuple(sorted({lines.names[line][1] for line, name in enumerate(names) if name is None}))


def known_calendar(name: str) -> Calendar | None:
    """The calendar of a name, None where there is none."""
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


def _check_grid(
    lines: Lines, kinds: Mapping[Calendar, tuple[Span, ...]], periods: Periods, sheet: Sheet
) -> None:
    """Quarantine bars that start off their grid: quarters of an hour, or intervals from an opening on."""
    width = _width(lines)
    # Hours that a source counts from the opening begin on a quarter of one nearly everywhere.
    off = (width <= 0) | (lines.time % np.clip(width, 1, QUARTER_HOUR) != 0)
    off &= lines.delivered
    if not off.any():
        return
    for kind, spans in kinds.items():
        rows = np.flatnonzero(off & (width > 0) & _rows(lines, spans))
        opening = kind.starts[kind.stretch_of(lines.time[rows])]
        off[rows[(lines.time[rows] - opening) % width[rows] == 0]] = False
    for span in (span for spans in kinds.values() for span in spans):
        told = periods.get(lines.names[int(lines.line[span.start])][1])
        rows = span.start + np.flatnonzero(off[span.start : span.end])
        if told is not None and len(rows):
            off[rows[np.isin(lines.time[rows], told[:, 0])]] = False
    sheet.quarantine(lines.places(off), Defect.MISALIGNED)


def _barred(dimension: Dimension) -> bool:
    """Whether rows have a length of time."""
    return dimension is INTRADAY_BARS


def _width(lines: Lines) -> Whole:
    return np.asarray(lines.column("interval_seconds") * MICROSECONDS, np.int64)


def _check(
    dimension: Dimension, lines: Lines, spans: tuple[Span, ...], periods: Periods, sheet: Sheet
) -> None:
    if not spans:
        return
    kind = spans[0].calendar
    inside = _trades(dimension, kind, _width(lines) if _barred(dimension) else 1)(lines.time)
    rows = _rows(lines, spans)
    outside = rows & ~inside & lines.delivered
    if outside.any():
        reported = _reported(dimension, lines, spans, periods, outside)
        outside &= ~reported
        # The hours are the source's to tell; that there is a session at all the calendar doubts.
        told = np.flatnonzero(reported)
        closed = ~kind.has_sessions(kind.days_at(lines.time[told]))
        sheet.flag(lines.places_of(told[closed]), Defect.OFF_SESSION)
    if outside.any():
        for span in spans:
            if outside[span.start : span.end].any() and _shifted(dimension, lines, span, outside):
                sheet.quarantine(lines.places(_rows(lines, (span,))), Defect.ZONE_ERROR)
        crowd = doubted(dimension, lines, spans, outside)
        sheet.flag(lines.places(crowd), Defect.OFF_SESSION)
        outside &= ~crowd
    sheet.quarantine(lines.places(outside), Defect.OFF_SESSION)
    if kind.name != ROUND_THE_CLOCK or dimension.dated:
        after_gap = _after_gap(dimension, lines, kind, inside)
        sheet.flag(lines.places(rows & after_gap), Defect.GAP_BEFORE)


def _reported(
    dimension: Dimension, lines: Lines, spans: tuple[Span, ...], periods: Periods, outside: Mask
) -> Mask:
    """Of bars outside sessions those in the hours that their source tells."""
    found = np.zeros(len(outside), bool)
    if not _barred(dimension) or not periods:
        return found
    for span in spans:
        told = periods.get(lines.names[int(lines.line[span.start])][1])
        rows = span.start + np.flatnonzero(outside[span.start : span.end])
        if told is None or not len(told) or not len(rows):
            continue
        time = lines.time[rows]
        place = np.clip(np.searchsorted(told[:, 0], time, side="right") - 1, 0, None)
        found[rows] = (time >= told[place, 0]) & (time < told[place, 1] + LATE)
    return found


def _trades(dimension: Dimension, kind: Calendar, width: Whole | int) -> Callable[[Whole], Mask]:
    """Whether the exchange trades on a day or at a moment; a day that the calendar does not reach passes.

    `width` is the length of the bars, one or of each row.
    """
    if dimension.dated:
        return lambda time: kind.has_sessions(time) | ~kind.knows_days(time)
    return lambda time: kind.trades_at(time, width) | ~kind.knows_moments(time)


def _shifted(dimension: Dimension, lines: Lines, span: Span, outside: Mask) -> bool:
    """Whether some shift brings all rows of the line into sessions."""
    chosen = slice(span.start, span.end)
    time = lines.time[chosen][lines.place[chosen] != OF_HISTORY]
    width = int(lines.column("interval_seconds")[span.start]) * MICROSECONDS if _barred(dimension) else 1
    inside = _trades(dimension, span.calendar, width)
    lost = int(outside[chosen].sum())
    if dimension.dated:
        enough = len(time) >= ENOUGH_TO_SHIFT and lost >= SHIFTED_DAYS * len(time)
        return enough and any(bool(inside(time + days).all()) for days in (1, -1))
    if lost < ENOUGH_TO_SHIFT:
        return False
    # The least shift, of an hour, takes an hour out of each session; a few late bars are none.
    least = HOUR / float(np.median(span.calendar.closes - span.calendar.opens))
    if lost < least / 2 * len(time):
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
    if _barred(dimension):
        width = _width(lines)[1:]
        silence = np.maximum(np.minimum(SILENT_INTERVALS * width, HOUR), FEWEST_SILENT * width)
    else:
        silence = np.full(len(time), SILENT_TRADING, np.int64)
    traded = kind.traded(lines.time)
    within = (here == there) & (traded[1:] - traded[:-1] > silence)
    # When half days end has changed over the years: what lacks at the end of one is not counted.
    opened, closed = kind.traded(kind.opens), kind.traded(kind.closes)
    at_an_end = (traded[1:] - opened[here] >= silence) | (
        kind.whole[there] & (closed[there] - traded[:-1] > silence)
    )
    known = kind.knows_moments(time) & kind.knows_moments(before)
    found[1:] = usable & known & ((here - there > 1) | within | ((here > there) & at_an_end))
    return found
