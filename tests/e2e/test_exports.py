"""Exports on a real cluster: into a claim by an annotation, told in status, read back by DuckDB alone."""

from __future__ import annotations

from typing import Any

import pytest

from console import Failure
from deployment import ROOT, Image, Kubectl, reader_pod, until
from documents import LEAP_DAY, backbone, conditions, message, plan
from local_cluster import wait_until_stands

SAMPLE = ROOT / "manifests" / "samples" / "exports"
READ = """
import duckdb, json, pathlib
folder = pathlib.Path("/data/bars")
number = (folder / "current").read_text().strip()
manifest = json.loads((folder / "manifests" / f"{number}.json").read_text())
files = [str(folder / file["path"]) for part in manifest["partitions"] for file in part["files"]]
query = "SELECT count(*), count(DISTINCT symbol) FROM read_parquet(?)"
print("read:", number, duckdb.execute(query, [files]).fetchone())
"""


def bars(target: str) -> list[dict[str, Any]]:
    """One export of a plan."""
    body = {"name": "bars", "dimension": "dailyBars", "schedule": LEAP_DAY, "partitionBy": "Year"}
    return [{**body, "target": {"claimName": target}}]


def export_now(kubectl: Kubectl, name: str) -> None:
    kubectl.run("annotate", "ingestplan", name, "backbone.emp.dev/export-now=bars:one")


@pytest.fixture
def kubectl(on_market: Kubectl) -> Kubectl:
    return on_market


def test_an_export_waits_for_its_claim_and_belongs_to_one_plan(
    kubectl: Kubectl, images: dict[str, Image], wait_condition: Any
) -> None:
    kubectl.apply(plan(exports=bars("exports")))
    export_now(kubectl, "daily")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    seen = wait_condition("ingestplan/daily", "Exported", "False", "TargetMissing")
    assert "exports does not exist" in message(seen, "Exported")
    assert kubectl.get("jobs", "-l", "app.kubernetes.io/component=export")["items"] == []

    kubectl.run("apply", "-f", str(SAMPLE / "claim.yaml"))
    kubectl.run("apply", "--dry-run=server", "-f", str(SAMPLE / "ingestplan.yaml"))
    seen = wait_condition("ingestplan/daily", "Exported", "True", "Exported")
    [entry] = seen["status"]["exports"]
    run = seen["status"]["lastRun"]["sequence"]
    assert (entry["manifest"], entry["completeUpTo"], entry["attempts"]) == (1, run, 1)
    assert seen["status"]["exportNow"] == {"token": "bars:one", "job": entry["job"], "message": ""}
    pod = reader_pod("reader", images["worker"].reference, ["-c", READ], claim="exports")
    pod["spec"]["containers"][0]["command"] = ["python3"]
    kubectl.apply(pod)
    until(
        lambda: kubectl.get("pod", "reader")["status"]["phase"],
        lambda phase: phase in {"Succeeded", "Failed"},
        60,
        "the end of the reader",
    )
    assert f"read: 1 ({entry['rows']}, 3)" in kubectl.run("logs", "reader")

    kubectl.apply(plan("other", exports=bars("exports")))
    wait_until_stands(kubectl, "ingestplan/other", "Ready", "True")
    export_now(kubectl, "other")
    seen = wait_condition("ingestplan/other", "Exported", "False", "TargetTaken")
    assert conditions(seen)["Ready"][0] == "True"


def test_the_claim_of_a_backbone_is_no_target(kubectl: Kubectl, wait_condition: Any) -> None:
    with pytest.raises(Failure, match="is the claim of the backbone itself"):
        kubectl.apply(plan(exports=bars("market-data")))
    kubectl.apply(backbone("second"), plan(exports=bars("second-data")))
    export_now(kubectl, "daily")
    wait_condition("ingestplan/daily", "Exported", "False", "TargetIsBackbone")
    assert kubectl.get("jobs", "-l", "app.kubernetes.io/component=export")["items"] == []
