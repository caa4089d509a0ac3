"""What is true of the institutional tier's services, from what the last look at them told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..evaluation import Finding, Measure
from ..ports.cache import CacheFault
from ..ports.database import DatabaseFault
from ..report import CACHE_REACHABLE
from ..vocabulary import ConditionType, Documented, Reason
from .api import DataBackboneStatus
from .children import Backbone
from .database import Wish, interval_of, next_check, read_checks, soon, wish_of
from .institutional_status import CacheStatus, DatabaseStatus
from .observation import Observation
from .policies import policies_run, retention_met
from .probing import STANDS_FOR

_FOR_A_PERSON = {DatabaseFault.DATABASE_TAKEN, DatabaseFault.DATABASE_REPLACED}
"""Faults that no retry mends: somebody has to say which database is meant."""


@dataclass(frozen=True, slots=True)
class Services:
    """The institutional tier's services: what was found, and when they are looked at next."""

    wish: Wish | None = None
    database: DatabaseStatus | None = None
    cache: CacheStatus | None = None
    findings: dict[ConditionType, Finding] = field(default_factory=dict)
    due: datetime | None = None

    @property
    def migrated(self) -> Finding | None:
        """What is true of the database; None where none is configured."""
        return self.findings.get(ConditionType.MIGRATED)


def services_of(
    backbone: Backbone,
    previous: DataBackboneStatus,
    seen: Observation,
    now: datetime,
    *,
    holds_rows: bool | None,
) -> Services:
    """What the Jobs say of the services that are configured; `holds_rows` is whether the volume does."""
    wish = wish_of(backbone)
    if wish is None:
        return Services()
    database, cache = read_checks(
        (previous.database or DatabaseStatus(), previous.cache), backbone, seen, now
    )
    if wish.token is None:
        # An annotation that was taken away can come back, and then it is a new word.
        database = database.model_copy(update={"confirmed": None})
    interval = interval_of(seen)
    found = migrated(database, wish, interval, now)
    due = next_check(database, seen, wish)
    if found.holds and not database.policies_set and _to_serve(backbone, holds_rows):
        # The volume had rows when a Job looked last: nobody has set policies for what is to come.
        found = Finding(None, Reason.MIGRATION_PENDING, _pending_message(database))
        due = soon(database)
    findings = {
        ConditionType.MIGRATED: found,
        ConditionType.RETENTION_MET: retention_met(database, found),
        ConditionType.POLICIES_RUN: policies_run(database, found),
    }
    if backbone.spec.redis is not None:
        speaks = database.request == wish.request
        findings[ConditionType.CACHE_HEALTHY] = cache_healthy(cache if speaks else None, interval, now)
    return Services(wish, database, cache, findings, due)


def _to_serve(backbone: Backbone, holds_rows: bool | None) -> bool:
    return backbone.spec.requested_tier == "Institutional" and holds_rows is False


def migrated(database: DatabaseStatus, wish: Wish, interval: timedelta, now: datetime) -> Finding:
    """Whether schema and policies of the database are as they should be."""
    if database.outcome is None or database.checked_at is None:
        return Finding(False, Reason.MIGRATION_PENDING, _pending_message(database))
    if database.request != wish.request:
        message = f"The spec has changed. {_pending_message(database)}"
        return Finding(None, Reason.MIGRATION_PENDING, message)
    if now - database.checked_at > STANDS_FOR * interval:
        return Finding(None, Reason.OUT_OF_DATE, _outdated(database))
    if database.outcome == Reason.MIGRATED:
        but = ", but for what waits to be confirmed" if database.unconfirmed else ""
        policies = (
            "its policies are as the spec says" if database.policies_set else "policies are not touched"
        )
        message = f"The database is at migration {database.migration}; {policies}{but}."
        return Finding(True, Reason.MIGRATED, message)
    reason = _reason_of(database)
    return Finding(False, reason, database.message or reason.meaning, stuck=reason in _FOR_A_PERSON)


def cache_healthy(cache: CacheStatus | None, interval: timedelta, now: datetime) -> Finding:
    """Whether Redis does what the cache needs. Without it reads are slower, and nothing fails."""
    if cache is None:
        return Finding(None, Reason.PENDING, "Redis has not been looked at for the present spec.")
    if now - cache.checked_at > STANDS_FOR * interval:
        return Finding(None, Reason.OUT_OF_DATE, "Redis has not been looked at for too long.")
    if cache.outcome != CACHE_REACHABLE:
        fault = CacheFault.named(cache.outcome) or CacheFault.FAILED
        told = (cache.message or fault.meaning).rstrip(".")
        return Finding(False, fault, f"{told}. Reads go to the database meanwhile.")
    asked = "nobody asked it in the last window"
    if cache.hit_percent is not None:
        asked = f"{cache.hit_percent} % hits in the last {cache.window_seconds} s"
    return Finding(True, Reason.CACHE_REACHABLE, f"Redis holds {cache.keys or 0:,} answers; {asked}.")


def measures_of(cache: CacheStatus | None) -> tuple[Measure, ...]:
    """The shares of a cache as they were measured last."""

    def share(percent: int | None) -> float | None:
        return None if percent is None else percent / 100

    return (
        Measure("hits", share(cache.hit_percent) if cache else None),
        Measure("room", share(cache.room_percent) if cache else None),
        Measure("evictions", share(cache.eviction_percent) if cache else None),
    )


def _reason_of(database: DatabaseStatus) -> Documented:
    return DatabaseFault.named(database.outcome) or Reason.DATABASE_CHECK_FAILED


def _pending_message(database: DatabaseStatus) -> str:
    if database.trouble is not None:
        return f"The Job that looks at the database does not run: {database.trouble}"
    if database.failures and database.message:
        return f"The Job that looks at the database did not come to it: {database.message}"
    return "The Job that looks at the database has not ended yet."


def _outdated(database: DatabaseStatus) -> str:
    why = database.trouble or database.message or "no Job ran"
    return f"The last verdict on the database, {database.outcome}, is out of date: {why}"
