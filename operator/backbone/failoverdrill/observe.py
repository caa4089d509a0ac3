"""Look at what a FailoverDrill refers to."""

from __future__ import annotations

from dataclasses import dataclass

from ..evaluation import Subject
from ..ports.cluster import DATA_BACKBONE, Cluster
from ..ports.readings import BackboneReading
from .api import FailoverDrillSpec
from .observation import Observation


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads through the cluster port; raises what the port raises."""

    cluster: Cluster

    async def __call__(self, drill: Subject[FailoverDrillSpec]) -> Observation:
        """Look once."""
        backbone = await self.cluster.get(DATA_BACKBONE, drill.namespace, drill.spec.backbone_ref.name)
        return Observation(BackboneReading.read(backbone) if backbone else None)
