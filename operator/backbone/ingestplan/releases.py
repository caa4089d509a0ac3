"""Releases from quarantine: what the annotation asks for, the Job that does it, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Rejected
from ..evaluation import Notice
from ..jobs.ends import Trouble, last_words, tail, why_no_report
from ..market.defects import Defect
from ..ports.readings import JobReading
from ..reports.run import RunReport
from ..tokens import QUARANTINE_RELEASE, fresh
from ..vocabulary import DIMENSION_NAMES, Outcome, Reason
from .api import IngestPlanStatus, ReleaseStatus
from .children import Plan, run_name
from .observation import Observation
from .starts import Triggers

EVERYTHING = "all"


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
    text = QUARANTINE_RELEASE.value(plan.annotations)
    done = (status.triggers or Triggers()).quarantine_release
    token = fresh(text, done)
    if text is None or token is None:
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
    what, _ = QUARANTINE_RELEASE.split(text)
    dimension, slash, reason = what.rpartition("/")
    if slash and dimension not in DIMENSION_NAMES:
        raise Rejected(f"{dimension[:60]!r} is not a dimension; {QUARANTINE_RELEASE.advice}")
    options = ("--dimension", dimension) if slash else ()
    if reason == EVERYTHING:
        return (*options, "--all")
    if Defect.named(reason) is None:
        raise Rejected(f"{reason[:60]!r} is not a reason; {QUARANTINE_RELEASE.advice}")
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
    """An event about a release that the operator started, or refused."""
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
        return status.model_copy(update={"release": _under_way(release, job)}), ()
    ended = _ended(release, job) if job is not None else _vanished(release)
    good = ended.outcome == Outcome.SUCCEEDED
    words = f"{ended.rows or 0:,} rows released" if good else ended.message
    notice = Notice("Normal" if good else "Warning", ended.outcome or "", f"Release {ended.job}: {words}")
    return status.model_copy(update={"release": ended}), (notice,)


def _under_way(release: ReleaseStatus, job: JobReading) -> ReleaseStatus:
    """The release with the words of whoever refuses its pod, until it has one."""
    if job.refused is not None:
        refusal = str(Trouble(Outcome.POD_REFUSED, job.refused))
        return release.updated(message=refusal)
    return release.model_copy(update={"message": ""}) if job.pods else release


def _vanished(release: ReleaseStatus) -> ReleaseStatus:
    end = Outcome.JOB_VANISHED
    return release.model_copy(update={"outcome": str(end), "message": end.meaning})


def _ended(release: ReleaseStatus, job: JobReading) -> ReleaseStatus:
    words = last_words(job)
    told = None
    if words is not None:
        try:
            report = RunReport.decode(words)
            return release.updated(
                outcome=str(report.outcome), rows=report.rows, message=report.message, end=job.finished
            )
        except Rejected:
            told = f"it left no report but: {tail(words)}"
    refused, _, why = release.message.partition(": ")
    earlier = Trouble(Outcome.POD_REFUSED, why) if refused == Outcome.POD_REFUSED else None
    end = why_no_report(job, told, earlier)
    return release.updated(outcome=str(end.outcome), end=job.finished, message=end.message)
