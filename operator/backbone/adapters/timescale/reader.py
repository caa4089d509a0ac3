"""Reading what is committed in TimescaleDB, as Arrow; several threads may share a reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa

from ...market.dimensions import DIMENSIONS, Dimension
from ...market.knowing import ends_late, latest_time, latest_vintage
from ...plain_text import expect_names
from ...ports.journal import JournalEntry
from ...ports.store import Holding, LastAttempt, Line, Selection
from ...ports.store_errors import NothingPublished
from . import attempts_sql, quarantine, sql
from .cache_marks import unmigrated
from .errors import store_faults
from .journal import entry_of
from .pool import DatabasePool
from .rows import Value, moment, streamed
from .session import Row


class TimescaleReader:
    """A store.Reader on the database of a pool. Each call sees what is committed when it is made."""

    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def holdings(self) -> tuple[Holding, ...]:
        """What is stored, per dimension and source."""
        as_of = {(dimension, source): at for dimension, source, at in self._rows(sql.AS_OF)}
        return tuple(
            Holding(
                dimension=dimension.name,
                source=source,
                rows=rows,
                subjects=subjects,
                first_at=moment(first),
                last_at=moment(last),
                last_subject=last_subject or "",
                last_value=last_value,
                as_of=as_of.get((dimension.name, source)),
            )
            for dimension in DIMENSIONS
            for source, rows, subjects, first, last, last_subject, last_value in self._rows(
                sql.holdings(dimension)
            )
        )

    def runs(self, count: int) -> tuple[JournalEntry, ...]:
        """The last runs, newest first."""
        return tuple(map(entry_of, self._rows(sql.RUNS, count)))

    def lines(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime | None = None
    ) -> tuple[Line, ...]:
        """Lines of some subjects, or of all if none is named, the one with the latest row first."""
        expect_names(subjects)
        values: list[object] = [*([list(subjects)] if subjects else [])]
        if until is not None:
            values.append(latest_time(dimension, until))
            values += filter(None, [latest_vintage(dimension, until)])
            values += [until] if ends_late(dimension) else []
        statement = sql.lines(dimension, subjects=bool(subjects), until=until is not None)
        return tuple(
            Line(subject, source, interval, moment(first), moment(last))
            for subject, source, interval, first, last in self._rows(statement, *values)
        )

    def subjects(self, dimension: Dimension) -> tuple[str, ...]:
        """Symbols, series or calendars that are held, in alphabetical order."""
        return tuple(str(subject) for (subject,) in self._rows(sql.subjects(dimension)))

    def last_attempts(self, dimension: Dimension, subjects: tuple[str, ...]) -> tuple[LastAttempt, ...]:
        """How each plan fared last with some subjects, oldest first."""
        expect_names(subjects)
        found = self._rows(attempts_sql.LAST_ATTEMPTS, dimension.name, list(subjects))
        return tuple(LastAttempt(*row) for row in found)

    def undecided(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime
    ) -> dict[tuple[str, str], int]:
        """Recent rows in quarantine that nobody has decided on, and no kept row stands for."""
        expect_names(subjects)
        with self._working(), self._pool.connection() as connection:
            return quarantine.undecided(connection, dimension, subjects, until)

    def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:
        """Rows of a selection in the dimension's schema, in the order of their key, from one statement.

        Memory is bounded by a batch; the rows have to be taken within rows.STREAM_LIMIT.
        """
        expect_names((*selection.subjects, selection.source or ""))
        dated = selection.dimension.dated
        wished: dict[str, Value | None] = {
            "subjects": selection.subjects or None,
            "source": selection.source,
            "interval": selection.interval_seconds,
            "start": selection.start.date() if selection.start and dated else selection.start,
            "end": selection.end.date() if selection.end and dated else selection.end,
            "last": selection.last,
        }
        given = {name: value for name, value in wished.items() if value is not None}
        statement = sql.selection(selection.dimension, frozenset(given), one_line=selection.one_line)
        with self._working(), self._pool.connection() as connection:
            yield from streamed(connection, statement, selection.dimension.schema, given)

    def provenance(self, dimension: Dimension) -> list[dict[str, object]]:
        """The runs that brought rows to a dimension: sequence, run_id, plan, plan_generation, provider."""
        names = ("sequence", "run_id", "plan", "plan_generation", "provider")
        found = self._rows(sql.PROVENANCE, dimension.name)
        return [dict(zip(names, row, strict=True)) for row in found]

    def _rows(self, statement: str, *values: object) -> list[Row]:
        with self._working(), self._pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchall()

    @contextmanager
    def _working(self) -> Iterator[None]:
        with store_faults("read the store", self._pool.settings):
            yield


@contextmanager
def committed(pool: DatabasePool) -> Iterator[TimescaleReader]:
    """A reader, once a run has ended there. Raises NothingPublished, StoreError."""
    settings = pool.settings
    with store_faults("read the store", settings), pool.connection() as connection:
        there = connection.execute(sql.JOURNAL_THERE).fetchone() == (True,)
        finished = there and connection.execute(sql.ANY_FINISHED).fetchone() == (True,)
    if not finished:
        missing = f"no run has ended in the database {settings.database} on {settings.place}"
        raise NothingPublished(missing if there else unmigrated(settings))
    yield TimescaleReader(pool)
