"""Look at what a DataBackbone consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..conditions import parse_time
from ..evaluation import Subject
from ..ports.cluster import CLAIM, CONFIG_MAP, INGEST_PLAN, JOB, POD, Cluster
from ..ports.readings import ChildReading, ClaimReading, controller_of, read_jobs
from ..vocabulary import Component
from ..workload import WorkerImages, child_labels, claim_name
from .api import DataBackboneSpec
from .children import binding_name
from .observation import Observation, PlanReading


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster
    images: WorkerImages
    probe_interval: timedelta

    async def __call__(self, backbone: Subject[DataBackboneSpec]) -> Observation:
        """Look once."""
        space, name = backbone.namespace, backbone.name
        probe_labels = child_labels(Component.VOLUME_PROBE, name)
        claim, binding, jobs, plans = await asyncio.gather(
            self.cluster.get(CLAIM, space, claim_name(name)),
            self.cluster.get(CONFIG_MAP, space, binding_name(name)),
            self.cluster.list(JOB, space, probe_labels),
            self.cluster.list(INGEST_PLAN, space, {}),
        )
        # Pods after Jobs: a Job that had ended then shows the pods it ended with.
        pods = await self.cluster.list(POD, space, probe_labels)
        return Observation(
            claim=ClaimReading.read(claim) if claim else None,
            binding=ChildReading.read(binding) if binding else None,
            # Labels can be anybody's: a Job that this backbone did not start says nothing and is left alone.
            probes=read_jobs([job for job in jobs if controller_of(job) == backbone.uid], pods),
            plans=tuple(_read_plan(raw) for raw in plans if raw["spec"]["backboneRef"]["name"] == name),
            images=self.images,
            probe_interval=self.probe_interval,
        )


def _read_plan(raw: dict[str, Any]) -> PlanReading:
    last = (raw.get("status") or {}).get("lastRun") or {}
    try:
        end = parse_time(last["end"])
    except (KeyError, TypeError, ValueError):
        end = None
    return PlanReading(raw["metadata"]["name"], last.get("outcome"), end)
