"""A few connections that many threads share, whose credentials can change while they are used."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ...ports.database import DatabaseError, DatabaseFault, DatabaseFinding
from .bounded import BoundedConnection
from .errors import translated
from .session import CONNECTING, connected
from .settings import ConnectionSettings

RECONNECT = 60.0
"""Seconds over which a broken pool tries again by itself, ever more slowly; the next user starts it anew."""
PATIENCE = 1.0
"""Seconds that a caller waits for the pool before it looks itself why there is no connection."""
CLOSING = 5.0
LIFETIME = 1800.0

# The library logs every attempt that fails; here whoever waits for a connection is told, once.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class PoolReading:
    """Connections there are, those nobody uses, callers that wait now, waits in vain so far."""

    size: int
    idle: int
    waiting: int
    timeouts: int


class DatabasePool:
    """Connections to the database of some settings, which threads may share; closed as a context."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings
        self._pool = _opened(settings)
        self._renewing = threading.Lock()
        self._lent = 0
        self._led_in = False
        self._counting = threading.Lock()

    @property
    def settings(self) -> ConnectionSettings:
        """What it connects with now."""
        return self._settings

    @contextmanager
    def connection(self) -> Iterator[BoundedConnection]:
        """A connection for the block; a transaction that the block leaves open is rolled back.

        Raises DatabaseError: immediately if no connection can be opened, after `acquire_timeout` if all are
        in use or credentials are rotating. A driver's error inside the block becomes a DatabaseError too.
        """
        pool, connection = self._acquired()
        self._count(1)
        try:
            with translated("work", self._settings):
                yield connection
        finally:
            self._count(-1)
            with suppress(psycopg.Error):
                if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.rollback()
            pool.putconn(connection)

    def _count(self, change: int) -> None:
        with self._counting:
            self._lent += change
            self._led_in = True

    def _acquired(self) -> tuple[ConnectionPool[BoundedConnection], BoundedConnection]:
        deadline = time.monotonic() + self._settings.acquire_timeout
        while True:
            pool, settings = self._pool, self._settings
            try:
                return pool, pool.getconn(max(min(deadline - time.monotonic(), PATIENCE), 0.01))
            except PoolClosed:
                if pool is self._pool:
                    raise DatabaseError(DatabaseFault.CONNECTION_LOST, "the pool is closed") from None
                # It was renewed between two lines, or while we waited.
            except (PoolTimeout, psycopg.Error):
                late = time.monotonic() >= deadline
                if self._lent < settings.pool_size:
                    try:
                        self._begin_anew(pool, settings)
                    except DatabaseError as error:
                        # Credentials that led in before: the new ones may be on their way.
                        if late or not (self._led_in and error.fault is DatabaseFault.AUTHENTICATION_FAILED):
                            raise error from None
                        continue
                if late:
                    raise _exhausted(settings) from None

    def _begin_anew(self, pool: ConnectionPool[BoundedConnection], settings: ConnectionSettings) -> None:
        """Raise DatabaseError with the reason why there is no connection.

        Where there is none any more, a new pool need not wait for the next try of the old one.
        """
        with connected(settings):
            pass
        with self._renewing:
            if pool is not self._pool:
                return
            self._pool = _opened(settings)
        pool.close(0)

    def renew(self, settings: ConnectionSettings) -> DatabaseFinding | None:
        """Go over to other settings, such as a changed password; None where it did.

        The new ones are tried first. Where they do not lead in, the finding says why, and the old ones stay
        in use. Where they do, whoever comes from now on gets a connection of the new ones, and whoever works
        on an old one ends his work there: it is closed when it comes back.
        """
        if settings == self._settings:
            return None
        try:
            with connected(settings) as connection, translated("ask", settings):
                connection.execute("SELECT 1")
        except DatabaseError as error:
            return error.finding
        with self._renewing:
            old = self._pool
            # The pool first: a reader that sees the new settings and the old pool only words an error oddly.
            self._pool = _opened(settings)
            self._settings = settings
        old.close(CLOSING)
        return None

    def reading(self) -> PoolReading:
        """How it stands."""
        said = self._pool.get_stats()
        return PoolReading(
            said.get("pool_size", 0),
            said.get("pool_available", 0),
            said.get("requests_waiting", 0),
            said.get("requests_errors", 0),
        )

    def close(self) -> None:
        """Close every connection that nobody uses, and the others when they come back."""
        self._pool.close(CLOSING)

    def __enter__(self) -> DatabasePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(settings: ConnectionSettings) -> ConnectionPool[BoundedConnection]:
    return ConnectionPool(
        make_conninfo("", **settings.parameters()),
        connection_class=BoundedConnection,
        configure=lambda connection: connection.bound(settings),
        kwargs=CONNECTING,
        min_size=0,
        max_size=settings.pool_size,
        timeout=settings.acquire_timeout,
        max_lifetime=LIFETIME,
        reconnect_timeout=RECONNECT,
        check=BoundedConnection.answers,
        name=settings.application,
        open=True,
    )


def _exhausted(settings: ConnectionSettings) -> DatabaseError:
    return DatabaseError(
        DatabaseFault.POOL_EXHAUSTED,
        f"all {settings.pool_size} connections to {settings.place} were in use for "
        f"{settings.acquire_timeout:g} s; raise the pool's size, or let work end sooner",
    )
