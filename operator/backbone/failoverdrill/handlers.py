"""Wake a FailoverDrill's visits: on changes of itself, and when its backbone comes or goes."""

from __future__ import annotations

import kopf

from ..handling import Room
from ..ports.cluster import DATA_BACKBONE, FAILOVER_DRILL, Cluster
from ..visits import Visits
from ..watching import Referring, key_of, object_mark_of
from .api import RESOURCE, FailoverDrillSpec
from .evaluate import evaluate
from .observation import Observation
from .observe import Observer


def room(cluster: Cluster) -> Room[FailoverDrillSpec, Observation]:
    """The kind, with what its observer needs."""
    return Room(FAILOVER_DRILL, FailoverDrillSpec, RESOURCE.conditions, Observer(cluster), evaluate)


def register(registry: kopf.OperatorRegistry, visits: Visits) -> None:
    """Have everything that could change a drill's state wake its visits."""
    drills = Referring()

    @kopf.on.event(FAILOVER_DRILL.api_version, FAILOVER_DRILL.plural, registry=registry)
    async def drill_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key = key_of(FAILOVER_DRILL, body)
        drills.note(body, type, key)
        if visits.changed(key, object_mark_of(body, type)):
            visits.wake(key)

    @kopf.on.event(DATA_BACKBONE.api_version, DATA_BACKBONE.plural, registry=registry)
    async def backbone_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key = key_of(DATA_BACKBONE, body)
        for drill in drills.to(key):
            visits.hear(drill, key, None if type == "DELETED" else body["metadata"]["uid"])
