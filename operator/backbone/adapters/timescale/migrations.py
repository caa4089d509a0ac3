"""What a database holds against what this version's migrations say; pure.

A migration that was applied is a fact of the database; whatever does not fit those facts is refused, with
what to do, before anything is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...migrations import Migration
from ...ports.database import DatabaseFault, DatabaseFinding


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it. `at` is UTC."""

    number: int
    name: str
    checksum: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """What of ours, or of our names, is in a database. Tables are named with their schema."""

    applied: tuple[Applied, ...]
    tables: frozenset[str]

    @property
    def version(self) -> int:
        """Number of the last migration; 0 for none."""
        return max((item.number for item in self.applied), default=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What migrating would do: `pending` in this order, unless `refusal` says why not."""

    version: int
    pending: tuple[Migration, ...]
    refusal: DatabaseFinding | None = None


def plan(migrations: tuple[Migration, ...], holdings: Holdings) -> Plan:
    """What is left to do. The first refusal wins."""
    known = {item.number: item for item in migrations}
    done = {item.number for item in holdings.applied}
    pending = tuple(item for item in migrations if item.number not in done)
    reason = (
        _newer(known, holdings)
        or _edited(known, holdings)
        or _out_of_order(pending, holdings)
        or _foreign(pending, holdings)
    )
    refusal = DatabaseFinding(DatabaseFault.SCHEMA_REFUSED, reason) if reason else None
    return Plan(holdings.version, () if refusal else pending, refusal)


def _newer(known: dict[int, Migration], holdings: Holdings) -> str | None:
    """A newer version was here: what it made is not for this one to judge."""
    if holdings.version <= max(known):
        return None
    return (
        f"the database is at migration {holdings.version} and this version knows them up to {max(known)}; "
        "use the version that migrated it, or a newer one"
    )


def _edited(known: dict[int, Migration], holdings: Holdings) -> str | None:
    """A migration that was applied is not the one of its number here."""
    for item in sorted(holdings.applied, key=lambda item: item.number):
        ours = known.get(item.number)
        if ours is None or ours.checksum != item.checksum:
            return (
                f"migration {item.number} ({item.name}) was applied on {item.at:%Y-%m-%d} and is another one "
                "here; put the file back as it was, and a change into a new migration"
            )
    return None


def _out_of_order(pending: tuple[Migration, ...], holdings: Holdings) -> str | None:
    """A later one was applied without it."""
    for item in pending:
        if item.number < holdings.version:
            return (
                f"migration {item.number} ({item.name}) is not applied and {holdings.version} is; "
                "it needs a number after that"
            )
    return None


def _foreign(pending: tuple[Migration, ...], holdings: Holdings) -> str | None:
    """A table that is still to be made is there already, so it is somebody else's."""
    for item in pending:
        for table in item.tables:
            if table in holdings.tables:
                return (
                    f"the database has a table {table} that no migration of ours made; "
                    "name another database, or rename that table"
                )
    return None
