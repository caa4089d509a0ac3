"""One writer at a time, and who is alive: advisory locks of sessions, which end with their session."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta

from psycopg import Connection

from ...ports.database import DatabaseFault
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from .session import Row

LOCK = 0x77_72_69_74_65_72
"""Of the whole database; the number says writer."""
RETRY = 0.25
"""Seconds between two tries."""
LOOK_SECONDS = 1.0
"""Longer than a run takes to begin, which looks in its transaction for those that are alive."""

_TRY = "SELECT pg_try_advisory_lock(%s)"
_LOOK = "SELECT pg_try_advisory_xact_lock(%s)"
_HOLDER = """
    SELECT activity.application_name, activity.pid, activity.backend_start
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (held.classid::bigint << 32) + held.objid::bigint = %s
"""


def take(connection: Connection[Row], wait: timedelta, pause: Callable[[float], None]) -> None:
    """Hold the lock to the end of the connection's session. Raises StoreError with STORE_BUSY after `wait`.

    PostgreSQL ends the session, and the lock, of a holder that died. Raises psycopg.Error.
    """
    deadline = time.monotonic() + wait.total_seconds()
    while connection.execute(_TRY, [LOCK]).fetchone() != (True,):
        left = deadline - time.monotonic()
        if left <= 0:
            raise StoreError(
                Outcome.STORE_BUSY,
                f"waited {wait.total_seconds():g} s for the lock held by {_holder(connection)}",
                DatabaseFault.LOCKED,
            )
        pause(min(RETRY, left))


def _holder(connection: Connection[Row]) -> str:
    row = connection.execute(_HOLDER, [LOCK]).fetchone()
    if row is None:
        return "a writer that has ended now; run it again"
    application, pid, since = row
    name = application or "a program without a name"
    # Another role's times are hidden from one without pg_read_all_stats.
    when = f"since {since:%H:%M:%S} UTC" if since is not None else "since a time that this user may not see"
    return f"{name} {when} (process {pid} of the server)"


def show_alive(connection: Connection[Row], run_id: str) -> None:
    """Let others see that a run is alive, to the end of the connection's session. Raises psycopg.Error.

    Who looks for it has the lock for a moment; another process of the run for long, and that is as good.
    """
    deadline = time.monotonic() + LOOK_SECONDS
    while connection.execute(_TRY, [_of_run(run_id)]).fetchone() != (True,):
        if time.monotonic() >= deadline:
            return
        time.sleep(LOOK_SECONDS / 100)


def is_alive(connection: Connection[Row], run_id: str) -> bool:
    """Whether the session of a run lives; to be asked within a transaction. Raises psycopg.Error."""
    return connection.execute(_LOOK, [_of_run(run_id)]).fetchone() != (True,)


def _of_run(run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"run {run_id}".encode()).digest()[:8], signed=True)
