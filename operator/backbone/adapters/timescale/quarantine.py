"""The quarantine in TimescaleDB: the same entries, with the same identities, as in a DuckDB store.

What an entry is made of is written once, for DuckDB: a DuckDB in memory, which spills to disk, turns rows
into entries and released entries into rows, and COPY brings them to where they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.rows import dict_row

from ...market.dimensions import DIMENSIONS, MOMENT, SCHEMA_VERSION, Dimension
from ...ports.quarantine import NoSuchEntry, Origin, QuarantineFilter, Release
from ..duckdb import quarantine_sql as making
from ..duckdb.session import opened, translated
from . import quarantine_sql as sql
from .copy import copy_in
from .errors import store_faults
from .pool import DatabasePool
from .rows import Value, batches, table
from .session import Row
from .sql import bound

_KINDS = {
    **dict.fromkeys(("plan_generation", "times_seen"), pa.int64()),
    "schema_version": pa.int32(),
    **dict.fromkeys(("first_seen", "last_seen", "state_since"), MOMENT),
}
_ENTRY = pa.schema([(name, _KINDS.get(name, pa.string())) for name in making.COLUMNS])
_KEYED = pa.schema([("id", pa.string()), ("key", pa.string())])
# No text of PostgreSQL holds the character of number 0; within raw it is written out.
_SEEN = ", ".join(f'replace("{name}", chr(0), \'␀\') AS "{name}"' for name in sql.SEEN_COLUMNS)


def hold(connection: Connection[Row], dimension: Dimension, rows: pa.Table, origin: Origin) -> None:
    """Keep raw rows with a `reason`, within the caller's transaction."""
    values = {
        "dimension": dimension.name,
        "provider": origin.provider,
        "plan": origin.plan,
        "generation": origin.generation,
        "run": origin.run_id,
        "version": SCHEMA_VERSION,
        "at": origin.at,
    }
    delivered = frozenset(rows.schema.names) - {"reason"}
    with _making("make entries of the quarantine") as made:
        made.register("incoming", rows)
        _run(made, making.seeing(dimension, delivered), [dimension.name])
        if _number(made, making.DOUBLED):
            _run(made, making.EACH_ONCE)
        connection.execute(sql.MAKE_SEEN.encode())
        stream = pa.RecordBatchReader.from_stream(made.sql(f"SELECT {_SEEN} FROM seen"))  # noqa: S608
        copy_in(connection, ("pg_temp", "seen"), stream.schema, stream)
        connection.execute(sql.KEEP.encode(), values)
        connection.execute(sql.FORGET_SEEN)


def held(connection: Connection[Row], dimension: Dimension, run_id: str) -> dict[str, int]:
    """Rows in quarantine that a run delivered, by reason."""
    return dict(connection.execute(sql.HELD_BY_REASON.encode(), [dimension.name, run_id]).fetchall())


def supersede(connection: Connection[Row], dimension: Dimension, rows: pa.Table) -> None:
    """Close entries of the keys that the rows hold; costs one look where no entry is open."""
    sources = pc.unique(rows["source"]).to_pylist()
    if connection.execute(sql.ANY_OPEN.encode(), [dimension.name, sources]).fetchone() != (True,):
        return
    subjects = pc.unique(rows[dimension.subject]).to_pylist()
    wanted = {"dimension": dimension.name, "sources": sources, "subjects": subjects}
    entries = table(connection, sql.OPEN_KEYS, _KEYED, wanted)
    if not entries.num_rows:
        return
    with _making("look for entries of the keys") as made:
        made.register("incoming", rows)
        made.register("entries", entries)
        found = made.sql(
            f"SELECT id FROM entries WHERE key IN (SELECT {making.key_text(dimension)} FROM incoming)"  # noqa: S608
        ).to_arrow_table()
    _close(connection, found, sql.SUPERSEDED, pc.max(rows["observed_at"]).as_py())


def release(
    connection: Connection[Row],
    chosen: QuarantineFilter,
    run_id: str,
    at: datetime,
    keep: Callable[[Dimension, pa.Table], object],
) -> Release:
    """Store held rows under the flag Released, with `keep` and within the caller's transaction."""
    stored: list[tuple[str, str, str, int]] = []
    unfit = contested = 0
    if chosen.ids and (unknown := connection.execute(sql.UNKNOWN, [list(chosen.ids)]).fetchall()):
        raise NoSuchEntry([name for (name,) in unknown])
    for dimension in DIMENSIONS if chosen.dimension is None else (chosen.dimension,):
        with _making("make rows of entries") as made:
            _load(made, connection, dimension, chosen)
            given = {"run": run_id, "version": SCHEMA_VERSION, "at": at, "table": dimension.name}
            _run(made, making.releasing(dimension, "TRUE", named=bool(chosen.ids)), given)
            _run(made, making.RELEASED_ROWS)
            stay = _run(made, making.STAYING)[0]
            unfit, contested = unfit + stay[0], contested + stay[1]
            found = _run(made, making.FIT)
            ids = made.sql(making.RELEASED_IDS).to_arrow_table()
            rows = made.sql("SELECT * FROM incoming").to_arrow_table()
        if found:
            rows = rows.select(dimension.schema.names).cast(dimension.schema)
            _close(connection, ids, sql.RELEASED, at)
            keep(dimension, rows)
            stored += [(dimension.name, source, provider, count) for source, provider, count in found]
    return Release(tuple(stored), unfit, contested)


def expire(connection: Connection[Row], chosen: QuarantineFilter, before: datetime) -> int:
    """Drop entries that no run has seen since, without those released; how many."""
    condition, values = sql.chosen(chosen, sql.as_parameter)
    return connection.execute(sql.expire(condition).encode(), {**values, "before": before}).rowcount


def undecided(
    connection: Connection[Row], dimension: Dimension, subjects: tuple[str, ...], until: datetime
) -> dict[tuple[str, str], int]:
    """What store.Reader.undecided tells."""
    last = until.date() if dimension.dated else until
    wanted: dict[str, Value] = {"dimension": dimension.name, "subjects": subjects, "until": last}
    waiting = table(connection, sql.undecided(dimension), _waiting(dimension), wanted)
    if not waiting.num_rows:
        return {}
    with _making("read times of entries") as made:
        made.register("waiting", waiting)
        found = _run(made, making.undecided(dimension), {"until": last})
    return {(subject, source): count for subject, source, count in found}


class TimescaleQuarantine:
    """The quarantine as it is committed. Every call raises StoreError."""

    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def entries(self, chosen: QuarantineFilter, count: int) -> list[dict[str, Any]]:
        """Entries, the one seen last first: the columns of the table, `raw` as JSON."""
        condition, values = sql.chosen(chosen, sql.as_parameter)
        return self._dicts(sql.listing(condition), {**values, "count": count})

    def counts(self, chosen: QuarantineFilter) -> list[dict[str, Any]]:
        """How many entries there are by dimension, reason and state, and when they were seen."""
        condition, values = sql.chosen(chosen, sql.as_parameter)
        return self._dicts(sql.counting(condition), values)

    def _dicts(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        doing = store_faults("read the quarantine", self._pool.settings)
        with doing, self._pool.connection() as connection:
            return connection.cursor(row_factory=dict_row).execute(statement.encode(), values).fetchall()


def _load(
    made: duckdb.DuckDBPyConnection,
    connection: Connection[Row],
    dimension: Dimension,
    chosen: QuarantineFilter,
) -> None:
    """Held entries of a dimension, from PostgreSQL into DuckDB."""
    condition, values = sql.chosen(chosen, bound)
    for statement in ("CREATE SCHEMA telemetry", making.QUARANTINE):
        _run(made, statement)
    given = {**values, "table": dimension.name}
    for batch in batches(connection, sql.releasable(condition), _ENTRY, given):
        made.register("loading", pa.Table.from_batches([batch]))
        _run(made, "INSERT INTO telemetry.quarantine BY NAME SELECT * FROM loading")
        made.unregister("loading")


def _waiting(dimension: Dimension) -> pa.Schema:
    """Of what sql.undecided selects."""
    texts = [(name, pa.string()) for name in ("subject", "source", "written")]
    moment = dimension.schema.field(dimension.time).type
    return pa.schema([*texts, ("entries", pa.int64()), ("earliest", moment)])


def _close(connection: Connection[Row], ids: pa.Table, state: str, since: datetime) -> None:
    """Give entries, by a table of their ids, another state."""
    connection.execute(sql.MAKE_MEANT)
    copy_in(connection, ("pg_temp", "meant"), ids.schema, ids.to_batches())
    connection.execute(sql.CLOSE_MEANT, [str(state), since])
    connection.execute(sql.FORGET_MEANT)


@contextmanager
def _making(what: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory. Raises StoreError for what is wrong with it."""
    with opened(Path(":memory:")) as connection, translated(what):
        yield connection


def _run(
    made: duckdb.DuckDBPyConnection, statement: str, values: list[Any] | dict[str, Any] | None = None
) -> list[Row]:
    """All rows of a statement: one whose result is not taken to its end keeps others from working."""
    return made.execute(statement, values).fetchall()


def _number(made: duckdb.DuckDBPyConnection, statement: str) -> int:
    return int(_run(made, statement)[0][0])
