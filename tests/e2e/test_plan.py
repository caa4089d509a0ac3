"""IngestPlan on a real API server: schedule, triggers and drift, on a backbone that these tests share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployment import Kubectl, until
from documents import conditions, cron_job, message, plan


@pytest.fixture
def kubectl(on_market: Kubectl) -> Kubectl:
    return on_market


@pytest.fixture
def ready(kubectl: Kubectl, wait_condition: Any) -> Kubectl:
    kubectl.apply(plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")
    return kubectl


def jobs(kubectl: Kubectl, name: str = "daily") -> dict[str, str]:
    """uid by name of the plan's Jobs."""
    items = kubectl.get("jobs", "-l", f"backbone.emp.dev/plan={name}")["items"]
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in items}


def test_creation_starts_one_run_a_token_one_more_and_a_change_of_the_spec_none(
    ready: Kubectl, wait_condition: Any
) -> None:
    first = jobs(ready)
    assert len(first) == 1
    sequence = ready.get("ingestplan", "daily")["status"]["lastRun"]["sequence"]
    patch = {"spec": {"dailyBars": {"symbols": ["AAPL"]}, "schedule": "30 1 29 2 *"}}
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", json.dumps(patch))
    until(
        lambda: ready.get("cronjob", cron_job(ready))["spec"]["schedule"],
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
    assert seen["lastRun"]["sequence"] == sequence + 1
    ready.run("annotate", "ingestplan", "daily", "backbone.emp.dev/run-now=one", "--overwrite")
    assert len(jobs(ready)) == 2


def test_the_schedule_starts_runs(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(plan(schedule="* * * * *"))
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
    ready.run("patch", "cronjob", cron_job(ready), "--type=merge", "-p", '{"spec":{"schedule":"1 1 1 1 1"}}')
    until(
        lambda: ready.get("cronjob", cron_job(ready))["spec"]["schedule"],
        lambda seen: seen == "0 0 29 2 *",
        60,
        "schedule",
    )
    ready.run("delete", "configmap", "daily-plan")
    until(lambda: ready.find("configmap", "daily-plan"), lambda seen: seen is not None, 60, "plan ConfigMap")
    ready.run("delete", "cronjob", cron_job(ready), "--cascade=foreground")
    until(lambda: ready.find("cronjob", cron_job(ready)), lambda seen: seen is not None, 60, "CronJob")
    ready.run("delete", "configmap", "market-binding")
    until(lambda: ready.find("configmap", "market-binding"), lambda seen: seen is not None, 60, "binding")


def test_two_plans_and_a_token_at_once_take_turns(kubectl: Kubectl, wait_condition: Any) -> None:
    kubectl.apply(plan("one"), plan("two"))
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
    kubectl.apply(plan(**{field: value}))
    seen = wait_condition("ingestplan/daily", "Ready", "False", reason)
    assert value in message(seen, "Ready")
    assert conditions(seen)["Stalled"][0] == "True"
    kubectl.apply(plan())
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def test_suspending_a_plan_suspends_its_schedule(ready: Kubectl, wait_condition: Any) -> None:
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    wait_condition("ingestplan/daily", "Ready", "False", "Suspended")
    assert ready.get("cronjob", cron_job(ready))["spec"]["suspend"] is True
    ready.run("patch", "ingestplan", "daily", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    wait_condition("ingestplan/daily", "Ready", "True", "Delivered")


def test_kubectl_refuses_a_field_that_does_not_exist(operator: Kubectl, kubectl: Kubectl) -> None:
    done = kubectl.try_run("apply", "-f", "-", stdin=json.dumps(plan(dailyBarz={"provider": "Sample"})))
    assert done.returncode != 0
    assert "dailyBarz" in done.stderr
