"""A symbol's bars: which windows are asked for, and whether what is stored is still of the same basis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...ports.store import SubjectSpan
from ...vocabulary import Outcome
from ..protocol import Query
from ..trouble import Trouble
from . import asking, bars
from .readjusted import COMPARED, readjusted
from .session import Session

EVERYTHING = timedelta(days=99 * 365)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """What Yahoo calls a length of bars, how much of them it keeps, and how much it gives at once."""

    name: str
    kept: timedelta
    at_once: timedelta


DAILY = Interval("1d", EVERYTHING, EVERYTHING + DAY)
INTERVALS = {
    60: Interval("1m", timedelta(days=29), timedelta(days=7)),
    300: Interval("5m", timedelta(days=59), timedelta(days=60)),
    900: Interval("15m", timedelta(days=59), timedelta(days=60)),
    3600: Interval("1h", timedelta(days=729), timedelta(days=730)),
}


@dataclass(frozen=True, slots=True)
class Bars:
    """What came of one symbol, in the dimension's facts; `lacks` tells what part of the window did not.

    `meta` is what Yahoo tells of the symbol beside its prices.
    """

    facts: pa.Table
    meta: dict[str, Any]
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds of one symbol: its span, and its last rows."""

    span: SubjectSpan
    tail: pa.Table


class History:
    """Asks for the bars of one query. `now` is UTC."""

    def __init__(self, query: Query, session: Session, now: datetime) -> None:
        self._query = query
        self._session = session
        self._now = now
        seconds = query.interval_seconds
        self._width = None if seconds is None else timedelta(seconds=seconds)
        self._interval = DAILY if seconds is None else INTERVALS[seconds]
        self._stored = _stored(query)

    def ask(self, symbol: str) -> Bars:
        """The bars of a symbol in the query's window. Raises Trouble.

        The window reaches back to some rows that are stored, and to all where Yahoo has changed these: then
        every row comes again, under the next revision.
        """
        stored = self._stored.get(symbol)
        start = self._start(stored)
        revision = stored.span.revision if stored else 0
        found = self._window(symbol, start, revision)
        if stored is None or not readjusted(self._query.dimension, stored.tail, found.facts):
            return found
        return self._window(symbol, min(start, self._bounded(stored.span.first_at)), revision + 1)

    def _start(self, stored: Stored | None) -> datetime:
        lookback = min(self._query.lookback or EVERYTHING, self._interval.kept)
        start = _midnight(self._now - lookback) if self._width is None else self._now - lookback
        if stored is None:
            return start
        first = stored.tail[self._query.dimension.time][0].as_py()
        if self._width is None:
            first = datetime.combine(first, time(), UTC)
        return min(start, self._bounded(first))

    def _bounded(self, start: datetime) -> datetime:
        return max(start, self._now - self._interval.kept)

    def _window(self, symbol: str, start: datetime, revision: int) -> Bars:
        parts, empty, nothing = [], [], None
        for begin, end in self._windows(start):
            try:
                parts.append(self._part(symbol, begin, end, revision))
            except Trouble as trouble:
                if trouble.outcome is not Outcome.NO_DATA:
                    raise
                empty.append((begin, end))
                nothing = trouble
        if not parts:
            raise nothing or Trouble(Outcome.NO_DATA, "Yahoo has no bar that has ended in the window")
        meta, lacks = parts[-1].meta, parts[-1].lacks
        if self._width is not None:
            lacks = bars.passed_over(meta, empty, self._now, self._width)
        return Bars(pa.concat_tables([part.facts for part in parts]), meta, lacks)

    def _windows(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        # Beyond the present: an end in the past would be answered from yfinance's cache.
        last = self._now + DAY
        while start < last:
            end = min(last, start + self._interval.at_once)
            yield start, end
            start = end

    def _part(self, symbol: str, start: datetime, end: datetime, revision: int) -> Bars:
        answer = asking.chart(self._session, symbol, self._interval.name, start, end)
        try:
            meta = answer.result["meta"]
            columns = bars.columns_of(answer, daily=self._width is None)
            # Ended by both clocks: either may be wrong.
            now = min(self._now, answer.at or self._now)
            columns = bars.ended(columns, answer.result, now, self._width)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Trouble(
                Outcome.CHANGED_SHAPE, f"other fields than before: {type(error).__name__}"
            ) from None
        if not len(columns.stamps):
            raise Trouble(Outcome.NO_DATA, "Yahoo has no bar that has ended in the window")
        if self._query.interval_seconds is not None:
            facts = bars.intraday_facts(symbol, columns, revision, self._query.interval_seconds)
            return Bars(facts, meta)
        lacks = bars.lacking(columns, answer.result, start, self._now)
        return Bars(bars.daily_facts(symbol, columns, revision), meta, lacks)


def _stored(query: Query) -> dict[str, Stored]:
    if query.held is None:
        return {}
    spans = query.held.spans(bars.SOURCE)
    latest = query.held.latest(bars.SOURCE, COMPARED) if spans else None
    if latest is None:
        return {}
    if query.interval_seconds is not None:
        latest = latest.filter(pc.equal(latest["interval_seconds"], query.interval_seconds))
    found = {}
    for name, span in spans.items():
        tail = latest.filter(pc.equal(latest["symbol"], name))
        if tail.num_rows:
            found[name] = Stored(span, tail)
    return found


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
