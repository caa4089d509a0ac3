"""The child objects of a DataBackbone, as they should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..evaluation import Subject
from ..jobs.pod_settings import Settings, settings_of
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
from ..naming import derived_name, stamped
from ..ports.cluster import DATA_BACKBONE
from ..ports.readings import ClaimReading
from ..quantity import amount
from ..rendering import BACKBONE_FILE, document
from ..vocabulary import LABEL_CAUSE, LABEL_CLAIM_UID, Component
from .api import DataBackboneSpec, TierStatus
from .lag_status import StreamReadiness

Backbone = Subject[DataBackboneSpec]

PROBE_SECONDS = 300
"""A probe's pod has to be scheduled, attach the volume, and write a little."""

DATABASE_SECONDS = 1200
"""A first look may migrate, which waits for locks and makes tables."""

TOPICS_SECONDS = 300
"""A thousand topics take seconds, a quota makes them wait; what is left is the next Job's."""

LAG_SECONDS = 300
"""A look takes a minute; an answer of Kafka may be slow."""

PUBLISHED = "published/backbone.duckdb"


def binding_name(backbone: str) -> str:
    """The ConfigMap that names the tier that serves."""
    return f"{backbone}-binding"


def grows(backbone: Backbone, found: ClaimReading) -> bool:
    """Whether the spec asks for more than the claim does. A claim that is taken up again never shrinks."""
    wanted = backbone.spec.bootstrap.storage.size
    if found.requested is None:
        return True
    try:
        return amount(wanted) > amount(found.requested)
    except ValueError:
        # Somebody else's spelling, such as an exponent: the API server judges the request.
        return wanted != found.requested


def claim(backbone: Backbone, found: ClaimReading | None, grow: bool) -> dict[str, Any]:
    """The volume claim, of the size that it has unless it is to grow.

    A size that the spec spells in another way stands as the spec has it: one wish has one document.
    """
    storage = backbone.spec.bootstrap.storage
    standing = found.requested if found is not None and not grow else None
    if standing is not None and _same(standing, storage.size):
        standing = None
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": standing or storage.size}},
    }
    if storage.storage_class_name is not None:
        spec["storageClassName"] = storage.storage_class_name
    metadata: dict[str, Any] = {
        "name": claim_name(backbone.name),
        "namespace": backbone.namespace,
        "labels": child_labels(Component.VOLUME, backbone.name),
    }
    if backbone.spec.deletion_policy == "Delete":
        metadata["ownerReferences"] = [_owner(backbone)]
    return stamped({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})


def binding(backbone: Backbone, tier: TierStatus, readiness: StreamReadiness | None = None) -> dict[str, Any]:
    """What readers and workers need to know: names and places, no secrets; and how ready Kafka is."""
    identity = {
        "name": backbone.name,
        "namespace": backbone.namespace,
        "uid": backbone.uid,
        "generation": backbone.generation,
    }
    # What pods are made of is no worker's or reader's business.
    spec = backbone.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"pods"})
    return stamped(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": binding_name(backbone.name),
                "namespace": backbone.namespace,
                "labels": child_labels(Component.BINDING, backbone.name),
                "ownerReferences": [_owner(backbone)],
            },
            "data": {
                "tier": tier.active,
                "epoch": str(tier.epoch),
                "claimName": claim_name(backbone.name),
                "published": PUBLISHED,
                **({"cluster": tier.cluster} if tier.cluster else {}),
                BACKBONE_FILE: document(
                    DATA_BACKBONE.kind,
                    identity,
                    spec,
                    tier.model_dump(mode="json", by_alias=True),
                    readiness.model_dump(mode="json", by_alias=True) if readiness is not None else None,
                ),
            },
        }
    )


def probe(backbone: Backbone, claim_uid: str, attempt: str, images: WorkerImages) -> dict[str, Any]:
    """A Job that writes the volume and reads it back; one per claim and attempt."""
    work = _work(backbone, Component.VOLUME_PROBE, ("probe-volume",), PROBE_SECONDS, images)
    return _job(backbone, work, "probe", {LABEL_CLAIM_UID: claim_uid}, attempt)


def database(
    backbone: Backbone, cause: str, confirm: str | None, attempt: str, images: WorkerImages
) -> dict[str, Any]:
    """A Job that looks at the database and the cache, and migrates; one per cause and attempt.

    `confirm` is the confirm annotation where it was not handled yet.
    """
    arguments = ("database", "-f", PLAN_DIRECTORY, *_confirming(confirm))
    work = _work(backbone, Component.DATABASE, arguments, DATABASE_SECONDS, images)
    return _job(
        backbone,
        _informed(work, backbone, secrets_of(backbone.spec)),
        "database",
        {LABEL_CAUSE: cause},
        attempt,
    )


def topics(
    backbone: Backbone, cause: str, confirm: str | None, attempt: str, images: WorkerImages
) -> dict[str, Any]:
    """A Job that looks at Kafka's topics and makes those that are missing; one per cause and attempt.

    It alone sees the admin's Secret, and no other where there is one. `confirm` is as for the database.
    """
    kafka = backbone.spec.kafka
    secrets = (kafka.provisioner.secret_name,) if kafka is not None else ()
    arguments = ("provision-topics", "-f", PLAN_DIRECTORY, *_confirming(confirm))
    work = _work(backbone, Component.TOPICS, arguments, TOPICS_SECONDS, images)
    return _job(backbone, _informed(work, backbone, secrets), "topics", {LABEL_CAUSE: cause}, attempt)


def lag(backbone: Backbone, cause: str, attempt: str, images: WorkerImages) -> dict[str, Any]:
    """A Job that samples the lag of the consumer groups; one per cause and attempt."""
    kafka = backbone.spec.kafka
    secrets = (kafka.connection.secret_name,) if kafka is not None else ()
    work = _work(backbone, Component.LAG, ("sample-lag", "-f", PLAN_DIRECTORY), LAG_SECONDS, images)
    return _job(backbone, _informed(work, backbone, secrets), "lag", {LABEL_CAUSE: cause}, attempt)


def _confirming(confirm: str | None) -> tuple[str, ...]:
    return ("--confirm", confirm) if confirm is not None else ()


def _work(
    backbone: Backbone, component: Component, arguments: tuple[str, ...], seconds: int, images: WorkerImages
) -> Work:
    return Work(
        arguments=arguments,
        image=images.plain,
        pull_policy=images.pull_policy,
        claim=claim_name(backbone.name),
        deadline_seconds=seconds,
        retries=0,
        labels=child_labels(component, backbone.name),
        pods=pods_of(backbone),
    )


def _informed(work: Work, backbone: Backbone, secrets: tuple[str, ...]) -> Work:
    """The work with the backbone's document and these Secrets."""
    return replace(work, plan_file=binding_name(backbone.name), plan_keys=(BACKBONE_FILE,), secrets=secrets)


def _job(backbone: Backbone, work: Work, purpose: str, cause: dict[str, str], attempt: str) -> dict[str, Any]:
    """A Job of the backbone; its name has its cause, which a label says too, and the attempt."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": derived_name(f"{backbone.name}-{purpose}", backbone.uid, *cause.values(), attempt),
            "namespace": backbone.namespace,
            "labels": {**work.labels, **cause},
            **job_annotations(work.pods),
            "ownerReferences": [_owner(backbone)],
        },
        "spec": job_spec(work),
    }


def pods_of(backbone: Backbone) -> Settings:
    """What the spec says of the pods of the backbone's Jobs."""
    return settings_of(backbone.spec.pods) if backbone.spec.pods is not None else {}


def secrets_of(spec: DataBackboneSpec) -> tuple[str, ...]:
    """Names of the Secrets that the connections refer to, each once."""
    services = (spec.timescale, spec.redis)
    return tuple(sorted({item.connection.secret_name for item in services if item is not None}))


def _same(one: str, other: str) -> bool:
    try:
        return amount(one) == amount(other)
    except ValueError:
        return False


def _owner(backbone: Backbone) -> dict[str, Any]:
    kind = DATA_BACKBONE
    return owner_reference(kind.api_version, kind.kind, backbone.name, backbone.uid)
