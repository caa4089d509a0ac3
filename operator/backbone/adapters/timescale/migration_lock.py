"""One at a time changes the schema: a lock of a transaction, which nobody can leave behind.

For that lock we wait long. For a table's we do not: whoever asks for it later, readers too, waits behind us.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import TypeVar

import psycopg
from psycopg import Connection, errors

from ...ports.database import DatabaseError, DatabaseFault
from .errors import translated
from .session import Row
from .settings import ConnectionSettings

LOCK = 0x62_61_63_6B_62_6F_6E_65 >> 1
"""Of the whole database; the number says backbone."""
LOCK_WAIT = timedelta(seconds=30)
TABLE_WAIT = timedelta(seconds=1)
"""For the lock of a table: so long does a reader wait behind a change that waits for somebody else."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds outside of any transaction between two tries; the last one from then on."""

_TABLE_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)
_LIMIT = "SELECT set_config('lock_timeout', %s, %s)"
_HOLDER = """
    SELECT activity.pid, activity.application_name, host(activity.client_addr), activity.xact_start, ''
    FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'advisory' AND held.granted
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (held.classid::bigint << 32) + held.objid::bigint = %s
"""
_TABLE_HOLDER = """
    SELECT held.pid, activity.application_name, host(activity.client_addr), activity.xact_start,
           min(place.nspname || '.' || item.relname)
    FROM pg_locks AS held
    JOIN pg_class AS item ON item.oid = held.relation
    JOIN pg_namespace AS place ON place.oid = item.relnamespace
    LEFT JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.locktype = 'relation' AND held.granted AND held.pid IS DISTINCT FROM pg_backend_pid()
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (place.nspname IN ('market', 'telemetry') OR place.nspname LIKE '\\_timescaledb\\_%%')
      AND item.relkind IN ('r', 'p', 'v', 'm')
    GROUP BY held.pid, activity.application_name, activity.client_addr, activity.xact_start
    ORDER BY bool_or(item.oid::regclass::text = ANY(%(tables)s) OR EXISTS (
        SELECT FROM pg_inherits WHERE inhrelid = item.oid AND inhparent::regclass::text = ANY(%(tables)s)
    )) DESC, activity.xact_start NULLS LAST
    LIMIT 1
"""
"""Whoever works for longest on the tables that we need, or else on any of ours."""

Done = TypeVar("Done")


class _LockBusy(Exception):
    """Somebody else held the lock for the whole wait."""


class _TableBusy(Exception):
    """Somebody else held one of these tables, or of all, for longer than readers are to wait."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__()
        self.tables = tables


@dataclass(frozen=True, slots=True)
class SchemaTurn:
    """How the schema of a database is changed: one at a time, and giving way to who works on its tables.

    `wait` bounds the wait for the lock, and as long again all tries for a table. `pause` sleeps between two
    of them and may raise to give up; `tell` is told of each that gave way, with whom it gave way to.
    """

    connection: Connection[Row]
    settings: ConnectionSettings
    what: str
    wait: timedelta = LOCK_WAIT
    pause: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = lambda _: None

    def do(self, work: Callable[[], Done]) -> Done:
        """Do `work` in a transaction that holds the lock to its end; what it gives.

        It is done again from the beginning where a table was held. PostgreSQL ends the lock with the
        transaction, also where the holder's process or machine is gone, and
        idle_in_transaction_session_timeout ends the transaction of one that is frozen. Raises DatabaseError,
        LOCKED where somebody else held lock or table for longer than the wait, whom it names.
        """

        def alone() -> Done:
            with self._alone():
                return work()

        return self._giving_way(alone)

    def outside(self, work: Callable[[], Done], tables: Sequence[str]) -> Done:
        """Do what cannot be part of a transaction, with the same limits. Raises as `do` does."""

        def limited() -> Done:
            with translated(self.what, self.settings), waits_for(tables):
                self.connection.execute(_LIMIT, [_milliseconds(TABLE_WAIT), False])
                try:
                    return work()
                finally:
                    with suppress(psycopg.Error):
                        self.connection.execute("RESET lock_timeout")

        return self._giving_way(limited)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with translated(self.what, self.settings), self.connection.transaction():
                self.connection.execute(_LIMIT, [_milliseconds(self.wait), True])
                try:
                    self.connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                except errors.LockNotAvailable:
                    raise _LockBusy from None
                with waits_for(()):
                    self.connection.execute(_LIMIT, [_milliseconds(TABLE_WAIT), True])
                    yield
        except _LockBusy:
            raise DatabaseError(DatabaseFault.LOCKED, self._told_migration()) from None

    def _giving_way(self, work: Callable[[], Done]) -> Done:
        until = time.monotonic() + self.wait.total_seconds()
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return work()
            except _TableBusy as busy:
                told = self._told_table(busy.tables)
            left = until - time.monotonic()
            if left <= 0:
                break
            self.tell(f"{told}; giving way, and trying again in {min(pause, left):.0f} s")
            self.pause(min(pause, left))
        waited = f"{self.wait.total_seconds():g} s"
        raise DatabaseError(
            DatabaseFault.LOCKED,
            f"cannot {self.what} on {self.settings.place}, tried for {waited} without holding anybody up: "
            f"{told}; wait for the end of that, or end it, and it is tried again",
        )

    def _told_table(self, tables: Sequence[str]) -> str:
        row = self._asked(_TABLE_HOLDER, {"tables": list(tables)})
        wanted = " or ".join(tables) or "one of our tables"
        if row is None:
            return f"somebody who has ended now held {wanted}"
        if row[0] is None:
            return f"a prepared transaction holds {row[4]}; pg_prepared_xacts has its name"
        return f"{row[4]} is held by {_told_session(row)}"

    def _told_migration(self) -> str:
        waited = f"{self.wait.total_seconds():g} s"
        row = self._asked(_HOLDER, [LOCK])
        if row is None:
            return f"another migration was under way for {waited} and has ended now; run it again"
        return (
            f"another migration has been under way for longer than {waited}: {_told_session(row)}; wait for "
            "it, or end it"
        )

    def _asked(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> Row | None:
        with translated("look who holds it", self.settings):
            return self.connection.execute(statement.encode(), values).fetchone()


@contextmanager
def waits_for(tables: Sequence[str]) -> Iterator[None]:
    """Name the tables that a statement of a turn works on, for the case that it gives way."""
    try:
        yield
    except _TABLE_BUSY:
        raise _TableBusy(tables) from None


def _told_session(row: Row) -> str:
    pid, application, address, since, _ = row
    return (
        f"process {pid} of the server, {application or 'without a name'} from "
        f"{address or 'the server itself'}, since {_told_time(since)} "
        f"(as an administrator: SELECT pg_terminate_backend({pid}))"
    )


def _told_time(moment: datetime | None) -> str:
    """Another role's times are hidden from one without pg_read_all_stats."""
    return "a time that this user may not see" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _milliseconds(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))
