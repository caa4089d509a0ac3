"""Keep the plan's record of its runs: what ended since the last visit, and what was never seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..evaluation import Notice
from ..measures import Measure
from ..vocabulary import Outcome, Reason
from .api import IngestPlanStatus, RunStatus
from .children import Plan
from .measures import of_run
from .observation import Observation
from .recovery import FROM_EMPTY, waits
from .runs import (
    Run,
    active_run,
    awaits_anew,
    delivered,
    finished_runs,
    rank,
    unseen_sequences,
)


@dataclass(frozen=True, slots=True)
class Record:
    """The status brought up to the runs seen, and what is to be told and counted about them."""

    status: IngestPlanStatus
    notices: tuple[Notice, ...]
    measures: tuple[Measure, ...]


def update(plan: Plan, seen: Observation, previous: IngestPlanStatus, now: datetime) -> Record:
    """Bring the record up to the present."""
    ended = finished_runs(plan.spec, seen.runs, previous)
    lost = _vanished(seen, previous, now)
    news = [*lost, *(run for run in ended if _unread(run, previous))]
    status = previous
    notices: list[Notice] = []
    for run in (*lost, *ended):
        status = _take(plan, status, run)
        if run in news:
            notices += [_ended(run.status), *_gap(seen, previous, run, ended)]
    until = max([run.finished for run in ended] + _known(previous.outcomes_read_until), default=None)
    status = status.model_copy(
        update={"active_run": active_run(seen.runs, previous, now), "outcomes_read_until": until}
    )
    measures = (measure for run in news for measure in of_run(_name(run.status), run.report))
    return Record(status, tuple(notices), tuple(measures))


def _unread(run: Run, previous: IngestPlanStatus) -> bool:
    until = previous.outcomes_read_until
    return until is None or run.finished > until


def _take(plan: Plan, status: IngestPlanStatus, run: Run) -> IngestPlanStatus:
    """The status with this run in it: as the last one, if it counts later than the one that stands there."""
    successes = _known(status.last_success) + ([run.finished] if run.delivered else [])
    if run.report is not None:
        successes += [
            past.end
            for past in run.report.recent
            if past.plan == plan.name
            and past.outcome == Outcome.SUCCEEDED
            and (plan.created is None or past.end >= plan.created)
        ]
    change: dict[str, object] = {"last_success": max(successes, default=None)}
    known, recovery = status.store_recovery, run.recovery
    # The store tells its last one with each run, and what it lost before the plan began was not the plan's.
    since = known.at if known is not None else plan.created
    news = recovery is not None and (since is None or recovery.at > since)
    # One from the published copy takes no place of a loss that nobody acknowledged.
    if recovery is not None and news and (recovery.continued_from == FROM_EMPTY or not waits(status)):
        change["store_recovery"] = recovery
    last = status.last_run
    if (
        last is None
        or last.id == run.status.id
        or rank(run.status, run.delivered) > rank(last, delivered(plan.spec, last.outcome, status.dimensions))
    ):
        change |= {"last_run": run.status, "dimensions": run.dimensions}
    return status.model_copy(update=change)


def _known(moment: datetime | None) -> list[datetime]:
    return [] if moment is None else [moment]


def _vanished(seen: Observation, previous: IngestPlanStatus, now: datetime) -> tuple[Run, ...]:
    """The run that was under way at the last visit and whose Job is gone."""
    run = previous.active_run
    if run is None or any(job.name == run.id for job in seen.runs) or awaits_anew(previous, run):
        return ()
    end = now.replace(microsecond=0)
    status = RunStatus(
        id=run.id,
        outcome=str(Outcome.JOB_VANISHED),
        start=run.start or end,
        end=end,
        message=Outcome.JOB_VANISHED.meaning,
    )
    return (Run(status, end),)


def _gap(seen: Observation, previous: IngestPlanStatus, run: Run, ended: tuple[Run, ...]) -> list[Notice]:
    """Tell of the plan's runs that nobody saw."""
    last = previous.last_run
    if run.report is None or last is None or seen.backbone is None:
        return []
    # One that began earlier and is still under way will tell of itself.
    if any(job.finished is None for job in seen.runs):
        return []
    here = {item.status.sequence for item in ended}
    unseen = unseen_sequences(last.sequence, run.report, alone=seen.backbone.plans == 1)
    missing = [number for number in unseen if number not in here]
    if not missing:
        return []
    message = f"The outcome of {_numbered(missing)} of the backbone's journal was never seen."
    return [Notice("Warning", Reason.STATUS_GAP, message)]


def _numbered(runs: list[int]) -> str:
    """Some runs by their numbers, which ascend; those of other plans may be between them."""
    if len(runs) == 1:
        return f"run {runs[0]}"
    if runs[-1] - runs[0] == len(runs) - 1:
        return f"runs {runs[0]} to {runs[-1]}"
    return f"runs {', '.join(map(str, runs[:-1]))} and {runs[-1]}"


def _ended(run: RunStatus) -> Notice:
    good = run.outcome == Outcome.SUCCEEDED
    rows = f"{run.rows or 0:,} rows"
    words = "; ".join(filter(None, (rows, run.message))) if good else run.message
    return Notice("Normal" if good else "Warning", _name(run), f"Run {run.id}: {words}")


def _name(run: RunStatus) -> str:
    return run.outcome or str(Outcome.DIED_WITHOUT_MESSAGE)
