"""Look at what an IngestPlan refers to and consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..evaluation import Subject
from ..handling import Clock
from ..jobs.pod_refusals import with_refusals
from ..jobs.pods import WorkerImages, child_labels
from ..ports.cluster import CLAIM, CONFIG_MAP, CRON_JOB, DATA_BACKBONE, JOB, POD, Cluster
from ..ports.readings import (
    BackboneReading,
    ChildReading,
    ClaimReading,
    CronJobReading,
    JobReading,
    controller_of,
    read_jobs,
)
from ..vocabulary import LABEL_COMPONENT, LABEL_EXPORT, LABEL_PLAN, LABEL_PLAN_UID, Component
from .api import IngestPlanSpec
from .children import cron_job_name, plan_file_name
from .fire_refusals import FireRefusals
from .observation import Observation


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster
    images: WorkerImages
    clock: Clock
    _refusals: FireRefusals = field(init=False)

    def __post_init__(self) -> None:
        """What the API server answered last is kept from visit to visit."""
        object.__setattr__(self, "_refusals", FireRefusals(self.cluster))

    async def __call__(self, plan: Subject[IngestPlanSpec]) -> Observation:
        """Look once."""
        space, name, backbone_name = plan.namespace, plan.name, plan.spec.backbone_ref.name
        labels = child_labels(Component.RUN, backbone_name, **{LABEL_PLAN: name})
        # Runs, releases from quarantine and exports, told apart below.
        del labels[LABEL_COMPONENT]
        backbone, plan_file, every_cron_job, jobs, targets = await asyncio.gather(
            self.cluster.get(DATA_BACKBONE, space, backbone_name),
            self.cluster.get(CONFIG_MAP, space, plan_file_name(name)),
            self.cluster.list(CRON_JOB, space, labels),
            self.cluster.list(JOB, space, labels),
            self._targets(plan),
        )
        cron_jobs = [item for item in every_cron_job if _component(item) == Component.SCHEDULE]
        exports = [item for item in every_cron_job if _component(item) == Component.EXPORT]
        wanted = cron_job_name(plan)
        cron_job = next((item for item in cron_jobs if item["metadata"]["name"] == wanted), None)
        if cron_job is None:
            # Somebody else's has no labels of ours.
            cron_job = await self.cluster.get(CRON_JOB, space, wanted)
        # Pods after Jobs: a Job that had ended then shows the pods it ended with.
        pods = await self.cluster.list(POD, space, labels) if jobs else []
        # Labels can be anybody's.
        standing = cron_jobs if cron_job is None or cron_job in cron_jobs else [*cron_jobs, cron_job]
        owners = {plan.uid, *(item["metadata"]["uid"] for item in [*standing, *exports])}
        owned = [job for job in jobs if controller_of(job) in owners or _orphaned(plan, job)]
        ours = [job for job in owned if _ran_for(plan, job)]
        now = self.clock()
        runs, releases, exported = await self._read(space, ours, pods, now)
        seen = Observation(
            backbone=BackboneReading.read(backbone) if backbone else None,
            plan_file=ChildReading.read(plan_file) if plan_file else None,
            cron_job=CronJobReading.read(cron_job) if cron_job else None,
            runs=runs,
            images=self.images,
            releases=releases,
            exports=tuple((_export(ours, job.name), job) for job in exported),
            export_schedules=tuple(map(CronJobReading.read, exports)),
            targets=targets,
            strays=read_jobs([job for job in owned if job not in ours], pods),
            former=tuple(
                CronJobReading.read(item) for item in cron_jobs if item["metadata"]["name"] != wanted
            ),
        )
        return replace(seen, refusal=await self._refusals.of(plan, seen, now))

    async def _read(
        self, space: str, ours: list[dict[str, Any]], pods: list[dict[str, Any]], now: datetime
    ) -> list[tuple[JobReading, ...]]:
        return await asyncio.gather(
            *(
                with_refusals(
                    self.cluster,
                    space,
                    read_jobs([job for job in ours if _component(job) == part], pods),
                    now,
                )
                for part in (Component.RUN, Component.QUARANTINE, Component.EXPORT)
            )
        )

    async def _targets(self, plan: Subject[IngestPlanSpec]) -> dict[str, ClaimReading]:
        names = sorted({export.target.claim_name for export in plan.spec.exports or ()})
        found = await asyncio.gather(
            *(self.cluster.get(CLAIM, plan.namespace, name) for name in names),
        )
        return {name: ClaimReading.read(raw) for name, raw in zip(names, found, strict=True) if raw}


def _export(jobs: list[dict[str, Any]], name: str) -> str:
    """The export of a Job, by its label."""
    labels = next(job["metadata"].get("labels") or {} for job in jobs if job["metadata"]["name"] == name)
    return str(labels.get(LABEL_EXPORT, ""))


def _component(raw: dict[str, Any]) -> str:
    return str((raw["metadata"].get("labels") or {}).get(LABEL_COMPONENT, ""))


def _orphaned(plan: Subject[IngestPlanSpec], job: dict[str, Any]) -> bool:
    """Whether a Job is what a CronJob of the plan's left behind when it went."""
    labels = job["metadata"].get("labels") or {}
    return controller_of(job) is None and labels.get(LABEL_PLAN_UID) == plan.uid


def _ran_for(plan: Subject[IngestPlanSpec], job: dict[str, Any]) -> bool:
    """Whether a Job ran for this plan, and not for one of its name whose CronJob it took over.

    Without the label, which older versions did not give, a Job counts if the plan controls it. One of the
    CronJob counts only while the plan's record, which begins with the plan, has it as the run under way.
    """
    labels = job["metadata"].get("labels") or {}
    if LABEL_PLAN_UID in labels:
        return bool(labels[LABEL_PLAN_UID] == plan.uid)
    under_way = (plan.status.get("activeRun") or {}).get("id")
    return controller_of(job) == plan.uid or job["metadata"]["name"] == under_way
