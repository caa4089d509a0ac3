"""What is to be done about an IngestPlan: children, runs, releases, words, and what nobody needs any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..evaluation import Action, Apply, Finding, Prune, Start
from ..jobs.ends import OTHER_SETTINGS, outdated
from ..jobs.pods import pods_mark
from ..ports.readings import ChildReading
from ..vocabulary import Outcome, Reason
from . import children
from .api import IngestPlanStatus
from .checks import validated
from .children import FINISHED_JOBS_KEPT, Plan
from .former import Retiring
from .observation import Observation
from .releases import DueRelease, due_release
from .triggers import Trigger, due_trigger
from .words import Word


@dataclass(frozen=True, slots=True)
class Work:
    """What this visit does, and the trigger and the release among it."""

    actions: tuple[Action, ...]
    trigger: Trigger | None
    release: DueRelease | None = None


def work_of(
    plan: Plan,
    seen: Observation,
    status: IngestPlanStatus,
    obstacle: Finding | None,
    *,
    missed: datetime | None,
    retiring: Retiring,
) -> Work:
    """Children as they shall be, and what is due; `missed` is a fire of the schedule that is made up for."""
    if obstacle is not None and obstacle.reason is Reason.NAME_TAKEN:
        return Work((), None)
    actions: list[Action] = [*retiring.suspend]
    if seen.backbone is not None and not _leaving(seen.plan_file):
        actions.append(Apply(children.plan_file(plan, seen.backbone), seen.plan_file))
    schedule = _schedule(plan, seen)
    if schedule is not None and not _leaving(seen.cron_job) and (retiring.still or seen.cron_job is not None):
        document = children.cron_job(
            plan,
            seen.images,
            seen.claim_uid,
            *schedule,
            suspend=suspends(seen, obstacle),
            services=seen.services,
            pods=seen.pods,
        )
        actions.append(Apply(document, seen.cron_job))
    may = obstacle is None and may_start(seen)
    trigger = due_trigger(plan, status, seen, missed) if may else None
    if trigger is not None:
        job = children.run(plan, seen.images, seen.claim_uid, trigger.job, seen.services, pods=seen.pods)
        actions.append(Start(job, trigger.why))
    release = due_release(plan, status) if may else None
    if release is not None and not release.problem:
        job = children.release(
            plan,
            seen.images,
            seen.claim_uid,
            release.job,
            release.options,
            services=seen.services,
            pods=seen.pods,
        )
        actions.append(Start(job, f"quarantine-release {release.token!r}"))
    return Work(tuple(actions), trigger, release)


def acknowledging(plan: Plan, seen: Observation, words: tuple[Word, ...]) -> tuple[Start, ...]:
    """A Job for each new word on the quarantine."""
    return tuple(
        Start(
            children.release(
                plan,
                seen.images,
                seen.claim_uid,
                word.job,
                word.options,
                services=seen.services,
                what="acknowledge",
                pods=seen.pods,
            ),
            f"acknowledge {word.entry!r}",
        )
        for word in words
    )


def _schedule(plan: Plan, seen: Observation) -> tuple[str, str | None] | None:
    """The CronJob's schedule; a bad one leaves the standing CronJob's in place, and makes no new one."""
    standing = seen.cron_job
    if validated(plan, seen).holds:
        return plan.spec.schedule, plan.spec.time_zone
    return (standing.schedule, standing.time_zone) if standing is not None else None


def schedule_in_force(plan: Plan, seen: Observation, valid: Finding) -> str | None:
    """The schedule that fires: a bad one changes nothing."""
    if valid.holds:
        return plan.spec.schedule
    return seen.cron_job.schedule if seen.cron_job is not None else None


def suspends(seen: Observation, obstacle: Finding | None) -> bool:
    """Whether the CronJob pauses. Not knowing how the backbone is does not stop a schedule in force."""
    if obstacle is None:
        return False
    unknown = obstacle.reason is Reason.BACKBONE_NOT_READY and obstacle.holds is None
    return not (unknown and seen.cron_job is not None and not seen.cron_job.suspended)


def may_start(seen: Observation) -> bool:
    """Whether a Job would find what it reads."""
    return seen.backbone is not None and not _leaving(seen.plan_file)


def _leaving(child: ChildReading | None) -> bool:
    return child is not None and child.terminating


def claim_goes(seen: Observation) -> bool:
    """Whether nothing of ours may hold the claim any longer."""
    return seen.backbone is None or seen.backbone.terminating or seen.backbone.claim_leaving


def prunes_of(
    plan: Plan, seen: Observation, status: IngestPlanStatus, standing: IngestPlanStatus
) -> tuple[Prune, ...]:
    """Finished Jobs that no CronJob cleans up, beyond the newest few. Their outcomes stand in status.

    Pods hold a claim even when they have finished, so all of them go where the claim has to.
    """
    until = standing.outcomes_read_until
    if claim_goes(seen):
        read = [job for job in seen.runs if until and job.finished and job.finished <= until]
        done = [job for job in seen.releases if until and job.finished]
        strays = [job for job in seen.strays if job.finished]
        return tuple(Prune(job.name, job.uid) for job in (*read, *done, *strays))
    last = status.last_run.id if status.last_run else None
    ours = [job for job in seen.runs if job.finished is not None and not job.scheduled]
    old = [job for job in seen.releases[:-1] if job.finished is not None]
    runs = (job for job in ours[:-FINISHED_JOBS_KEPT] if job.name != last)
    return tuple(Prune(job.name, job.uid) for job in (*runs, *old)) + _outdated(plan, seen, standing)


def _outdated(plan: Plan, seen: Observation, standing: IngestPlanStatus) -> tuple[Prune, ...]:
    """The first run, where its pods are refused by what was said of them before: it is started anew.

    Not before the stored status says that they are refused: it then tells why the Job is gone, also where we
    end before the next status is written.
    """
    first = standing.triggers.first if standing.triggers else None
    active = standing.active_run
    if active is not None and active.id == first and active.trouble != Outcome.POD_REFUSED:
        return ()
    mark = pods_mark(children.pods_of(plan, seen.pods))
    return tuple(
        Prune(job.name, job.uid, why=OTHER_SETTINGS)
        for job in seen.runs
        if job.name == first and outdated(job, mark)
    )
