"""A symbol's bars: which windows are asked for, and whether what is stored is still of the same basis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...market.symbols import ROUND_THE_CLOCK, exchange_of
from ...ports.rows import SubjectSpan
from ...vocabulary import Outcome
from ..protocol import Query, Whole
from ..trouble import SHAPE, Trouble
from . import asking, bars, hours
from .columns import Columns, columns_of, local_times
from .readjusted import COMPARED, readjusted
from .session import Session

EVERYTHING = timedelta(days=99 * 365)
DAY = timedelta(days=1)
HOLIDAYS = timedelta(days=4)
"""A window may begin so long before its first session."""
CRYPTOCURRENCY = "CRYPTOCURRENCY"
"""Yahoo's type of what trades on every day of the week."""
EXCHANGES = dict.fromkeys(("NYQ", "NMS", "NGM", "NCM", "ASE", "PCX", "BTS"), "XNYS")
"""Yahoo's names of the exchanges of the United States, which keep the same sessions."""


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

    `meta` is what Yahoo tells of it beside its prices: `exchange` is its calendar where that tells it,
    `began` the day of its first trade, and `periods` when it trades. `whole` is the window of which it told
    all days.
    """

    facts: pa.Table
    meta: dict[str, Any]
    lacks: str = ""
    exchange: str | None = None
    began: date | None = None
    periods: hours.Periods = field(default_factory=lambda: hours.periods_of({}))
    whole: Whole | None = None


class History:
    """Asks for the bars of one query. `now` is UTC."""

    def __init__(self, query: Query, session: Session, now: datetime) -> None:
        self._query = query
        self._session = session
        self._now = now
        seconds = query.interval_seconds
        self._width = None if seconds is None else timedelta(seconds=seconds)
        self._interval = DAILY if seconds is None else INTERVALS[seconds]
        held = query.held
        self._spans = held.spans(bars.SOURCE) if held is not None else {}
        self._latest = held.latest(bars.SOURCE, COMPARED) if held is not None and self._spans else None
        self._partial = held.missed(Outcome.PARTIAL_ANSWER) if held is not None else frozenset()

    def ask(self, symbol: str) -> Bars:
        """The bars of a symbol in the query's window. Raises Trouble.

        Of one that is stored the window begins with its last rows; with the lookback where it is not held so
        far back, or a gap in it is known; and with all that is stored where Yahoo has changed these rows:
        then every row comes again, under the next revision.
        """
        span, tail = self._spans.get(symbol), self._tail(symbol)
        lookback = self._lookback()
        if span is None or not tail.num_rows:
            return self._window(symbol, lookback, 0)
        recent = self._bounded(self._moment(tail[self._query.dimension.time][0].as_py()))
        gap = symbol in self._partial or (span.gap_at is not None and span.gap_at > lookback)
        start = min(lookback, recent) if gap or tail.num_rows < COMPARED else recent
        found = self._window(symbol, start, span.revision)
        if readjusted(self._query.dimension, tail, found.facts):
            start = min(lookback, self._bounded(span.first_at))
            return self._window(symbol, start, span.revision + 1)
        if start > lookback and not self._reaches(span, lookback, found.began):
            return self._window(symbol, lookback, span.revision)
        return found

    def _lookback(self) -> datetime:
        start = self._now - min(self._query.lookback or EVERYTHING, self._interval.kept)
        return _midnight(start) if self._width is None else start

    def _tail(self, symbol: str) -> pa.Table:
        """The last stored rows of a symbol."""
        if self._latest is None:
            return self._query.dimension.facts.empty_table()
        mine = pc.equal(self._latest["symbol"], symbol)
        if self._query.interval_seconds is not None:
            length = pc.equal(self._latest["interval_seconds"], self._query.interval_seconds)
            mine = pc.and_(mine, length)
        return self._latest.filter(mine)

    def _moment(self, value: date | datetime) -> datetime:
        return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)

    def _reaches(self, span: SubjectSpan, lookback: datetime, began: date | None) -> bool:
        """Whether what is stored reaches back to the lookback, or to the first trade, but for holidays."""
        if span.first_at <= lookback + HOLIDAYS:
            return True
        if began is None:
            return self._query.lookback is None
        return span.first_at.date() <= began + bars.FIRST_DAYS

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
        lacks = parts[-1].lacks
        if self._width is not None:
            lacks = bars.passed_over(parts[-1].meta, empty, self._now, self._width)
        facts = pa.concat_tables([part.facts for part in parts])
        periods = hours.merged(part.periods for part in parts)
        whole = parts[0].whole if len(parts) == 1 else None
        return replace(parts[-1], facts=facts, lacks=lacks, periods=periods, whole=whole)

    def _windows(self, start: datetime) -> Iterator[bars.Window]:
        """Each begins before the present; the last reaches beyond it, for where our clock is behind."""
        while True:
            end = start + self._interval.at_once
            if end >= self._now:
                yield start, self._now + DAY
                return
            yield start, end
            start = end

    def _part(self, symbol: str, start: datetime, end: datetime, revision: int) -> Bars:
        answer = asking.chart(self._session, symbol, self._interval.name, start, end)
        # Ended by both clocks: either may be wrong.
        now = min(self._now, answer.at or self._now)
        try:
            return self._read(symbol, answer, (start, now), revision)
        except SHAPE as error:
            raise Trouble(
                Outcome.CHANGED_SHAPE, f"other fields than before: {type(error).__name__}"
            ) from None

    def _read(self, symbol: str, answer: asking.Answer, window: bars.Window, revision: int) -> Bars:
        meta, seconds = answer.meta, self._query.interval_seconds
        width = None if seconds is None else np.timedelta64(seconds, "s")
        columns = bars.ended(columns_of(answer.result, width), meta, window[1], width)
        if not len(columns.stamps):
            raise Trouble(Outcome.NO_DATA, "Yahoo has no bar that has ended in the window")
        exchange, began = _exchange(symbol, meta), bars.first_trade(meta, columns.zone)
        if seconds is not None:
            facts = bars.intraday_facts(symbol, columns, revision, seconds)
            return Bars(facts, meta, "", exchange, began, hours.periods_of(meta))
        lacks = bars.lacking(columns, meta, exchange or exchange_of(symbol), window)
        whole = None if lacks else _whole(symbol, columns, window[0], revision)
        facts = bars.daily_facts(symbol, columns, revision)
        return Bars(facts, meta, lacks, exchange, began, whole=whole)


def _whole(symbol: str, columns: Columns, start: datetime, revision: int) -> Whole | None:
    """The days that an answer tells all of: the days that begin inside the window, up to its last bar.

    Of minutes Yahoo tells now more and now fewer, so of those none is named.
    """
    asked = np.asarray([start.astimezone(UTC).replace(tzinfo=None)], "datetime64[us]")
    first = (local_times(asked, columns.zone).astype("datetime64[D]")[0] + 1).astype(object)
    last = columns.days.max().astype(object)
    return Whole(symbol, first, last, revision) if first <= last else None


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)


def _exchange(symbol: str, meta: dict[str, Any]) -> str | None:
    """The calendar of a symbol by Yahoo's word, where its spelling does not tell."""
    if meta.get("instrumentType") == CRYPTOCURRENCY:
        return ROUND_THE_CLOCK
    return EXCHANGES.get(str(meta.get("exchangeName"))) if exchange_of(symbol) is None else None
