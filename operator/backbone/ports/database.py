"""What can be wrong with a database behind a connection, and with migrating it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import BackboneError
from ..vocabulary import Documented


class DatabaseFault(Documented):
    """The first thing that is wrong, in the order in which a connection comes about."""

    INVALID_SETTINGS = (
        "InvalidSettings",
        "The Secret does not say where the database is, or says it wrongly.",
    )
    NAME_NOT_RESOLVED = ("NameNotResolved", "The host has no address.")
    CONNECTION_REFUSED = ("ConnectionRefused", "Nobody listens at the host's port.")
    CONNECTION_TIMED_OUT = ("ConnectionTimedOut", "The host did not answer in time.")
    TLS_FAILED = ("TLSFailed", "The server offers no TLS, or its certificate is not trusted.")
    AUTHENTICATION_FAILED = ("AuthenticationFailed", "The server refused user or password.")
    TOO_MANY_CONNECTIONS = ("TooManyConnections", "The server takes no further connection.")
    SERVER_NOT_READY = ("ServerNotReady", "The server is starting, stopping or recovering.")
    DATABASE_MISSING = ("DatabaseMissing", "The server has no database of that name.")
    EXTENSION_MISSING = ("ExtensionMissing", "The database does not have TimescaleDB.")
    EXTENSION_TOO_OLD = ("ExtensionTooOld", "The database's TimescaleDB lacks what this version needs.")
    PERMISSION_MISSING = ("PermissionMissing", "The user may not do what is needed.")
    READ_ONLY = ("ReadOnly", "The server is a replica, or takes no writes.")
    POOL_EXHAUSTED = ("PoolExhausted", "Every connection of the pool was in use for the whole wait.")
    CONNECTION_LOST = ("ConnectionLost", "The connection ended in the middle.")
    STATEMENT_TIMED_OUT = ("StatementTimedOut", "A statement was stopped by its time limit.")
    LOCKED = ("Locked", "Another program held a lock for the whole wait.")
    DISK_FULL = ("DiskFull", "The server has no space left.")
    DATABASE_TAKEN = (
        "DatabaseTaken",
        "The database belongs to another backbone; the message names it, and the token that takes it over.",
    )
    DATABASE_REPLACED = (
        "DatabaseReplaced",
        "The database is empty, or another one, and not the one with the backbone's rows; the message names "
        "the token that takes it all the same.",
    )
    SCHEMA_REFUSED = (
        "SchemaRefused",
        "What is in the database is not what this version made or can go on from.",
    )
    POLICY_REFUSED = (
        "PolicyRefused",
        "What is wished of retention, compression or aggregates contradicts itself or what is there.",
    )
    FAILED = ("Failed", "The server refused for another reason, which the message tells.")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and what to do; never with a password."""

    fault: DatabaseFault
    message: str


class DatabaseError(BackboneError):
    """The database could not do what was asked."""

    def __init__(self, fault: DatabaseFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    @property
    def finding(self) -> Finding:
        """The same as a value."""
        return Finding(self.fault, str(self))
