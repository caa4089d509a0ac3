"""Stored rows that leave a database, and stay away, within the caller's transaction.

Every call raises psycopg.Error, and StoreError for what is wrong with the DuckDB in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection

from ...market.confirmations import Moment
from ...market.dimensions import MOMENT, Dimension
from ...market.verdicts import unconfirmed, without_withdrawn
from ...ports.quarantine import EntryState, Origin
from ..duckdb import quarantine_sql as entries_sql
from ..duckdb import verdicts as in_memory
from ..duckdb import verdicts_sql as making
from ..duckdb.session import opened, translated
from . import quarantine_sql
from . import verdicts_sql as sql
from .changes_sql import bound_to
from .copy import copy_in
from .rows import batches, table
from .session import Row
from .sql import CONFIRMED_LATER, UNPACKING

VERDICTS = pa.schema(
    [
        ("key", pa.string()),
        ("value", pa.float64()),
        ("revision", pa.int64()),
        ("observed_at", MOMENT),
        ("run_id", pa.string()),
    ]
)
_OF_ENTRIES = pa.schema([("id", pa.string()), ("dimension", pa.string()), *VERDICTS])


def remove(
    connection: Connection[Row],
    dimension: Dimension,
    rows: pa.Table,
    origin: Origin,
    *,
    waiting: bool,
    sequence: int | None,
) -> Counter[str]:
    """Put stored rows into quarantine, as a change of a run; how many left, by subject."""
    state = EntryState.WAITING if waiting else EntryState.HELD
    named = {"dimension": dimension.name, "at": origin.at, "run": origin.run_id}
    later = connection.execute(CONFIRMED_LATER, list(named.values())).fetchall()
    rows = unconfirmed(dimension, rows, (versions for (versions,) in later))
    with _making("make entries of the quarantine") as made:
        made.register("incoming", rows)
        made.execute(making.leaving(dimension), [dimension.name]).fetchall()
        columns = ", ".join(f'"{name}"' for name in sql.LEAVING)
        connection.execute(sql.MAKE_LEAVING.encode())
        _copied(connection, made, "leaving", f"SELECT {columns} FROM seen")  # noqa: S608
        connection.execute(sql.KEEP_LEAVING.encode(), {**named, "plan": origin.plan, "state": str(state)})
        connection.execute(sql.keep_verdicts("leaving", "NULL::float8").encode(), named)
        connection.execute("DROP TABLE pg_temp.leaving")
        if waiting:
            return Counter()
        made.execute(making.gone(dimension), {"at": origin.at, "run": origin.run_id}).fetchall()
        return _deleted(connection, made, dimension, sequence)


def left_waiting(
    connection: Connection[Row],
    dimension: Dimension,
    condition: str,
    values: dict[str, str | list[str]],
    sequence: int | None,
) -> Counter[str]:
    """Remove the rows that waited for an acknowledgement of chosen entries; their number by subject."""
    given = {**values, "table": dimension.name}
    with _making("make rows of entries") as made:
        for statement in ("CREATE SCHEMA telemetry", entries_sql.QUARANTINE, *making.TABLES):
            made.execute(statement)
        _loaded(made, "quarantine", batches(connection, sql.waiting(condition), quarantine_sql.ENTRY, given))
        load_verdicts(made, connection, condition, given)
        made.execute(making.gone_waiting(dimension, "TRUE"), {"table": dimension.name}).fetchall()
        return _deleted(connection, made, dimension, sequence)


def load_verdicts(
    made: duckdb.DuckDBPyConnection,
    connection: Connection[Row],
    condition: str,
    given: dict[str, str | list[str]],
) -> None:
    """Bring the verdicts on the keys of some entries into a DuckDB that has their table."""
    _loaded(made, "verdicts", batches(connection, sql.verdicts_on(condition), _OF_ENTRIES, given))


def standing(connection: Connection[Row], dimension: Dimension, moment: Moment, rows: pa.Table) -> pa.Table:
    """Rows of one answer that no verdict is greater than, and no whole window of a later answer covers."""
    if not rows.num_rows:
        return rows
    revision = pc.min(rows["revision"]).as_py()
    version = [moment.observed_at, moment.run_id, dimension.name, revision]
    rows = without_withdrawn(dimension, rows, connection.execute(sql.WHOLE_LATER, version).fetchall())
    least = {
        "dimension": dimension.name,
        "revision": revision,
        "at": moment.observed_at,
        "run": moment.run_id,
    }
    if connection.execute(sql.ANY_STANDING.encode(), least).fetchone() != (True,):
        return rows
    verdicts = table(connection, sql.STANDING, VERDICTS, least)
    with _making("look for verdicts on the keys") as made:
        return in_memory.unspoken(made, dimension, rows, verdicts)


def _deleted(
    connection: Connection[Row],
    made: duckdb.DuckDBPyConnection,
    dimension: Dimension,
    sequence: int | None,
) -> Counter[str]:
    """Drop the stored rows that the table `gone` of a DuckDB names; how many, by subject."""
    bounds = made.sql(f'SELECT min("{dimension.time}"), max("{dimension.time}") FROM gone').to_arrow_table()  # noqa: S608
    first, last = (column[0].as_py() for column in bounds.columns)
    if first is None:
        return Counter()
    connection.execute(sql.make_gone(dimension).encode())
    _copied(connection, made, "gone", "SELECT * FROM gone")
    for statement in UNPACKING:
        connection.execute(statement.encode())
    given = {"first": first, "last": last, **bound_to(dimension, sequence)}
    found = connection.execute(sql.delete(dimension).encode(), given).fetchall()
    connection.execute("DROP TABLE pg_temp.gone")
    return Counter(dict(found))


def _copied(connection: Connection[Row], made: duckdb.DuckDBPyConnection, name: str, statement: str) -> None:
    stream = pa.RecordBatchReader.from_stream(made.sql(statement))
    copy_in(connection, ("pg_temp", name), stream.schema, stream)


def _loaded(made: duckdb.DuckDBPyConnection, name: str, found: Iterator[pa.RecordBatch]) -> None:
    for batch in found:
        made.register("loading", pa.Table.from_batches([batch]))
        made.execute(f"INSERT INTO telemetry.{name} BY NAME SELECT * FROM loading").fetchall()  # noqa: S608
        made.unregister("loading")


@contextmanager
def _making(what: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory. Raises StoreError for what is wrong with it."""
    with opened(Path(":memory:")) as connection, translated(what):
        yield connection
