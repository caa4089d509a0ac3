"""The row of a database that says whose it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from psycopg import Connection

from ...authority.owner import Guard, Owner, Standing, judge
from ...naming import digest
from ...ports.database import DatabaseError, DatabaseFault
from ...vocabulary import ANNOTATION_CONFIRM
from .session import Row
from .settings import ConnectionSettings

_TAKE, _REPLACE = "take-", "replace-"
_THERE = "SELECT to_regclass('telemetry.authority') IS NOT NULL"
_READ = "SELECT cluster, namespace, name, mark::text FROM telemetry.authority"
_CLAIM = """
    INSERT INTO telemetry.authority (cluster, namespace, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_TAKE_OVER = "UPDATE telemetry.authority SET cluster = %s, namespace = %s, name = %s, since = now()"


@dataclass(frozen=True, slots=True)
class DatabaseGuard:
    """Whose the database of some settings is, for one backbone.

    `expected` is the mark of the database that its rows are in, as authority.owner.judge takes it. Calls
    raise DatabaseError: DATABASE_TAKEN where it is another backbone's, DATABASE_REPLACED where it is not the
    one with its rows, unless `confirmed` has the token that the message names. They raise psycopg.Error too.
    """

    settings: ConnectionSettings
    owner: Owner
    expected: str | None = None
    confirmed: Collection[str] = ()

    def permit(self, connection: Connection[Row], *, empty: bool) -> None:
        """Return where the backbone may write; nothing is written. `empty`: it has no schema of ours."""
        self._permit(read(connection), empty=empty)

    def claim(self, connection: Connection[Row]) -> str | None:
        """Take the database, which was permitted; its mark, or None where an older schema has no owners."""
        if not _knows_owners(connection):
            return None
        values = [self.owner.cluster, self.owner.namespace, self.owner.name]
        with connection.transaction():
            found = read(connection)
            if found is None:
                connection.execute(_CLAIM, values)
                found = read(connection)
            # Since it was permitted somebody else can have been first.
            replace(self, expected=None)._permit(found, empty=False)
            if found is not None and found.owner != self.owner:
                connection.execute(_TAKE_OVER, values)
        return found.mark if found is not None else None

    def tokens(self, guard: Guard | None) -> dict[Standing, str]:
        """What confirms that a database is taken over, or taken for the one that is gone."""
        mark = guard.mark if guard is not None else ""
        whose = guard.owner if guard is not None else self.owner
        place = (self.settings.place, self.settings.database)
        return {
            Standing.TAKEN: f"{_TAKE}{digest(whose.cluster, whose.namespace, whose.name, mark, length=12)}",
            Standing.REPLACED: f"{_REPLACE}{digest(self.expected or '', mark, *place, length=12)}",
        }

    def _permit(self, guard: Guard | None, *, empty: bool) -> None:
        standing = judge(self.owner, guard, self.expected, empty=empty)
        token = self.tokens(guard).get(standing)
        if token is None or token in self.confirmed:
            return
        database = f"database {self.settings.database} on {self.settings.place}"
        if standing is Standing.TAKEN and guard is not None:
            raise DatabaseError(
                DatabaseFault.DATABASE_TAKEN,
                f"{database} belongs to {guard.owner.told_to(self.owner)}: nothing was written there; name "
                f"another database in the Secret, or take this one over: {_confirm(token)}",
            )
        what = "has none of its tables" if empty else "is another one than the one with its rows"
        raise DatabaseError(
            DatabaseFault.DATABASE_REPLACED,
            f"{database} {what}: nothing was written there; bring the one with the rows back, or "
            f"confirm that this one takes its place, without them: {_confirm(token)}",
        )


def is_of_guard(token: str) -> bool:
    """Whether a token is about whose a database is."""
    return token.startswith((_TAKE, _REPLACE))


def _confirm(token: str) -> str:
    return f"annotation {ANNOTATION_CONFIRM}={token}, or --confirm {token} without a cluster"


def read(connection: Connection[Row]) -> Guard | None:
    """Whose a database is; None where nobody has taken it. Raises psycopg.Error."""
    if not _knows_owners(connection):
        return None
    row = connection.execute(_READ).fetchone()
    return None if row is None else Guard(Owner(*row[:3]), row[3])


def _knows_owners(connection: Connection[Row]) -> bool:
    return connection.execute(_THERE).fetchone() == (True,)
