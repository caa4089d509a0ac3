"""What stands in the way of a plan: an ordered chain of small checks, the first that finds something wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..evaluation import Finding, Refusal
from ..ports.readings import ChildReading
from ..vocabulary import LABEL_PLAN, Reason
from .children import Plan
from .observation import Observation
from .schedule import schedule_problem, time_zone_problem

Check = Callable[[Plan, Observation], Finding | None]


def validated(plan: Plan, seen: Observation) -> Finding:
    """Whether the spec and what it refers to make sense together."""
    for check in (_schedule_parses, _time_zone_exists, _backbone_exists, _backbone_stays):
        found = check(plan, seen)
        if found is not None:
            return found
    return Finding(True, Reason.VALID, "Schedule, time zone and backbone make sense.")


def hindrance(plan: Plan, seen: Observation, valid: Finding, refusals: Sequence[Refusal]) -> Finding | None:
    """Why no run may start, if there is a reason."""
    if not valid.holds:
        return valid
    if plan.spec.suspend:
        return Finding(False, Reason.SUSPENDED, "spec.suspend is true: no run starts.")
    taken = _names_free(plan, seen)
    if taken is not None:
        return taken
    for refusal in refusals:
        return Finding(False, refusal.reason, f"{refusal.child}: {refusal.message}", stuck=True)
    return _backbone_not_suspended(plan, seen) or _backbone_ready(plan, seen)


def scheduled(plan: Plan, seen: Observation, valid: Finding, obstacle: Finding | None) -> Finding:
    """Whether the CronJob stands as the spec describes it and will fire."""
    if obstacle is None:
        message = f"Runs start at {plan.spec.schedule!r} in {plan.spec.time_zone}."
        return Finding(True, Reason.SCHEDULE_IN_PLACE, message)
    if valid.holds and obstacle.holds is None and seen.cron_job is not None and not seen.cron_job.suspended:
        return Finding(True, Reason.SCHEDULE_IN_PLACE, f"The schedule stays in force. {obstacle.message}")
    return Finding(False, obstacle.reason, obstacle.message)


def _schedule_parses(plan: Plan, seen: Observation) -> Finding | None:
    problem = schedule_problem(plan.spec.schedule)
    return Finding(False, Reason.INVALID_SCHEDULE, f"spec.schedule: {problem}", True) if problem else None


def _time_zone_exists(plan: Plan, seen: Observation) -> Finding | None:
    problem = time_zone_problem(plan.spec.time_zone)
    return Finding(False, Reason.UNKNOWN_TIME_ZONE, f"spec.timeZone: {problem}", True) if problem else None


def _backbone_exists(plan: Plan, seen: Observation) -> Finding | None:
    if seen.backbone is not None:
        return None
    name = plan.spec.backbone_ref.name
    message = f"There is no DataBackbone {name} in namespace {plan.namespace}; runs start when there is."
    return Finding(False, Reason.BACKBONE_NOT_FOUND, message)


def _backbone_stays(plan: Plan, seen: Observation) -> Finding | None:
    if seen.backbone is None or not seen.backbone.terminating:
        return None
    return Finding(
        False, Reason.BACKBONE_DELETED, f"DataBackbone {seen.backbone.name} is being deleted.", True
    )


def _names_free(plan: Plan, seen: Observation) -> Finding | None:
    for child in (seen.plan_file, seen.cron_job):
        if child is not None and not _ours(plan, child):
            message = f"{child.kind} {child.name} exists and belongs to somebody else; rename or remove it."
            return Finding(False, Reason.NAME_TAKEN, message, stuck=True)
    return None


def _ours(plan: Plan, child: ChildReading) -> bool:
    return child.belongs_to(plan.uid, {LABEL_PLAN: plan.name})


def _backbone_not_suspended(plan: Plan, seen: Observation) -> Finding | None:
    if seen.backbone is None or not seen.backbone.suspended:
        return None
    return Finding(False, Reason.BACKBONE_SUSPENDED, f"DataBackbone {seen.backbone.name} is suspended.")


def _backbone_ready(plan: Plan, seen: Observation) -> Finding | None:
    backbone = seen.backbone
    if backbone is None or backbone.ready is True:
        return None
    message = f"DataBackbone {backbone.name} is not Ready: {backbone.ready_message}"
    return Finding(backbone.ready, Reason.BACKBONE_NOT_READY, message)
