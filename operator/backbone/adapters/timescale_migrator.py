"""Brings a database to the schema of this version, one migration after the other.

Each is one transaction: lock, look again, do, remember. Whoever dies in it leaves nothing behind, neither
half a migration nor the lock, and whoever comes next goes on from the last one that was committed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from psycopg import Connection, errors

from ..migrations import Migration
from ..ports.database import DatabaseError, DatabaseFault
from .timescale_errors import translated
from .timescale_migrations import Applied, Holdings, Plan, plan
from .timescale_session import SCHEMAS, Row, connected
from .timescale_settings import ConnectionSettings

LEDGER = "telemetry.schema_migrations"
LOCK = 0x62_61_63_6B_62_6F_6E_65 >> 1
"""Of the whole database; the number says backbone."""
LOCK_WAIT = timedelta(seconds=30)

_MAKE_LEDGER = (
    "CREATE SCHEMA IF NOT EXISTS telemetry",
    f"""
    CREATE TABLE IF NOT EXISTS {LEDGER} (
        number INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
    """,
)
_LEDGER_COLUMNS = """
    SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
_APPLIED = f"SELECT number, name, checksum, applied_at FROM {LEDGER} ORDER BY number"  # noqa: S608
_REMEMBER = f"INSERT INTO {LEDGER} (number, name, checksum) VALUES (%s, %s, %s)"  # noqa: S608
_TABLES = """
    SELECT place.nspname || '.' || item.relname FROM pg_class AS item
    JOIN pg_namespace AS place ON place.oid = item.relnamespace
    WHERE place.nspname = ANY(%s) AND item.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_HAS_CHUNKS = "SELECT to_regclass('timescaledb_information.dimensions')"
_WIDTHS = """
    SELECT hypertable_schema || '.' || hypertable_name, time_interval
    FROM timescaledb_information.dimensions
    WHERE hypertable_schema = ANY(%s) AND dimension_number = 1 AND time_interval IS NOT NULL
"""
_HOLDER = """
    SELECT activity.pid, activity.application_name, host(activity.client_addr), activity.xact_start
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted
      AND (held.classid::bigint << 32) + held.objid::bigint = %s
"""


class Migrator:
    """Migrates the database of some settings. Every call raises DatabaseError."""

    def __init__(
        self,
        settings: ConnectionSettings,
        migrations: tuple[Migration, ...],
        lock_wait: timedelta = LOCK_WAIT,
    ) -> None:
        self._settings = settings
        self._migrations = migrations
        self._lock_wait = lock_wait

    def plan(self) -> Plan:
        """What `migrate` would do now; it changes nothing and waits for nobody."""
        with connected(self._settings) as connection, translated("look at the schema", self._settings):
            return plan(self._migrations, self._holdings(connection))

    def migrate(self, progress: Callable[[Migration], None] = lambda _: None) -> Plan:
        """Apply what is pending, and tell each; the plan that is left, which has nothing to do.

        Raises DatabaseError with SCHEMA_REFUSED where the plan is refused, LOCKED where another migrator
        works for longer than the wait.
        """
        with connected(self._settings) as connection:
            while True:
                done = self._step(connection)
                if done is None:
                    return Plan(self._migrations[-1].number, ())
                progress(done)

    def _step(self, connection: Connection[Row]) -> Migration | None:
        """Apply the next migration; None where there is none."""
        try:
            with translated("migrate", self._settings), connection.transaction():
                self._lock(connection)
                found = plan(self._migrations, self._holdings(connection))
                if found.refusal is not None:
                    raise DatabaseError(found.refusal.fault, found.refusal.message)
                if not found.pending:
                    return None
                self._apply(connection, found.pending[0])
                return found.pending[0]
        except _LockBusy:
            raise DatabaseError(DatabaseFault.LOCKED, self._told_holder(connection)) from None

    def _lock(self, connection: Connection[Row]) -> None:
        """Hold the lock to the end of the transaction.

        PostgreSQL ends it with the transaction, also where the holder's process or machine is gone, and
        idle_in_transaction_session_timeout ends the transaction of one that is frozen.
        """
        wait = str(int(self._lock_wait.total_seconds() * 1000))
        self._execute(connection, "SELECT set_config('lock_timeout', %s, true)", [wait])
        try:
            self._execute(connection, "SELECT pg_advisory_xact_lock(%s)", [LOCK])
        except errors.LockNotAvailable:
            raise _LockBusy from None

    def _apply(self, connection: Connection[Row], migration: Migration) -> None:
        for statement in (*_MAKE_LEDGER, *migration.statements):
            self._execute(connection, statement)
        self._execute(connection, _REMEMBER, [migration.number, migration.name, migration.checksum])

    def _holdings(self, connection: Connection[Row]) -> Holdings:
        schemas = [list(SCHEMAS)]
        (columns,) = connection.execute(_LEDGER_COLUMNS, [LEDGER]).fetchone() or (None,)
        if columns is not None and columns != ["number", "name", "checksum", "applied_at"]:
            raise DatabaseError(
                DatabaseFault.SCHEMA_REFUSED,
                f"the database has a table {LEDGER} that is not ours; name another database, or rename it",
            )
        applied = connection.execute(_APPLIED).fetchall() if columns else []
        tables = connection.execute(_TABLES, schemas).fetchall()
        (chunked,) = connection.execute(
            "SELECT to_regclass('timescaledb_information.dimensions')"
        ).fetchone() or (None,)
        widths = connection.execute(_WIDTHS, schemas).fetchall() if chunked else []
        return Holdings(
            tuple(Applied(*row) for row in applied),
            frozenset(name for (name,) in tables),
            {str(table): width for table, width in widths},
        )

    def _told_holder(self, connection: Connection[Row]) -> str:
        wait = f"{self._lock_wait.total_seconds():g} s"
        with translated("look who migrates", self._settings):
            row = connection.execute(_HOLDER, [LOCK]).fetchone()
        if row is None:
            return f"another migration was under way for {wait} and has ended now; run it again"
        pid, application, address, since = row
        return (
            f"another migration has been under way for longer than {wait}: process {pid} of the server, "
            f"{application or 'without a name'} from {address or 'the server itself'}, since "
            f"{since:%H:%M:%S} UTC; wait for it, or as an administrator: SELECT pg_terminate_backend({pid})"
        )

    def _execute(
        self, connection: Connection[Row], statement: str, values: list[object] | None = None
    ) -> None:
        connection.execute(statement.encode(), values)


class _LockBusy(Exception):
    """Somebody else held the lock for the whole wait."""
