"""The check of the database: a Job migrates TimescaleDB, sets its policies, and checks Redis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ..grading.cache_health import CacheHealth, cache_health
from ..jobs.looks import Desired, End, Look, Reading, Verdict, read, stands
from ..jobs.pods import pods_mark
from ..naming import digest
from ..ports.cache import CacheCounts
from ..ports.database import DatabaseFault
from ..ports.readings import JobReading
from ..reports.database import CACHE_REACHABLE, CacheFindings, CacheReport, DatabaseFindings, DatabaseReport
from ..reports.envelope import NO_ROOM
from ..schema import shared
from ..tokens import CONFIRM
from ..vocabulary import Outcome, Reason
from .api import DataBackboneStatus
from .children import Backbone, pods_of
from .institutional import Redis, request_of
from .institutional_status import CacheStatus, DatabaseStatus
from .observation import Observation

CHECK = Look(
    job="The Job that checks the database",
    report=DatabaseReport,
    pending=Reason.MIGRATION_PENDING,
    failed=Reason.DATABASE_CHECK_FAILED,
    retry_limit=timedelta(minutes=4),
    longest=timedelta(minutes=15),
    troubles=frozenset(
        {Outcome.STORE_UNREACHABLE, Outcome.STORE_FULL, Outcome.STORE_READ_ONLY, Outcome.STORE_FAILED}
    ),
)

_ANOTHER_SPEC = (
    "The check ran against the previous spec; the next check uses the current one. If this stays, the worker "
    "image and the operator are of different versions."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a check of the database is for."""

    sections: str
    """Digest of the spec's sections."""
    token: str | None
    """The confirm annotation."""
    place: str
    """Digest of what says where the database is."""
    cause: str
    """Digest of the sections and the token, which the Job carries as a label."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The database and its cache as the last Jobs found them, and when they are checked next."""

    request: Request
    look: Reading[DatabaseStatus, DatabaseReport]
    cache: CacheStatus | None
    cache_fresh: bool
    """Whether what is known of the cache is recent enough to speak for the present."""


def read_checks(
    backbone: Backbone, previous: DataBackboneStatus, seen: Observation, now: datetime
) -> Checked | None:
    """What the Jobs say of the database and its cache; None where no database is configured."""
    request = _request_of(backbone)
    if request is None:
        return None
    database = previous.database or DatabaseStatus()
    desired = Desired(request.cause, pods_mark(pods_of(backbone)), partial(_judge, request), seen.met)
    found = read(CHECK, desired, database, seen.checks, pace=seen.pace, now=now)
    database, cache = found.status, previous.cache
    for end in found.ends:
        database, cache = _with_details((database, cache), backbone.spec.redis, request, end)
    if backbone.spec.redis is None:
        cache = None
    if request.token is None:
        # An annotation that was taken away can come back, and then it is a new word.
        database = database.model_copy(update={"confirmed": None})
    cache_fresh = cache is not None and stands(cache.checked_at, CHECK.interval(seen.pace), now)
    return Checked(request, replace(found, status=database), cache, cache_fresh)


def _request_of(backbone: Backbone) -> Request | None:
    spec = backbone.spec
    if spec.timescale is None:
        return None
    token = CONFIRM.value(backbone.annotations)
    active = (backbone.status.get("tier") or {}).get("active")
    serves = "Institutional" in {active, spec.requested_tier}
    sections = request_of(spec.timescale, spec.redis, serves=serves)
    place = digest(spec.timescale.connection.secret_name, length=16)
    return Request(sections, token, place, digest(sections, token or "", length=16))


def _judge(request: Request, report: DatabaseReport, job: JobReading) -> Verdict:
    elsewhere = job.cause == request.cause and report.request != request.sections
    lost = report.cache is not None and report.cache.outcome != CACHE_REACHABLE
    return Verdict(
        str(_outcome(report.outcome)),
        _ANOTHER_SPEC if elsewhere else report.message,
        good=report.outcome == Reason.MIGRATED and not elsewhere and not lost,
    )


def _with_details(
    before: tuple[DatabaseStatus, CacheStatus | None],
    redis: Redis | None,
    request: Request,
    end: End[DatabaseReport],
) -> tuple[DatabaseStatus, CacheStatus | None]:
    """Both with what a Job told beside its verdict."""
    database, cache = before
    report = end.report
    if report is None:
        if end.verdict.outcome is None:
            return before
        update = dict(_NOTHING_SEEN)
        if end.job.cause == request.cause:
            update["request"] = request.sections
        return database.model_copy(update=update), cache
    update = {
        "request": report.request,
        "policies_set": report.policies_set,
        "mark": report.mark or database.mark,
        "confirmed": report.confirmed or database.confirmed,
        **_seen(report),
    }
    if report.request == request.sections:
        update["place"] = request.place
    if report.cache is not None and redis is not None:
        cache = _cache(cache, report.cache, redis.max_keys, end.at)
    return database.model_copy(update=update), cache


def _outcome(told: str) -> str:
    known = DatabaseFault.named(told)
    return told if told == Reason.MIGRATED or known else Reason.DATABASE_CHECK_FAILED


_NOTHING_SEEN: dict[str, object] = {
    "migration": None,
    "pending": None,
    "pool": None,
    **dict(DatabaseFindings()),
}


def _seen(report: DatabaseReport) -> dict[str, object]:
    """What a report tells beside its outcome; what it could not look at is not carried over."""
    return {
        "migration": report.version,
        "pending": report.pending,
        "pool": report.pool,
        **shared(DatabaseFindings, report),
        "unread": NO_ROOM if report.cut else report.unread,
    }


def _cache(before: CacheStatus | None, found: CacheReport, max_keys: int, at: datetime) -> CacheStatus:
    status = CacheStatus(checked_at=at, **shared(CacheFindings, found))
    if found.outcome != CACHE_REACHABLE:
        return status
    health = _health(before, found, max_keys)
    window = at - before.checked_at if before is not None and before.outcome == CACHE_REACHABLE else None
    return status.model_copy(
        update={
            "window_seconds": int(window.total_seconds()) if window is not None else None,
            "hit_percent": _percent(health.hit_ratio) if window is not None else None,
            "room_percent": _percent(health.coverage),
            "eviction_percent": _percent(health.eviction_pressure) if window is not None else None,
        }
    )


def _health(before: CacheStatus | None, found: CacheReport, max_keys: int) -> CacheHealth:
    earlier = CacheCounts()
    if before is not None:
        earlier = CacheCounts(hits=before.hits, misses=before.misses, evictions=before.evictions)
    now = CacheCounts(hits=found.hits, misses=found.misses, evictions=found.evictions, keys=found.keys)
    return cache_health(earlier, now, max_keys)


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
