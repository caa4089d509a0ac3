"""The quarantine in TimescaleDB: the same entries, with the same identities, as in a DuckDB store.

What an entry is made of is written once, for DuckDB: a DuckDB in memory, which spills to disk, turns rows
into entries and released entries into rows, and COPY brings them to where they are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.rows import dict_row

from ...market.dimensions import DIMENSIONS, SCHEMA_VERSION, Dimension
from ...ports.quarantine import Acknowledged, NoSuchEntry, Origin, QuarantineFilter, Release
from ..duckdb import quarantine_sql as making
from ..duckdb import verdicts_sql as tables
from ..duckdb.session import opened, translated
from . import quarantine_sql as sql
from . import verdicts, verdicts_sql
from .copy import copy_in
from .errors import store_faults
from .pool import DatabasePool
from .rows import Value, batches, table
from .session import Row
from .settings import ConnectionSettings

_KEYED = pa.schema([("id", pa.string()), *(item for item in verdicts.VERDICTS if item.name != "value")])
# No text of PostgreSQL holds the character of number 0; within raw it is written out.
_SEEN = ", ".join(f'replace("{name}", chr(0), \'␀\') AS "{name}"' for name in sql.SEEN_COLUMNS)
_SEEN += ", value, verdict"


class StoresRows(Protocol):
    """What the quarantine asks of the rows of the same transaction."""

    @property
    def sequence(self) -> int | None:
        """The number of the run that writes; None where none began."""

    def upsert(self, dimension: Dimension, rows: pa.Table) -> int:
        """Store rows; how many were new or differed."""

    def note(self, dimension: Dimension, subjects: Iterable[str]) -> None:
        """Remember that rows of these subjects changed in the batch."""


class TimescaleQuarantine:
    """A quarantine.Quarantine on the connection of a writer, within its transaction."""

    def __init__(self, connection: Connection[Row], settings: ConnectionSettings, rows: StoresRows) -> None:
        self._connection = connection
        self._settings = settings
        self._rows = rows

    def add(self, dimension: Dimension, rows: pa.Table, reasons: pa.Array, origin: Origin) -> None:
        """Keep raw rows with a reason each."""
        values = tables.kept_with(dimension, origin)
        connection, delivered = self._connection, frozenset(rows.schema.names)
        writing = store_faults("write the quarantine", self._settings)
        with writing, connection.transaction(), _making("make entries of the quarantine") as made:
            made.register("incoming", rows.append_column("reason", reasons))
            _run(made, making.seeing(dimension, delivered), [dimension.name])
            if _number(made, making.DOUBLED):
                _run(made, making.EACH_ONCE)
            connection.execute(sql.MAKE_SEEN.encode())
            stream = pa.RecordBatchReader.from_stream(made.sql(f"SELECT {_SEEN} FROM seen"))  # noqa: S608
            copy_in(connection, ("pg_temp", "seen"), stream.schema, stream)
            connection.execute(sql.KEEP.encode(), values)
            connection.execute(verdicts_sql.keep_verdicts("seen", "value").encode(), values)
            connection.execute(sql.FORGET_SEEN)

    def by_reason(self, dimension: Dimension, run_id: str) -> dict[str, int]:
        """Rows in quarantine that a run delivered, by reason."""
        with store_faults("query the quarantine", self._settings):
            found = self._connection.execute(sql.HELD_BY_REASON.encode(), [dimension.name, run_id])
            return dict(found.fetchall())

    def release(self, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """Store held rows under the flag Released."""
        with store_faults("release rows from quarantine", self._settings), self._connection.transaction():
            _expect_entries(self._connection, chosen)
            found = [self._released(item, chosen, run_id, at) for item in _dimensions(chosen)]
        return Release(
            tuple(row for one in found for row in one.stored),
            sum(one.unfit for one in found),
            sum(one.contested for one in found),
        )

    def _released(self, dimension: Dimension, chosen: QuarantineFilter, run_id: str, at: datetime) -> Release:
        """The same for one dimension."""
        with _making("make rows of entries") as made:
            _load(made, self._connection, dimension, chosen)
            given = {"run": run_id, "version": SCHEMA_VERSION, "at": at, "table": dimension.name}
            _run(made, making.releasing(dimension, "TRUE", named=bool(chosen.ids)), given)
            _run(made, making.RELEASED_ROWS)
            unfit, contested = _run(made, making.STAYING)[0]
            found = _run(made, making.FIT)
            ids = made.sql(making.RELEASED_IDS).to_arrow_table()
            rows = made.sql("SELECT * FROM incoming").to_arrow_table()
        if found:
            rows = rows.select(dimension.schema.names).cast(dimension.schema)
            _close(self._connection, ids, sql.RELEASED, at, verdicts_sql.OVERRULED)
            self._rows.upsert(dimension, rows)
        return Release(
            tuple((dimension.name, source, provider, count) for source, provider, count in found),
            unfit,
            contested,
        )

    def acknowledge(self, chosen: QuarantineFilter, at: datetime) -> Acknowledged:
        """Take note that somebody has seen entries; rows that waited for that leave."""
        condition, values = sql.chosen(chosen)
        connection, removed = self._connection, 0
        with store_faults("acknowledge entries of the quarantine", self._settings), connection.transaction():
            _expect_entries(connection, chosen)
            for dimension in _dimensions(chosen):
                left = verdicts.left_waiting(connection, dimension, condition, values, self._rows.sequence)
                self._rows.note(dimension, left)
                removed += left.total()
            done = connection.execute(verdicts_sql.acknowledge(condition).encode(), {**values, "at": at})
        return Acknowledged(done.rowcount, removed)

    def expire(self, chosen: QuarantineFilter, before: datetime) -> int:
        """Drop entries that no run has seen since, without those that somebody decided on; how many."""
        condition, values = sql.chosen(chosen)
        with store_faults("expire rows in quarantine", self._settings):
            done = self._connection.execute(sql.expire(condition).encode(), {**values, "before": before})
            self._connection.execute(verdicts_sql.ORPHANS)
        return done.rowcount


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
            f"SELECT id FROM entries WHERE key IN (SELECT {making.key_text(dimension)} FROM incoming) "  # noqa: S608
            f"AND id NOT IN ({making.newer(dimension, 'entries')})"
        ).to_arrow_table()
    _close(connection, found, sql.SUPERSEDED, pc.max(rows["observed_at"]).as_py())


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


class TimescaleQuarantineReader:
    """A quarantine.QuarantineReader on what is committed."""

    def __init__(self, pool: DatabasePool) -> None:
        self._pool = pool

    def entries(self, chosen: QuarantineFilter, count: int) -> list[dict[str, Any]]:
        """Entries, the one seen last first: the columns of the table, `raw` as JSON."""
        condition, values = sql.chosen(chosen)
        return self._dicts(sql.listing(condition), {**values, "count": count})

    def counts(self, chosen: QuarantineFilter) -> list[dict[str, Any]]:
        """How many entries there are by dimension, reason and state, and when they were seen."""
        condition, values = sql.chosen(chosen)
        return self._dicts(sql.counting(condition), values)

    def _dicts(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        doing = store_faults("read the quarantine", self._pool.settings)
        with doing, self._pool.connection() as connection:
            return connection.cursor(row_factory=dict_row).execute(statement.encode(), values).fetchall()


def _dimensions(chosen: QuarantineFilter) -> tuple[Dimension, ...]:
    return DIMENSIONS if chosen.dimension is None else (chosen.dimension,)


def _expect_entries(connection: Connection[Row], chosen: QuarantineFilter) -> None:
    """Raise NoSuchEntry for ids that no entry has."""
    if chosen.ids and (unknown := connection.execute(sql.UNKNOWN, [list(chosen.ids)]).fetchall()):
        raise NoSuchEntry([name for (name,) in unknown])


def _load(
    made: duckdb.DuckDBPyConnection,
    connection: Connection[Row],
    dimension: Dimension,
    chosen: QuarantineFilter,
) -> None:
    """Entries of a dimension that somebody may release, from PostgreSQL into DuckDB, with their verdicts."""
    condition, values = sql.chosen(chosen)
    for statement in ("CREATE SCHEMA telemetry", making.QUARANTINE, *tables.TABLES):
        _run(made, statement)
    given = {**values, "table": dimension.name}
    verdicts.load_verdicts(made, connection, condition, given)
    for batch in batches(connection, sql.releasable(condition), sql.ENTRY, given):
        made.register("loading", pa.Table.from_batches([batch]))
        _run(made, "INSERT INTO telemetry.quarantine BY NAME SELECT * FROM loading")
        made.unregister("loading")


def _waiting(dimension: Dimension) -> pa.Schema:
    """Of what sql.undecided selects."""
    texts = [(name, pa.string()) for name in ("subject", "source", "written")]
    moment = dimension.schema.field(dimension.time).type
    return pa.schema([*texts, ("entries", pa.int64()), ("earliest", moment)])


def _close(connection: Connection[Row], ids: pa.Table, state: str, since: datetime, *more: str) -> None:
    """Give entries, by a table of their ids, another state; `more` is done to these."""
    connection.execute(sql.MAKE_MEANT)
    copy_in(connection, ("pg_temp", "meant"), ids.schema, ids.to_batches())
    connection.execute(sql.CLOSE_MEANT, [str(state), since])
    for statement in (*more, sql.FORGET_MEANT):
        connection.execute(statement.encode())


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
