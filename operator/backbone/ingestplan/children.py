"""The child objects of an IngestPlan, as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from ..evaluation import Subject
from ..jobs.pod_settings import Settings, merged, settings_of
from ..jobs.pods import (
    PLAN_DIRECTORY,
    Work,
    WorkerImages,
    child_labels,
    claim_name,
    job_annotations,
    job_spec,
    owner_reference,
)
from ..naming import CRON_JOB_NAME_LIMIT, bounded_name, derived_name, schedule_name, stamped
from ..ports.cluster import DATA_BACKBONE, INGEST_PLAN
from ..ports.readings import BackboneReading
from ..rendering import BACKBONE_FILE, PLAN_FILE, document
from ..vocabulary import (
    ANNOTATION_SCHEDULE,
    API_VERSION,
    LABEL_CLAIM_UID,
    LABEL_EXPORT,
    LABEL_PLAN,
    LABEL_PLAN_UID,
    Component,
)
from .api import IngestPlanSpec
from .dimensions import connection_of
from .export_spec import Export

Plan = Subject[IngestPlanSpec]

CRASHES_FORGIVEN = 2
STARTING_DEADLINE_SECONDS = 300
"""How late the CronJob controller may start a run; after that we make it up, for the last fire alone."""

EXPORT_STARTING_DEADLINE_SECONDS = 3600
"""The same for an export, which nobody makes up: a late one has all that one in time would have had."""

FINISHED_JOBS_KEPT = 3

NOTHING_SAID: Settings = MappingProxyType({})


def plan_file_name(plan: str) -> str:
    """The ConfigMap that a worker reads."""
    return f"{plan}-plan"


def cron_job_name(plan: Plan) -> str:
    """The CronJob; its name leaves room for what its controller appends."""
    return schedule_name(plan.name, plan.uid)


def run_name(plan: Plan, *cause: str) -> str:
    """The Job of a run that did not come from the schedule: one name per cause."""
    return derived_name(bounded_name(plan.name, CRON_JOB_NAME_LIMIT), plan.uid, *cause)


def plan_file(plan: Plan, backbone: BackboneReading) -> dict[str, Any]:
    """The two documents that `emp-runtime` reads, here and outside a cluster."""
    spec = _for_a_run(backbone.spec)
    documents = {
        BACKBONE_FILE: document(DATA_BACKBONE.kind, _identity(plan.namespace, backbone), spec, backbone.tier),
        PLAN_FILE: document(
            INGEST_PLAN.kind,
            {**_identity(plan.namespace, plan), "annotations": {ANNOTATION_SCHEDULE: cron_job_name(plan)}},
            plan.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        ),
    }
    return stamped(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(plan, plan_file_name(plan.name), Component.PLAN),
            "data": documents,
        }
    )


_OF_NO_RUN = {"topics", "consumerGroups", "lag"}
"""Fields of spec.kafka that a run has no use for."""


def _for_a_run(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's spec without what pods are made of, its topics, and the groups that read them.

    None of it is a run's business, and a thousand topics are too long to stand beside every plan.
    """
    kept = {key: value for key, value in spec.items() if key != "pods"}
    if kept.get("kafka"):
        kept["kafka"] = {key: value for key, value in kept["kafka"].items() if key not in _OF_NO_RUN}
    return kept


def cron_job(
    plan: Plan,
    images: WorkerImages,
    claim_uid: str | None,
    schedule: str,
    time_zone: str | None,
    *,
    suspend: bool,
    services: tuple[str, ...] = (),
    pods: Settings = NOTHING_SAID,
    name: str | None = None,
) -> dict[str, Any]:
    """The CronJob on a schedule that is known to parse; `name` is for one of a former name.

    `services` are the Secrets of the institutional tier's services, and `pods` what the backbone says of the
    pods of all Jobs, here and below.
    """
    metadata = _metadata(plan, name or cron_job_name(plan), Component.SCHEDULE)
    if name is None:
        # By which it is told from those of earlier versions.
        metadata["labels"] = {**metadata["labels"], LABEL_PLAN_UID: plan.uid}
    timing = (schedule, time_zone, STARTING_DEADLINE_SECONDS)
    jobs = _run(plan, images, services, pods)
    return _scheduled(metadata, _job_labels(plan, Component.RUN, claim_uid), jobs, timing, suspend=suspend)


def _scheduled(
    metadata: dict[str, Any],
    labels: dict[str, str],
    work: Work,
    timing: tuple[str, str | None, int],
    *,
    suspend: bool,
) -> dict[str, Any]:
    """A CronJob whose Jobs have these labels, one at a time; `timing` is schedule, time zone and deadline."""
    schedule, time_zone, deadline = timing
    spec = {
        "schedule": schedule,
        **({"timeZone": time_zone} if time_zone else {}),
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": deadline,
        "suspend": suspend,
        "successfulJobsHistoryLimit": FINISHED_JOBS_KEPT,
        "failedJobsHistoryLimit": FINISHED_JOBS_KEPT,
        "jobTemplate": {"metadata": {"labels": labels}, "spec": job_spec(work)},
    }
    return stamped({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec})


def run(
    plan: Plan,
    images: WorkerImages,
    claim_uid: str | None,
    name: str,
    services: tuple[str, ...] = (),
    *,
    pods: Settings = NOTHING_SAID,
) -> dict[str, Any]:
    """The Job of one run."""
    labels = _job_labels(plan, Component.RUN, claim_uid)
    work = _run(plan, images, services, pods)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **_metadata(plan, name, Component.RUN),
            "labels": labels,
            **job_annotations(work.pods),
        },
        "spec": job_spec(work),
    }


def release(
    plan: Plan,
    images: WorkerImages,
    claim_uid: str | None,
    name: str,
    chosen: tuple[str, ...],
    *,
    services: tuple[str, ...] = (),
    what: Literal["release", "acknowledge"] = "release",
    pods: Settings = NOTHING_SAID,
) -> dict[str, Any]:
    """The Job of one release from quarantine; `chosen` are the command's options that name the rows.

    Or of one acknowledgement of entries.
    """
    labels = _job_labels(plan, Component.QUARANTINE, claim_uid)
    worker = plan.spec.worker
    # On the institutional tier the documents say where the rows are; else they are on the volume.
    files = ("-f", PLAN_DIRECTORY) if services else ()
    arguments = ("quarantine", what, *files, "--plan", plan.name, *chosen)
    work = replace(
        _run(plan, images, services, pods),
        arguments=(*arguments, "--store-wait", str(worker.store_wait_seconds)),
        labels=_labels(plan, Component.QUARANTINE),
        plan_file=plan_file_name(plan.name) if services else None,
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**_metadata(plan, name, Component.QUARANTINE), "labels": labels},
        "spec": job_spec(work),
    }


def export_schedule_name(plan: Plan, export: str) -> str:
    """The CronJob of an export."""
    return derived_name(f"{plan.name}-{export}", plan.uid, "export", limit=CRON_JOB_NAME_LIMIT)


def export_cron_job(
    plan: Plan,
    export: Export,
    images: WorkerImages,
    schedule: str,
    *,
    suspend: bool,
    services: tuple[str, ...] = (),
    pods: Settings = NOTHING_SAID,
) -> dict[str, Any]:
    """The CronJob of an export, on a schedule that is known to parse, in the plan's time zone."""
    labels = {**_labels(plan, Component.EXPORT), LABEL_PLAN_UID: plan.uid, LABEL_EXPORT: export.name}
    metadata = _metadata(plan, export_schedule_name(plan, export.name), Component.EXPORT)
    timing = (schedule, plan.spec.time_zone, EXPORT_STARTING_DEADLINE_SECONDS)
    jobs = _export(plan, export, images, services, pods)
    return _scheduled({**metadata, "labels": labels}, labels, jobs, timing, suspend=suspend)


def export_job(
    plan: Plan,
    export: Export,
    images: WorkerImages,
    name: str,
    services: tuple[str, ...] = (),
    *,
    pods: Settings = NOTHING_SAID,
) -> dict[str, Any]:
    """The Job of one export that its schedule did not start."""
    metadata = _metadata(plan, name, Component.EXPORT)
    labels = {**metadata["labels"], LABEL_PLAN_UID: plan.uid, LABEL_EXPORT: export.name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "labels": labels},
        "spec": job_spec(_export(plan, export, images, services, pods)),
    }


def _export(
    plan: Plan, export: Export, images: WorkerImages, services: tuple[str, ...], pods: Settings
) -> Work:
    """An export reads the store alone, so it gets no Secret of a provider."""
    return replace(
        _run(plan, images, services, pods),
        arguments=("export", "run", "--plan", PLAN_DIRECTORY, "--name", export.name),
        labels={**_labels(plan, Component.EXPORT), LABEL_EXPORT: export.name},
        secrets=services,
        target=export.target.claim_name,
    )


def pods_of(plan: Plan, pods: Settings) -> Settings:
    """What the plan says of its pods, over what its backbone says of all."""
    return merged(pods, settings_of(plan.spec.worker))


def _run(plan: Plan, images: WorkerImages, services: tuple[str, ...], pods: Settings) -> Work:
    worker, spec = plan.spec.worker, plan.spec
    recorded = any(item.provider == "Sample" for item in spec.dimensions.values())
    return Work(
        arguments=("ingest-once", "-f", PLAN_DIRECTORY),
        image=worker.image or (images.sample if recorded else images.plain),
        pull_policy=images.pull_policy,
        claim=claim_name(spec.backbone_ref.name),
        deadline_seconds=worker.deadline_seconds,
        retries=CRASHES_FORGIVEN,
        labels=_labels(plan, Component.RUN),
        plan_file=plan_file_name(plan.name),
        secrets=tuple(sorted({*secrets_of(spec), *services})),
        pods=pods_of(plan, pods),
    )


def secrets_of(spec: IngestPlanSpec) -> tuple[str, ...]:
    """Names of the Secrets that the plan's connections refer to, each once."""
    connections = map(connection_of, spec.dimensions.values())
    return tuple(sorted({item.secret_name for item in connections if item is not None}))


def _labels(plan: Plan, component: Component) -> dict[str, str]:
    return child_labels(component, plan.spec.backbone_ref.name, **{LABEL_PLAN: plan.name})


def _job_labels(plan: Plan, component: Component, claim_uid: str | None) -> dict[str, str]:
    """Labels of a Job: for which plan it ran and which claim it wrote, since either can be replaced."""
    claim = {LABEL_CLAIM_UID: claim_uid} if claim_uid else {}
    return {**_labels(plan, component), LABEL_PLAN_UID: plan.uid, **claim}


def _metadata(plan: Plan, name: str, component: Component) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": plan.namespace,
        "labels": _labels(plan, component),
        "ownerReferences": [owner_reference(API_VERSION, INGEST_PLAN.kind, plan.name, plan.uid)],
    }


def _identity(namespace: str, item: Plan | BackboneReading) -> dict[str, Any]:
    return {"name": item.name, "namespace": namespace, "uid": item.uid, "generation": item.generation}
