"""Look at what a DataBackbone consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from ..evaluation import Subject
from ..ports.cluster import CLAIM, CONFIG_MAP, JOB, POD, Cluster
from ..ports.readings import ChildReading, ClaimReading, controller_of, read_jobs
from ..vocabulary import Component
from ..workload import WorkerImages, child_labels, claim_name
from .api import DataBackboneSpec
from .children import binding_name
from .observation import Observation
from .plans import Plans


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster
    plans: Plans
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
            self.plans.of(space, name),
        )
        # Labels can be anybody's: a Job that this backbone did not start says nothing and is left alone.
        ours = [job for job in jobs if controller_of(job) == backbone.uid]
        read = (backbone.status.get("volume") or {}).get("probeJob")
        news = any(job["metadata"]["name"] != read for job in ours)
        # Pods after Jobs: a Job that had ended then shows the pods it ended with.
        pods = await self.cluster.list(POD, space, probe_labels) if news else []
        return Observation(
            claim=ClaimReading.read(claim) if claim else None,
            binding=ChildReading.read(binding) if binding else None,
            probes=read_jobs(ours, pods),
            plans=plans,
            images=self.images,
            probe_interval=self.probe_interval,
        )
