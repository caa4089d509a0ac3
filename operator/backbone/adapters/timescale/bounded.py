"""A connection on which nothing waits for ever: a frozen server keeps its sockets, and ends no statement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import Connection, errors
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from .settings import ConnectionSettings

GRACE = 10.0
"""Seconds after a statement's own limit, which the server keeps, until the server is taken for dead."""
CHECK_SECONDS = 1.0
"""How long a pool waits for a sign of life before it takes another connection instead."""
WRITTEN = {"DateStyle": "ISO", "TimeZone": "UTC", "standard_conforming_strings": "on"}
"""How a session writes times and takes texts, whatever a database, a role or a shell prefers."""

_RUNNING = TransactionStatus.ACTIVE
# Called for each row of a COPY: looking it up each time would cost a tenth of the row.
_wait = Connection.wait


class NoAnswer(psycopg.OperationalError):
    """The server said nothing for as long as it may; the connection is of no use any more."""


class BoundedConnection(Connection[tuple[Any, ...]]):
    """Ends every wait for the server, as NoAnswer, and then itself.

    A statement may take its limit and GRACE, a COPY with all its rows; with a `patience` each piece of an
    answer has so many seconds instead. Whatever waits in psycopg waits in `wait`.
    """

    _limit = 0.0
    _patience: float | None = None
    _until = 0.0
    _dead: NoAnswer | None = None

    def bound(self, settings: ConnectionSettings) -> None:
        """Take over the limits of some settings, which the server was told too, and have it write as we read.

        Raises psycopg.Error.
        """
        self._limit, self._patience = settings.statement_timeout, settings.patience
        for name, wanted in WRITTEN.items():
            # The server tells when it connects, so that one which writes so anyway is asked nothing.
            said = self.info.parameter_status(name)
            if said is not None and said.partition(",")[0] != wanted:
                self.execute(f"SET {name} = {wanted}".encode())

    @contextmanager
    def streaming(self, limit: float) -> Iterator[None]:
        """A transaction of which each statement may take so many seconds, its reader's own included.

        What raises in it leaves it open, for the pool to roll back.
        """
        usual = self._patience
        # One message, since each costs a way to the server and back.
        self.execute(f"BEGIN; SET LOCAL statement_timeout = {int(limit * 1000)}".encode())
        self._patience = usual or limit + GRACE
        try:
            yield
        finally:
            self._patience = usual
        self.commit()

    def answers(self) -> None:
        """Raise psycopg.Error unless the server answers now."""
        self._at_once(b"")

    def unlock(self) -> None:
        """Give back the session's advisory locks, which the server else keeps until it has ended the session.

        A server that does not answer now ends the session anyway, and the locks with it.
        """
        with suppress(psycopg.Error):
            self._at_once(b"SELECT pg_advisory_unlock_all()")

    def _at_once(self, statement: bytes) -> None:
        usual, self._patience = self._patience, CHECK_SECONDS
        try:
            self.execute(statement)
        finally:
            self._patience = usual

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 - as of psycopg
        """As psycopg's, within the limits. Raises NoAnswer."""
        allowed = timeout or self._patience or self._left()
        try:
            return _wait(self, gen, interval, allowed)
        except errors._WaitTimeout:
            if timeout is not None:
                raise
            self._dead = NoAnswer(
                f"no answer within {round(allowed, 1):g} s: the server is frozen or out of reach"
            )
            self.pgconn.finish()
            raise self._dead from None
        except psycopg.OperationalError:
            if self._dead is None:
                raise
            # What is done afterwards, such as a rollback, fails for the same reason.
            raise self._dead from None

    def _left(self) -> float:
        """Seconds that the statement has left; one whose wait began late has GRACE all the same."""
        now = time.monotonic()
        if self.pgconn.transaction_status != _RUNNING:
            self._until = now + self._limit + GRACE
        return max(self._until - now, GRACE)
