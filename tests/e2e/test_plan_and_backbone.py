"""IngestPlan on a real API server, where it matters what its backbone is and what it holds."""

from __future__ import annotations

from typing import Any

from deployment import Kubectl, until
from documents import backbone, message, plan


def test_of_tokens_on_each_other_s_heels_every_run_is_told(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    for token in range(6):
        kubectl.run("annotate", "ingestplan", "daily", f"backbone.emp.dev/run-now={token}", "--overwrite")
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"]["triggers"].get("runNow"),
        lambda seen: seen == "5",
        60,
        "the last token in status",
    )
    made, told = until(
        lambda: (
            of_events(kubectl, "Job", "SuccessfulCreate"),
            of_events(kubectl, "IngestPlan", "RunStarted"),
        ),
        lambda seen: len(seen[1]) >= len(seen[0]) > 1,
        60,
        "an event for every Job",
    )
    assert told == made


def of_events(kubectl: Kubectl, kind: str, reason: str) -> set[str]:
    """Names of a plan's Jobs that events of this reason speak of."""
    found = [item for item in kubectl.get("events")["items"] if item["reason"] == reason]
    about = [item for item in found if item["involvedObject"]["kind"] == kind]
    names = {
        item["involvedObject"]["name"] if kind == "Job" else item["message"].split()[1].rstrip(":")
        for item in about
    }
    return {name for name in names if name.startswith("daily-")}


def test_a_plan_without_its_backbone_says_so_and_recovers(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(plan())
    seen = wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotFound")
    assert "market" in message(seen, "Ready")
    assert kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"] == []
    kubectl.apply(backbone())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def test_a_backbone_that_is_being_deleted_takes_no_new_plan(kubectl: Kubectl, wait_condition: Any) -> None:
    held = backbone()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    kubectl.apply(held)
    wait_condition("databackbone/market", "Ready", "True")
    kubectl.run("delete", "databackbone", "market", "--wait=false")
    kubectl.apply(plan())
    wait_condition("ingestplan/daily", "Ready", "False", "BackboneDeleted")
    assert kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"] == []
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotFound")


def test_an_unknown_symbol_is_named_and_the_rest_is_stored(kubectl: Kubectl, wait_condition: Any) -> None:
    bars = {"provider": "Sample", "symbols": ["AAPL", "NOSUCH"]}
    kubectl.apply(backbone(), plan(dailyBars=bars))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "Partial")
    assert "NOSUCH" in message(seen, "Ready")
    dimension = seen["status"]["dimensions"][0]
    assert dimension["missing"] == ["NOSUCH"]
    assert dimension["rows"] > 0
