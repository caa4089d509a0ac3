"""One at a time changes the schema: a lock of a transaction, which nobody can leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from psycopg import Connection, errors

from ...ports.database import DatabaseError, DatabaseFault
from .errors import translated
from .session import Row
from .settings import ConnectionSettings

LOCK = 0x62_61_63_6B_62_6F_6E_65 >> 1
"""Of the whole database; the number says backbone."""
LOCK_WAIT = timedelta(seconds=30)

_HOLDER = """
    SELECT activity.pid, activity.application_name, host(activity.client_addr), activity.xact_start
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted
      AND (held.classid::bigint << 32) + held.objid::bigint = %s
"""


class _LockBusy(Exception):
    """Somebody else held the lock for the whole wait."""


@contextmanager
def alone(
    connection: Connection[Row], settings: ConnectionSettings, what: str, wait: timedelta = LOCK_WAIT
) -> Iterator[None]:
    """A transaction that holds the lock to its end.

    PostgreSQL ends it with the transaction, also where the holder's process or machine is gone, and
    idle_in_transaction_session_timeout ends the transaction of one that is frozen. Raises DatabaseError,
    LOCKED where another one works for longer than the wait; it says that it could not do `what`.
    """
    try:
        with translated(what, settings), connection.transaction():
            milliseconds = str(int(wait.total_seconds() * 1000))
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [milliseconds])
            try:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            except errors.LockNotAvailable:
                raise _LockBusy from None
            yield
    except _LockBusy:
        raise DatabaseError(DatabaseFault.LOCKED, _told_holder(connection, settings, wait)) from None


def _told_holder(connection: Connection[Row], settings: ConnectionSettings, wait: timedelta) -> str:
    waited = f"{wait.total_seconds():g} s"
    with translated("look who migrates", settings):
        row = connection.execute(_HOLDER, [LOCK]).fetchone()
    if row is None:
        return f"another migration was under way for {waited} and has ended now; run it again"
    pid, application, address, since = row
    return (
        f"another migration has been under way for longer than {waited}: process {pid} of the server, "
        f"{application or 'without a name'} from {address or 'the server itself'}, since "
        f"{since:%H:%M:%S} UTC; wait for it, or as an administrator: SELECT pg_terminate_backend({pid})"
    )
