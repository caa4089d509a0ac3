"""The Kubernetes API as the rooms see it: kinds, objects as JSON, and a Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..vocabulary import API_VERSION

JsonObject = dict[str, Any]
Objects = list[JsonObject]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True


DATA_BACKBONE = Kind(API_VERSION, "DataBackbone", "databackbones")
INGEST_PLAN = Kind(API_VERSION, "IngestPlan", "ingestplans")
FAILOVER_DRILL = Kind(API_VERSION, "FailoverDrill", "failoverdrills")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
POD = Kind("v1", "Pod", "pods")
JOB = Kind("batch/v1", "Job", "jobs")
CRON_JOB = Kind("batch/v1", "CronJob", "cronjobs")
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
EVENT = Kind("v1", "Event", "events")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")

KINDS = {
    kind.kind: kind
    for kind in (
        DATA_BACKBONE,
        INGEST_PLAN,
        FAILOVER_DRILL,
        CLAIM,
        CONFIG_MAP,
        POD,
        JOB,
        CRON_JOB,
        NAMESPACE,
        EVENT,
        LEASE,
    )
}


class Cluster(Protocol):
    """The API server.

    Every call has a deadline. It raises Unreachable when there is no answer in time, Denied when the operator
    may not, Conflict when the object changed or went since it was read, Waiting while its namespace is being
    deleted, and Rejected with the server's own message when it refuses what was asked for.
    """

    async def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        """One object, or None where there is none; of a kind without namespaces that one is empty."""

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[JsonObject]:
        """Every object of the namespace that carries the labels."""

    async def events(self, namespace: str, uid: str, reason: str) -> Objects:
        """The events of this reason about the object of this identity; they are kept for an hour or so."""

    async def apply(self, document: JsonObject) -> JsonObject:
        """Server-side apply under the operator's field manager; what others own of it is taken over.

        What the operator applied before and the document lacks is removed. Conflict if the document names a
        version and the object has another; an object that is gone is created.
        """

    async def create(self, document: JsonObject) -> JsonObject | None:
        """Create an object, or None where one of the name exists."""

    async def refusal(self, document: JsonObject) -> str | None:
        """Why the API server refuses to create an object, by a dry run; nothing is created.

        None where it takes the object, has one of the name, or cannot tell without creating it.
        """

    async def replace(self, document: JsonObject) -> JsonObject:
        """Replace an object; Conflict unless it is the version that was read."""

    async def replace_status(self, document: JsonObject) -> JsonObject:
        """Replace an object's status; Conflict unless it is the version that was read."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str, *, orphan: bool = False) -> None:
        """Delete the object of this identity and what it owns; nothing happens if no object has its name.

        Conflict if another object has. With `orphan` what it owns stays.
        """

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind."""
