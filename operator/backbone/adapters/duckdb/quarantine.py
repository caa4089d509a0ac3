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
import pyarrow as pa

from ...market.dimensions import DIMENSIONS, SCHEMA_VERSION, Dimension
from ...ports.quarantine import Acknowledged, NoSuchEntry, Origin, QuarantineFilter, Release
from ...ports.store_errors import NothingPublished
from . import quarantine_sql as sql
from . import sql as duckdb_sql
from . import verdicts_sql
from .changes import DuckDBChanges
from .session import attached, registered, settled, translated
from .volume import Volume
from .writing_sql import merge


class DuckDBQuarantine:
    """A quarantine.Quarantine on the connection of a writer, within its transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, changes: DuckDBChanges) -> None:
        self._connection = connection
        self._changes = changes

    def add(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows with a reason each."""
        values = verdicts_sql.kept_with(dimension, origin)
        connection, delivered = self._connection, frozenset(rows.schema.names)
        incoming = registered(connection, "incoming", rows.append_column("reason", reasons))
        with incoming, translated("write the quarantine"):
            connection.execute(sql.seeing(dimension, delivered), [dimension.name])
            if _number(connection, sql.DOUBLED):
                connection.execute(sql.EACH_ONCE)
            connection.execute(sql.KEEP, values)
            verdict = {name: values[name] for name in ("dimension", "run", "at")}
            connection.execute(verdicts_sql.KEEP_VERDICTS, verdict)
            connection.execute(sql.FORGET_SEEN)

    def by_reason(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows in quarantine that a run delivered, by reason."""
        with translated("query the quarantine"):
            values = [dimension.name, run_id]
            return dict(self._connection.execute(sql.HELD_BY_REASON, values).fetchall())

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released."""
        connection = self._connection
        condition, values = sql.chosen(chosen)
        stored: list[tuple[str, str, str, int]] = []
        unfit = contested = 0
        with translated("release rows from quarantine"):
            _expect_entries(connection, chosen)
            for dimension in DIMENSIONS if chosen.dimension is None else (chosen.dimension,):
                given = {"run": run_id, "version": SCHEMA_VERSION, "at": at, "table": dimension.name}
                bound = {**values, **given}
                connection.execute(sql.releasing(dimension, condition, named=bool(chosen.ids)), bound)
                connection.execute(sql.RELEASED_ROWS)
                stay = connection.execute(sql.STAYING).fetchall()[0]
                unfit, contested = unfit + stay[0], contested + stay[1]
                found = connection.execute(sql.FIT).fetchall()
                if found:
                    connection.execute(sql.SETTLE, [at])
                    connection.execute(verdicts_sql.OVERRULED)
                    supersede(connection, dimension)
                    self._changes.noted(dimension, merge(dimension))
                    stored += [(dimension.name, *counted) for counted in found]
                for statement in sql.END_RELEASE:
                    connection.execute(statement)
        return Release(tuple(stored), unfit, contested)

    def acknowledge(self, chosen: QuarantineFilter, at: datetime) -> Acknowledged:
        """Take note that somebody has seen entries; rows that waited for that leave."""
        connection = self._connection
        condition, values = sql.chosen(chosen)
        removed = 0
        with translated("acknowledge entries of the quarantine"):
            _expect_entries(connection, chosen)
            for dimension in DIMENSIONS if chosen.dimension is None else (chosen.dimension,):
                given = {**values, "table": dimension.name}
                connection.execute(verdicts_sql.gone_waiting(dimension, condition), given)
                removed += self._changes.noted(dimension, verdicts_sql.delete(dimension))
                connection.execute("DROP TABLE gone")
            entries = _number(connection, verdicts_sql.acknowledge(condition), {**values, "at": at})
        return Acknowledged(entries, removed)

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those that somebody decided on; how many."""
        connection = self._connection
        condition, values = sql.chosen(chosen)
        with translated("expire rows in quarantine"):
            dropped = _number(connection, sql.expire(condition), {**values, "before": before})
            connection.execute(verdicts_sql.ORPHANS)
            return dropped


def supersede(connection: duckdb.DuckDBPyConnection, dimension: Dimension) -> None:
    """Close entries of the keys that the view `incoming` holds; costs nothing where no entry is held."""
    with translated("write the quarantine"):
        if _number(connection, sql.ANY_OPEN, [dimension.name]):
            connection.execute(sql.supersede(dimension), {"dimension": dimension.name})


class DuckDBQuarantineReader:
    """A quarantine.QuarantineReader on the copy that was published last."""

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
def published_quarantine(root: Path) -> Iterator[DuckDBQuarantineReader]:
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
        yield DuckDBQuarantineReader(found)


def _expect_entries(connection: duckdb.DuckDBPyConnection, chosen: QuarantineFilter) -> None:
    """Raise NoSuchEntry for ids that no entry has."""
    if chosen.ids and (unknown := connection.execute(sql.UNKNOWN, [list(chosen.ids)]).fetchall()):
        raise NoSuchEntry([name for (name,) in unknown])


def _number(
    connection: duckdb.DuckDBPyConnection, statement: str, values: list[Any] | dict[str, Any] | None = None
) -> int:
    return int(connection.execute(statement, values).fetchall()[0][0])
