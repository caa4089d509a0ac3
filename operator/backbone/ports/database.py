"""What can be wrong with a database behind a connection, and with migrating it."""

from __future__ import annotations

from dataclasses import dataclass

from ..documented import Documented
from ..errors import BackboneError


class DatabaseFault(Documented):
    """The first thing that is wrong, in the order in which a connection comes about."""

    INVALID_SETTINGS = (
        "InvalidSettings",
        "The Secret does not name the database, or a key of it is not valid.",
    )
    SECRET_MISSING = ("SecretMissing", "The Secret that the spec names does not exist, or has no key.")
    NAME_NOT_RESOLVED = ("NameNotResolved", "The host has no address.")
    CONNECTION_REFUSED = ("ConnectionRefused", "No server listens at the host's port.")
    CONNECTION_TIMED_OUT = ("ConnectionTimedOut", "The host did not answer in time.")
    TLS_FAILED = ("TLSFailed", "The server offers no TLS, or its certificate is not trusted.")
    AUTHENTICATION_FAILED = ("AuthenticationFailed", "The server refused user or password.")
    TOO_MANY_CONNECTIONS = ("TooManyConnections", "The server accepts no further connection.")
    SERVER_NOT_READY = ("ServerNotReady", "The server is starting, stopping or recovering.")
    DATABASE_MISSING = ("DatabaseMissing", "The server has no database of that name.")
    EXTENSION_MISSING = ("ExtensionMissing", "The database does not have TimescaleDB.")
    EXTENSION_TOO_OLD = ("ExtensionTooOld", "The database's TimescaleDB lacks what this version needs.")
    PERMISSION_MISSING = ("PermissionMissing", "The user lacks a right that is needed.")
    ROLE_NOT_ALLOWED = (
        "RoleNotAllowed",
        "The user may not create or complete the role of the readers; the message has the SQL.",
    )
    READ_ONLY = ("ReadOnly", "The server is a replica, or does not accept writes.")
    POOL_EXHAUSTED = ("PoolExhausted", "Every connection of the pool was in use for the whole wait.")
    CONNECTION_LOST = ("ConnectionLost", "The connection ended during the work.")
    STATEMENT_TIMED_OUT = ("StatementTimedOut", "A statement exceeded its time limit and was stopped.")
    LOCKED = ("Locked", "Another program held a lock for the whole wait.")
    DISK_FULL = ("DiskFull", "The server has no space left.")
    DATABASE_TAKEN = (
        "DatabaseTaken",
        "The database belongs to another backbone; the message names it, and the token that takes it over.",
    )
    DATABASE_REPLACED = (
        "DatabaseReplaced",
        "The database is empty or is another one, so it is not the one with the backbone's "
        "rows; the message names the token that uses it nevertheless.",
    )
    SCHEMA_REFUSED = (
        "SchemaRefused",
        "The objects in the database are not those that this version created or can continue from.",
    )
    POLICY_REFUSED = (
        "PolicyRefused",
        "The desired retention, compression or aggregates contradict each other or the database.",
    )
    FAILED = ("Failed", "The server refused for another reason; the message quotes it.")


@dataclass(frozen=True, slots=True)
class DatabaseFinding:
    """What is wrong, and what to do; never with a password."""

    fault: DatabaseFault
    message: str


class DatabaseError(BackboneError):
    """The database could not do what was asked."""

    def __init__(self, fault: DatabaseFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault

    @property
    def finding(self) -> DatabaseFinding:
        """The same as a value."""
        return DatabaseFinding(self.fault, str(self))
