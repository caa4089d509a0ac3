"""Releases from quarantine: what the annotation asks for, the Job that does it, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Rejected
from ..evaluation import Notice
from ..jobs import last_words, tail, why_no_report
from ..market.defects import Defect
from ..naming import digest
from ..ports.readings import JobReading
from ..report import RunReport
from ..vocabulary import ANNOTATION_QUARANTINE_RELEASE, Outcome, Reason
from .api import IngestPlanStatus, ReleaseStatus, Triggers
from .children import Plan, run_name
from .observation import Observation

TOKEN_LIMIT = 253
EVERYTHING = "all"
DIMENSION_NAMES = ("dailyBars", "intradayBars", "intradayTrades", "macroSeries", "macroEvents")
FORM = "write it as <reason>:<token>, all:<token> or <dimension>/<reason>:<token>"


@dataclass(frozen=True, slots=True)
class DueRelease:
    """A release to start. Without options the annotation cannot be understood; `problem` says why."""

    token: str
    job: str
    options: tuple[str, ...]
    problem: str = ""


def due_release(plan: Plan, status: IngestPlanStatus) -> DueRelease | None:
    """The release that the annotation asks for, unless it was handled already; one after the other."""
    last = status.release
    if last is not None and last.outcome is None:
        return None
    text = plan.annotations.get(ANNOTATION_QUARANTINE_RELEASE, "")
    if not text:
        return None
    token = text if len(text) <= TOKEN_LIMIT else f"sha256:{digest(text, length=64)}"
    done = (status.triggers or Triggers()).quarantine_release
    if token == done:
        return None
    # As for runs, the Job before it makes a value that comes back another release.
    before = last.job if last is not None else None
    job = run_name(plan, "quarantine-release", token, before or done or "")
    try:
        return DueRelease(token, job, options_of(text))
    except Rejected as error:
        return DueRelease(token, job, (), str(error))


def options_of(text: str) -> tuple[str, ...]:
    """The options of `emp-runtime quarantine release` that an annotation stands for. Raises Rejected."""
    what, colon, token = text.partition(":")
    if not colon or not token:
        raise Rejected(f"{text[:60]!r} has no token; {FORM}")
    dimension, slash, reason = what.rpartition("/")
    if slash and dimension not in DIMENSION_NAMES:
        raise Rejected(f"{dimension[:60]!r} is no dimension; {FORM}")
    options = ("--dimension", dimension) if slash else ()
    if reason == EVERYTHING:
        return (*options, "--all")
    if Defect.named(reason) is None:
        raise Rejected(f"{reason[:60]!r} is no reason; {FORM}")
    return (*options, "--reason", reason)


def record_release(status: IngestPlanStatus, due: DueRelease | None) -> IngestPlanStatus:
    """The status with the release in it, so that it is not started again."""
    if due is None:
        return status
    done = (status.triggers or Triggers()).model_copy(update={"quarantine_release": due.token})
    refused = str(Reason.RELEASE_REFUSED) if due.problem else None
    release = ReleaseStatus(
        token=due.token, job=None if due.problem else due.job, outcome=refused, message=due.problem
    )
    return status.model_copy(update={"triggers": done, "release": release})


def release_notice(due: DueRelease) -> Notice:
    """What is told of a release that was started, or refused."""
    if due.problem:
        return Notice("Warning", Reason.RELEASE_REFUSED, due.problem)
    return Notice("Normal", Reason.RELEASE_STARTED, f"Job {due.job}: {' '.join(due.options)}")


def read_release(status: IngestPlanStatus, seen: Observation) -> tuple[IngestPlanStatus, tuple[Notice, ...]]:
    """The status with the end of its release, and an event where that is news."""
    release = status.release
    if release is None or release.outcome is not None:
        return status, ()
    job = next((item for item in seen.releases if item.name == release.job), None)
    if job is not None and job.finished is None:
        return status, ()
    ended = _ended(release, job) if job is not None else _vanished(release)
    good = ended.outcome == Outcome.SUCCEEDED
    words = f"{ended.rows or 0:,} rows released" if good else ended.message
    notice = Notice("Normal" if good else "Warning", ended.outcome or "", f"Release {ended.job}: {words}")
    return status.model_copy(update={"release": ended}), (notice,)


def _vanished(release: ReleaseStatus) -> ReleaseStatus:
    end = Outcome.JOB_VANISHED
    return release.model_copy(update={"outcome": str(end), "message": end.meaning})


def _ended(release: ReleaseStatus, job: JobReading) -> ReleaseStatus:
    words = last_words(job)
    told = None
    if words is not None:
        try:
            report = RunReport.decode(words)
            update = {"outcome": str(report.outcome), "rows": report.rows, "message": report.message[:1024]}
            return release.model_copy(update={**update, "end": job.finished})
        except Rejected:
            told = f"it left no report but: {tail(words)}"
    end = why_no_report(job, told, None)
    return release.model_copy(
        update={"outcome": str(end.outcome), "end": job.finished, "message": end.message[:1024]}
    )
