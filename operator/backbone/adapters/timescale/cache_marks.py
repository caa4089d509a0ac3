"""What answers about a database are cached under: a mark that no other database has, whatever leads to it."""

from __future__ import annotations

from psycopg import Connection

from ...market.dimensions import Dimension
from ...naming import digest
from ...ports.store_errors import NothingPublished
from . import sql
from .errors import store_faults
from .pool import DatabasePool
from .session import Row
from .settings import ConnectionSettings

_STANDING = """
    SELECT to_regclass('telemetry.schema_migrations') IS NOT NULL,
           to_regclass('telemetry.authority') IS NOT NULL,
           has_function_privilege('pg_control_system()', 'EXECUTE')
           AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')
           AND has_function_privilege('pg_control_recovery()', 'EXECUTE'),
           pg_is_in_recovery(), current_database()
"""
_OWNER = "SELECT cluster, namespace, name, mark::text FROM telemetry.authority"
_SYSTEM = "SELECT system_identifier FROM pg_control_system()"
_WRITES = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"
_REPLAYS = """
    SELECT greatest(timeline_id, min_recovery_end_timeline)
    FROM pg_control_checkpoint(), pg_control_recovery()
"""


def database_mark_of(pool: DatabasePool) -> str:
    """What tells the database of a pool from every other. Raises NothingPublished, StoreError.

    In it are its owner, its first migration, the server's system identifier and timeline, and its name, and
    never an address: who reads a replica, or through a pooler, has the same. A copy has another one once it
    was promoted, restored elsewhere, renamed, or taken by another backbone.
    """
    with store_faults("read the store", pool.settings), pool.connection() as connection:
        return marks_on(connection, pool.settings)[0]


def marks_on(connection: Connection[Row], settings: ConnectionSettings) -> tuple[str, ...]:
    """The mark of a database; and the one of the timeline before, which a replica may read under still.

    A replica learns of a failover with its next checkpoint: who changes rows ends the answers of both. Raises
    NothingPublished, psycopg.Error.
    """
    ledger, owned, told, replica, name = _row(connection, _STANDING)
    first = _row(connection, sql.FIRST_MIGRATION) if ledger else ()
    if not first:
        raise NothingPublished(unmigrated(settings))
    owner = _row(connection, _OWNER) if owned else ()
    parts = [str(part) for part in (int(first[0]), name, *owner)]
    if not told:
        return (digest(*parts, length=20),)
    (system,) = _row(connection, _SYSTEM)
    (timeline,) = _row(connection, _REPLAYS if replica else _WRITES)
    return tuple(digest(*parts, str(system), str(line), length=20) for line in (timeline, timeline - 1))


def cache_version(mark: str, dimension: Dimension) -> str:
    """What answers about a dimension are kept under; whoever changes rows of it invalidates that."""
    return f"{mark}-{dimension.command_name}"


def unmigrated(settings: ConnectionSettings) -> str:
    """That the database has no tables of ours."""
    return (
        f"`emp-runtime database` has made no tables in the database {settings.database} on {settings.place}"
    )


def _row(connection: Connection[Row], statement: str) -> Row:
    return connection.execute(statement.encode()).fetchone() or ()
