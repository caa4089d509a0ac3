"""The pods that run our worker: the one place that says how they are confined and what they see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ..naming import bounded_name, digest
from ..ports.readings import JOB_NAME_LABEL
from ..rendering import BACKBONE_FILE, PLAN_FILE
from ..reports.envelope import EXIT_RUN_FAILED
from ..vocabulary import (
    ANNOTATION_PODS,
    FIELD_MANAGER,
    LABEL_BACKBONE,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    Component,
)
from .pod_settings import Settings

CONTAINER = "worker"
DATA_DIRECTORY = "/data"
TARGET_DIRECTORY = "/target"
PLAN_DIRECTORY = "/etc/backbone/plan"
SECRETS_DIRECTORY = "/etc/backbone/secrets"
SECRET_MODE = 0o440
PLAN_FILES = (BACKBONE_FILE, PLAN_FILE)
USER = 65532
SCRATCH = "1Gi"
"""What a worker may write beside the volume; the kubelet evicts a pod that passes it."""

DEFAULT_RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"memory": "1Gi"},
}

OF_THE_POD = ("nodeSelector", "tolerations", "priorityClassName", "imagePullSecrets")
"""Settings that a pod's spec takes as they stand."""


@dataclass(frozen=True, slots=True)
class WorkerImages:
    """Images that the operator gives to workers."""

    plain: str
    sample: str
    """With the recorded data in it."""
    pull_policy: str


@dataclass(frozen=True, slots=True)
class Work:
    """One thing for a worker to do. Without `plan_file` the pod sees no plan."""

    arguments: tuple[str, ...]
    image: str
    pull_policy: str
    claim: str
    deadline_seconds: int
    retries: int
    """How often a pod that crashed is followed by another; a reported failure is never retried."""
    labels: dict[str, str]
    plan_file: str | None = None
    """The ConfigMap that the pod sees, as far as its keys are `plan_keys`."""
    plan_keys: tuple[str, ...] = PLAN_FILES
    secrets: tuple[str, ...] = ()
    """Names of Secrets that the pod sees as files; one that is not there does not keep it from starting."""
    target: str | None = None
    """Another claim that the pod mounts, for what it exports."""
    pods: Settings = field(default_factory=dict)
    """What the backbone and the plan say of the pods."""


def claim_name(backbone: str) -> str:
    """The volume claim of a backbone."""
    return f"{backbone}-data"


def child_labels(component: Component, backbone: str, **more: str) -> dict[str, str]:
    """Labels of a child and of its pods."""
    return {
        LABEL_MANAGED_BY: FIELD_MANAGER,
        LABEL_COMPONENT: str(component),
        LABEL_BACKBONE: bounded_name(backbone, 63),
        **more,
    }


def owner_reference(api_version: str, kind: str, name: str, uid: str) -> dict[str, Any]:
    """A reference that makes the garbage collector delete the child with its owner."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pods_mark(pods: Settings) -> str | None:
    """Digest of the settings that a Job's pods are made by; None where nothing was said of them."""
    return digest(json.dumps(dict(pods), sort_keys=True), length=16) if pods else None


def job_annotations(pods: Settings) -> dict[str, dict[str, str]]:
    """The part of a Job's metadata that keeps that digest."""
    mark = pods_mark(pods)
    return {"annotations": {ANNOTATION_PODS: mark}} if mark is not None else {}


def job_spec(work: Work) -> dict[str, Any]:
    """The spec of a Job that does the work."""
    return {
        "backoffLimit": work.retries,
        "activeDeadlineSeconds": work.deadline_seconds,
        # Said although it is the default: what we own is put back when somebody changes it.
        "suspend": False,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": CONTAINER,
                        "operator": "In",
                        "values": [EXIT_RUN_FAILED],
                    },
                }
            ]
        },
        "template": {"metadata": _pod_metadata(work), "spec": _pod_spec(work)},
    }


def _pod_metadata(work: Work) -> dict[str, Any]:
    annotations = work.pods.get("annotations")
    return {
        # Ours go last: what selects and confines workers is no setting.
        "labels": {**(work.pods.get("labels") or {}), **work.labels},
        **({"annotations": dict(annotations)} if annotations else {}),
    }


def _pod_spec(work: Work) -> dict[str, Any]:
    volumes: list[dict[str, Any]] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": work.claim}},
        {"name": "tmp", "emptyDir": {"sizeLimit": SCRATCH}},
    ]
    if work.target is not None:
        volumes.append({"name": "target", "persistentVolumeClaim": {"claimName": work.target}})
    if work.plan_file is not None:
        items = [{"key": name, "path": name} for name in work.plan_keys]
        volumes.append({"name": "plan", "configMap": {"name": work.plan_file, "items": items}})
    for place, name in enumerate(work.secrets):
        secret = {"secretName": name, "optional": True, "defaultMode": SECRET_MODE}
        volumes.append({"name": f"secret-{place}", "secret": secret})
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **{key: work.pods[key] for key in OF_THE_POD if work.pods.get(key)},
        "containers": [_container(work)],
        "volumes": volumes,
    }


def _container(work: Work) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "data", "mountPath": DATA_DIRECTORY},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own emptyDir
    ]
    if work.target is not None:
        mounts.append({"name": "target", "mountPath": TARGET_DIRECTORY})
    if work.plan_file is not None:
        mounts.append({"name": "plan", "mountPath": PLAN_DIRECTORY, "readOnly": True})
    for place, name in enumerate(work.secrets):
        path = f"{SECRETS_DIRECTORY}/{name}"
        mounts.append({"name": f"secret-{place}", "mountPath": path, "readOnly": True})
    return {
        "name": CONTAINER,
        "image": work.image,
        "imagePullPolicy": work.pull_policy,
        "args": list(work.arguments),
        "env": [
            {"name": "EMP_DATA_DIR", "value": DATA_DIRECTORY},
            {
                "name": "EMP_RUN_ID",
                "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{JOB_NAME_LABEL}']"}},
            },
            *([{"name": "EMP_EXPORTS_DIR", "value": TARGET_DIRECTORY}] if work.target else []),
            {"name": "EMP_TERMINATION_LOG", "value": "/dev/termination-log"},
            *([{"name": "EMP_SECRETS_DIR", "value": SECRETS_DIRECTORY}] if work.secrets else []),
            {"name": "TMPDIR", "value": "/tmp"},  # noqa: S108 - the pod's own emptyDir
        ],
        "resources": work.pods.get("resources") or DEFAULT_RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # A worker that crashed leaves the end of its log instead of a report.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
