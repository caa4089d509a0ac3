"""The operator itself on a real cluster: probes, metrics, rights, and the order of uninstalling."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import RELEASE, ROOT, SYSTEM_NAMESPACE, Image, Kubectl, install, program, until
from documents import backbone, plan
from local_cluster import fetch


def test_health_and_metrics_answer(operator: Kubectl, kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone())
    wait_condition("databackbone/market", "Ready", "True")
    assert fetch(operator, 8080, "/healthz")
    assert fetch(operator, 8080, "/readyz")
    metrics = fetch(operator, 8081, "/metrics")
    assert f'namespace="{kubectl.namespace}"' in metrics


def test_one_lease_is_held(operator: Kubectl) -> None:
    lease = operator.of(SYSTEM_NAMESPACE).get("lease", "databackbone-operator")
    assert lease["spec"]["holderIdentity"]


def test_the_operator_has_no_right_it_does_not_need(operator: Kubectl) -> None:
    account = f"--as=system:serviceaccount:{SYSTEM_NAMESPACE}:{service_account(operator)}"
    for verb, resource in (
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "pods"),
        ("delete", "namespaces"),
        ("update", "databackbones.backbone.emp.dev"),
        ("create", "failoverdrills.backbone.emp.dev"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
    ):
        answer = operator.try_run("auth", "can-i", verb, resource, account, "--all-namespaces")
        assert answer.stdout.strip() == "no", (verb, resource)


def service_account(operator: Kubectl) -> str:
    pods = operator.of(SYSTEM_NAMESPACE).get("pods", "-l", "app.kubernetes.io/name=databackbone")["items"]
    return str(pods[0]["spec"]["serviceAccountName"])


def test_editors_may_not_start_drills_and_the_drill_role_may(operator: Kubectl, kubectl: Kubectl) -> None:
    for role, user in (("edit", "editor"), ("databackbone-drill", "driller")):
        kubectl.run("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}")
    assert can(kubectl, "editor", "create", "ingestplans.backbone.emp.dev") == "yes"
    assert can(kubectl, "editor", "create", "failoverdrills.backbone.emp.dev") == "no"
    assert can(kubectl, "driller", "create", "failoverdrills.backbone.emp.dev") == "yes"


def can(kubectl: Kubectl, user: str, verb: str, resource: str) -> str:
    return kubectl.try_run("auth", "can-i", verb, resource, f"--as={user}").stdout.strip()


@pytest.mark.alone
def test_the_api_server_is_restarted_while_a_backbone_is_made(
    operator: Kubectl, kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(), plan())
    until(lambda: kubectl.get("jobs")["items"], bool, 60, "the first Job")
    program("cluster", "restart-api-server", "--away", "3")
    wait_condition("databackbone/market", "Ready", "True", deadline=60)
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=60)
    jobs = kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]
    assert [job["metadata"]["name"] for job in jobs] == [seen["status"]["lastRun"]["id"]]
    assert seen["status"]["lastRun"]["sequence"] == 1


def test_uninstalling_in_order_keeps_retained_data_and_leaves_nothing_else(
    operator: Kubectl, kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    kubectl.run("delete", "failoverdrill,ingestplan,databackbone", "--all", "--timeout=90s")
    until(
        lambda: [item["metadata"]["name"] for item in kubectl.get("cronjob,job,configmap")["items"]],
        lambda names: names == ["kube-root-ca.crt"],
        90,
        "the children are gone",
    )
    assert kubectl.find("pvc", "market-data") is not None


def test_a_second_release_stands_by_where_the_first_serves_and_says_so(
    operator: Kubectl, kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone())
    wait_condition("databackbone/market", "Ready", "True")
    before = kubectl.get("lease", "databackbone-served-by")["spec"]["holderIdentity"]
    values = f"rbac.userRoles=false,watchNamespaces={{{kubectl.namespace}}}"
    chart = str(ROOT / "charts" / "databackbone")
    kubectl.run(
        "install",
        "second",
        chart,
        "--skip-crds",
        "--wait",
        "--timeout=60s",
        "--set",
        values,
        tool="helm",
        deadline=90,
    )
    try:
        told = until(
            lambda: kubectl.get("events", "--field-selector", "reason=StandingBy")["items"],
            bool,
            30,
            "the second release says that it stands by",
        )
        assert before in told[0]["message"]
        assert kubectl.get("lease", "databackbone-served-by")["spec"]["holderIdentity"] == before
        assert "stands by" in kubectl.run("logs", "deploy/second-databackbone")
        kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        wait_condition("databackbone/market", "Ready", "False", "Suspended")
    finally:
        kubectl.run("uninstall", "second", tool="helm")


@pytest.mark.alone
def test_objects_can_be_deleted_with_the_operator_already_gone(
    operator: Kubectl, kubectl: Kubectl, wait_condition: Any, images: dict[str, Image]
) -> None:
    kubectl.apply(backbone(deletionPolicy="Delete"), plan())
    wait_condition("ingestplan/daily", "Ready", "True")
    system = operator.of(SYSTEM_NAMESPACE)
    system.run("uninstall", RELEASE, "--wait", tool="helm")
    try:
        kubectl.run("delete", "ingestplan,databackbone", "--all", "--wait=false")
        until(
            lambda: kubectl.get("ingestplan,databackbone,cronjob,job,pvc")["items"],
            lambda items: items == [],
            90,
            "everything is gone, the data too",
        )
    finally:
        install(operator, images, "operator.resyncSeconds=15", "operator.checkRetrySeconds=3")
