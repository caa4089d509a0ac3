"""The quarantine in a DuckDB store: what checks kept out of the market's tables, each row once, as it came.

An entry is a raw row of one dimension; its identity is the digest of dimension, source and row. A run that
delivers it again counts it and adds no second entry. Where later a row of its key is kept, it is superseded.
All of it happens within DuckDB, which spills to disk: the number of rows is bounded by the volume alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ...market.dimensions import DIMENSIONS, SCHEMA_VERSION, Dimension
from ...ports.quarantine import EntryState, NoSuchEntry, Origin, QuarantineFilter, Release
from ...ports.store_errors import NothingPublished
from . import quarantine_sql as sql
from . import sql as duckdb_sql
from .session import attached, settled, translated
from .volume import Volume


def hold(
    connection: duckdb.DuckDBPyConnection, dimension: Dimension, delivered: frozenset[str], origin: Origin
) -> None:
    """Keep the rows of the view `incoming`; `delivered` are the columns in which they came."""
    values = {
        "dimension": dimension.name,
        "provider": origin.provider,
        "plan": origin.plan,
        "generation": origin.generation,
        "run": origin.run_id,
        "version": SCHEMA_VERSION,
        "at": origin.at,
    }
    with translated("write the quarantine"):
        connection.execute(sql.seeing(dimension, delivered), [dimension.name])
        if _number(connection, sql.DOUBLED):
            connection.execute(sql.EACH_ONCE)
        connection.execute(sql.KEEP, values)
        connection.execute(sql.FORGET_SEEN)


def held(connection: duckdb.DuckDBPyConnection, dimension: Dimension, run_id: str) -> dict[str, int]:
    """Rows in quarantine that a run delivered, by reason."""
    with translated("query the quarantine"):
        values = [dimension.name, run_id, EntryState.HELD]
        return dict(connection.execute(sql.HELD_BY_REASON, values).fetchall())


def supersede(connection: duckdb.DuckDBPyConnection, dimension: Dimension) -> None:
    """Close entries of the keys that the view `incoming` holds; costs nothing where no entry is held."""
    with translated("write the quarantine"):
        if _number(connection, sql.ANY_HELD, [dimension.name, EntryState.HELD]):
            connection.execute(
                sql.supersede(dimension), [EntryState.SUPERSEDED, dimension.name, EntryState.HELD]
            )


def release(
    connection: duckdb.DuckDBPyConnection, chosen: QuarantineFilter, run_id: str, at: datetime
) -> Release:
    """Store held rows under the flag Released, within the caller's transaction."""
    condition, values = sql.chosen(chosen)
    stored: list[tuple[str, str, str, int]] = []
    unfit = contested = 0
    with translated("release rows from quarantine"):
        unknown = connection.execute(sql.UNKNOWN, [list(chosen.ids)]).fetchall() if chosen.ids else ()
        if unknown:
            raise NoSuchEntry([name for (name,) in unknown])
        for dimension in DIMENSIONS if chosen.dimension is None else (chosen.dimension,):
            bound = {**values, "run": run_id, "version": SCHEMA_VERSION, "at": at, "table": dimension.name}
            connection.execute(sql.releasing(dimension, condition, named=bool(chosen.ids)), bound)
            connection.execute(sql.RELEASED_ROWS)
            stay = connection.execute(sql.STAYING).fetchall()[0]
            unfit, contested = unfit + stay[0], contested + stay[1]
            found = connection.execute(sql.FIT).fetchall()
            if found:
                connection.execute(sql.SETTLE, [at])
                supersede(connection, dimension)
                connection.execute(duckdb_sql.merge(dimension))
                stored += [(dimension.name, source, provider, count) for source, provider, count in found]
            for statement in sql.END_RELEASE:
                connection.execute(statement)
    return Release(tuple(stored), unfit, contested)


def expire(connection: duckdb.DuckDBPyConnection, chosen: QuarantineFilter, before: datetime) -> int:
    """Drop entries that no run has seen since, without those released; how many."""
    condition, values = sql.chosen(chosen)
    with translated("expire rows in quarantine"):
        return _number(connection, sql.expire(condition), {**values, "before": before})


class QuarantineReader:
    """The quarantine as it was published last. Every call raises StoreError."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def entries(self, chosen: QuarantineFilter, count: int) -> list[dict[str, Any]]:
        """Entries, the one seen last first: the columns of the table, `raw` as JSON."""
        condition, values = sql.chosen(chosen)
        return self._dicts(sql.listing(condition), {**values, "count": count})

    def counts(self, chosen: QuarantineFilter) -> list[dict[str, Any]]:
        """How many entries there are by dimension, reason and state, and when they were seen."""
        condition, values = sql.chosen(chosen)
        return self._dicts(sql.counting(condition), values)

    def _dicts(self, statement: str, values: dict[str, object]) -> list[dict[str, Any]]:
        with translated("read the quarantine"):
            found = self._connection.execute(statement, values)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def published_quarantine(root: Path) -> Iterator[QuarantineReader]:
    """The quarantine of a volume's published copy. Raises NothingPublished, StoreError."""
    database = Volume(root).published
    if not database.exists():
        raise NothingPublished(f"no run has published anything under {root}")
    with attached(database) as connection, translated("read the quarantine"):
        found = settled(connection)
        if not _number(found, sql.PRESENT):
            # An earlier version published this copy: nothing was ever put into quarantine.
            found = connection
            for statement in (*duckdb_sql.JOURNAL, sql.QUARANTINE):
                found.execute(statement)
        yield QuarantineReader(found)


def _number(
    connection: duckdb.DuckDBPyConnection, statement: str, values: list[Any] | dict[str, Any] | None = None
) -> int:
    row = connection.execute(statement, values).fetchone()
    return int(row[0]) if row else 0
