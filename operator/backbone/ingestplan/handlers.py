"""Wake an IngestPlan's visits: on changes of itself, of its children, and of its backbone."""

from __future__ import annotations

import kopf

from ..conditions import read_conditions
from ..handling import Clock, Room
from ..jobs.pods import WorkerImages
from ..ports.cluster import CONFIG_MAP, CRON_JOB, DATA_BACKBONE, INGEST_PLAN, JOB, POD, Cluster
from ..visits import Visits
from ..vocabulary import LABEL_PLAN, ConditionType
from ..watching import Referring, Watched, child_mark_of, key_by_label, key_of, object_mark_of
from .api import RESOURCE, IngestPlanSpec
from .evaluate import evaluate
from .measures import FAMILIES
from .observation import Observation
from .observe import Observer


def room(cluster: Cluster, images: WorkerImages, clock: Clock) -> Room[IngestPlanSpec, Observation]:
    """The kind, with what its observer needs."""
    observer = Observer(cluster, images, clock)
    return Room(
        INGEST_PLAN,
        IngestPlanSpec,
        RESOURCE.conditions,
        observer,
        evaluate,
        optional=RESOURCE.optional,
        families=FAMILIES,
    )


def register(registry: kopf.OperatorRegistry, visits: Visits) -> None:
    """Have everything that could change a plan's state wake its visits."""
    plans = Referring()

    @kopf.on.event(INGEST_PLAN.api_version, INGEST_PLAN.plural, registry=registry)
    async def plan_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key = key_of(INGEST_PLAN, body)
        plans.note(body, type, key)
        if visits.changed(key, object_mark_of(body, type)):
            visits.wake(key)

    @kopf.on.event(DATA_BACKBONE.api_version, DATA_BACKBONE.plural, registry=registry)
    async def backbone_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
        key = key_of(DATA_BACKBONE, body)
        for plan in plans.to(key):
            visits.hear(plan, key, object_mark_of(body, type, _readiness(body)))

    for child in (CONFIG_MAP, CRON_JOB, JOB, POD):

        @kopf.on.event(
            child.api_version,
            child.plural,
            labels={LABEL_PLAN: kopf.PRESENT},
            registry=registry,
            id=child.plural,
        )
        async def child_changed(body: kopf.Body, type: str | None, **_: object) -> None:  # noqa: A002 - kopf's name
            owner = key_by_label(INGEST_PLAN, body, LABEL_PLAN)
            visits.hear(owner, (body["kind"], body["metadata"]["name"]), child_mark_of(body, type))


def _readiness(body: Watched) -> tuple[str, ...]:
    conditions = read_conditions((body.get("status") or {}).get("conditions"))
    summary = next((item for item in conditions if item.type == ConditionType.READY), None)
    return (summary.status, summary.reason, summary.message) if summary else ()
