"""Readings of objects as the API server hands them out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backbone.ports.readings import (
    BackboneReading,
    ChildReading,
    ClaimReading,
    CronJobReading,
    JobReading,
    PodReading,
    read_jobs,
)

NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
METADATA = {
    "name": "x",
    "namespace": "ns",
    "uid": "u",
    "resourceVersion": "7",
    "creationTimestamp": "2024-03-01T12:00:00Z",
}
OURS = {"app.kubernetes.io/managed-by": "databackbone-operator", "backbone.emp.dev/plan": "daily"}


def pod(name: str = "x", job: str = "run", **status: Any) -> dict[str, Any]:
    labels = {"batch.kubernetes.io/job-name": job}
    return {"metadata": {**METADATA, "name": name, "labels": labels}, "spec": {}, "status": status}


def job(name: str = "run", created: str = "2024-03-01T12:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {**METADATA, "name": name, "creationTimestamp": created}, "status": status}


def state(**fields: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"state": fields}]}


@pytest.mark.parametrize(
    ("labels", "owner", "expected"),
    [
        pytest.param(OURS, None, True, id="our mark and the owner's name are enough"),
        pytest.param(
            {**OURS, "backbone.emp.dev/plan": "other"}, None, False, id="another plan's child is not"
        ),
        pytest.param({"backbone.emp.dev/plan": "daily"}, None, False, id="a name without our mark is not"),
        pytest.param({}, "owner", True, id="a child whose labels were taken off is still its owner's"),
        pytest.param({}, "somebody", False, id="a child of somebody else is not"),
    ],
)
def test_whose_child_it_is(labels: dict[str, str], owner: str | None, expected: bool) -> None:
    owners = [{"uid": owner, "controller": True}] if owner else []
    read = ChildReading.read(
        {"kind": "CronJob", "metadata": {**METADATA, "labels": labels, "ownerReferences": owners}}
    )
    assert read.belongs_to("owner", {"backbone.emp.dev/plan": "daily"}) is expected


def test_only_what_we_applied_counts_as_owned() -> None:
    ours = {"manager": "databackbone-operator", "operation": "Apply", "fieldsV1": {"f:data": {}}}
    status = {**ours, "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
    others = {**ours, "manager": "kubectl-edit", "fieldsV1": {"f:spec": {}}}
    read = ChildReading.read({"metadata": {**METADATA, "managedFields": [status, others, ours]}})
    assert read.owned_fields == '{"f:data": {}}'


OWNED = {"manager": "databackbone-operator", "operation": "Apply", "fieldsV1": {"f:spec": {"f:schedule": {}}}}
CONTROLLER = {**OWNED, "manager": "kube-controller-manager", "operation": "Update", "subresource": "status"}
CHILDREN: dict[str, dict[str, Any]] = {
    "CronJob": {"metadata": {**METADATA, "generation": 1}, "spec": {"schedule": "@daily"}, "status": {}},
    "PersistentVolumeClaim": {
        "metadata": METADATA,
        "spec": {"resources": {}},
        "status": {"phase": "Pending"},
    },
    "ConfigMap": {"metadata": METADATA, "data": {"tier": "Bootstrap"}},
}


def content(kind: str, raw: dict[str, Any], **metadata: Any) -> str:
    document = {**raw, "metadata": {**raw["metadata"], "managedFields": [OWNED], **metadata}}
    return ChildReading.read({"kind": kind, **document}).content


@pytest.mark.parametrize("kind", CHILDREN)
def test_the_content_of_a_child_is_all_of_it_but_its_status(kind: str) -> None:
    raw = CHILDREN[kind]
    before = content(kind, raw)
    news = {"phase": "Bound", "lastScheduleTime": "2024-03-01T12:00:00Z"}
    assert (
        content(kind, {**raw, "status": news}, resourceVersion="8", managedFields=[OWNED, CONTROLLER])
        == before
    )
    others = [
        {"labels": {"a": "b"}},
        {"annotations": {"a": "b"}},
        {"ownerReferences": [{"uid": "u"}]},
        {"uid": "another"},
        {"finalizers": ["f"]},
        {"generation": 2},
        {"managedFields": [CONTROLLER]},
        {"managedFields": [{**OWNED, "fieldsV1": {}}]},
    ]
    assert len({before, *(content(kind, raw, **change) for change in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("kind", "part"), [("PersistentVolumeClaim", "spec"), ("ConfigMap", "data"), ("ConfigMap", "binaryData")]
)
def test_what_has_no_generation_is_compared_by_what_it_holds(kind: str, part: str) -> None:
    raw = CHILDREN[kind]
    assert content(kind, raw) != content(kind, {**raw, part: {"a": "b"}})


def test_a_claim_that_nobody_looked_at_yet_is_pending() -> None:
    read = ClaimReading.read({"kind": "PersistentVolumeClaim", "metadata": METADATA, "spec": {}})
    assert (read.phase, read.capacity, read.requested) == ("Pending", None, None)


def test_a_bound_claim_tells_its_capacity_and_what_was_asked_for() -> None:
    raw = {
        "metadata": METADATA,
        "spec": {"resources": {"requests": {"storage": "1Gi"}}},
        "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
    }
    read = ClaimReading.read(raw)
    assert (read.phase, read.capacity, read.requested) == ("Bound", "2Gi", "1Gi")


def test_a_cron_job_tells_its_schedule() -> None:
    raw = {"metadata": METADATA, "spec": {"schedule": "@daily", "suspend": True}}
    read = CronJobReading.read(raw)
    assert (read.schedule, read.time_zone, read.suspended) == ("@daily", None, True)


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        pytest.param(pod(), "phase", "Pending", id="a pod without a status is pending"),
        pytest.param(
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "no room"}]),
            "unschedulable",
            "no room",
            id="the scheduler's words",
        ),
        pytest.param(
            pod(conditions=[{"type": "PodScheduled", "status": "True"}]),
            "unschedulable",
            None,
            id="a scheduled pod is not unschedulable",
        ),
        pytest.param(
            pod(conditions=[{"type": "DisruptionTarget", "status": "True"}]),
            "disrupted",
            True,
            id="a pod that the cluster takes away",
        ),
        pytest.param(
            pod(**state(waiting={"reason": "ErrImagePull", "message": "no tag"})),
            "waiting_reason",
            "ErrImagePull",
            id="a container that waits",
        ),
        pytest.param(
            pod(**state(terminated={"exitCode": 3, "message": "{}", "finishedAt": "2024-03-01T12:00:00Z"})),
            "exit_code",
            3,
            id="a container that ended",
        ),
        pytest.param(
            pod(**state(terminated={"exitCode": 0, "finishedAt": "2024-03-01T12:00:00Z"})),
            "finished",
            NOON,
            id="when it ended",
        ),
    ],
)
def test_a_pod(raw: dict[str, Any], field: str, value: object) -> None:
    assert getattr(PodReading.read(raw), field) == value


def ended(kind: str, reason: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": "2024-03-01T12:00:00Z"}


def test_a_job_ends_with_its_condition_and_not_with_what_leads_to_it() -> None:
    about_to = {**ended("SuccessCriteriaMet"), "type": "SuccessCriteriaMet"}
    assert JobReading.read(job(conditions=[about_to]), ()).finished is None
    assert JobReading.read(job(conditions=[about_to, ended("Complete")]), ()).succeeded
    failed = JobReading.read(job(conditions=[ended("Failed", "DeadlineExceeded")]), ())
    assert (failed.finished, failed.succeeded, failed.failure) == (NOON, False, "DeadlineExceeded")


def test_a_job_of_a_cron_job_is_scheduled() -> None:
    raw = job()
    raw["metadata"] = {**raw["metadata"], "ownerReferences": [{"kind": "CronJob", "name": "daily"}]}
    assert JobReading.read(raw, ()).scheduled
    assert not JobReading.read(job(), ()).scheduled


def test_jobs_come_in_order_with_their_own_pods_and_without_those_on_their_way_out() -> None:
    leaving = job("leaving")
    leaving["metadata"] = {**leaving["metadata"], "deletionTimestamp": "2024-03-01T12:00:00Z"}
    found = read_jobs(
        [job("second", "2024-03-01T12:05:00Z"), leaving, job("first")],
        [pod("a", "first"), pod("b", "second"), pod("c", "second"), pod("d", "leaving")],
    )
    assert [(item.name, [pod.name for pod in item.pods]) for item in found] == [
        ("first", ["a"]),
        ("second", ["b", "c"]),
    ]


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        pytest.param({}, None, id="a backbone that nobody looked at is not known to be Ready"),
        pytest.param({"Ready": "Unknown"}, None, id="nor one whose state is Unknown"),
        pytest.param({"Ready": "True"}, True, id="a Ready one is"),
        pytest.param({"Ready": "False", "Validated": "True"}, False, id="one that is not is not"),
    ],
)
def test_a_backbone_as_its_plans_see_it(status: dict[str, str], ready: bool | None) -> None:
    conditions = [
        {
            "type": kind,
            "status": value,
            "reason": "Because",
            "message": "of this",
            "lastTransitionTime": "2024-03-01T12:00:00Z",
        }
        for kind, value in status.items()
    ]
    raw = {
        "metadata": METADATA,
        "spec": {"suspend": True},
        "status": {"conditions": conditions, "plans": 2},
    }
    read = BackboneReading.read(raw)
    assert (read.ready, read.suspended, read.plans) == (ready, True, 2)
    assert read.ready_reason == ("Because" if status else "not looked at yet")
