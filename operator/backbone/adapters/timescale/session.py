"""One connection to TimescaleDB, and the check that names the first thing wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from ...ports.database import DatabaseError, DatabaseFault, DatabaseFinding
from .bounded import BoundedConnection
from .errors import refused_connection, translated
from .settings import ConnectionSettings
from .times import BoundedTimes

Row = tuple[Any, ...]

OLDEST_EXTENSION = (2, 20)
"""The first TimescaleDB with the columnstore's interface whose refreshes take a batch of a width."""
CONNECTING: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "context": BoundedTimes()}
"""How every connection is made, whether it is one of a pool or not.

Nothing is prepared by name: a pooler before the server may give each transaction another one.
"""
SCHEMAS = ("telemetry", "market")
_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")

_STANDING = """
    SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on',
           (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
           has_database_privilege(current_database(), 'CREATE')
"""
_LOAD = """
    SELECT (SELECT sum(numbackends) FROM pg_stat_database), current_setting('max_connections')
"""
_SCHEMA_RIGHTS = """
    SELECT nspname, has_schema_privilege(oid, 'USAGE')
    FROM pg_namespace WHERE nspname = ANY(%s)
"""
_TABLE_RIGHTS = """
    SELECT item.oid::regclass::text, wanted.name
    FROM pg_class AS item JOIN pg_namespace AS place ON place.oid = item.relnamespace
    CROSS JOIN unnest(%s::text[]) WITH ORDINALITY AS wanted (name, rank)
    WHERE place.nspname = ANY(%s) AND item.relkind IN ('r', 'p')
      AND NOT has_table_privilege(item.oid, wanted.name)
    ORDER BY 1, wanted.rank
"""


def connect(settings: ConnectionSettings) -> BoundedConnection:
    """A connection of its own, where each statement commits unless a transaction is opened.

    Raises DatabaseError, which names the first thing wrong.
    """
    try:
        made = BoundedConnection.connect(make_conninfo("", **settings.parameters()), **CONNECTING)
    except psycopg.Error as error:
        raise refused_connection(error, settings) from None
    except UnicodeError:
        raise DatabaseError(
            DatabaseFault.NAME_NOT_RESOLVED,
            f"cannot connect to {settings.place} as {settings.user}: that is not a name of a host, as "
            "where it has two dots in a row; correct host",
        ) from None
    try:
        with translated("prepare the session", settings):
            made.bound(settings)
    except DatabaseError:
        made.close()
        raise
    return made


@contextmanager
def connected(settings: ConnectionSettings) -> Iterator[BoundedConnection]:
    """A connection of its own, closed afterwards. Raises as `connect` does."""
    connection = connect(settings)
    try:
        yield connection
    finally:
        with suppress(psycopg.Error):
            connection.close()


def load(settings: ConnectionSettings) -> tuple[int | None, int | None]:
    """How many connections the server has, and how many it takes; None where it does not tell.

    Raises DatabaseError where there is no connection.
    """
    with connected(settings) as connection, translated("count connections", settings):
        try:
            row = connection.execute(_LOAD).fetchone() or (None, None)
        except psycopg.Error:
            if connection.closed:
                raise
            return None, None
    # A server that does not count them says 0: this one is there.
    return int(row[0] or 0) or None, int(row[1])


def check(
    settings: ConnectionSettings, oldest: tuple[int, ...] | None = OLDEST_EXTENSION
) -> DatabaseFinding | None:
    """The first thing that keeps us from reading and writing there; None where nothing does.

    With `oldest` None the database need not have TimescaleDB.
    """
    try:
        with connected(settings) as connection, translated("look around", settings):
            return _first_finding(connection, settings, oldest)
    except DatabaseError as error:
        return error.finding


def _first_finding(
    connection: Connection[Row], settings: ConnectionSettings, oldest: tuple[int, ...] | None
) -> DatabaseFinding | None:
    replica, read_only, version, may_create = connection.execute(_STANDING).fetchone() or (None,) * 4
    found = _extension_finding(settings, version, oldest) if oldest else None
    if found is not None:
        return found
    if replica or read_only:
        said = "is a replica" if replica else "takes no writes (default_transaction_read_only)"
        return DatabaseFinding(
            DatabaseFault.READ_ONLY,
            f"{settings.place} {said}; name the primary, or wait for the failover to end",
        )
    missing = _missing_right(connection, settings, may_create=bool(may_create))
    if missing is None:
        return None
    return DatabaseFinding(
        DatabaseFault.PERMISSION_MISSING,
        f"user {settings.user} lacks a right; as an administrator: {missing}",
    )


def _extension_finding(
    settings: ConnectionSettings, version: str | None, oldest: tuple[int, ...]
) -> DatabaseFinding | None:
    wanted = ".".join(map(str, oldest))
    if version is None:
        return DatabaseFinding(
            DatabaseFault.EXTENSION_MISSING,
            f"database {settings.database} on {settings.place} does not have TimescaleDB {wanted} or newer; "
            "as an administrator there: CREATE EXTENSION timescaledb",
        )
    if tuple(int(part) for part in re.findall(r"\d+", version)[: len(oldest)]) < oldest:
        return DatabaseFinding(
            DatabaseFault.EXTENSION_TOO_OLD,
            f"database {settings.database} on {settings.place} has TimescaleDB {version}, and {wanted} is "
            "needed; install a newer one, then: ALTER EXTENSION timescaledb UPDATE",
        )
    return None


def _missing_right(
    connection: Connection[Row], settings: ConnectionSettings, *, may_create: bool
) -> str | None:
    """The statement that grants what is missing first; None where nothing is."""
    rights: dict[str, bool] = dict(connection.execute(_SCHEMA_RIGHTS, [list(SCHEMAS)]).fetchall())
    if len(rights) < len(SCHEMAS) and not may_create:
        return f'GRANT CREATE ON DATABASE "{settings.database}" TO "{settings.user}"'
    for schema, usage in rights.items():
        if not usage:
            return f'GRANT USAGE ON SCHEMA {schema} TO "{settings.user}"'
    row = connection.execute(_TABLE_RIGHTS, [list(_RIGHTS), list(SCHEMAS)]).fetchone()
    return None if row is None else f'GRANT {row[1]} ON {row[0]} TO "{settings.user}"'
