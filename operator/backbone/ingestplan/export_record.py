"""From the Jobs of an export to what status says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..errors import Rejected
from ..evaluation import Notice
from ..jobs.ends import Trouble, last_words, tail, trouble_under_way, why_no_report
from ..ports.readings import JobReading
from ..reports.exports import ExportReport, ExportResult
from ..schema import shared
from ..vocabulary import Outcome
from .export_status import ActiveExport, ExportStatus

GOOD = {Outcome.SUCCEEDED, Outcome.SUPERSEDED}
"""Outcomes after which the target has a dataset as new as the attempt's."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An export's status brought up to its Jobs, and an event for each that ended since the last visit."""

    status: ExportStatus
    notices: tuple[Notice, ...] = ()
    ended: tuple[str, ...] = ()
    """Outcomes of those that ended."""


def record(before: ExportStatus, jobs: Sequence[JobReading], now: datetime) -> Recorded:
    """Read the Jobs, the oldest first."""
    status, notices, ended = before, [], []
    active = before.active
    if active is not None and all(job.name != active.job for job in jobs):
        status = status.updated(
            job=active.job,
            outcome=str(Outcome.JOB_VANISHED),
            message=Outcome.JOB_VANISHED.meaning,
            start=active.start,
            end=now.replace(microsecond=0),
            duration_seconds=None,
            attempts=None,
        )
        notices.append(_told(status))
        ended.append(str(Outcome.JOB_VANISHED))
    finished = [(job.finished, job) for job in jobs if job.finished is not None and not is_read(before, job)]
    for end, job in sorted(finished, key=lambda item: (item[0], item[1].name)):
        status = _ended(status, job, end, _earlier(before, job))
        notices.append(_told(status))
        ended.append(status.outcome or "")
    status = status.model_copy(update={"active": _active(before, jobs, now)})
    return Recorded(status, tuple(notices), tuple(ended))


def is_read(status: ExportStatus, job: JobReading) -> bool:
    """Whether the status has the end of a Job, or that of a later one."""
    if job.finished is None or status.end is None:
        return False
    return (job.finished, job.name) <= (status.end, status.job or "")


def _active(before: ExportStatus, jobs: Sequence[JobReading], now: datetime) -> ActiveExport | None:
    under_way = [job for job in jobs if job.finished is None]
    if not under_way:
        return None
    job = under_way[-1]
    trouble = trouble_under_way(job, _earlier(before, job), now)
    return ActiveExport(
        job=job.name,
        start=job.started or job.created,
        trouble=str(trouble.outcome) if trouble else None,
        message=trouble.message if trouble else "",
    )


def _earlier(before: ExportStatus, job: JobReading) -> Trouble | None:
    active = before.active
    if active is None or active.job != job.name:
        return None
    known = Outcome.named(active.trouble)
    return Trouble(known, active.message) if known else None


def _ended(status: ExportStatus, job: JobReading, end: datetime, earlier: Trouble | None) -> ExportStatus:
    start = job.started or job.created
    words, told = last_words(job), None
    update: dict[str, object] = {
        "job": job.name,
        "start": start,
        "end": end,
        "duration_seconds": max(int((end - start).total_seconds()), 0),
        "attempts": max(len(job.pods), 1),
    }
    if words is not None:
        try:
            return status.updated(**(update | _reported(ExportReport.decode(words), job, end)))
        except Rejected:
            told = f"it left no report but: {tail(words)}"
    why = why_no_report(job, told, earlier)
    return status.updated(**(update | {"outcome": str(why.outcome), "message": why.message}))


def _reported(report: ExportReport, job: JobReading, end: datetime) -> dict[str, object]:
    said: dict[str, object] = {
        "outcome": str(report.outcome),
        "message": report.message,
        "attempts": max(report.attempt, len(job.pods)),
        "duration_seconds": max(int((report.ended_at - report.started_at).total_seconds()), 0),
    }
    if report.outcome is not Outcome.SUCCEEDED:
        return said
    return {**said, **shared(ExportResult, report), "last_success": end}


def _told(status: ExportStatus) -> Notice:
    good = status.outcome in GOOD
    outcome = Outcome.named(status.outcome) or Outcome.DIED_WITHOUT_MESSAGE
    words = status.message or outcome.meaning
    if status.outcome == Outcome.SUCCEEDED:
        words = f"{whole(status)} in {status.duration_seconds or 0} s"
    return Notice("Normal" if good else "Warning", status.outcome or "", f"Export {status.name}: {words}")


def whole(status: ExportStatus) -> str:
    """The last whole export in a few words."""
    return f"manifest {status.manifest or 0}, {status.rows or 0:,} rows in {status.files or 0:,} files"
