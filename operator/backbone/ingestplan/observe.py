"""Look at what an IngestPlan refers to and consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from ..evaluation import Subject
from ..ports.cluster import CONFIG_MAP, CRON_JOB, DATA_BACKBONE, JOB, POD, Cluster
from ..ports.readings import BackboneReading, ChildReading, CronJobReading, controller_of, read_jobs
from ..vocabulary import LABEL_COMPONENT, LABEL_PLAN, LABEL_PLAN_UID, Component
from ..workload import WorkerImages, child_labels
from .api import IngestPlanSpec
from .children import cron_job_name, plan_file_name
from .observation import Observation


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster
    images: WorkerImages

    async def __call__(self, plan: Subject[IngestPlanSpec]) -> Observation:
        """Look once."""
        space, name, backbone_name = plan.namespace, plan.name, plan.spec.backbone_ref.name
        labels = child_labels(Component.RUN, backbone_name, **{LABEL_PLAN: name})
        # Runs and releases from quarantine, told apart below.
        del labels[LABEL_COMPONENT]
        backbone, plan_file, cron_job, jobs = await asyncio.gather(
            self.cluster.get(DATA_BACKBONE, space, backbone_name),
            self.cluster.get(CONFIG_MAP, space, plan_file_name(name)),
            self.cluster.get(CRON_JOB, space, cron_job_name(name)),
            self.cluster.list(JOB, space, labels),
        )
        # Pods after Jobs: a Job that had ended then shows the pods it ended with.
        pods = await self.cluster.list(POD, space, labels) if jobs else []
        # Labels can be anybody's.
        owners = {plan.uid, cron_job["metadata"]["uid"] if cron_job else None}
        owned = [job for job in jobs if controller_of(job) in owners]
        ours = [job for job in owned if _ran_for(plan, job)]
        return Observation(
            backbone=BackboneReading.read(backbone) if backbone else None,
            plan_file=ChildReading.read(plan_file) if plan_file else None,
            cron_job=CronJobReading.read(cron_job) if cron_job else None,
            runs=read_jobs([job for job in ours if _component(job) == Component.RUN], pods),
            images=self.images,
            releases=read_jobs([job for job in ours if _component(job) == Component.QUARANTINE], pods),
            strays=read_jobs([job for job in owned if job not in ours], pods),
        )


def _component(raw: dict[str, Any]) -> str:
    return str((raw["metadata"].get("labels") or {}).get(LABEL_COMPONENT, ""))


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
