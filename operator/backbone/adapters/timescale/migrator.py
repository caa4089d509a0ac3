"""Brings a database to the schema of this version, one migration after the other.

Each is one transaction: lock, look again, do, remember. Whoever dies in it leaves nothing behind, neither
half a migration nor the lock, and whoever comes next goes on from the last one that was committed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from psycopg import Connection

from ...migrations import Migration
from ...ports.database import DatabaseError, DatabaseFault
from .errors import store_faults, translated
from .migration_lock import LOCK_WAIT, SchemaTurn
from .migrations import Applied, Holdings, Plan, plan
from .session import SCHEMAS, Row, connected
from .settings import ConnectionSettings

LEDGER = "telemetry.schema_migrations"

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


class Migrator:
    """Migrates the database of some settings. Every call raises DatabaseError."""

    def __init__(
        self,
        settings: ConnectionSettings,
        migrations: tuple[Migration, ...],
        lock_wait: timedelta = LOCK_WAIT,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`tell` is told of each try that gave way to somebody who works on a table."""
        self._settings = settings
        self._migrations = migrations
        self._lock_wait = lock_wait
        self._tell = tell

    def plan(self) -> Plan:
        """What `migrate` would do now; it changes nothing and waits for nobody."""
        with connected(self._settings) as connection, translated("look at the schema", self._settings):
            return plan(self._migrations, self._holdings(connection))

    def migrate(self, progress: Callable[[Migration], None] = lambda _: None) -> Plan:
        """Apply what is pending, and tell each; the plan that is left, which has nothing to do.

        Raises DatabaseError with SCHEMA_REFUSED where the plan is refused, LOCKED where another migrator
        works, or somebody holds a table, for longer than the wait.
        """
        with connected(self._settings) as connection:
            turn = SchemaTurn(connection, self._settings, "migrate", self._lock_wait, tell=self._tell)
            while True:
                done = turn.do(lambda: self._step(connection))
                if done is None:
                    return Plan(self._migrations[-1].number, ())
                progress(done)

    def _step(self, connection: Connection[Row]) -> Migration | None:
        """Apply the next migration; None where there is none."""
        found = plan(self._migrations, self._holdings(connection))
        if found.refusal is not None:
            raise DatabaseError(found.refusal.fault, found.refusal.message)
        if not found.pending:
            return None
        self._apply(connection, found.pending[0])
        return found.pending[0]

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
        return Holdings(tuple(Applied(*row) for row in applied), frozenset(name for (name,) in tables))

    def _execute(
        self, connection: Connection[Row], statement: str, values: list[object] | None = None
    ) -> None:
        connection.execute(statement.encode(), values)


def expect_present(settings: ConnectionSettings, migrations: tuple[Migration, ...]) -> None:
    """Raise StoreError unless the schema is what these migrations make: a run stores into no other."""
    with store_faults("look at the schema", settings):
        found = Migrator(settings, migrations).plan()
        if found.refusal is not None:
            raise DatabaseError(found.refusal.fault, found.refusal.message)
        if found.pending:
            raise DatabaseError(
                DatabaseFault.SCHEMA_REFUSED,
                f"the database {settings.database} on {settings.place} is at migration {found.version} of "
                f"{migrations[-1].number}; `emp-runtime database -f FOLDER` brings it there",
            )
