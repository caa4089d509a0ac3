"""Children deleted or edited by hand, and a worker's image that is not there."""

from __future__ import annotations

import json
from typing import Any

import pytest

import truth
from api_proxy import ApiProxy
from deployment import Image, Kubectl, until
from documents import cron_job, message
from figures import Figure
from operator_process import OperatorProcess, Replica


@pytest.fixture
def ready(kubectl: Kubectl, operator: OperatorProcess) -> Kubectl:
    truth.create(kubectl)
    truth.wait_delivered(kubectl)
    return kubectl


SCHEDULE = "cronjob/"
"""The plan's; its name has the plan's identity in it."""
COMPONENT = "app.kubernetes.io/component"
EDITS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("pvc/market-data", {"metadata": {"labels": {COMPONENT: "mine"}}}, ("metadata", "labels", COMPONENT)),
    (SCHEDULE, {"spec": {"schedule": "1 1 1 1 1"}}, ("spec", "schedule")),
    (SCHEDULE, {"spec": {"suspend": True}}, ("spec", "suspend")),
    (SCHEDULE, {"spec": {"concurrencyPolicy": "Replace"}}, ("spec", "concurrencyPolicy")),
    ("configmap/daily-plan", {"data": {"ingestplan.yaml": "nothing"}}, ("data",)),
    ("configmap/market-binding", {"data": {"epoch": "7"}}, ("data", "epoch")),
)
"""What is edited, by what patch, and the field that has to come back."""


def test_edits_by_hand_are_put_back_and_told(ready: Kubectl, figure: Figure) -> None:
    slowest = 0.0
    for child, patch, path in EDITS:
        target = named(ready, child)
        before = field(ready.get(target), path)
        ready.run("patch", target, "--type=merge", "-p", json.dumps(patch))
        slowest = max(slowest, wait_put_back(ready, target, path, before))
    told = [event for event in ready.get("events")["items"] if event["reason"] == "DriftReverted"]
    assert {event["involvedObject"]["kind"] for event in told} == {"DataBackbone", "IngestPlan"}
    assert len(truth.runs(ready)) == 1
    figure(f"the slowest of {len(EDITS)} edits by hand put back", slowest, "s")


def named(kubectl: Kubectl, child: str) -> str:
    return child + cron_job(kubectl) if child == SCHEDULE else child


def wait_put_back(kubectl: Kubectl, target: str, path: tuple[str, ...], before: Any) -> float:
    """Seconds until the field is again what it was."""

    def back() -> object:
        return until(
            lambda: field(kubectl.get(target), path), lambda seen: seen == before, truth.TRUE_AGAIN, target
        )

    return truth.seconds(back)


def field(item: dict[str, Any], path: tuple[str, ...]) -> Any:
    for part in path:
        item = item[part]
    return item


def test_children_deleted_by_hand_come_back_and_start_nothing(ready: Kubectl) -> None:
    first = truth.runs(ready)
    for child in (SCHEDULE, "configmap/daily-plan", "configmap/market-binding"):
        target = named(ready, child)
        uid = ready.get(target)["metadata"]["uid"]
        ready.run("delete", target, "--cascade=orphan")
        until(
            lambda target=target: ready.find(*target.split("/")),
            lambda seen, uid=uid: seen is not None and seen["metadata"]["uid"] != uid,
            truth.TRUE_AGAIN,
            f"another {target}",
        )
    truth.wait_delivered(ready, deadline=truth.TRUE_AGAIN)
    assert truth.runs(ready) == first


def test_the_job_of_a_finished_run_deleted_by_hand_takes_nothing_away(ready: Kubectl) -> None:
    before = ready.get("ingestplan", "daily")["status"]["lastRun"]
    ready.run("delete", "job", before["id"])
    truth.annotate(ready, "after")
    after = truth.wait_run(ready, "after")["status"]
    assert after["lastRun"]["sequence"] == before["sequence"] + 1
    assert after["dimensions"][0]["changed"] == 0


def test_a_job_paused_by_hand_is_told_and_goes_on_when_it_may(
    kubectl: Kubectl, operator: OperatorProcess, images: dict[str, Image]
) -> None:
    truth.create(kubectl, intradayTrades={"provider": "Sample", "symbols": ["ES"]})
    until(lambda: truth.worker_pod(kubectl), lambda name: name is not None, 60, "a worker at work")
    (job,) = truth.runs(kubectl)
    kubectl.run("patch", "job", job, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"].get("activeRun", {}).get("message", ""),
        lambda told: "no pod yet" in told,
        truth.TRUE_AGAIN,
        "the run that does not get on",
    )
    kubectl.run("patch", "job", job, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    truth.wait_delivered(kubectl, deadline=180)
    assert truth.runs(kubectl) == [job]
    stored = truth.stored_rows(kubectl, images)
    assert stored == {"dailyBars": truth.DAILY_ROWS, "intradayTrades": 500_000}


def test_a_claim_deleted_in_the_middle_of_a_run_is_made_anew_and_filled(
    kubectl: Kubectl, operator: OperatorProcess, images: dict[str, Image]
) -> None:
    truth.create(kubectl, intradayTrades={"provider": "Sample", "symbols": ["ES"]})
    until(lambda: truth.worker_pod(kubectl), lambda name: name is not None, 60, "a worker at work")
    claim = kubectl.get("pvc", "market-data")["metadata"]["uid"]
    kubectl.run("delete", "pvc", "market-data", "--wait=false")
    until(
        lambda: kubectl.find("pvc", "market-data"),
        lambda seen: seen is not None and seen["metadata"]["uid"] != claim,
        120,
        "another claim, once the run has ended",
    )
    seen = truth.wait_delivered(kubectl, deadline=180)
    assert seen["status"]["claimUid"] != claim
    stored = truth.stored_rows(kubectl, images)
    assert stored == {"dailyBars": truth.DAILY_ROWS, "intradayTrades": 500_000}


def test_a_worker_image_that_is_missing_is_named_and_mends(
    kubectl: Kubectl, api: ApiProxy, replica: Replica
) -> None:
    astray = replica(EMP_WORKER_IMAGE="backbone-worker:no-such-tag").start().wait_leading()
    truth.create(kubectl)
    seen = until(
        lambda: kubectl.get("databackbone", "market"),
        lambda item: "no-such-tag" in json.dumps(item.get("status", {})),
        truth.TRUE_AGAIN,
        "the missing image by name",
    )
    assert truth.current(seen) == ("False", "VolumePending")
    assert "ImagePullFailed" in message(seen, "StorageAvailable")
    assert astray.stop() == 0
    replica("mended").start().wait_leading()
    # The probe that cannot run has its deadline; deleting it asks for another at once.
    kubectl.run("delete", "job", "-l", "app.kubernetes.io/component=volume-probe")
    truth.wait_delivered(kubectl, deadline=truth.TRUE_AGAIN)
    assert len(truth.runs(kubectl)) == 1
