"""From Jobs to runs: how each ended, which is the last one, and what was never seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from ..errors import Rejected
from ..jobs import Trouble, last_words, tail, trouble_under_way, why_no_report
from ..ports.readings import JobReading
from ..report import DimensionReport, RowCount, RunReport
from ..vocabulary import Outcome
from .api import (
    DimensionStatus,
    IngestPlanSpec,
    IngestPlanStatus,
    RowCountStatus,
    RunStatus,
    SourceStatus,
    StoreRecovery,
)

MESSAGE = 1024
NAMES_SHOWN = 5
NO_POD = "its Job has no pod yet; `kubectl describe job` tells what keeps it"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended. Without a report nothing is known of its dimensions."""

    status: RunStatus
    finished: datetime
    delivered: bool = False
    dimensions: tuple[DimensionStatus, ...] = ()
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
    return tuple(sorted(runs, key=lambda run: rank(run.status, run.delivered)))


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
        message=(trouble.message if trouble else "" if job.pods else NO_POD)[:MESSAGE],
    )


def rank(run: RunStatus, delivered: bool) -> tuple[datetime, str]:
    """Order runs: one that delivered counts from its end, one that failed from its start.

    So a run that failed after waiting in vain does not speak against one that delivered meanwhile.
    """
    moment = run.end if delivered else run.start
    if moment is None:
        raise ValueError(f"run {run.id} has not ended")
    return moment, run.id


def delivered(
    spec: IngestPlanSpec, outcome: str | None, dimensions: Iterable[DimensionStatus | DimensionReport]
) -> bool:
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
    if since is None or report.sequence is None or report.sequence <= since:
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
        except (Rejected, ValidationError):
            told = f"it left no report but: {tail(words)}"
    end = why_no_report(job, told, earlier)
    status = RunStatus(
        id=job.name,
        outcome=str(end.outcome),
        start=job.started or job.created,
        end=finished,
        message=end.message[:MESSAGE],
    )
    return Run(status, finished)


def _reported(spec: IngestPlanSpec, job: JobReading, finished: datetime, report: RunReport) -> Run:
    status = RunStatus(
        id=job.name,
        sequence=report.sequence,
        generation=report.generation,
        outcome=str(report.outcome),
        start=job.started or job.created,
        end=finished,
        rows=report.rows,
        message=_message(report)[:MESSAGE],
    )
    return Run(
        status,
        finished,
        delivered=delivered(spec, report.outcome, report.dimensions),
        dimensions=_dimensions(report),
        recovery=_recovery(report),
        report=report,
    )


def _dimensions(report: RunReport) -> tuple[DimensionStatus, ...]:
    return tuple(
        DimensionStatus(
            name=item.name,
            outcome=str(item.outcome),
            rows=item.rows,
            changed=item.changed,
            symbols=item.symbols,
            missing=item.missing[:20],
            missing_count=item.missing_count,
            first_at=item.first_at,
            last_at=item.last_at,
            sources=tuple(SourceStatus(**source.model_dump()) for source in item.sources[:20]),
            quarantined=_counts(item.quarantined),
            flagged=_counts(item.flagged),
            unchecked=item.unchecked,
            requests=item.requests,
            retried=item.retried,
            message=item.message[:512],
        )
        for item in report.dimensions[:5]
    )


def _counts(counts: tuple[RowCount, ...]) -> tuple[RowCountStatus, ...]:
    return tuple(RowCountStatus(reason=item.reason, rows=item.rows) for item in counts[:20])


def _recovery(report: RunReport) -> StoreRecovery | None:
    found = report.store_recovery
    if found is None:
        return None
    return StoreRecovery(set_aside=found.set_aside, continued_from=found.continued_from, at=found.at)


def _message(report: RunReport) -> str:
    if report.message or report.outcome == Outcome.SUCCEEDED:
        return report.message
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
