"""A fire for which no run began is told and made up once; what another version made for it is retired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.naming import slot_of
from deployment import Kubectl, until
from documents import backbone, cron_job, message, plan

FREEZE = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "freeze"},
    "spec": {"hard": {"count/jobs.batch": "0"}},
}


def slots(kubectl: Kubectl) -> dict[datetime, list[str]]:
    """Jobs of the plan by the fire that they are for."""
    found: dict[datetime, list[str]] = {}
    for job in kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]:
        name = job["metadata"]["name"]
        fire = slot_of(cron_job(kubectl), name)
        if fire is not None:
            found.setdefault(fire, []).append(job["metadata"]["ownerReferences"][0]["kind"])
    return found


def reasons(kubectl: Kubectl) -> list[str]:
    events = kubectl.get("events", "--field-selector", "involvedObject.name=daily")["items"]
    return [event["reason"] for event in events]


@pytest.mark.long
def test_a_fire_while_the_backbone_is_away_is_told_and_has_one_run_once_it_is_back(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(), plan(schedule="* * * * *"))
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    kubectl.run("delete", "databackbone", "market", "--wait=true")
    seen = wait_condition("ingestplan/daily", "Ready", "False", "RunMissed", deadline=120)
    missed = seen["status"]["fires"]["missed"]
    assert f"No run began for the fire of {missed}" in message(seen, "Ready")
    assert "RunMissed" in reasons(kubectl)
    kubectl.apply(backbone())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=120)
    fire = datetime.fromisoformat(missed.replace("Z", "+00:00"))
    found = slots(kubectl)
    assert any(moment >= fire for moment in found), "it is made up by its own run or the one after it"
    assert all(len(owners) == 1 for owners in found.values())


@pytest.mark.long
def test_a_quota_that_refuses_the_job_of_a_fire_is_told_and_once_it_is_gone_the_fire_has_one_run(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone(), plan(schedule="*/2 * * * *"))
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    kubectl.apply(FREEZE)
    kubectl.run("wait", "quota/freeze", "--for=jsonpath={.status.hard}", "--timeout=30s")
    seen = wait_condition("ingestplan/daily", "Ready", "False", "RunMissed", deadline=120 + 40)
    late = datetime.now(UTC) - datetime.fromisoformat(seen["status"]["fires"]["missed"])
    assert late < timedelta(seconds=40)
    assert "exceeded quota: freeze" in message(seen, "Ready")
    told = kubectl.get("events", "--field-selector", "involvedObject.name=daily,reason=RunMissed")["items"]
    assert "exceeded quota: freeze" in told[0]["message"]
    assert kubectl.get("cronjob", cron_job(kubectl))["spec"]["suspend"] is True
    kubectl.run("delete", "quota", "freeze")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered", deadline=120)
    missed = datetime.fromisoformat(seen["status"]["fires"]["missed"])
    found = slots(kubectl)
    assert any(moment >= missed for moment in found), "it is made up by its own run or the one after it"
    assert all(len(owners) == 1 for owners in found.values())


def test_a_fire_that_nobody_can_start_any_more_has_one_run_of_the_operators(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    fire = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    kubectl.apply(backbone(), plan(schedule=f"{fire.minute} {fire.hour} * * *"))
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    jobs = kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"]
    kubectl.run("delete", "jobs", *(job["metadata"]["name"] for job in jobs))
    # As if the plan had been there an hour ago.
    earlier = {"status": {"fires": {"settledUntil": f"{fire - timedelta(minutes=50):%Y-%m-%dT%H:%M:%SZ}"}}}
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps(earlier))
    kubectl.run("patch", "ingestplan", "daily", *patch)
    kubectl.run("annotate", "ingestplan", "daily", "look=now")
    until(lambda: slots(kubectl), lambda seen: seen == {fire: ["IngestPlan"]}, 60, "the run that is made up")
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    assert {"RunMissed", "RunStarted"} <= set(reasons(kubectl))
    assert slots(kubectl) == {fire: ["IngestPlan"]}


def test_a_cron_job_of_a_former_name_is_suspended_and_goes_and_no_object_has_the_others_name(
    kubectl: Kubectl, wait_condition: Any
) -> None:
    kubectl.apply(backbone("daily"), plan(backbone_name="daily"))
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    own = kubectl.get("cronjob", cron_job(kubectl))
    metadata = {key: own["metadata"][key] for key in ("labels", "ownerReferences")}
    former = {**own, "metadata": {**metadata, "name": "daily"}, "spec": {**own["spec"], "suspend": False}}
    former.pop("status", None)
    kubectl.apply(former)
    until(
        lambda: [item["metadata"]["name"] for item in kubectl.get("cronjobs")["items"]],
        lambda names: names == [cron_job(kubectl)],
        60,
        "the plan's own CronJob alone",
    )
    assert kubectl.get("jobs", "-l", "backbone.emp.dev/plan=daily")["items"], "no run went with it"
    told = kubectl.get("events", "--field-selector", "reason=UnexpectedJob")["items"]
    assert told == [], "no controller took a Job of somebody else for its own"
