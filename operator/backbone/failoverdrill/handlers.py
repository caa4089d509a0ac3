"""Wake a FailoverDrill's visits."""

from __future__ import annotations

import kopf

from ..evaluation import Subject
from ..handling import Room
from ..ports.cluster import FAILOVER_DRILL
from ..visits import Key, Visits
from ..watching import key_of, mark_of
from .api import RESOURCE, FailoverDrillSpec
from .evaluate import evaluate


async def observe(drill: Subject[FailoverDrillSpec]) -> None:
    """Look at nothing: no scenario exists that could look."""


ROOM: Room[FailoverDrillSpec, None] = Room(
    FAILOVER_DRILL, FailoverDrillSpec, RESOURCE.conditions, observe, evaluate
)


def register(registry: kopf.OperatorRegistry, visits: Visits) -> None:
    """Have every change of a drill wake its visits."""

    @kopf.on.event(FAILOVER_DRILL.api_version, FAILOVER_DRILL.plural, registry=registry)
    async def drill_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key: Key = key_of(FAILOVER_DRILL, body)
        if visits.changed(key, mark_of(body, type)):
            visits.wake(key)
