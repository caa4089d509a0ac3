"""One published copy, or a database, as a program reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import pyarrow as pa

from ..market.dimensions import SCHEMA_VERSION, Dimension
from ..ports.cache import Cache, CacheKey
from ..ports.journal import JournalEntry
from ..ports.store import Holding, Line, Reader, Selection
from . import questions
from .asof import joined, known_from, places
from .errors import Ambiguous, NotHeld
from .fitness import Fitness, line_name
from .inquiry import Inquiry, answer

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class LineChoice(TypedDict, total=False):
    """Which line of a symbol is meant: needed only where several are held."""

    source: str | None
    interval_seconds: int | None


class Window(LineChoice, total=False):
    """Which rows of a line: `start` is included and `end` is not; `last` keeps the latest of each symbol."""

    start: datetime | date | str | None
    end: datetime | date | str | None
    last: int | None


class Condition(LineChoice, total=False):
    """What makes data fit: how old its last row may be, and at which moment, which is now if left out."""

    max_age: timedelta | None
    grace: timedelta | None
    at: datetime | date | str | None


@dataclass(frozen=True, slots=True)
class View:
    """What a snapshot reads from; `version` names it.

    `lines` is what was looked up so far, by dimension and subject, and is written to. `version_of` is what
    the cache keeps answers about a dimension under.
    """

    version: str
    reader: Reader
    lines: dict[tuple[str, str], tuple[Line, ...]]
    version_of: Callable[[Dimension], str]


class Snapshot:
    """One published copy: all that is read from it belongs together. Safe to use from several threads.

    Of a database it is no copy: each answer is as of the time that it was read, by this process or another.

    Times are given aware, in any zone, or as days, which begin at midnight UTC, and come back in UTC;
    dimensions of days (daily bars, macro series and events) take a moment's day in UTC. Subjects are symbols,
    series or calendars. Every call raises StoreError where the copy cannot be read, and Rejected where the
    question is wrong.
    """

    def __init__(self, view: View, cache: Cache, clock: Callable[[], datetime]) -> None:
        """Made by a client's snapshot; `version` names what is read."""
        self.version = view.version
        self._version_of = view.version_of
        self._reader = view.reader
        self._lines = view.lines
        self._cache = cache
        self._clock = clock

    def rows(self, dimension: Dimension, subjects: Iterable[str], **window: Unpack[Window]) -> pa.Table:
        """Rows in the dimension's schema, by subject and then by time. The answer may come from the cache.

        Raises NotHeld for a subject that is not held, and Ambiguous where several sources hold it and none is
        named, or bars of several lengths.
        """
        selection = self._selection(dimension, subjects, window)
        return self._cache.fetch(
            CacheKey(self._version_of(selection.dimension), SCHEMA_VERSION, selection),
            lambda: pa.Table.from_batches(self._reader.batches(selection), selection.dimension.schema),
        )

    def batches(
        self, dimension: Dimension, subjects: Iterable[str], **window: Unpack[Window]
    ) -> Iterator[pa.RecordBatch]:
        """As `rows`, batch by batch and past the cache: for more than memory should hold."""
        return self._reader.batches(self._selection(dimension, subjects, window))

    def as_of(
        self,
        rows: pa.Table,
        of: Dimension,
        *,
        add: Dimension,
        subjects: Iterable[str],
        forecasts: bool = False,
        **line: Unpack[LineChoice],
    ) -> pa.Table:
        """`rows` of a dimension, with what was known of other subjects when each row was known.

        Adds columns `<subject>.<column>`, null where nothing was known yet. Of a macro series the vintage
        counts, so that no value is used before it was published; backbone.client.asof says from when on a row
        is known. A period that had not begun is joined with `forecasts` alone. Raises Rejected for rows that
        are not of the dimension, and for macro events.
        """
        questions.words(line, LineChoice.__annotations__)
        rows = questions.table(rows)
        at = known_from(questions.dimension(of), rows)
        for subject in questions.names(subjects):
            added = self.rows(add, (subject,), **line)
            rows = joined(rows, add, subject, added, places(at, add, added, forecasts=forecasts))
        return rows

    def fitness(
        self, dimension: Dimension, subjects: Iterable[str], **condition: Unpack[Condition]
    ) -> Fitness:
        """Whether data is fit to decide on.

        With `max_age` the last row of each subject may be that old; a day counts from its midnight UTC.
        Without it the sessions of the symbol's exchange count: of daily bars the last session that ended
        `grace` ago (12 hours if left out) has to be there; of intraday bars and trades at most `grace` of
        trading time (15 minutes) may lack. What could not be looked at is Unknown, and that is no; StoreError
        is never raised.
        """
        return answer(inquiry_of(dimension, subjects, condition, self._clock), self._reader, self.version)

    def subjects(self, dimension: Dimension) -> tuple[str, ...]:
        """What is held of a dimension, in alphabetical order."""
        return self._reader.subjects(questions.dimension(dimension))

    def lines(self, dimension: Dimension, subjects: Iterable[str]) -> tuple[Line, ...]:
        """Which sources hold some subjects, from when to when, the one with the latest row first."""
        return self._reader.lines(questions.dimension(dimension), questions.names(subjects))

    def holdings(self) -> tuple[Holding, ...]:
        """What is held, per dimension and source."""
        return self._reader.holdings()

    def runs(self, count: int) -> tuple[JournalEntry, ...]:
        """The last `count` runs, newest first."""
        return self._reader.runs(questions.count("count", count) or 1)

    def _selection(self, dimension: Dimension, subjects: Iterable[str], window: Window) -> Selection:
        questions.words(window, Window.__annotations__)
        names = questions.names(subjects)
        start = questions.moment("start", window.get("start"))
        end = questions.moment("end", window.get("end"))
        questions.window(start, end)
        selection = Selection(
            questions.dimension(dimension),
            names,
            source=questions.choice("source", window.get("source")),
            start=start,
            end=end,
            last=questions.count("last", window.get("last")),
            interval_seconds=questions.count("interval_seconds", window.get("interval_seconds")),
        )
        lines = [_the_line(selection, name, lines) for name, lines in self._held(dimension, names).items()]
        # What the copy leaves no choice of is named all the same: one question has one key in the cache.
        return replace(
            selection,
            source=_shared(line.source for line in lines),
            interval_seconds=_shared(line.interval_seconds for line in lines),
        )

    def _held(self, dimension: Dimension, names: tuple[str, ...]) -> dict[str, tuple[Line, ...]]:
        """The lines of each name, looked up once: a copy does not change."""
        unseen = tuple(name for name in names if (dimension.name, name) not in self._lines)
        if unseen:
            found = self._reader.lines(dimension, unseen)
            for name in {line.subject for line in found}:
                self._lines[dimension.name, name] = tuple(line for line in found if line.subject == name)
        return {name: self._lines.get((dimension.name, name), ()) for name in names}


def inquiry_of(
    dimension: Dimension, subjects: Iterable[str], condition: Condition, clock: Callable[[], datetime]
) -> Inquiry:
    """A question for fitness, its moment set. Raises Rejected."""
    questions.words(condition, Condition.__annotations__)
    return Inquiry(
        questions.dimension(dimension),
        questions.names(subjects),
        source=questions.choice("source", condition.get("source")),
        interval_seconds=questions.count("interval_seconds", condition.get("interval_seconds")),
        max_age=questions.duration("max_age", condition.get("max_age")),
        grace=questions.duration("grace", condition.get("grace")),
        at=questions.moment("at", condition.get("at")) or clock(),
    )


def frame(rows: pa.Table) -> pd.DataFrame:
    """Rows as a pandas frame: days as datetime64 without a zone, moments as datetime64 in UTC.

    Imports pandas. Whole numbers become doubles in a column that has nulls.
    """
    return questions.table(rows).to_pandas(date_as_object=False)


def _the_line(selection: Selection, name: str, lines: tuple[Line, ...]) -> Line:
    """The one line that a selection means of a subject. Raises NotHeld, Ambiguous."""
    dimension = selection.dimension.name
    if not lines:
        raise NotHeld(f"no {dimension} of {name!r} are held")
    meant = [
        line
        for line in lines
        if selection.source in {None, line.source}
        and selection.interval_seconds in {None, line.interval_seconds}
    ]
    held = ", ".join(line_name(line) for line in lines)
    if not meant:
        raise NotHeld(f"{dimension} of {name!r} are held only as {held}")
    if len(meant) > 1:
        choice = "source" if len({line.source for line in meant}) > 1 else "interval_seconds"
        raise Ambiguous(f"{dimension} of {name!r} are held as {held}: name one by {choice}=")
    return meant[0]


def _shared(values: Iterable[T]) -> T | None:
    """The value if all have the same."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
