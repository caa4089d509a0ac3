"""CronJobs of a plan under a former name: each is suspended, and let go once nothing of it is left to read.

The plan's own CronJob is made when all of them are seen to stand still, so that no fire has two. What fires
meanwhile has none, which is a missed run like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation import Apply, Prune
from ..ports.cluster import CRON_JOB
from ..ports.readings import CronJobReading, JobReading
from ..vocabulary import LABEL_PLAN
from . import children
from .api import IngestPlanStatus
from .children import Plan
from .observation import Observation


@dataclass(frozen=True, slots=True)
class Retiring:
    """What is to be done about them: `still` is whether none of them fires any more."""

    still: bool
    suspend: tuple[Apply, ...] = ()
    delete: tuple[Prune, ...] = ()


FORMER = "its schedule has a CronJob of another name now"


def retire(plan: Plan, seen: Observation, present: Observation, standing: IngestPlanStatus) -> Retiring:
    """Look at each one. `present` is the observation without runs that say nothing any more."""
    ours = [item for item in seen.former if item.belongs_to(plan.uid, {LABEL_PLAN: plan.name})]
    firing = [item for item in ours if not (item.suspended or item.terminating)]
    gone = [
        prune
        for item in ours
        if item.suspended and not item.terminating
        for prune in _let_go(item, seen, present, standing)
    ]
    suspend = tuple(_suspended(plan, seen, item) for item in firing)
    return Retiring(not firing, suspend, tuple(gone))


def _suspended(plan: Plan, seen: Observation, item: CronJobReading) -> Apply:
    document = children.cron_job(
        plan,
        seen.images,
        seen.claim_uid,
        item.schedule,
        item.time_zone,
        suspend=True,
        services=seen.services,
        name=item.name,
    )
    return Apply(document, item)


def _let_go(
    item: CronJobReading, seen: Observation, present: Observation, standing: IngestPlanStatus
) -> tuple[Prune, ...]:
    """Delete its Jobs once they are read, so that none outlives the plan, and then the CronJob.

    Without what it owns: should its controller have made another Job meanwhile, that is read like any run.
    """
    left = [job for job in (*seen.runs, *seen.strays) if job.controller_uid == item.uid]
    if not left:
        return (Prune(item.name, item.uid, CRON_JOB, orphan=True, why=FORMER),)
    if not all(_read(job, present, standing) for job in left):
        return ()
    return tuple(Prune(job.name, job.uid, why=FORMER) for job in left)


def _read(job: JobReading, present: Observation, standing: IngestPlanStatus) -> bool:
    """Whether it has ended and its outcome stands in status, unless it says nothing of this plan."""
    if job.finished is None:
        return False
    until = standing.outcomes_read_until
    return job not in present.runs or (until is not None and job.finished <= until)
