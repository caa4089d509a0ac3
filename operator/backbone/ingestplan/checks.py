"""What stands in the way of a plan: ordered chains of checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..evaluation import Finding, Refusal
from ..grading import children
from ..grading.chain import Chain, first
from ..migrations import newest
from ..vocabulary import LABEL_PLAN, Reason
from .children import Plan
from .observation import Observation
from .schedule import schedule_problem, time_zone_problem


@dataclass(frozen=True, slots=True)
class Case:
    """A plan, what was seen of it, and what the API server refused in this visit."""

    plan: Plan
    seen: Observation
    refusals: Sequence[Refusal] = ()


def validated(plan: Plan, seen: Observation) -> Finding:
    """Whether the spec and what it refers to make sense together."""
    valid = Finding(True, Reason.VALID, "Schedule, time zone and backbone make sense.")
    return first(VALIDATED, Case(plan, seen)) or valid


def hindrance(plan: Plan, seen: Observation, refusals: Sequence[Refusal]) -> Finding | None:
    """Why no run may start, if there is a reason."""
    return first(HINDRANCE, Case(plan, seen, refusals))


def scheduled(plan: Plan, seen: Observation, valid: Finding, obstacle: Finding | None) -> Finding:
    """Whether the CronJob stands as the spec describes it and will fire."""
    if obstacle is None:
        message = f"Runs start at {plan.spec.schedule!r} in {plan.spec.time_zone}."
        return Finding(True, Reason.SCHEDULE_IN_PLACE, message)
    if valid.holds and obstacle.holds is None and seen.cron_job is not None and not seen.cron_job.suspended:
        return Finding(True, Reason.SCHEDULE_IN_PLACE, f"The schedule stays in force. {obstacle.message}")
    return Finding(False, obstacle.reason, obstacle.message)


def _bad_schedule(case: Case) -> Finding | None:
    """First of all: a mistake in the plan itself is there whatever else is."""
    problem = schedule_problem(case.plan.spec.schedule)
    if not problem:
        return None
    return Finding(False, Reason.INVALID_SCHEDULE, f"spec.schedule: {problem}", stuck=True)


def _unknown_time_zone(case: Case) -> Finding | None:
    """Still the plan itself; without a sound expression nobody asks when it fires."""
    problem = time_zone_problem(case.plan.spec.time_zone)
    if not problem:
        return None
    return Finding(False, Reason.UNKNOWN_TIME_ZONE, f"spec.timeZone: {problem}", stuck=True)


def _backbone_missing(case: Case) -> Finding | None:
    """Before all that is asked of a backbone: without one there is nothing to ask."""
    if case.seen.backbone is not None:
        return None
    name, namespace = case.plan.spec.backbone_ref.name, case.plan.namespace
    message = f"There is no DataBackbone {name} in namespace {namespace}; runs start when there is."
    return Finding(False, Reason.BACKBONE_NOT_FOUND, message)


def _backbone_deleted(case: Case) -> Finding | None:
    """Before its state: that is of no use to a plan any more."""
    backbone = case.seen.backbone
    if backbone is None or not backbone.terminating:
        return None
    message = f"DataBackbone {backbone.name} is being deleted."
    return Finding(False, Reason.BACKBONE_DELETED, message, stuck=True)


def _suspended(case: Case) -> Finding | None:
    """After mistakes, which a suspended plan should show too; before what only matters to a run."""
    if not case.plan.spec.suspend:
        return None
    return Finding(False, Reason.SUSPENDED, "spec.suspend is true: no run starts.")


def _name_taken(case: Case) -> Finding | None:
    """Before what the API server refused: the operator tries to write none of these."""
    labels = {LABEL_PLAN: case.plan.name}
    return children.name_taken((case.seen.plan_file, case.seen.cron_job), case.plan.uid, labels)


def _child_refused(case: Case) -> Finding | None:
    """Before the backbone: it waits for a person, and the backbone may come by itself."""
    return next((children.refused(refusal) for refusal in case.refusals), None)


def _backbone_suspended(case: Case) -> Finding | None:
    """Before readiness: a suspended backbone is not Ready either, and this says why."""
    backbone = case.seen.backbone
    if backbone is None or not backbone.suspended:
        return None
    return Finding(False, Reason.BACKBONE_SUSPENDED, f"DataBackbone {backbone.name} is suspended.")


def _backbone_not_ready(case: Case) -> Finding | None:
    """Holds None where the backbone's own Ready is Unknown: the schedule then stays in force."""
    backbone = case.seen.backbone
    if backbone is None or backbone.ready is True:
        return None
    message = f"DataBackbone {backbone.name} is not Ready ({backbone.ready_reason}): see its conditions."
    return Finding(backbone.ready, Reason.BACKBONE_NOT_READY, message)


def _run_refused(case: Case) -> Finding | None:
    """Last: it is asked for only where nothing else is in the way.

    The CronJob pauses meanwhile. When it goes on, that change has its controller start the last fire at once,
    which would wait for up to a quarter of an hour after so many refusals.
    """
    return None if case.seen.refusal is None else children.refused(case.seen.refusal)


def _database_behind(case: Case) -> Finding | None:
    """What an operator of the version before found Ready may lack a migration of this version."""
    backbone = case.seen.backbone
    if backbone is None or backbone.migration is None or backbone.migration >= newest():
        return None
    message = (
        f"The database of {backbone.name} was at migration {backbone.migration} at its last look; "
        f"it is brought to {newest()} before a run."
    )
    return Finding(None, Reason.BACKBONE_NOT_READY, message)


VALIDATED: Chain[Case] = (_bad_schedule, _unknown_time_zone, _backbone_missing, _backbone_deleted)

HINDRANCE: Chain[Case] = (
    *VALIDATED,
    _suspended,
    _name_taken,
    _child_refused,
    _backbone_suspended,
    _backbone_not_ready,
    _database_behind,
    _run_refused,
)
