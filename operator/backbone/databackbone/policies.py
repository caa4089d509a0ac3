"""What is true of a database's policies: whether retention is met, and whether its own jobs run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..evaluation import Finding
from ..ports.policies import JobOutcome, PolicyTrouble
from ..reports.database import JobReport, TableReport
from ..tokens import CONFIRM
from ..vocabulary import Reason
from .institutional_status import DatabaseStatus

DROP_SLACK = timedelta(days=3)
"""The database's own job drops once a day, and tries again after five minutes where that failed."""

LATE_INTERVALS, LATE_LEAST = 3, timedelta(hours=1)
"""How long after its time a job is taken not to run: the database may be busy, or down for a while."""
RETENTION = "retention"
_NOT_SET = Finding(
    None,
    PolicyTrouble.POLICIES_NOT_SET,
    "Bootstrap serves; nothing is set of the database's tables before Institutional does.",
)


def retention_met(database: DatabaseStatus, found: Finding) -> Finding:
    """Whether no table holds more than it should, and goes on to; `found` is what is true of the database.

    The first thing that is wrong gives the reason, and the message has all of them.
    """
    if found.holds is not True or database.checked_at is None:
        return _unseen(found)
    if not database.policies_set:
        return _NOT_SET
    at = database.checked_at
    jobs = [job for job in database.jobs if job.kind == RETENTION]
    wrong = [*_unconfirmed(database), *_jobs_trouble(jobs, at), *_kept_too_long(database, at)]
    if wrong:
        return _together(wrong)
    kept = [f"{table.name} {table.retention_days} days" for table in database.tables if table.retention_days]
    if database.unread:
        return _unread(database)
    message = (
        f"Retention is enforced: {', '.join(kept)}. All other tables keep every row."
        if kept
        else "Every table keeps every row."
    )
    return Finding(True, Reason.RETENTION_MET, message)


def policies_run(database: DatabaseStatus, found: Finding) -> Finding:
    """Whether the database's own jobs compress and refresh; `found` is what is true of the database."""
    if found.holds is not True or database.checked_at is None:
        return _unseen(found)
    if not database.policies_set:
        return _NOT_SET
    jobs = [job for job in database.jobs if job.kind != RETENTION]
    wrong = _jobs_trouble(jobs, database.checked_at)
    if wrong:
        return _together(wrong)
    if database.unread:
        return _unread(database)
    if not jobs:
        return Finding(True, Reason.POLICIES_RUN, "No compression and no refresh is configured.")
    told = ", ".join(f"{job.kind} of {job.table}" for job in jobs)
    return Finding(True, Reason.POLICIES_RUN, f"No job failed and no job is late: {told}.")


def _unseen(found: Finding) -> Finding:
    return Finding(None, found.reason, f"The operator could not check: {found.message}")


def _unread(database: DatabaseStatus) -> Finding:
    return Finding(
        None, PolicyTrouble.STATISTICS_UNREAD, f"The check could not read everything: {database.unread}"
    )


def _together(wrong: Sequence[Finding]) -> Finding:
    return Finding(False, wrong[0].reason, " ".join(item.message for item in wrong))


def _unconfirmed(database: DatabaseStatus) -> list[Finding]:
    if not database.unconfirmed:
        return []
    first = database.unconfirmed[0]
    tokens = [item.token for item in database.unconfirmed]
    before = f" from before {_told(first.cutoff)}" if first.cutoff is not None else ""
    message = (
        f"{first.table} would lose {first.rows:,} rows{before}; nothing is dropped before "
        f"{CONFIRM.how_to_confirm(tokens, database.confirmed)}."
    )
    return [Finding(False, Reason.RETENTION_UNCONFIRMED, message)]


def _jobs_trouble(jobs: Sequence[JobReport], at: datetime) -> list[Finding]:
    """Jobs that failed, then those that are late."""
    failed = [
        Finding(False, PolicyTrouble.JOB_FAILED, _failed(job))
        for job in jobs
        if job.outcome == JobOutcome.FAILED
    ]
    late = [
        Finding(False, PolicyTrouble.JOB_NOT_RUN, _late(job))
        for job in jobs
        if job.outcome != JobOutcome.FAILED and _is_late(job, at)
    ]
    return [*failed, *late]


def _failed(job: JobReport) -> str:
    words = f": {job.message.rstrip('.')}" if job.message else ""
    times = f", {job.failures} times so far" if job.failures > 1 else ""
    again = f" It runs again at {_told(job.next_start)}." if job.next_start is not None else ""
    return f"The {job.kind} of {job.table} failed{times}{words}.{again}"


def _is_late(job: JobReport, at: datetime) -> bool:
    due = job.next_start or job.started_at or job.since
    slack = max(LATE_INTERVALS * timedelta(seconds=job.every_seconds), LATE_LEAST)
    return due is not None and at - due > slack


def _late(job: JobReport) -> str:
    begun = (
        f"it last started at {_told(job.started_at)}" if job.started_at is not None else "it has never run"
    )
    if job.outcome == JobOutcome.RUNNING:
        return f"The {job.kind} of {job.table} has not finished: {begun}."
    due = job.next_start or job.since
    return f"The {job.kind} of {job.table} was due at {_told(due)}: {begun}."


def _told(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _kept_too_long(database: DatabaseStatus, at: datetime) -> list[Finding]:
    """Chunks that stand although their job had the time to drop them, else those that it is about to drop."""
    found = []
    late = [item for item in database.tables if item.past_since and at - item.past_since > DROP_SLACK]
    if late:
        told = "; ".join(
            f"{_chunks(table)}, of which one could have been dropped since {_told(table.past_since)}"
            for table in late
        )
        message = f"{told}: the database's own job does not drop them."
        found.append(Finding(False, Reason.RETENTION_OVERDUE, message))
    going = [item for item in database.tables if item.dropping and item not in late]
    if going:
        message = f"{'; '.join(map(_chunks, going))}: the next run of the database's own job drops them."
        found.append(Finding(False, PolicyTrouble.DROPPING, message))
    return found


def _chunks(table: TableReport) -> str:
    begins = f" and begins at {table.oldest:%Y-%m-%d}" if table.oldest is not None else ""
    several = "chunk" if table.dropping == 1 else "chunks"
    return f"{table.name} keeps {table.retention_days} days{begins}: {table.dropping} {several} too old"
