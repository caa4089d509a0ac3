"""Naming what goes wrong with PostgreSQL; the one place that reads its codes and texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from ...ports.database import DatabaseError, DatabaseFault
from ...ports.store_errors import StoreError
from ...vocabulary import Outcome
from .bounded import NoAnswer
from .settings import ConnectionSettings

_CONNECTING: tuple[tuple[tuple[str, ...], DatabaseFault, str], ...] = (
    (
        ("failed to resolve host", "could not translate host name", "Name or service not known"),
        DatabaseFault.NAME_NOT_RESOLVED,
        "correct host, or look at the cluster's DNS",
    ),
    (
        ("authentication failed", "no pg_hba.conf entry", 'FATAL:  role "'),
        DatabaseFault.AUTHENTICATION_FAILED,
        "correct username and password in the Secret; the server's log says more",
    ),
    (
        ("certificate", "SSL", "TLS"),
        DatabaseFault.TLS_FAILED,
        "put the authority that signed the server's certificate into ca.crt, name the host as the "
        "certificate does, or choose another sslmode",
    ),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        DatabaseFault.TOO_MANY_CONNECTIONS,
        "make the pools smaller, or raise max_connections of the server or of the role",
    ),
    (
        ("database system is", "is not accepting connections", "not currently accepting"),
        DatabaseFault.SERVER_NOT_READY,
        "wait; if it stays, look at the server's log",
    ),
    (
        ("permission denied for database",),
        DatabaseFault.PERMISSION_MISSING,
        "GRANT CONNECT ON DATABASE to this user",
    ),
    (
        ("Connection refused",),
        DatabaseFault.CONNECTION_REFUSED,
        "correct host and port, or start the server",
    ),
    (
        ("timeout expired", "timed out", "No route to host", "Network is unreachable"),
        DatabaseFault.CONNECTION_TIMED_OUT,
        "look at host and port, at the network's policies, and whether the server is overloaded",
    ),
    (
        ("server closed the connection", "Connection reset", "could not receive", "could not send"),
        DatabaseFault.CONNECTION_LOST,
        "the server went away while it was asked; it may be restarting",
    ),
)

_CODES: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], DatabaseFault], ...] = (
    (NoAnswer, DatabaseFault.CONNECTION_TIMED_OUT),
    (errors.QueryCanceled, DatabaseFault.STATEMENT_TIMED_OUT),
    ((errors.LockNotAvailable, errors.DeadlockDetected), DatabaseFault.LOCKED),
    (errors.InsufficientPrivilege, DatabaseFault.PERMISSION_MISSING),
    (errors.ReadOnlySqlTransaction, DatabaseFault.READ_ONLY),
    (errors.DiskFull, DatabaseFault.DISK_FULL),
    (errors.TooManyConnections, DatabaseFault.TOO_MANY_CONNECTIONS),
    (
        (
            errors.IdleInTransactionSessionTimeout,
            errors.AdminShutdown,
            errors.CrashShutdown,
            errors.ConnectionException,
        ),
        DatabaseFault.CONNECTION_LOST,
    ),
    (errors.CannotConnectNow, DatabaseFault.SERVER_NOT_READY),
)


@contextmanager
def translated(what: str, settings: ConnectionSettings) -> Iterator[None]:
    """Turn a driver's error into a DatabaseError that says what could not be done.

    The cause is cut off: a driver's error can quote what it was given.
    """
    try:
        yield
    except psycopg.Error as error:
        fault, text = _named(error, settings)
        raise DatabaseError(fault, f"cannot {what} on {settings.place}: {text}") from None
    except UnicodeError as error:
        why = "a text is not in UTF-8" if isinstance(error, UnicodeDecodeError) else "a text is no Unicode"
        raise DatabaseError(DatabaseFault.FAILED, f"cannot {what} on {settings.place}: {why}") from None


def refused_connection(error: psycopg.Error, settings: ConnectionSettings) -> DatabaseError:
    """Why no connection came about, and what to do."""
    text = str(error)
    where = f"cannot connect to {settings.place} as {settings.user}"
    if f'database "{settings.database}" does not exist' in text:
        advice = "correct the name, or create the database"
        return DatabaseError(
            DatabaseFault.DATABASE_MISSING, f"{where}: there is no database {settings.database}; {advice}"
        )
    for signs, fault, advice in _CONNECTING:
        if any(sign in text for sign in signs):
            return DatabaseError(fault, f"{where}: {_first_line(error, settings)}; {advice}")
    return DatabaseError(DatabaseFault.FAILED, f"{where}: {_first_line(error, settings)}")


def _named(error: psycopg.Error, settings: ConnectionSettings) -> tuple[DatabaseFault, str]:
    text = _first_line(error, settings)
    for kinds, fault in _CODES:
        if isinstance(error, kinds):
            return fault, text
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return DatabaseFault.CONNECTION_LOST, text
    return DatabaseFault.FAILED, text


def _first_line(error: psycopg.Error, settings: ConnectionSettings) -> str:
    text = error.diag.message_primary or next(iter(str(error).splitlines()), "") or type(error).__name__
    # The driver begins with the address, which we have named; the server's own words come after it.
    text = text.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
    return text.replace(settings.password, "…") if settings.password else text


_UNREACHABLE = frozenset(
    {
        DatabaseFault.NAME_NOT_RESOLVED,
        DatabaseFault.CONNECTION_REFUSED,
        DatabaseFault.CONNECTION_TIMED_OUT,
        DatabaseFault.TLS_FAILED,
        DatabaseFault.AUTHENTICATION_FAILED,
        DatabaseFault.TOO_MANY_CONNECTIONS,
        DatabaseFault.SERVER_NOT_READY,
        DatabaseFault.DATABASE_MISSING,
        DatabaseFault.POOL_EXHAUSTED,
        DatabaseFault.CONNECTION_LOST,
    }
)
_OUTCOMES = {
    **dict.fromkeys(_UNREACHABLE, Outcome.STORE_UNREACHABLE),
    DatabaseFault.READ_ONLY: Outcome.STORE_READ_ONLY,
    DatabaseFault.DISK_FULL: Outcome.STORE_FULL,
}


@contextmanager
def store_faults(what: str, settings: ConnectionSettings) -> Iterator[None]:
    """Turn a driver's error, or one of ours, into a StoreError whose outcome names the fault."""
    try:
        with translated(what, settings):
            yield
    except DatabaseError as error:
        outcome = _OUTCOMES.get(error.fault, Outcome.STORE_FAILED)
        raise StoreError(outcome, str(error), error.fault) from None
