"""What exports read of TimescaleDB: each call sees what is committed when it is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from ...market.dimensions import MOMENT, Dimension
from ...parts.exports.merging import ORDER
from ...parts.exports.partitions import in_type
from ...ports.exports import Bound, Change, Journal, Provenance, Unit
from ...ports.quarantine import EntryState
from . import sql
from .cache_marks import database_mark_of
from .errors import store_faults
from .pool import DatabasePool
from .rows import Value, streamed

_JOURNAL = """
    SELECT coalesce(max("sequence"), 0), min("sequence") FILTER (WHERE outcome IS NULL)
    FROM telemetry.ingest_runs
"""
_TELLS = "SELECT to_regclass('telemetry.ingest_changes') IS NOT NULL"
_SILENT = 'SELECT EXISTS (SELECT FROM telemetry.ingest_runs WHERE "sequence" > %s AND NOT tells_changes)'
_CHANGES = """
    SELECT "sequence", source, day FROM telemetry.ingest_changes WHERE dimension = %s AND "sequence" > %s
"""
_REMOVED = f"""
    SELECT entry.raw, verdict.revision, verdict.observed_at, verdict.run_id
    FROM telemetry.verdicts AS verdict JOIN telemetry.quarantine AS entry ON entry.id = verdict.id
    WHERE verdict.dimension = %s AND entry.source = %s AND verdict.value IS NULL
      AND entry.state NOT IN ('{EntryState.RELEASED}', '{EntryState.WAITING}')
"""  # noqa: S608
_HAS_CHUNKS = "SELECT to_regclass('timescaledb_information.chunks') IS NOT NULL"
_WHOLE_FROM = """
    SELECT coalesce(min(chunk.range_start), now()), EXISTS (
        SELECT FROM telemetry.ingest_arrivals WHERE dimension = %s
    ) FROM timescaledb_information.chunks AS chunk
    WHERE hypertable_schema = 'market' AND hypertable_name = %s
"""
"""Where no chunk is left, everything was dropped; nothing, where no row ever came."""


class TimescaleExportSource:
    """A ports.exports.ExportSource on the database of a pool."""

    def __init__(self, pool: DatabasePool, identity: str) -> None:
        self._pool = pool
        self.identity = identity

    def journal(self) -> Journal:
        """The newest run, and the oldest one that has not ended."""
        ((newest, oldest_open),) = self._all(_JOURNAL)
        return Journal(newest, oldest_open)

    def changes(self, dimension: Dimension, after: int) -> frozenset[Change] | None:
        """What runs after a sequence changed; None where one of them is of a version that tells none."""
        if self._all(_TELLS) != [(True,)] or self._all(_SILENT, after) != [(False,)]:
            return None
        return frozenset(Change(*row) for row in self._all(_CHANGES, dimension.name, after))

    def partitions(self, dimension: Dimension, unit: Unit) -> dict[tuple[str, date], int]:
        """The number of rows by source and first day of the year, month or day (UTC)."""
        time = f'"{dimension.time}"' + ("::timestamp" if dimension.dated else " AT TIME ZONE 'UTC'")
        first = f"date_trunc('{unit}', {time})::date"
        statement = f"SELECT source, {first}, count(*) FROM {sql.table_of(dimension)} GROUP BY 1, 2"  # noqa: S608
        return {(source, day): rows for source, day, rows in self._all(statement)}

    def partition(
        self, dimension: Dimension, source: str, start: Bound, end: Bound | None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a source from `start` and before `end`."""
        statement = partition_sql(dimension, bounded=end is not None)
        given: dict[str, Value] = {"source": source, "start": start}
        if end is not None:
            given["end"] = end
        with store_faults("read the store", self._pool.settings), self._pool.connection() as connection:
            yield from streamed(connection, statement, dimension.schema, given)

    def removed(self, dimension: Dimension, source: str, start: Bound, end: Bound | None) -> pa.Table:
        """Removals of whole keys in the same range: key, revision, observed_at and run_id."""
        found = self._all(_REMOVED, dimension.name, source)
        rows = [row for raw, *version in found if (row := _removal(dimension, raw, version))]
        schema = pa.schema([dimension.schema.field(name) for name in (*dimension.key, *ORDER)])
        inside = (
            row for row in rows if start <= row[dimension.time] and (end is None or row[dimension.time] < end)
        )
        return pa.Table.from_pylist(list(inside), schema=schema)

    def confirmed_from(self, dimension: Dimension) -> Bound | None:
        """The beginning of the oldest chunk; None on PostgreSQL alone, and before the first row."""
        if self._all(_HAS_CHUNKS) != [(True,)]:
            return None
        ((moment, filled),) = self._all(_WHOLE_FROM, dimension.name, dimension.table)
        return in_type(dimension, moment) if filled else None

    def runs(self, dimension: Dimension) -> tuple[Provenance, ...]:
        """The runs that brought rows to a dimension."""
        return tuple(
            Provenance(run, sequence, plan, generation, provider)
            for sequence, run, plan, generation, provider in self._all(sql.PROVENANCE, dimension.name)
        )

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with store_faults("read the store", self._pool.settings), self._pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchall()


def partition_sql(dimension: Dimension, *, bounded: bool) -> str:
    """Rows of a `source` from `start`, and before `end` where it is bounded, by name.

    Bounds of the column's own type let the database leave out chunks without looking into them.
    """
    kind = "date" if dimension.dated else "timestamptz"
    time, key = f'"{dimension.time}"', ", ".join(f'"{name}"' for name in dimension.key)
    columns = ", ".join(f'"{name}"' for name in dimension.schema.names)
    before = f" AND {time} < %(end)s::{kind}" if bounded else ""
    return f"""
        SELECT {columns} FROM {sql.table_of(dimension)}
        WHERE source = %(source)s AND {time} >= %(start)s::{kind}{before} ORDER BY {key}
    """  # noqa: S608


def _removal(dimension: Dimension, raw: str, version: list[Any]) -> dict[str, Any] | None:
    """A removal by the columns of `removed`; None where the entry's key is not that of a row."""
    told = json.loads(raw)
    try:
        key = {name: _READ[dimension.schema.field(name).type](told[name]) for name in dimension.key}
    except (KeyError, TypeError, ValueError):
        return None
    return key | dict(zip(ORDER, version, strict=True))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_READ: dict[pa.DataType, Callable[[str], Any]] = {
    pa.string(): str,
    pa.int32(): int,
    pa.int64(): int,
    pa.date32(): date.fromisoformat,
    MOMENT: _moment,
}


@contextmanager
def exporting(pool: DatabasePool) -> Iterator[TimescaleExportSource]:
    """What exports read of the database of a pool. Raises NothingPublished, StoreError."""
    yield TimescaleExportSource(pool, database_mark_of(pool))
