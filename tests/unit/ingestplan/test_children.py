"""Children of an IngestPlan by value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from backbone.evaluation import Subject
from backbone.ingestplan import children
from backbone.ingestplan.api import IngestPlanSpec
from backbone.jobs.pods import WorkerImages
from backbone.ports.readings import BackboneReading

IMAGES = WorkerImages("worker:1", "sample:1", "IfNotPresent")
LABELS = {
    "app.kubernetes.io/managed-by": "databackbone-operator",
    "app.kubernetes.io/component": "run",
    "backbone.emp.dev/backbone": "market",
    "backbone.emp.dev/plan": "daily",
}
OF_THE_JOB = {"backbone.emp.dev/plan-uid": "uid", "backbone.emp.dev/claim-uid": "claim-1"}
OWNER = {
    "apiVersion": "backbone.emp.dev/v1alpha1",
    "kind": "IngestPlan",
    "name": "daily",
    "uid": "uid",
    "controller": True,
    "blockOwnerDeletion": True,
}
BACKBONE = BackboneReading("market", "b", 7, {"mode": "Auto"}, False, False, True, "", 1, "claim-1", False)


def plan(name: str = "daily", **spec: Any) -> Subject[IngestPlanSpec]:
    body = {
        "backboneRef": {"name": "market"},
        "schedule": "0 22 * * 1-5",
        "timeZone": "America/New_York",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL", "^VIX"]},
        **spec,
    }
    return Subject("ns", name, "uid", 3, {}, IngestPlanSpec.model_validate(body), {})


def test_the_plan_file_holds_what_the_command_line_reads() -> None:
    document = children.plan_file(plan(), BACKBONE)
    assert document["metadata"]["name"] == "daily-plan"
    assert document["metadata"]["ownerReferences"] == [OWNER]
    assert yaml.safe_load(document["data"]["databackbone.yaml"]) == {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": "DataBackbone",
        "metadata": {"name": "market", "namespace": "ns", "uid": "b", "generation": 7},
        "spec": {"mode": "Auto"},
    }
    written = yaml.safe_load(document["data"]["ingestplan.yaml"])
    assert written["metadata"] == {
        "name": "daily",
        "namespace": "ns",
        "uid": "uid",
        "generation": 3,
        "annotations": {"backbone.emp.dev/schedule": children.cron_job_name(plan())},
    }
    assert IngestPlanSpec.model_validate(written["spec"]) == plan().spec
    assert written["spec"]["worker"]["deadlineSeconds"] == 1800, "defaults are spelled out"


def test_the_cron_job_keeps_to_the_plan() -> None:
    document = children.cron_job(plan(), IMAGES, "claim-1", "0 22 * * 1-5", "America/New_York", suspend=False)
    spec = document["spec"]
    template = spec.pop("jobTemplate")
    assert spec == {
        "schedule": "0 22 * * 1-5",
        "timeZone": "America/New_York",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 300,
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
    }
    assert template["metadata"]["labels"] == {**LABELS, **OF_THE_JOB}
    assert template["spec"]["suspend"] is False, "a field that we own is put back"
    assert template["spec"]["template"]["metadata"]["labels"] == LABELS


POD = {
    "restartPolicy": "Never",
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "worker",
            "image": "sample:1",
            "imagePullPolicy": "IfNotPresent",
            "args": ["ingest-once", "-f", "/etc/backbone/plan"],
            "env": [
                {"name": "EMP_DATA_DIR", "value": "/data"},
                {
                    "name": "EMP_RUN_ID",
                    "valueFrom": {
                        "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}
                    },
                },
                {"name": "EMP_TERMINATION_LOG", "value": "/dev/termination-log"},
                {"name": "TMPDIR", "value": "/tmp"},
            ],
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"memory": "1Gi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "tmp", "mountPath": "/tmp"},
                {"name": "plan", "mountPath": "/etc/backbone/plan", "readOnly": True},
            ],
        }
    ],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "market-data"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        {
            "name": "plan",
            "configMap": {
                "name": "daily-plan",
                "items": [
                    {"key": "databackbone.yaml", "path": "databackbone.yaml"},
                    {"key": "ingestplan.yaml", "path": "ingestplan.yaml"},
                ],
            },
        },
    ],
}


def test_a_run_is_confined_bounded_and_sees_volume_plan_and_scratch() -> None:
    job = children.run(plan(), IMAGES, "claim-1", "daily-abc")
    assert job["metadata"] == {
        "name": "daily-abc",
        "namespace": "ns",
        "labels": {**LABELS, **OF_THE_JOB},
        "ownerReferences": [OWNER],
    }
    spec = job["spec"]
    assert spec["backoffLimit"] == 2
    assert spec["activeDeadlineSeconds"] == 1800
    assert spec["podFailurePolicy"]["rules"] == [
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": "worker", "operator": "In", "values": [3]},
        }
    ]
    assert spec["template"]["spec"] == POD


def container(subject: Subject[IngestPlanSpec]) -> dict[str, Any]:
    spec = children.run(subject, IMAGES, "claim-1", "run")["spec"]["template"]["spec"]
    found: dict[str, Any] = spec["containers"][0]
    return found


def test_secrets_are_files_that_only_this_plans_worker_sees() -> None:
    subject = plan(
        dailyBars={"provider": "Yahoo", "symbols": ["AAPL"], "connection": {"secretName": "proxy"}},
        macroSeries={"provider": "Fred", "series": ["GDP"], "connection": {"secretName": "fred"}},
        macroEvents={"provider": "Yahoo", "calendars": ["US"], "connection": {"secretName": "proxy"}},
    )
    spec = children.run(subject, IMAGES, "claim-1", "run")["spec"]["template"]["spec"]
    assert [volume["secret"] for volume in spec["volumes"] if "secret" in volume] == [
        {"secretName": "fred", "optional": True, "defaultMode": 0o440},
        {"secretName": "proxy", "optional": True, "defaultMode": 0o440},
    ]
    (worker,) = spec["containers"]
    assert worker["image"] == "worker:1"
    assert [mount for mount in worker["volumeMounts"] if mount["name"].startswith("secret")] == [
        {"name": "secret-0", "mountPath": "/etc/backbone/secrets/fred", "readOnly": True},
        {"name": "secret-1", "mountPath": "/etc/backbone/secrets/proxy", "readOnly": True},
    ]
    assert {"name": "EMP_SECRETS_DIR", "value": "/etc/backbone/secrets"} in worker["env"]
    assert not [item for item in worker["env"] if "secretKeyRef" in str(item)]


def test_an_image_of_the_plan_wins() -> None:
    assert container(plan(worker={"image": "mine:2"}))["image"] == "mine:2"


def test_resources_of_the_plan_are_taken_as_they_stand() -> None:
    limits = {"limits": {"memory": "24Mi"}}
    assert container(plan(worker={"resources": limits}))["resources"] == limits


@pytest.mark.parametrize("length", [1, 52, 53, 63])
def test_names_fit(length: int) -> None:
    name = "n" * length
    assert len(children.cron_job_name(plan(name))) <= 52
    assert len(children.run_name(plan(name), "first")) <= 63
    assert children.cron_job_name(plan(name)) != name, "its controller takes Jobs of any owner of its name"


def test_a_plan_of_the_same_name_has_another_cron_job() -> None:
    assert children.cron_job_name(plan()) != children.cron_job_name(replace(plan(), uid="another"))


def test_a_worker_of_the_institutional_tier_sees_the_services_secrets_and_reads_the_tier() -> None:
    reading = BackboneReading.read(
        {
            "metadata": {"name": "market", "uid": "b", "generation": 2},
            "spec": {
                "mode": "Institutional",
                "timescale": {"connection": {"secretName": "db"}},
                "redis": {"connection": {"secretName": "cache"}},
            },
            "status": {"tier": {"active": "Institutional", "requested": "Institutional", "epoch": 2}},
        }
    )
    assert reading.service_secrets == ("cache", "db")
    written = yaml.safe_load(children.plan_file(plan(), reading)["data"]["databackbone.yaml"])
    assert written["status"]["tier"]["active"] == "Institutional"
    made = children.run(plan(), IMAGES, "claim-1", "daily-1", reading.service_secrets)
    pod = made["spec"]["template"]["spec"]
    assert [item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item] == ["cache", "db"]
    released = children.release(
        plan(), IMAGES, "claim-1", "daily-2", ("--all",), services=reading.service_secrets
    )
    container = released["spec"]["template"]["spec"]["containers"][0]
    assert container["args"][:4] == ["quarantine", "release", "-f", "/etc/backbone/plan"]
    assert "/etc/backbone/plan" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_on_bootstrap_the_services_secrets_stay_unseen() -> None:
    reading = BackboneReading.read(
        {
            "metadata": {"name": "market", "uid": "b"},
            "spec": {"timescale": {"connection": {"secretName": "db"}}},
            "status": {"tier": {"active": "Bootstrap"}},
        }
    )
    assert reading.service_secrets == ()
