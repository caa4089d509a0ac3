"""Look at what a DataBackbone consists of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ..evaluation import Subject
from ..handling import Clock
from ..jobs.looks import Pace
from ..jobs.pod_refusals import with_refusals
from ..jobs.pods import WorkerImages, child_labels, claim_name
from ..ports.cluster import CLAIM, CONFIG_MAP, JOB, POD, Cluster
from ..ports.readings import ChildReading, ClaimReading, JobReading, controller_of, read_jobs
from ..vocabulary import Component
from .api import DataBackboneSpec
from .children import binding_name
from .cluster import ClusterIdentity
from .observation import Observation
from .plans import RELIST_SECONDS, SHARED_SECONDS, Plans


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster
    plans: Plans
    images: WorkerImages
    pace: Pace
    clock: Clock
    _identity: ClusterIdentity = field(init=False)

    def __post_init__(self) -> None:
        """What every backbone asks is asked once."""
        object.__setattr__(self, "_identity", ClusterIdentity(self.cluster))

    async def __call__(self, backbone: Subject[DataBackboneSpec]) -> Observation:
        """Look once."""
        space, name = backbone.namespace, backbone.name
        claim, binding, probes, (checks, topic_checks, lag_looks), plans, cluster = await asyncio.gather(
            self.cluster.get(CLAIM, space, claim_name(name)),
            self.cluster.get(CONFIG_MAP, space, binding_name(name)),
            self._jobs(backbone, Component.VOLUME_PROBE, ("volume", "probeJob")),
            self._checks(backbone),
            self.plans.of(space, name, SHARED_SECONDS if _may_choose(backbone) else RELIST_SECONDS),
            self._cluster_of(backbone),
        )
        return Observation(
            claim=ClaimReading.read(claim) if claim else None,
            binding=ChildReading.read(binding) if binding else None,
            probes=probes,
            plans=plans,
            images=self.images,
            pace=self.pace,
            checks=checks,
            topic_checks=topic_checks,
            lag_looks=lag_looks,
            cluster=cluster,
        )

    async def _cluster_of(self, backbone: Subject[DataBackboneSpec]) -> str | None:
        """Only a database asks whose it is."""
        return await self._identity() if backbone.spec.timescale is not None else None

    async def _checks(
        self, backbone: Subject[DataBackboneSpec]
    ) -> tuple[tuple[JobReading, ...], tuple[JobReading, ...], tuple[JobReading, ...]]:
        """Jobs that look at the database, those that look at topics, and those that sample lag."""
        spec = backbone.spec
        groups = spec.kafka is not None and bool(spec.kafka.consumer_groups)
        return await asyncio.gather(
            self._of_service(backbone, Component.DATABASE, "database", configured=spec.timescale is not None),
            self._of_service(backbone, Component.TOPICS, "topics", configured=spec.kafka is not None),
            self._of_service(backbone, Component.LAG, "lag", configured=groups),
        )

    async def _of_service(
        self, backbone: Subject[DataBackboneSpec], component: Component, field: str, *, configured: bool
    ) -> tuple[JobReading, ...]:
        """Where a service is not configured, and was not, nobody looked at one."""
        if not configured and not backbone.status.get(field):
            return ()
        return await self._jobs(backbone, component, (field, "job"))

    async def _jobs(
        self, backbone: Subject[DataBackboneSpec], component: Component, read: tuple[str, str]
    ) -> tuple[JobReading, ...]:
        """The Jobs of one purpose with their pods. `read` is where status names the one that was read."""
        labels = child_labels(component, backbone.name)
        jobs = await self.cluster.list(JOB, backbone.namespace, labels)
        # Labels can be anybody's: a Job that this backbone did not start says nothing and is left alone.
        ours = [job for job in jobs if controller_of(job) == backbone.uid]
        known = (backbone.status.get(read[0]) or {}).get(read[1])
        news = any(job["metadata"]["name"] != known for job in ours)
        # Pods after Jobs: a Job that had ended then shows the pods it ended with.
        pods = await self.cluster.list(POD, backbone.namespace, labels) if news else []
        return await with_refusals(self.cluster, backbone.namespace, read_jobs(ours, pods), self.clock())


def _may_choose(backbone: Subject[DataBackboneSpec]) -> bool:
    """Whether this visit may choose the tier, which it does on the word of the plans that none runs."""
    active = (backbone.status.get("tier") or {}).get("active")
    holds_rows = (backbone.status.get("volume") or {}).get("holdsRows")
    return backbone.spec.requested_tier != (active or "Bootstrap") and not holds_rows
