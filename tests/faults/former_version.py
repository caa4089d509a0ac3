"""What the version before wrote is where this one starts: its chart, its images, and then ours over them.

A backbone on each tier is filled by the former operator and the former workers. Then the CRDs, the images and
the chart become this checkout's, and both plans run once more.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployment import (
    RELEASE,
    ROOT,
    SYSTEM_NAMESPACE,
    Kubectl,
    ensure_images,
    install,
    until,
)
from documents import backbone, conditions, plan, run_again
from host_services import HostServices, host_services
from record import Result

COMMIT = "5f5c9761d68cd95b76486661c3583b3972b093e7"
TRADES = {"provider": "Sample", "symbols": ["ES"]}
TIERS: dict[str, dict[str, Any]] = {
    "bootstrap": {"mode": "Bootstrap"},
    "institutional": {"mode": "Institutional", "timescale": {"connection": {"secretName": "timescale"}}},
}
RUN = 420.0
"""Seconds for a backbone to be Ready and its plan's run to end."""


def archived(folder: Path) -> Path:
    """The version before, as its commit has it."""
    archive = subprocess.run(["git", "archive", COMMIT], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def delivered(kubectl: Kubectl, after: str = "") -> dict[str, Any]:
    """The plan, once a run other than `after` has delivered and its backbone is Ready."""

    def stands(item: dict[str, Any]) -> bool:
        last = item.get("status", {}).get("lastRun", {}).get("id", after)
        return last != after and conditions(item).get("Ready", ("", ""))[1] == "Delivered"

    seen = until(lambda: kubectl.get("ingestplan", "daily"), stands, RUN, f"a run in {kubectl.namespace}")
    until(
        lambda: conditions(kubectl.get("databackbone", "market")).get("Ready"),
        lambda ready: ready == ("True", "Available"),
        RUN,
        f"the backbone in {kubectl.namespace}",
    )
    return seen["status"]


@contextmanager
def namespaces(cluster: Kubectl) -> Iterator[dict[str, Kubectl]]:
    """One per tier, gone afterwards."""
    made = {name: cluster.of(f"former-{name}") for name in TIERS}
    for each in made.values():
        cluster.run("create", "namespace", each.namespace)
    try:
        yield made
    finally:
        for each in made.values():
            each.try_run("delete", "ingestplan,databackbone", "--all", "--timeout=120s")
            cluster.run("delete", "namespace", each.namespace, "--wait=false")


def filled(places: dict[str, Kubectl], services: HostServices) -> dict[str, dict[str, Any]]:
    """The plans' status on both tiers after a first run."""
    services.secrets(places["institutional"])
    for name, kubectl in places.items():
        kubectl.apply(backbone(**TIERS[name]), plan(intradayTrades=TRADES))
    return {name: delivered(kubectl) for name, kubectl in places.items()}


def taken_over(cluster: Kubectl) -> Result:
    """Go from the version before to this one; what came of it, by tier.

    Raises AssertionError where a row is lost, stored again or told as changed, where a tier moves, or where a
    volume or a database is not taken for the one that it was.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as servers,
        host_services(Path(servers)) as services,
        namespaces(cluster) as places,
    ):
        former = archived(Path(folder))
        install(cluster, ensure_images(former), root=former)
        before = filled(places, services)
        install(cluster, ensure_images(), "operator.resyncSeconds=15")
        found: Result = {}
        for name, kubectl in places.items():
            run_again(kubectl, "with-the-next-version")
            after = delivered(kubectl, after=before[name]["lastRun"]["id"])
            assert after["lastRun"]["sequence"] == before[name]["lastRun"]["sequence"] + 1, after
            assert sum(item["changed"] for item in after["dimensions"]) == 0, after
            rows = [
                {item["name"]: item["rows"] for item in each["dimensions"]} for each in (before[name], after)
            ]
            assert rows[0] == rows[1], rows
            tier = kubectl.get("databackbone", "market")["status"]["tier"]["active"]
            assert tier.lower() == name, tier
            told = {item["reason"] for item in kubectl.get("events")["items"]}
            assert not told & {"VolumeReplaced", "VolumeMadeAgain", "DatabaseReplaced", "DatabaseTaken"}, told
            found[name] = {"rows": sum(rows[1].values()), "sequence": after["lastRun"]["sequence"]}
        assert services.rows("intraday_trades") == rows[1]["intradayTrades"]
        cluster.of(SYSTEM_NAMESPACE).run("uninstall", RELEASE, "--wait", tool="helm")
    return found
