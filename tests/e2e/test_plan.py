"""IngestPlan on a real API server: schedule, triggers, drift, and references that do not hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployment import Kubectl, until
from documents import backbone, conditions, message, plan


@pytest.fixture
def ready(kubectl: Kubectl, wait_condition: Any) -> Kubectl:
    kubectl.apply(backbone(), plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    return kubectl


def jobs(kubectl: Kubectl, name: str = "daily") -> dict[str, str]:
    """uid by name of the plan's Jobs."""
    items = kubectl.get("jobs", "-l", f"backbone.emp.dev/plan={name}")["items"]
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in items}


def last_run(kubectl: Kubectl, name: str = "daily") -> str | None:
    found = kubectl.get("ingestplan", name).get("status", {}).get("lastRun", {}).get("id")
    return found if found is None else str(found)


def test_creation_starts_one_run_a_token_one_more_and_a_change_of_the_spec_none(
    ready: Kubectl, wait_condition: Any
) -> None:
    first = jobs(ready)
    assert len(first) == 1
    patch = {"spec": {"dailyBars": {"symbols": ["AAPL"]}, "schedule": "30 1 29 2 *"}}
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps(patch))
    until(
        lambda: ready.get("cronjob", "daily")["spec"]["schedule"],
        lambda seen: seen == "30 1 29 2 *",
        30,
        "schedule",
    )
    assert jobs(ready) == first, "a change of the spec waits for the schedule"
    wait_condition("ingestplan/daily", "Ready", "True", "SpecChanged")

    ready.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=one")
    seen = until(
        lambda: ready.get("ingestplan", "daily")["status"],
        lambda status: (
            status["lastRun"]["id"] not in first and status["lastRun"].get("outcome") == "Succeeded"
        ),
        120,
        "the run of the token",
    )
    assert seen["triggers"]["runNow"] == "one"
    assert seen["lastRun"]["generation"] == 2, "it ran the new spec"
    assert seen["dimensions"][0]["symbols"] == 1
    assert seen["lastRun"]["sequence"] == 2
    ready.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=one", "--overwrite")
    assert len(jobs(ready)) == 2


def test_of_tokens_on_each_other_s_heels_every_run_is_told(ready: Kubectl) -> None:
    for token in range(6):
        ready.run("annotate", "ingestplan", "daily", f"backbone.emp.dev/run-now={token}", "--overwrite")
    until(
        lambda: ready.get("ingestplan", "daily")["status"]["triggers"].get("runNow"),
        lambda seen: seen == "5",
        60,
        "the last token in status",
    )
    made, told = until(
        lambda: (of_events(ready, "Job", "SuccessfulCreate"), of_events(ready, "IngestPlan", "RunStarted")),
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


def test_the_schedule_starts_runs(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(), plan(schedule="* * * * *"))
    wait_condition("ingestplan/daily", "Ready", "True")
    until(
        lambda: [name for name, _ in jobs(kubectl).items() if scheduled(kubectl, name)],
        lambda names: len(names) >= 1,
        100,
        "a Job of the CronJob",
    )
    until(
        lambda: kubectl.get("ingestplan", "daily")["status"]["lastRun"],
        lambda run: scheduled(kubectl, run["id"]) and run["outcome"] == "Succeeded",
        100,
        "its outcome in status",
    )


def scheduled(kubectl: Kubectl, job: str) -> bool:
    found = kubectl.find("job", job)
    owners = [] if found is None else found["metadata"].get("ownerReferences", [])
    return any(owner["kind"] == "CronJob" for owner in owners)


def test_drift_of_children_is_put_back(ready: Kubectl) -> None:
    ready.run("patch", "cronjob", "daily", "--type=merge", "-p", '{"spec":{"schedule":"1 1 1 1 1"}}')
    until(
        lambda: ready.get("cronjob", "daily")["spec"]["schedule"],
        lambda seen: seen == "0 0 29 2 *",
        60,
        "schedule",
    )
    ready.run("delete", "configmap", "daily-plan")
    until(lambda: ready.find("configmap", "daily-plan"), lambda seen: seen is not None, 60, "plan ConfigMap")
    ready.run("delete", "cronjob", "daily", "--cascade=foreground")
    until(lambda: ready.find("cronjob", "daily"), lambda seen: seen is not None, 60, "CronJob")
    ready.run("delete", "configmap", "market-binding")
    until(lambda: ready.find("configmap", "market-binding"), lambda seen: seen is not None, 60, "binding")


def test_two_plans_and_a_token_at_once_take_turns(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(backbone(), plan("one"), plan("two"))
    until(lambda: len(jobs(kubectl, "one")), lambda count: count == 1, 60, "the first run of the first plan")
    kubectl.run("annotate", "ingestplan", "one", "backbone.emp.dev/run-now=now")
    wait_condition("ingestplan/one", "Ready", "True")
    wait_condition("ingestplan/two", "Ready", "True")
    until(lambda: len(jobs(kubectl, "one")), lambda count: count == 2, 60, "both runs of the first plan")
    until(
        lambda: finished(kubectl, "one") + finished(kubectl, "two"),
        lambda outcomes: outcomes == ["Complete"] * 3,
        120,
        "three runs one after the other",
    )


def finished(kubectl: Kubectl, name: str) -> list[str]:
    items = kubectl.get("jobs", "-l", f"backbone.emp.dev/plan={name}")["items"]
    return [
        entry["type"]
        for job in items
        for entry in job["status"].get("conditions", [])
        if entry["status"] == "True" and entry["type"] in {"Complete", "Failed"}
    ]


def test_a_plan_without_its_backbone_says_so_and_recovers(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(plan())
    seen = wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotFound")
    assert "market" in message(seen, "Ready")
    assert jobs(kubectl) == {}
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
    assert jobs(kubectl) == {}
    kubectl.run("patch", "databackbone", "market", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_condition("ingestplan/daily", "Ready", "False", "BackboneNotFound")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        pytest.param("schedule", "0 0 30 2 *", "InvalidSchedule", id="a cron that never fires"),
        pytest.param("timeZone", "Mars/Olympus", "UnknownTimeZone", id="a time zone that does not exist"),
    ],
)
def test_what_no_rule_can_refuse_is_a_condition_and_mends(
    kubectl: Kubectl, wait_condition: Any, field: str, value: str, reason: str
) -> None:
    kubectl.apply(backbone(), plan(**{field: value}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", reason)
    assert value in message(seen, "Ready")
    assert conditions(seen)["Stalled"][0] == "True"
    kubectl.apply(plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def test_an_unknown_symbol_is_named_and_the_rest_is_stored(kubectl: Kubectl, wait_condition: Any) -> None:
    bars = {"provider": "Sample", "symbols": ["AAPL", "NOSUCH"]}
    kubectl.apply(backbone(), plan(dailyBars=bars))
    seen = wait_condition("ingestplan/daily", "Ready", "False", "Partial")
    assert "NOSUCH" in message(seen, "Ready")
    dimension = seen["status"]["dimensions"][0]
    assert dimension["missing"] == ["NOSUCH"]
    assert dimension["rows"] > 0


def test_suspending_a_plan_suspends_its_schedule(ready: Kubectl, wait_condition: Any) -> None:
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    wait_condition("ingestplan/daily", "Ready", "False", "Suspended")
    assert ready.get("cronjob", "daily")["spec"]["suspend"] is True
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def test_kubectl_refuses_a_field_that_does_not_exist(operator: Kubectl, kubectl: Kubectl) -> None:
    done = kubectl.try_run("apply", "-f", "-", stdin=json.dumps(plan(dailyBarz={"provider": "Sample"})))
    assert done.returncode != 0
    assert "dailyBarz" in done.stderr
