"""What the Jobs that look at TimescaleDB and Redis say, and when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from ..grading.cache_health import CacheHealth, cache_health
from ..jobs import last_words, tail, trouble_under_way, why_no_report
from ..naming import digest
from ..ports.cache import CacheCounts
from ..ports.database import DatabaseFault
from ..ports.readings import JobReading
from ..report import CACHE_REACHABLE, CacheReport, DatabaseReport
from ..vocabulary import ANNOTATION_CONFIRM, Outcome, Reason
from .children import Backbone
from .institutional import request_of
from .institutional_status import (
    CacheStatus,
    DatabaseStatus,
    JobStatus,
    PoolStatus,
    TableStatus,
    UnconfirmedStatus,
)
from .observation import Observation
from .probing import SAYS_NOTHING, trouble_of

INTERVAL = timedelta(minutes=15)
RETRY = timedelta(seconds=15)
RETRY_LIMIT = timedelta(minutes=4)
TOKEN_LIMIT = 253
STORE_TROUBLES = {
    Outcome.STORE_UNREACHABLE,
    Outcome.STORE_FULL,
    Outcome.STORE_READ_ONLY,
    Outcome.STORE_FAILED,
}
"""Outcomes of runs after which the database is looked at again at once."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a look at the database is for: the digest of the spec's sections, and the confirm annotation."""

    request: str
    token: str | None

    @property
    def cause(self) -> str:
        """Digest of both, which the Job carries as a label."""
        return digest(self.request, self.token or "", length=16)


def wish_of(backbone: Backbone) -> Wish | None:
    """What is asked of the database; None where none is configured."""
    spec = backbone.spec
    if spec.timescale is None:
        return None
    token = backbone.annotations.get(ANNOTATION_CONFIRM, "").strip() or None
    if token is not None and len(token) > TOKEN_LIMIT:
        # Nothing that we ask for is so long, and a status has no room for it.
        token = None
    active = (backbone.status.get("tier") or {}).get("active")
    serves = "Institutional" in {active, spec.requested_tier}
    return Wish(request_of(spec.timescale, spec.redis, serves=serves), token)


def interval_of(seen: Observation) -> timedelta:
    """How long a look stands before the next one."""
    return min(seen.probe_interval, INTERVAL)


def read_checks(
    previous: tuple[DatabaseStatus, CacheStatus | None],
    backbone: Backbone,
    seen: Observation,
    now: datetime,
) -> tuple[DatabaseStatus, CacheStatus | None]:
    """Bring both up to what the finished Jobs say."""
    database, cache = previous
    earlier, trouble = trouble_of(database.trouble), None
    for job in seen.checks:
        if job.finished is None:
            trouble = trouble_under_way(job, earlier, now)
        elif database.attempted_at is None or job.finished > database.attempted_at:
            database, cache = _record((database, cache), backbone, job, job.finished)
    if backbone.spec.redis is None:
        cache = None
    return database.model_copy(update={"trouble": str(trouble)[:512] if trouble else None}), cache


def soon(database: DatabaseStatus) -> datetime | None:
    """When a look that has to be taken again is: at once if there was none."""
    return database.attempted_at and database.attempted_at + RETRY_LIMIT


def next_check(database: DatabaseStatus, seen: Observation, wish: Wish) -> datetime | None:
    """When the next look is due; None means at once."""
    if database.attempted_at is None or database.cause != wish.cause:
        return None
    if all(job.name != database.job for job in seen.checks):
        # Somebody deleted the last one: that is how to ask for another at once.
        return None
    if database.failures:
        doublings = min(database.failures - 1, 10)
        return database.attempted_at + min(RETRY * (1 << doublings), RETRY_LIMIT)
    if any(
        plan.last_outcome in STORE_TROUBLES
        and plan.last_end is not None
        and plan.last_end > database.attempted_at
        for plan in seen.plans
    ):
        return None
    return database.attempted_at + interval_of(seen)


def _record(
    previous: tuple[DatabaseStatus, CacheStatus | None],
    backbone: Backbone,
    job: JobReading,
    finished: datetime,
) -> tuple[DatabaseStatus, CacheStatus | None]:
    database, cache = previous
    report, why = _report_of(job, database.trouble)
    wish = wish_of(backbone)
    attempt: dict[str, object] = {"job": job.name, "cause": job.cause, "attempted_at": finished}
    if report is None:
        failed: dict[str, object] = {"failures": database.failures + 1, "message": why.message[:640]}
        if why.reached:
            failed |= {"outcome": str(Reason.DATABASE_CHECK_FAILED), "checked_at": finished, **_NOTHING_SEEN}
            if wish is not None and wish.cause == job.cause:
                failed["request"] = wish.request
        return database.model_copy(update={**attempt, **failed}), cache
    elsewhere = wish is not None and wish.cause == job.cause and wish.request != report.request
    lost = report.cache is not None and report.cache.outcome != CACHE_REACHABLE
    good = report.outcome == Reason.MIGRATED and not elsewhere and not lost
    confirmed = report.confirmed or database.confirmed
    same = (database.request, database.confirmed) == (report.request, confirmed)
    found = database.model_copy(
        update={
            **attempt,
            "failures": 0 if good else database.failures + 1,
            "outcome": str(_outcome(report.outcome)),
            "message": _ANOTHER_SPEC if elsewhere else report.message[:640],
            "checked_at": finished,
            "request": report.request,
            "policies_set": report.policies_set,
            "mark": report.mark or database.mark,
            "confirmed": confirmed,
            "policies_since": (database.policies_since if same else None) or finished,
            **_seen(report),
        }
    )
    redis = backbone.spec.redis
    if report.cache is None or redis is None:
        return found, cache
    return found, _cache(cache, report.cache, redis.max_keys, finished)


_ANOTHER_SPEC = (
    "its pod worked by the spec of before, which the next one mends; or the worker's image is of another "
    "version than the operator's"
)


@dataclass(frozen=True, slots=True)
class _Silence:
    """Why a Job left no report, and whether it came as far as to run."""

    message: str
    reached: bool


def _report_of(job: JobReading, earlier: str | None) -> tuple[DatabaseReport | None, _Silence]:
    words = last_words(job)
    try:
        if words is not None:
            return DatabaseReport.model_validate_json(words), _Silence("", True)
    except ValidationError:
        pass
    end = why_no_report(job, tail(words) if words else None, trouble_of(earlier))
    return None, _Silence(str(end), end.outcome not in SAYS_NOTHING)


def _outcome(told: str) -> str:
    known = DatabaseFault.named(told)
    return told if told == Reason.MIGRATED or known else Reason.DATABASE_CHECK_FAILED


_NOTHING_SEEN: dict[str, object] = {
    "migration": None,
    "pending": None,
    "pool": None,
    "tables": (),
    "aggregates": (),
    "jobs": (),
    "more_jobs": 0,
    "unread": "",
    "unconfirmed": (),
}


def _seen(report: DatabaseReport) -> dict[str, object]:
    """What a report tells beside its outcome; what it could not look at is not carried over."""
    return {
        "migration": report.version,
        "pending": report.pending,
        "pool": PoolStatus(
            size=report.pool_size,
            server_connections=report.server_connections,
            server_limit=report.server_limit,
        )
        if report.pool_size is not None
        else None,
        "tables": tuple(TableStatus(**item.model_dump()) for item in report.tables),
        "aggregates": report.aggregates,
        "jobs": tuple(JobStatus(**item.model_dump()) for item in report.jobs[:16]),
        "more_jobs": report.more_jobs,
        "unread": report.unread[:640],
        "unconfirmed": tuple(UnconfirmedStatus(**item.model_dump()) for item in report.unconfirmed[:8]),
    }


def _cache(before: CacheStatus | None, found: CacheReport, max_keys: int, at: datetime) -> CacheStatus:
    status = CacheStatus(
        outcome=found.outcome,
        message=found.message[:320],
        checked_at=at,
        keys=found.keys,
        hits=found.hits,
        misses=found.misses,
        evictions=found.evictions,
    )
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
