"""A role that may read all of ours and change nothing: whoever reads logs in as a member of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from psycopg import Connection, errors, sql

from ...ports.database import DatabaseError, DatabaseFault
from .errors import translated
from .migration_lock import LOCK_WAIT, SchemaTurn
from .session import SCHEMAS, Row, connected
from .settings import ConnectionSettings

KEPT_BACK = "telemetry.configuration_salt"
"""With it a reader could try passwords against the hashes in the journal of configurations."""

_LOGS_IN = "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s"
_LACKS = """
    WITH reader AS (SELECT oid AS id, rolname AS name FROM pg_roles WHERE rolname = %(role)s),
         place AS (SELECT oid AS id, nspname AS name FROM pg_namespace WHERE nspname = ANY(%(schemas)s))
    SELECT statement FROM (
        SELECT 1 AS rank,
               format('GRANT CONNECT ON DATABASE %%I TO %%I', current_database(), reader.name) AS statement
        FROM reader WHERE NOT has_database_privilege(reader.id, current_database(), 'CONNECT')
        UNION ALL
        SELECT 2, format('GRANT USAGE ON SCHEMA %%I TO %%I', place.name, reader.name)
        FROM reader, place WHERE NOT has_schema_privilege(reader.id, place.id, 'USAGE')
        UNION ALL
        SELECT 3, format('GRANT SELECT ON %%I.%%I TO %%I', place.name, item.relname, reader.name)
        FROM reader, place JOIN pg_class AS item ON item.relnamespace = place.id
        WHERE item.relkind IN ('r', 'p', 'v', 'm', 'f') AND place.name || '.' || item.relname <> %(kept_back)s
          AND NOT has_table_privilege(reader.id, item.oid, 'SELECT')
        UNION ALL
        SELECT 4, format('ALTER DEFAULT PRIVILEGES IN SCHEMA %%I GRANT SELECT ON TABLES TO %%I',
                         place.name, reader.name)
        FROM reader, place WHERE NOT EXISTS (
            SELECT FROM pg_default_acl AS known, aclexplode(known.defaclacl) AS given
            WHERE known.defaclnamespace = place.id AND known.defaclobjtype = 'r'
              AND known.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
              AND given.grantee = reader.id AND given.privilege_type = 'SELECT'
        )
    ) AS lacking ORDER BY rank, statement
"""
"""The statements that give a role what it lacks; none where it is not there."""


@dataclass(frozen=True, slots=True)
class ReaderRole:
    """The role `name` in the database of some settings, which has been migrated.

    Calls raise DatabaseError, ROLE_NOT_ALLOWED where our user may not do what is lacking, or where the role
    logs in by itself; the message has the SQL for an administrator. `tell` is told of each try that gave way
    to somebody who works on a table.
    """

    settings: ConnectionSettings
    name: str
    lock_wait: timedelta = LOCK_WAIT
    tell: Callable[[str], None] = lambda _: None

    def plan(self) -> tuple[str, ...]:
        """The statements that `grant` would run now; it changes nothing."""
        with connected(self.settings) as connection, translated("look at the readers' role", self.settings):
            return self._wanted(connection)

    def grant(self) -> tuple[str, ...]:
        """Make the role and give it what it lacks; what was done, nothing where nothing was lacking."""
        with connected(self.settings) as connection:
            with translated("look at the readers' role", self.settings):
                if not self._wanted(connection):
                    return ()
            turn = SchemaTurn(connection, self.settings, "let readers in", self.lock_wait, tell=self.tell)
            return turn.do(lambda: self._granted(connection))

    def _granted(self, connection: Connection[Row]) -> tuple[str, ...]:
        done = []
        if connection.execute(_LOGS_IN, [self.name]).fetchone() is None:
            done.append(self._make(connection))
        done += [statement for statement in self._lacking(connection) if _allowed(connection, statement)]
        left = self._lacking(connection)
        if left:
            raise DatabaseError(
                DatabaseFault.ROLE_NOT_ALLOWED,
                f"user {self.settings.user} may not give role {self.name} what it lacks; as an "
                f"administrator: {self._told(left)}",
            )
        return tuple(done)

    def _make(self, connection: Connection[Row]) -> str:
        try:
            with connection.transaction():
                connection.execute(self._making.encode())
        except errors.InsufficientPrivilege:
            raise DatabaseError(
                DatabaseFault.ROLE_NOT_ALLOWED,
                f"user {self.settings.user} may not make the role {self.name} that readers are to be "
                f"members of; as an administrator: {self._making};",
            ) from None
        except (errors.DuplicateObject, errors.UniqueViolation):
            # The roles of a server are those of all its databases: somebody else was first.
            return f"{self.name} is there"
        return self._making

    def _wanted(self, connection: Connection[Row]) -> tuple[str, ...]:
        """What there is to do. Raises DatabaseError where the role logs in."""
        found = connection.execute(_LOGS_IN, [self.name]).fetchone()
        if found is None:
            return (self._making,)
        if found[0]:
            raise DatabaseError(
                DatabaseFault.ROLE_NOT_ALLOWED,
                f"role {self.name} logs in by itself, and readers are to be members of one that does not; "
                f"name another one in readerRole, or as an administrator: ALTER ROLE {self._quoted} NOLOGIN;",
            )
        return self._lacking(connection)

    def _lacking(self, connection: Connection[Row]) -> tuple[str, ...]:
        asked = {"role": self.name, "schemas": list(SCHEMAS), "kept_back": KEPT_BACK}
        return tuple(statement for (statement,) in connection.execute(_LACKS, asked).fetchall())

    def _told(self, lacking: tuple[str, ...]) -> str:
        """The same for a person: of many tables, all at once."""
        if sum(item.startswith("GRANT SELECT") for item in lacking) > 1:
            others = [item for item in lacking if not item.startswith("GRANT SELECT")]
            tables = (
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {', '.join(SCHEMAS)} TO {self._quoted}",
                f"REVOKE SELECT ON {KEPT_BACK} FROM {self._quoted}",  # noqa: S608 - for a person to run
            )
            lacking = (*others, *tables)
        return " ".join(f"{item};" for item in lacking)

    @property
    def _quoted(self) -> str:
        return sql.Identifier(self.name).as_string()

    @property
    def _making(self) -> str:
        return f"CREATE ROLE {self._quoted} NOLOGIN"


def _allowed(connection: Connection[Row], statement: str) -> bool:
    """Run a statement unless our user may not."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except errors.InsufficientPrivilege:
        return False
    return True
