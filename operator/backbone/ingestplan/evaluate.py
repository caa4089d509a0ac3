"""Decide what is true of an IngestPlan and what is to be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..evaluation import Action, Apply, Evaluation, Finding, Notice, Prune, Refusal, Start, as_conditions
from ..ports.readings import ChildReading
from ..schema import read_back
from ..vocabulary import ConditionType, Outcome, Reason
from . import children
from .api import IngestPlanStatus, RunStatus
from .checks import hindrance, scheduled, validated
from .children import FINISHED_JOBS_KEPT, Plan
from .history import update
from .observation import Observation
from .present import of_present_claim, runs_on_present_claim
from .recovery import acknowledged, intact
from .releases import DueRelease, due_release, read_release, record_release, release_notice
from .request import note_request, precedes_request
from .runs import delivered, required_dimensions
from .triggers import Trigger, due_trigger, record_trigger

SOON = timedelta(seconds=5)
ONLY_A_CHANGE_HELPS = {Outcome.UNKNOWN_SYMBOL, Outcome.INVALID_PLAN, Outcome.SAMPLE_DATA_MISSING}
"""Outcomes that the next scheduled run would repeat."""


@dataclass(frozen=True, slots=True)
class Work:
    """What this visit does, and the trigger and the release among it."""

    actions: tuple[Action, ...]
    trigger: Trigger | None
    release: DueRelease | None = None


def evaluate(plan: Plan, seen: Observation, refusals: Sequence[Refusal], now: datetime) -> Evaluation:
    """Judge one observation. `refusals` are the API server's answers to this visit's actions."""
    standing, replaced = of_present_claim(_previous(plan), seen)
    every, seen = seen, runs_on_present_claim(seen)
    record = update(plan, seen, note_request(plan, standing), now)
    valid = validated(plan, seen)
    obstacle = hindrance(plan, seen, valid, refusals)
    status, released = read_release(record.status, seen)
    status, heard = acknowledged(plan, status)
    work = _work(plan, seen, status, obstacle)
    prunes = _prunes(every, record.status, standing)
    # The first refusal ends a visit's actions, and a run is started after the children it needs.
    started, release = (None, None) if refusals else (work.trigger, work.release)
    status = record_release(record_trigger(status, started), release)
    complete, whole = _complete(plan, status), intact(status)
    ready = _ready(plan, status, obstacle, complete)
    if ready.holds and whole.holds is False:
        ready = whole
    findings = {
        ConditionType.READY: ready,
        ConditionType.VALIDATED: valid,
        ConditionType.SCHEDULED: scheduled(plan, seen, valid, obstacle),
        ConditionType.COMPLETE: complete,
        ConditionType.STORE_INTACT: whole,
        ConditionType.RECONCILING: _reconciling(ready, status),
        ConditionType.STALLED: _stalled(ready),
    }
    return Evaluation(
        conditions=as_conditions(findings, plan.generation),
        fields=status.model_copy(update={"schedule": _schedule_in_force(plan, seen, valid)}),
        actions=(*work.actions, *prunes),
        notices=(*replaced, *record.notices, *released, *heard, *_begun(started, release)),
        ended=record.ended,
        recheck_after=SOON if _claim_goes(every) and any(job.finished for job in every.runs) else None,
    )


def _work(plan: Plan, seen: Observation, status: IngestPlanStatus, obstacle: Finding | None) -> Work:
    if obstacle is not None and obstacle.reason is Reason.NAME_TAKEN:
        return Work((), None)
    actions: list[Action] = []
    if seen.backbone is not None and not _leaving(seen.plan_file):
        actions.append(Apply(children.plan_file(plan, seen.backbone), seen.plan_file))
    schedule = _schedule(plan, seen)
    if schedule is not None and not _leaving(seen.cron_job):
        document = children.cron_job(
            plan,
            seen.images,
            seen.claim_uid,
            *schedule,
            suspend=_suspends(seen, obstacle),
            services=seen.services,
        )
        actions.append(Apply(document, seen.cron_job))
    trigger = due_trigger(plan, status, seen) if obstacle is None and _may_start(seen) else None
    if trigger is not None:
        actions.append(Start(children.run(plan, seen.images, seen.claim_uid, trigger.job, seen.services)))
    release = due_release(plan, status) if obstacle is None and _may_start(seen) else None
    if release is not None and not release.problem:
        job = children.release(
            plan, seen.images, seen.claim_uid, release.job, release.options, services=seen.services
        )
        actions.append(Start(job))
    return Work(tuple(actions), trigger, release)


def _schedule(plan: Plan, seen: Observation) -> tuple[str, str | None] | None:
    """The CronJob's schedule; a bad one leaves the standing CronJob's in place, and makes no new one."""
    standing = seen.cron_job
    if validated(plan, seen).holds:
        return plan.spec.schedule, plan.spec.time_zone
    return (standing.schedule, standing.time_zone) if standing is not None else None


def _schedule_in_force(plan: Plan, seen: Observation, valid: Finding) -> str | None:
    if valid.holds:
        return plan.spec.schedule
    return seen.cron_job.schedule if seen.cron_job is not None else None


def _suspends(seen: Observation, obstacle: Finding | None) -> bool:
    """Whether the CronJob pauses. Not knowing how the backbone is does not stop a schedule in force."""
    if obstacle is None:
        return False
    unknown = obstacle.reason is Reason.BACKBONE_NOT_READY and obstacle.holds is None
    return not (unknown and seen.cron_job is not None and not seen.cron_job.suspended)


def _may_start(seen: Observation) -> bool:
    return seen.backbone is not None and not _leaving(seen.plan_file)


def _leaving(child: ChildReading | None) -> bool:
    return child is not None and child.terminating


def _claim_goes(seen: Observation) -> bool:
    """Whether nothing of ours may hold the claim any longer."""
    return seen.backbone is None or seen.backbone.terminating or seen.backbone.claim_leaving


def _prunes(seen: Observation, status: IngestPlanStatus, standing: IngestPlanStatus) -> tuple[Prune, ...]:
    """Finished Jobs that no CronJob cleans up, beyond the newest few. Their outcomes stand in status.

    Pods hold a claim even when they have finished, so all of them go where the claim has to.
    """
    until = standing.outcomes_read_until
    if _claim_goes(seen):
        read = [job for job in seen.runs if until and job.finished and job.finished <= until]
        done = [job for job in seen.releases if until and job.finished]
        strays = [job for job in seen.strays if job.finished]
        return tuple(Prune(job.name, job.uid) for job in (*read, *done, *strays))
    last = status.last_run.id if status.last_run else None
    ours = [job for job in seen.runs if job.finished is not None and not job.scheduled]
    old = [job for job in seen.releases[:-1] if job.finished is not None]
    runs = (job for job in ours[:-FINISHED_JOBS_KEPT] if job.name != last)
    return tuple(Prune(job.name, job.uid) for job in (*runs, *old))


def _begun(trigger: Trigger | None, release: DueRelease | None) -> tuple[Notice, ...]:
    run = (
        ()
        if trigger is None
        else (Notice("Normal", Reason.RUN_STARTED, f"Job {trigger.job}: {trigger.why}"),)
    )
    return (*run, *(() if release is None else (release_notice(release),)))


def _complete(plan: Plan, status: IngestPlanStatus) -> Finding:
    last = status.last_run
    if last is None or last.outcome is None:
        return Finding(None, Reason.AWAITING_FIRST_RUN, "No run has ended yet.")
    if precedes_request(last, status):
        return Finding(None, Reason.SPEC_CHANGED, _changed_message(last))
    if delivered(plan.spec, last.outcome, status.dimensions):
        names = ", ".join(required_dimensions(plan.spec)) or "nothing"
        return Finding(True, Reason.DELIVERED, f"Run {last.id} delivered what is required: {names}.")
    return Finding(False, _outcome(last), _failure_message(last))


def _ready(plan: Plan, status: IngestPlanStatus, obstacle: Finding | None, complete: Finding) -> Finding:
    if obstacle is not None:
        return obstacle
    if status.last_run is None or complete.reason is Reason.AWAITING_FIRST_RUN:
        return _awaiting(status.active_run)
    if complete.holds is None:
        return Finding(status.last_run.outcome == Outcome.SUCCEEDED, complete.reason, complete.message)
    if not complete.holds:
        stuck = complete.reason in ONLY_A_CHANGE_HELPS
        return Finding(False, complete.reason, complete.message, stuck=stuck)
    return Finding(True, Reason.DELIVERED, _delivered_message(status))


def _awaiting(active: RunStatus | None) -> Finding:
    if active is None or active.trouble is None:
        message = "No run has ended yet; the first one is on its way."
        if active is not None and active.message:
            message += f" Run {active.id}: {active.message}."
        return Finding(False, Reason.AWAITING_FIRST_RUN, message)
    message = f"Run {active.id} does not get on: {active.message}"
    return Finding(False, Outcome.named(active.trouble) or Reason.AWAITING_FIRST_RUN, message)


def _delivered_message(status: IngestPlanStatus) -> str:
    last = status.last_run
    if last is None:
        raise ValueError("delivered without a run")
    message = f"Run {last.id} stored {last.rows or 0:,} rows."
    quarantined = sum(count.rows for item in status.dimensions for count in item.quarantined)
    if quarantined:
        message += f" {quarantined:,} rows are in quarantine; status.dimensions tells why."
    active = status.active_run
    if active is not None and active.trouble is not None:
        message += f" Run {active.id} does not get on: {active.trouble}: {active.message}"
    return message


def _changed_message(last: RunStatus) -> str:
    return (
        f"Run {last.id} ended with {_outcome(last)} for generation {last.generation}; what the spec asks for "
        "now comes with the next run (schedule, or a run-now token)."
    )


def _failure_message(run: RunStatus) -> str:
    outcome = _outcome(run)
    return f"Run {run.id} ended with {outcome}: {run.message or outcome.meaning}"


def _outcome(run: RunStatus) -> Outcome:
    return Outcome.named(run.outcome) or Outcome.DIED_WITHOUT_MESSAGE


def _reconciling(ready: Finding, status: IngestPlanStatus) -> Finding:
    waiting = {Reason.BACKBONE_NOT_FOUND, Reason.BACKBONE_NOT_READY}
    never = status.last_run is None or (status.last_success is None and status.active_run is not None)
    if not ready.stuck and (ready.reason in waiting or (never and _in_motion(ready))):
        return Finding(True, Reason.PROGRESSING, ready.message)
    return Finding(False, Reason.SETTLED, "Nothing is left to do for the current spec.")


def _in_motion(ready: Finding) -> bool:
    return ready.holds is not True and ready.reason not in {Reason.SUSPENDED, Reason.BACKBONE_SUSPENDED}


def _stalled(ready: Finding) -> Finding:
    if ready.stuck:
        return Finding(True, ready.reason, ready.message)
    return Finding(False, Reason.SETTLED, "The operator goes on by itself.")


def _previous(plan: Plan) -> IngestPlanStatus:
    status = read_back(IngestPlanStatus, plan.status)
    last = status.last_run
    whole = last is None or (last.start is not None and last.end is not None)
    return status if whole else status.model_copy(update={"last_run": None, "dimensions": ()})
