"""Pods under a quota: who refuses them, and how a user has them taken."""

from __future__ import annotations

import json
from typing import Any

from deployment import Kubectl
from documents import backbone, message, plan

QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "all"},
    "spec": {"hard": {"limits.cpu": "4"}},
}
PODS = {
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
    "labels": {"example.com/team": "markets"},
}


def test_under_a_quota_a_refused_job_is_named_and_runs_once_the_backbone_says_its_resources(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(QUOTA)
    kubectl.run("wait", "quota/all", "--for=jsonpath={.status.hard.limits\\.cpu}=4", "--timeout=30s")
    kubectl.apply(backbone())
    seen = wait_condition("databackbone/market", "Ready", "False", "PodRefused", deadline=20)
    assert "failed quota: all: must specify limits.cpu" in message(seen, "StorageAvailable")
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", json.dumps({"spec": {"pods": PODS}}))
    wait_condition("databackbone/market", "Ready", "True", deadline=60)
    kubectl.apply(plan(worker={"resources": {"limits": {"cpu": "2"}}, "labels": {"desk": "fx"}}))
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=60)
    (pod,) = kubectl.get("pods", "-l", "backbone.emp.dev/plan=daily")["items"]
    limits = pod["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "2", "memory": "1Gi"}, "of the plan and of its backbone"
    labels = pod["metadata"]["labels"]
    assert (labels["example.com/team"], labels["desk"]) == ("markets", "fx")
