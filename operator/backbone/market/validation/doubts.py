"""When it is the calendar that is wrong: rows outside sessions that nearly all names of an exchange have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..calendars import HOUR, Calendar
from ..dimensions import INTRADAY_TRADES, Dimension
from .lines import Lines, Mask, Whole

NEARLY_ALL = 0.95
ENOUGH_NAMES = 5


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of one line in `Lines`, and the calendar of its exchange."""

    start: int
    end: int
    calendar: Calendar


def doubted(dimension: Dimension, lines: Lines, spans: tuple[Span, ...], outside: Mask) -> Mask:
    """Of rows outside the sessions of one exchange those that nearly all of its names in the delivery have.

    A day, or an hour of one, counts for a name whose row says that something was traded. A day that stands
    where the session before it lacks is that session under a wrong date, whoever has it.
    """
    found = np.zeros(len(outside), bool)
    subjects = {lines.names[int(lines.line[span.start])][1] for span in spans}
    if len(subjects) < ENOUGH_NAMES:
        return found
    rows = np.flatnonzero(outside & _traded(dimension, lines) & _in_sequence(dimension, lines, spans))
    when = lines.time if dimension.dated else lines.time // HOUR
    number = {subject: place for place, subject in enumerate(sorted(subjects))}
    of_line = np.array([number.get(subject, -1) for _, subject in lines.names], np.int64)
    having = np.unique(np.stack([when[rows], of_line[lines.line[rows]]]), axis=1)[0]
    days, counts = np.unique(having, return_counts=True)
    begun = np.searchsorted(_first(lines, spans, when, of_line), days, side="right")
    crowded = days[(begun >= ENOUGH_NAMES) & (counts >= NEARLY_ALL * begun)]
    found[rows[np.isin(when[rows], crowded)]] = True
    return found


def _traded(dimension: Dimension, lines: Lines) -> Mask:
    """Rows that say of themselves that something was traded: a copy of the day before says nothing."""
    if dimension is INTRADAY_TRADES:
        return np.ones(len(lines.line), bool)
    traded: Mask = (lines.column("volume") > 0) | (lines.column("high") > lines.column("low"))
    return traded


def _in_sequence(dimension: Dimension, lines: Lines, spans: tuple[Span, ...]) -> Mask:
    """Days before which no session of the line lacks."""
    if not dimension.dated:
        return np.ones(len(lines.line), bool)
    before = spans[0].calendar.sessions_before(lines.time)
    found = np.zeros(len(lines.line), bool)
    found[1:] = ~lines.first[1:] & (before[1:] - before[:-1] <= 1)
    return found


def _first(lines: Lines, spans: tuple[Span, ...], when: Whole, of_line: Whole) -> Whole:
    """When the rows of each name begin, in order."""
    first: dict[int, int] = {}
    for span in spans:
        subject, begins = int(of_line[lines.line[span.start]]), int(when[span.start])
        first[subject] = min(begins, first.get(subject, begins))
    return np.sort(np.array(list(first.values()), np.int64))
