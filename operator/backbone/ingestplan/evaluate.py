"""Decide what is true of an IngestPlan and what is to be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..evaluation import Evaluation, Finding, Notice, Refusal, as_conditions, said_once
from ..grading.summary import Summary, summarize
from ..jobs.ends import look_again
from ..ports.cluster import INGEST_PLAN
from ..schema import read_back
from ..tokens import with_ignored
from ..vocabulary import ConditionType, Reason
from .actions import acknowledging, claim_goes, may_start, prunes_of, schedule_in_force, suspends, work_of
from .api import IngestPlanStatus
from .checks import hindrance, scheduled, validated
from .children import Plan
from .claim_scope import of_present_claim, runs_on_present_claim
from .exporting import Exporting, Situation, exporting, of_exports
from .fires import Fires, missed_notices, note_fires, punctuality
from .former import retire
from .history import update
from .observation import Observation
from .readiness import Case, Recorded, completeness, readiness
from .recovery import acknowledged, intact
from .releases import DueRelease, read_release, record_release, release_notice
from .spec_scope import note_request
from .triggers import Trigger, note_tokens, record_trigger

SOON = timedelta(seconds=5)
_SAYS_IT = (
    ConditionType.STORE_INTACT,
    ConditionType.READY,
    ConditionType.COMPLETE,
    ConditionType.VALIDATED,
    ConditionType.SCHEDULED,
    ConditionType.RECONCILING,
)
"""Of conditions that would say the same at length, the first one says it; Stalled says what to change."""

WORKED_ON = {Reason.BACKBONE_NOT_FOUND, Reason.BACKBONE_NOT_READY, Reason.RUN_MISSED}
"""Reasons of Ready that end without the schedule's next run, which is no work towards the spec."""

UNREAD = {Reason.INVALID_SCHEDULE, Reason.UNKNOWN_TIME_ZONE}
"""What is wrong with a plan of which nobody knows when it fires."""


def evaluate(plan: Plan, seen: Observation, refusals: Sequence[Refusal], now: datetime) -> Evaluation:
    """Judge one observation. `refusals` are the API server's answers to this visit's actions."""
    refused_exports = [item for item in refusals if of_exports(item, plan)]
    refusals = [item for item in refusals if item not in refused_exports]
    standing, replaced = of_present_claim(_previous(plan), seen)
    every, seen = seen, runs_on_present_claim(seen)
    record = update(plan, seen, note_request(plan, standing), now)
    valid = validated(plan, seen)
    obstacle = hindrance(plan, seen, refusals)
    status, released = read_release(record.status, seen)
    startable = obstacle is None and may_start(seen) and not refusals
    said = acknowledged(plan, status, may_start=startable)
    paused = suspends(seen, obstacle)
    fires = note_fires(plan, seen, said.status, now, valid=valid.reason not in UNREAD, paused=paused)
    status, waits = note_tokens(plan, fires.status, seen, may_start=startable)
    retiring = retire(plan, every, seen, standing)
    work = work_of(plan, seen, status, obstacle, missed=fires.due, retiring=retiring)
    prunes = (*prunes_of(plan, every, record.status, standing), *retiring.delete)
    # The first refusal ends a visit's actions, and a run is started after the children it needs.
    started, release = (None, None) if refusals else (work.trigger, work.release)
    status = record_release(record_trigger(status, started), release)
    startable = startable and not refused_exports
    exports = exporting(
        Situation(plan, every, obstacle, startable, [*refusals, *refused_exports], now), status, standing
    )
    status = exports.status
    recorded = Recorded(plan, status)
    complete, whole = completeness(recorded), intact(status)
    ready = readiness(Case(recorded, obstacle, complete, whole))
    summary = summarize(ready, moving=ready.reason in WORKED_ON or _never_delivered(status))
    found = scheduled(plan, seen, valid, obstacle)
    findings = _findings(plan, summary, (valid, found, complete, whole), exports)
    return Evaluation(
        conditions=as_conditions(said_once(findings, _SAYS_IT), plan.generation),
        fields=status.model_copy(update={"schedule": schedule_in_force(plan, seen, valid)}),
        actions=(*work.actions, *acknowledging(plan, seen, said.words), *prunes, *exports.actions),
        notices=(
            *replaced,
            *record.notices,
            *released,
            *said.notices,
            *missed_notices(fires, obstacle),
            *waits,
            *_begun(started, release),
            *exports.notices,
        ),
        measures=(*record.measures, *punctuality(plan, fires), *exports.measures),
        recheck_after=_recheck(every, fires, exports, now),
    )


def _findings(
    plan: Plan, summary: Summary, parts: tuple[Finding, ...], exports: Exporting
) -> dict[ConditionType, Finding]:
    valid, fires, complete, whole = parts
    findings = {
        ConditionType.READY: summary.found,
        ConditionType.VALIDATED: _with_ignored_tokens(plan, valid),
        ConditionType.SCHEDULED: fires,
        ConditionType.COMPLETE: complete,
        ConditionType.STORE_INTACT: whole,
        ConditionType.RECONCILING: summary.reconciling,
        ConditionType.STALLED: summary.stalled,
    }
    return findings if exports.exported is None else {**findings, ConditionType.EXPORTED: exports.exported}


def _with_ignored_tokens(plan: Plan, valid: Finding) -> Finding:
    return replace(valid, message=with_ignored(valid.message, INGEST_PLAN.kind, plan.annotations))


def _recheck(every: Observation, fires: Fires, exports: Exporting, now: datetime) -> timedelta | None:
    if claim_goes(every) and any(job.finished for job in every.runs):
        pause: timedelta | None = SOON
    else:
        jobs = (*every.runs, *every.releases, *(job for _, job in every.exports))
        pause = look_again(jobs, now)
    pauses = (pause, fires.look_after, exports.look_after)
    return min((item for item in pauses if item is not None), default=None)


def _begun(trigger: Trigger | None, release: DueRelease | None) -> tuple[Notice, ...]:
    run = (
        ()
        if trigger is None
        else (Notice("Normal", Reason.RUN_STARTED, f"Job {trigger.job}: {trigger.why}"),)
    )
    return (*run, *(() if release is None else (release_notice(release),)))


def _never_delivered(status: IngestPlanStatus) -> bool:
    """Whether the operator is still about the first run that delivers."""
    return status.last_run is None or (status.last_success is None and status.active_run is not None)


def _previous(plan: Plan) -> IngestPlanStatus:
    status = read_back(IngestPlanStatus, plan.status)
    last = status.last_run
    whole = last is None or (last.start is not None and last.end is not None)
    return status if whole else status.model_copy(update={"last_run": None, "dimensions": ()})
