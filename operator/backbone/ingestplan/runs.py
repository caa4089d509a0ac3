"""From Jobs to runs: how each ended, which is the last one, and what was never seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..errors import Rejected
from ..jobs.ends import Trouble, last_words, tail, trouble_under_way, why_no_report
from ..ports.readings import JobReading
from ..reports.envelope import NO_ROOM
from ..reports.run import DimensionReport, DimensionResult, RunReport
from ..vocabulary import Outcome
from .api import IngestPlanSpec, IngestPlanStatus, RunStatus, StoreRecovery

NAMES_SHOWN = 5
NO_POD = "its Job has no pod yet; `kubectl describe job` tells what keeps it"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended. Without a report nothing is known of its dimensions."""

    status: RunStatus
    finished: datetime
    delivered: bool = False
    dimensions: tuple[DimensionResult, ...] = ()
    recovery: StoreRecovery | None = None
    report: RunReport | None = None


def finished_runs(
    spec: IngestPlanSpec, jobs: Iterable[JobReading], previous: IngestPlanStatus
) -> tuple[Run, ...]:
    """The runs that have ended, in the order in which they count."""
    runs = [
        _finished(spec, job, job.finished, _earlier(previous, job.name))
        for job in jobs
        if job.finished is not None
    ]
    # What another version's operator kept the schedule for is told there.
    counted = [run for run in runs if run.status.outcome != Outcome.NOT_IN_FORCE]
    return tuple(sorted(counted, key=lambda run: rank(run.status, run.delivered)))


def active_run(jobs: Iterable[JobReading], previous: IngestPlanStatus, now: datetime) -> RunStatus | None:
    """The newest run that has not ended, and what keeps it from getting on."""
    under_way = [job for job in jobs if job.finished is None]
    if not under_way:
        return None
    job = under_way[-1]
    trouble = trouble_under_way(job, _earlier(previous, job.name), now)
    return RunStatus(
        id=job.name,
        start=job.started or job.created,
        trouble=str(trouble.outcome) if trouble else None,
        message=trouble.message if trouble else "" if job.pods else NO_POD,
    )


def awaits_anew(previous: IngestPlanStatus, run: RunStatus) -> bool:
    """Whether a run whose Job is gone had no pod, and is the first run, which is then started again.

    So nothing ended, whoever deleted the Job: we do when the settings of its pods change.
    """
    first = previous.triggers.first if previous.triggers else None
    return run.id == first and run.trouble == Outcome.POD_REFUSED and previous.last_run is None


def rank(run: RunStatus, delivered: bool) -> tuple[datetime, datetime, str]:
    """Order runs: one that delivered counts from its end, one that failed from its start.

    So a run that failed after waiting in vain does not speak against one that delivered meanwhile. Moments
    are in seconds: of one that delivered and one that began then and failed, the later one is that.
    """
    if run.start is None or run.end is None:
        raise ValueError(f"run {run.id} has not ended")
    return run.end if delivered else run.start, run.start, run.id


def delivered(spec: IngestPlanSpec, outcome: str | None, dimensions: Iterable[DimensionResult]) -> bool:
    """Whether a run with this outcome stored everything that the spec calls required."""
    if outcome == Outcome.SUCCEEDED:
        return True
    found = {item.name: item.outcome for item in dimensions}
    return outcome == Outcome.PARTIAL and all(
        found.get(name) == Outcome.SUCCEEDED for name in required_dimensions(spec)
    )


def required_dimensions(spec: IngestPlanSpec) -> tuple[str, ...]:
    """Names of the dimensions that Ready depends on, as they stand in the spec."""
    return tuple(name for name, item in spec.dimensions.items() if item.required)


def unseen_sequences(since: int | None, report: RunReport, *, alone: bool) -> tuple[int, ...]:
    """Numbers of the plan's runs that began after run `since`, and that the report tells no end of.

    It tells its own and that of the backbone's last five before it, and of the plan's earlier ones that they
    were. A version that did not tell these is believed where the plan is `alone` on its backbone: there all
    numbers are its own. A journal that began anew has no gap.
    """
    # One that is cut has lost the numbers of the others.
    if since is None or report.sequence is None or report.sequence <= since or report.cut:
        return ()
    if report.earlier is not None:
        return tuple(sorted(number for number in report.earlier if number > since))
    accounted = min(
        [past.sequence for past in report.recent if past.sequence > since], default=report.sequence
    )
    return tuple(range(since + 1, min(accounted, report.sequence))) if alone else ()


def _finished(spec: IngestPlanSpec, job: JobReading, finished: datetime, earlier: Trouble | None) -> Run:
    words, told = last_words(job), None
    if words is not None:
        try:
            return _reported(spec, job, finished, RunReport.decode(words))
        except Rejected:
            told = f"it left no report but: {tail(words)}"
    end = why_no_report(job, told, earlier)
    status = RunStatus(
        id=job.name,
        outcome=str(end.outcome),
        start=job.started or job.created,
        end=finished,
        message=end.message,
    )
    return Run(status, finished)


def _reported(spec: IngestPlanSpec, job: JobReading, finished: datetime, report: RunReport) -> Run:
    found = report.store_recovery
    status = RunStatus(
        id=job.name,
        sequence=report.sequence,
        generation=report.generation,
        outcome=str(report.outcome),
        start=job.started or job.created,
        end=finished,
        rows=report.rows,
        message=_message(report),
    )
    return Run(
        status,
        finished,
        delivered=delivered(spec, report.outcome, report.dimensions),
        dimensions=tuple(DimensionResult(**dict(item)) for item in report.dimensions),
        recovery=StoreRecovery(**dict(found)) if found is not None else None,
        report=report,
    )


def _message(report: RunReport) -> str:
    if report.message or report.outcome == Outcome.SUCCEEDED:
        return report.message
    if report.cut:
        return NO_ROOM
    return "; ".join(_shortfall(item) for item in report.dimensions if item.outcome != Outcome.SUCCEEDED)


def _shortfall(item: DimensionReport) -> str:
    words = [f"{item.name}: {item.outcome}"]
    if item.missing:
        more = item.missing_count - len(item.missing[:NAMES_SHOWN])
        names = ", ".join(item.missing[:NAMES_SHOWN])
        words.append(f"missing {names}" + (f" and {more} more" if more > 0 else ""))
    if item.message:
        words.append(item.message)
    return ", ".join(words)


def _earlier(previous: IngestPlanStatus, job: str) -> Trouble | None:
    run = previous.active_run
    if run is None or run.id != job or run.trouble is None:
        return None
    known = Outcome.named(run.trouble)
    return Trouble(known, run.message) if known else None
