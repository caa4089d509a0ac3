"""What the rooms read off the API server's objects, as frozen values in this project's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from ..conditions import parse_time, read_conditions
from ..naming import digest
from ..vocabulary import (
    ANNOTATION_DESIRED,
    ANNOTATION_PODS,
    FIELD_MANAGER,
    LABEL_CAUSE,
    LABEL_CLAIM_UID,
    LABEL_MANAGED_BY,
    ConditionType,
    Reason,
)

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"

VERSIONED = {"resourceVersion", "managedFields"}
BESIDE_CONTENT = {"apiVersion", "kind", "metadata", "status"}


@dataclass(frozen=True, slots=True)
class ChildReading:
    """A child object as found, whoever made it."""

    kind: str
    name: str
    uid: str
    resource_version: str
    labels: tuple[tuple[str, str], ...]
    controller_uid: str | None
    terminating: bool
    desired: str | None
    """Digest of what was asked for when the operator applied it last."""
    owned_fields: str
    """The fields that the operator owns: somebody else's change takes fields out of it."""
    content: str = field(default="", kw_only=True)
    """Digest of all of it but its status, by its generation where it has one."""

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Read any object's metadata."""
        return cls(**_child_fields(raw))

    @property
    def managed(self) -> bool:
        """Whether it carries the operator's mark."""
        return (LABEL_MANAGED_BY, FIELD_MANAGER) in self.labels

    def belongs_to(self, owner_uid: str, labels: dict[str, str]) -> bool:
        """Whether it is this owner's child: by reference, or by mark and labels."""
        return self.controller_uid == owner_uid or (self.managed and set(labels.items()) <= set(self.labels))


@dataclass(frozen=True, slots=True)
class ClaimReading(ChildReading):
    """A PersistentVolumeClaim."""

    phase: str
    capacity: str | None
    requested: str | None

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Read a PersistentVolumeClaim."""
        status = raw.get("status") or {}
        requests = (raw["spec"].get("resources") or {}).get("requests") or {}
        return cls(
            **_child_fields(raw),
            phase=status.get("phase", "Pending"),
            capacity=(status.get("capacity") or {}).get("storage"),
            requested=requests.get("storage"),
        )


@dataclass(frozen=True, slots=True)
class CronJobReading(ChildReading):
    """A CronJob."""

    schedule: str
    time_zone: str | None
    suspended: bool
    last_scheduled: datetime | None = None
    """The last fire (UTC) for which its controller made a Job."""

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Read a CronJob."""
        spec = raw["spec"]
        return cls(
            **_child_fields(raw),
            schedule=spec["schedule"],
            time_zone=spec.get("timeZone"),
            suspended=bool(spec.get("suspend")),
            last_scheduled=_time((raw.get("status") or {}).get("lastScheduleTime")),
        )


@dataclass(frozen=True, slots=True)
class PodReading:
    """A pod of a Job, its one container included. Times are UTC."""

    name: str
    created: datetime
    phase: str
    reason: str
    """The pod's own, such as Evicted."""
    message: str
    disrupted: bool
    """Whether the cluster took it away: preemption, drain, eviction."""
    unschedulable: str | None
    """The scheduler's message while no node takes it."""
    waiting_reason: str | None
    waiting_message: str
    without_sandbox_since: datetime | None
    """Since when the kubelet has no sandbox for it: nothing of it can run, not even a pull of its image."""
    exit_code: int | None
    terminated_reason: str | None
    termination_message: str
    finished: datetime | None

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Read a pod; a container that restarted counts by its present state."""
        status = raw.get("status") or {}
        container: dict[str, Any] = next(iter(status.get("containerStatuses") or []), {})
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
        return cls(
            name=raw["metadata"]["name"],
            created=parse_time(raw["metadata"]["creationTimestamp"]),
            phase=status.get("phase", "Pending"),
            reason=status.get("reason", ""),
            message=status.get("message", ""),
            disrupted=bool(_condition(status, "DisruptionTarget", "True")),
            unschedulable=_words(_condition(status, "PodScheduled", "False")),
            waiting_reason=waiting.get("reason"),
            waiting_message=waiting.get("message", ""),
            without_sandbox_since=_time(
                _condition(status, "PodReadyToStartContainers", "False").get("lastTransitionTime")
            ),
            exit_code=terminated.get("exitCode"),
            terminated_reason=terminated.get("reason"),
            termination_message=terminated.get("message", ""),
            finished=_time(terminated.get("finishedAt")),
        )


@dataclass(frozen=True, slots=True)
class JobReading:
    """A Job and its pods. Times are UTC."""

    name: str
    uid: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    """When the Job controller called it complete or failed; None while it is under way."""
    succeeded: bool
    failure: str
    """The Job controller's reason, such as DeadlineExceeded."""
    scheduled: bool
    """Whether a CronJob made it."""
    terminating: bool
    claim_uid: str | None
    pods: tuple[PodReading, ...]
    cause: str | None = None
    """Digest of what a look at the database was started for."""
    made_by: str | None = None
    """Digest of the settings that its pods are made by."""
    refused: str | None = None
    """The API server's words where it refused the Job's pods, as far as somebody asked."""
    controller_uid: str | None = None

    @classmethod
    def read(cls, raw: dict[str, Any], pods: tuple[PodReading, ...]) -> Self:
        """Read a Job; the pods are its own."""
        metadata, status = raw["metadata"], raw.get("status") or {}
        holding = (item for item in status.get("conditions") or [] if item["status"] == "True")
        end: dict[str, Any] = next((item for item in holding if item["type"] in {"Complete", "Failed"}), {})
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            created=parse_time(metadata["creationTimestamp"]),
            started=_time(status.get("startTime")),
            finished=_time(end.get("lastTransitionTime")),
            succeeded=end.get("type") == "Complete",
            failure=end.get("reason", ""),
            scheduled=any(owner.get("kind") == "CronJob" for owner in metadata.get("ownerReferences") or []),
            terminating="deletionTimestamp" in metadata,
            claim_uid=(metadata.get("labels") or {}).get(LABEL_CLAIM_UID),
            pods=pods,
            cause=(metadata.get("labels") or {}).get(LABEL_CAUSE),
            made_by=(metadata.get("annotations") or {}).get(ANNOTATION_PODS),
            controller_uid=controller_of(raw),
        )


@dataclass(frozen=True, slots=True)
class BackboneReading:
    """A DataBackbone as its plans see it."""

    name: str
    uid: str
    generation: int
    spec: dict[str, Any]
    terminating: bool
    suspended: bool
    ready: bool | None
    """Its Ready condition; None where nothing is known."""
    ready_reason: str
    plans: int | None
    """How many plans refer to it, as far as it has said."""
    claim_uid: str | None
    """Identity of the claim that holds its data."""
    claim_leaving: bool
    tier: dict[str, Any] | None = None
    """Its status.tier, as its workers are to read it."""
    migration: int | None = None
    """At which migration the database was when it was looked at last, where that tier serves."""

    @property
    def service_secrets(self) -> tuple[str, ...]:
        """Names of the Secrets of the institutional tier's services, where that tier serves."""
        if (self.tier or {}).get("active") != "Institutional":
            return ()
        sections = (self.spec.get("timescale"), self.spec.get("redis"))
        return tuple(sorted({str(item["connection"]["secretName"]) for item in sections if item}))

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """Read a DataBackbone; a condition of an older generation still counts."""
        metadata, status = raw["metadata"], raw.get("status") or {}
        summary = next(
            (item for item in read_conditions(status.get("conditions")) if item.type == ConditionType.READY),
            None,
        )
        known = {"True": True, "False": False}
        on_database = (status.get("tier") or {}).get("active") == "Institutional"
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            spec=raw["spec"],
            terminating="deletionTimestamp" in metadata,
            suspended=bool(raw["spec"].get("suspend")),
            ready=known.get(summary.status) if summary else None,
            ready_reason=summary.reason if summary else "not looked at yet",
            plans=status.get("plans"),
            claim_uid=(status.get("volume") or {}).get("claimUid"),
            claim_leaving=summary is not None and summary.reason == Reason.VOLUME_LEAVING,
            tier=status.get("tier"),
            migration=(status.get("database") or {}).get("migration") if on_database else None,
        )


def read_jobs(jobs: list[dict[str, Any]], pods: list[dict[str, Any]]) -> tuple[JobReading, ...]:
    """Jobs with their pods, the oldest first; a Job that is being deleted counts as gone."""
    of: dict[str, list[PodReading]] = {}
    for raw in pods:
        of.setdefault((raw["metadata"].get("labels") or {}).get(JOB_NAME_LABEL, ""), []).append(
            PodReading.read(raw)
        )
    read = [JobReading.read(raw, tuple(of.get(raw["metadata"]["name"], ()))) for raw in jobs]
    return tuple(
        sorted((job for job in read if not job.terminating), key=lambda job: (job.created, job.name))
    )


def controller_of(raw: dict[str, Any]) -> str | None:
    """Identity of the one owner that an object names as its controller, if it names one."""
    owners = raw["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), None)


def _child_fields(raw: dict[str, Any]) -> dict[str, Any]:
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    return {
        "kind": raw.get("kind", ""),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resource_version": metadata["resourceVersion"],
        "labels": tuple(sorted((metadata.get("labels") or {}).items())),
        "controller_uid": controller_of(raw),
        "terminating": "deletionTimestamp" in metadata,
        "desired": annotations.get(ANNOTATION_DESIRED),
        "owned_fields": "".join(_owned(metadata.get("managedFields") or [])),
        "content": _content(raw),
    }


def _content(raw: Mapping[str, Any]) -> str:
    """What stays the same where its controller changes the status alone; resourceVersion does not."""
    metadata = {key: value for key, value in raw["metadata"].items() if key not in VERSIONED}
    # A generation counts the changes of the spec; ConfigMaps and claims have none.
    rest = {} if "generation" in metadata else {key: raw[key] for key in raw if key not in BESIDE_CONTENT}
    owned = list(_owned(raw["metadata"].get("managedFields") or []))
    return digest(json.dumps([metadata, rest, owned], sort_keys=True), length=16)


def _owned(managed: list[dict[str, Any]]) -> Iterator[str]:
    for entry in managed:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            yield json.dumps(entry.get("fieldsV1"), sort_keys=True)


def _condition(status: dict[str, Any], kind: str, value: str) -> dict[str, Any]:
    """The condition that stands so; empty where there is none."""
    conditions = status.get("conditions") or []
    return next((item for item in conditions if (item["type"], item["status"]) == (kind, value)), {})


def _words(condition: dict[str, Any]) -> str | None:
    return (condition.get("message") or condition.get("reason") or condition["type"]) if condition else None


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
