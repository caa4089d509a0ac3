"""Wake a DataBackbone's visits: on changes of itself, of its children, and of plans that refer to it."""

from __future__ import annotations

import kopf

from ..handling import Clock, Room
from ..jobs.looks import Pace
from ..jobs.pods import WorkerImages
from ..ports.cluster import CLAIM, CONFIG_MAP, DATA_BACKBONE, INGEST_PLAN, JOB, POD, Cluster
from ..visits import Visits
from ..vocabulary import LABEL_BACKBONE, LABEL_PLAN
from ..watching import backbone_of, child_mark_of, key_by_label, key_of, object_mark_of
from .api import RESOURCE, DataBackboneSpec
from .evaluate import evaluate
from .measures import FAMILIES
from .observation import Observation
from .observe import Observer
from .plans import IndexedPlan, Plans

OWN = {LABEL_BACKBONE: kopf.PRESENT, LABEL_PLAN: kopf.ABSENT}
"""Labels of a backbone's children; those of a plan name the plan as well."""


def room(
    cluster: Cluster, plans: Plans, images: WorkerImages, pace: Pace, clock: Clock
) -> Room[DataBackboneSpec, Observation]:
    """The kind, with what its observer needs."""
    observer = Observer(cluster, plans, images, pace, clock)
    return Room(
        DATA_BACKBONE,
        DataBackboneSpec,
        RESOURCE.conditions,
        observer,
        evaluate,
        optional=RESOURCE.optional,
        families=FAMILIES,
    )


def register(registry: kopf.OperatorRegistry, visits: Visits, plans: Plans) -> None:
    """Have everything that could change a backbone's state wake its visits."""

    @kopf.on.event(DATA_BACKBONE.api_version, DATA_BACKBONE.plural, registry=registry)
    async def backbone_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key = key_of(DATA_BACKBONE, body)
        if visits.changed(key, object_mark_of(body, type)):
            visits.wake(key)

    @kopf.on.event(INGEST_PLAN.api_version, INGEST_PLAN.plural, registry=registry)
    async def plan_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key, plan = key_of(INGEST_PLAN, body), IndexedPlan.read(body, type)
        plans.note(key.namespace, plan)
        visits.hear(backbone_of(body), key, None if plan.gone else plan.reading)

    for child in (CLAIM, CONFIG_MAP, JOB, POD):

        @kopf.on.event(child.api_version, child.plural, labels=OWN, registry=registry, id=child.plural)
        async def child_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
            owner = key_by_label(DATA_BACKBONE, body, LABEL_BACKBONE)
            visits.hear(owner, (body["kind"], body["metadata"]["name"]), child_mark_of(body, type))
