"""Two replicas in the cluster, and one version of the chart after another, with work under way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployment import RELEASE, ROOT, SYSTEM_NAMESPACE, Image, Kubectl, install, until
from documents import backbone, plan

pytestmark = pytest.mark.alone

TRADES = {"provider": "Sample", "symbols": ["ES"]}
PODS = "app.kubernetes.io/name=databackbone"


@pytest.fixture
def two_replicas(operator: Kubectl, images: dict[str, Image]) -> Iterator[Kubectl]:
    install(
        operator, images, "operator.resyncSeconds=15", "operator.checkRetrySeconds=3", "operator.replicas=2"
    )
    yield operator.of(SYSTEM_NAMESPACE)
    install(operator, images, "operator.resyncSeconds=15", "operator.checkRetrySeconds=3")


@pytest.fixture
def next_chart(tmp_path: Path) -> Path:
    """This chart as a later version of itself."""
    chart = tmp_path / "databackbone"
    shutil.copytree(ROOT / "charts" / "databackbone", chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "99.0.0"}))
    return chart


def leader(system: Kubectl) -> str:
    """The pod that holds the Lease, or an empty text."""
    lease = system.find("lease", "databackbone-operator")
    return str(lease["spec"]["holderIdentity"]).partition("_")[0] if lease else ""


def running(system: Kubectl) -> set[str]:
    pods = system.get("pods", "-l", PODS)["items"]
    return {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


def test_the_leader_pod_is_killed_and_its_standby_goes_on(
    two_replicas: Kubectl, kubectl: Kubectl, wait_condition: Any
) -> None:
    first = until(lambda: leader(two_replicas), lambda name: name in running(two_replicas), 60, "a leader")
    kubectl.apply(backbone(), plan())
    two_replicas.run("delete", "pod", first, "--grace-period=0", "--force", "--wait=false")
    second = until(lambda: leader(two_replicas), lambda name: name not in {"", first}, 60, "another leader")
    assert second in running(two_replicas)
    seen = wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    jobs = kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]
    assert [job["metadata"]["name"] for job in jobs] == [seen["status"]["lastRun"]["id"]]


def test_an_upgrade_and_a_rollback_with_a_run_under_way_lose_and_double_nothing(
    operator: Kubectl, kubectl: Kubectl, images: dict[str, Image], wait_condition: Any, next_chart: Path
) -> None:
    system = operator.of(SYSTEM_NAMESPACE)
    install(operator, images, "operator.resyncSeconds=15", "operator.checkRetrySeconds=3")
    old = running(system)
    kubectl.apply(backbone(), plan(intradayTrades=TRADES))
    until(lambda: kubectl.get("jobs")["items"], bool, 60, "work under way")
    values = ("--reuse-values", "--set", "operator.resyncSeconds=20", "--wait", "--timeout=180s")
    system.run("upgrade", RELEASE, str(next_chart), *values, tool="helm", deadline=240)
    until(lambda: running(system), lambda pods: not pods & old, 90, "the new version's pods alone")
    before = wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=180)["status"]
    assert {item["name"]: item["rows"] for item in before["dimensions"]}["intradayTrades"] == 500_000

    kubectl.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=across-the-rollback")
    jobs = until(
        lambda: kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"],
        lambda items: len(items) == 2,
        60,
        "the Job of the token",
    )
    system.run("rollback", RELEASE, "--wait", "--timeout=180s", tool="helm", deadline=240)
    after = until(
        lambda: kubectl.get("ingestplan", "daily")["status"],
        lambda status: status["lastRun"]["id"] == status["triggers"].get("runNowJob"),
        180,
        "the run across the rollback",
    )
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    assert after["lastRun"]["sequence"] == before["lastRun"]["sequence"] + 1
    assert sum(item["changed"] for item in after["dimensions"]) == 0
    left = kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]
    assert {job["metadata"]["uid"] for job in left} == {job["metadata"]["uid"] for job in jobs}
    labels = system.get("deployment", RELEASE)["metadata"]["labels"]
    assert labels["helm.sh/chart"] != "databackbone-99.0.0"
