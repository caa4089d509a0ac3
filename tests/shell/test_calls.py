"""What the operator asks of the API server: how often, and for what."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import kmock
import pytest

from backbone import app

BACKBONES = "backbone.emp.dev/v1alpha1/databackbones"
PLANS = "backbone.emp.dev/v1alpha1/ingestplans"
MARKETS = [f"market-{number}" for number in range(4)]
VISITS = 40
NOTHING = 10
QUIET_SECONDS = 2.0
"""Without a call or a visit for so long, what was to be told has been told, on a busy machine too."""


def custom(kind: str, name: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "ns",
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2024-03-01T12:00:00Z",
    }
    document = {"apiVersion": "backbone.emp.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    return {**document, **more}


def plan(name: str, backbone: str) -> dict[str, Any]:
    spec = {
        "backboneRef": {"name": backbone},
        "schedule": "0 22 * * 1-5",
        "dailyBars": {"provider": "Sample", "symbols": ["AAPL"]},
    }
    return custom("IngestPlan", name, spec)


async def calm(api: Any, operator: Any, met: Callable[[], object] = lambda: True) -> None:
    """Wait until it is so, every kind is watched, and nothing has happened for a while."""
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(120):
        seen, since = -1, clock()
        while not met() or not watched(api) or clock() - since < QUIET_SECONDS:
            busy = any(kind.queued or kind.under_way for kind in operator.visits.progress().values())
            # What failed, on a conflict or because the machine was slow, is tried again after a pause.
            busy = busy or any(loop.failures for loop in operator.visits._loops.values())
            if busy or len(api.log) != seen:
                seen, since = len(api.log), clock()
            await asyncio.sleep(0.05)


def watched(api: Any) -> bool:
    """Whether there is a watch of each of our kinds and of each kind of child."""
    kinds = {item.resource for item in api.log if item.action == kmock.action.WATCH}
    return len(kinds) == 3 + len(app.WATCHED)


def lists_of_plans(api: Any) -> int:
    """Lists that visits made; those of a watch have no limit."""
    return sum(
        item.resource == kmock.resource(PLANS) and item.action == kmock.action.LIST and "limit" in item.params
        for item in api.log
    )


async def test_plans_that_change_do_not_make_their_namespace_be_listed_again(
    api: Any, working: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for market in MARKETS:
        api.objects[BACKBONES, "ns", market] = custom("DataBackbone", market, {})
        api.objects[PLANS, "ns", f"bars-{market}"] = plan(f"bars-{market}", market)
    async with working() as operator:
        count = operator.metrics.visits.labels("DataBackbone", "done")._value
        await calm(api, operator, lambda: len(api.names("batch/v1/jobs")) == len(MARKETS))
        lists, visited = lists_of_plans(api), count.get()
        for number in range(VISITS):
            market = MARKETS[number % len(MARKETS)]
            path = f"/apis/backbone.emp.dev/v1alpha1/namespaces/ns/ingestplans/bars-{market}"
            run = {"id": f"run-{number}", "outcome": "Succeeded", "end": f"2024-03-01T12:00:{number:02}Z"}
            before = count.get()
            await api.patch(path, json={"status": {"lastRun": run}})
            while count.get() == before:  # noqa: ASYNC110 - the count is the operator's own
                await asyncio.sleep(0.01)
        await calm(api, operator, lambda: count.get() - visited >= VISITS)
        lists, visited = lists_of_plans(api) - lists, count.get() - visited
    with capsys.disabled():
        sys.stdout.write(
            f" {visited:.0f} visits of backbones while {VISITS} plans changed: {lists} lists of plans "
        )
    assert lists == 0


QUIET: dict[str, dict[str, Any]] = {
    "v1/configmaps": {"metadata": {"annotations": {"seen-by": "an auditor, {number} times"}}},
    "v1/persistentvolumeclaims": {"metadata": {"annotations": {"backup": "{number}"}}},
    "batch/v1/cronjobs": {"status": {"lastScheduleTime": "2024-03-01T12:00:{number:02}Z"}},
    "batch/v1/jobs": {"status": {"active": 1, "ready": "{number}", "terminating": "{number}"}},
    "v1/pods": {"status": {"podIP": "10.0.0.{number}", "qosClass": "Burstable"}},
}
"""What others write about each kind of child, and no visit reads."""

NEWS: dict[str, dict[str, Any]] = {
    "v1/configmaps": {"metadata": {"labels": {"backbone.emp.dev/component": "stolen"}}},
    "v1/persistentvolumeclaims": {"status": {"phase": "Lost"}},
    "batch/v1/cronjobs": {"spec": {"suspend": False}},
    "batch/v1/jobs": {"status": {"startTime": "2024-03-01T12:00:00Z"}},
    "v1/pods": {"status": {"phase": "Failed"}},
}
"""And one thing of each that a visit does read."""


def visits_of(operator: Any) -> int:
    kinds = ("DataBackbone", "IngestPlan")
    results = ("done", "conflict")
    return int(
        sum(operator.metrics.visits.labels(kind, result)._value.get() for kind in kinds for result in results)
    )


def filled(document: Any, number: int) -> Any:
    if isinstance(document, dict):
        return {key: filled(value, number) for key, value in document.items()}
    return document.format(number=number) if isinstance(document, str) else document


def path_of(resource: str, name: str) -> str:
    group, _, plural = resource.rpartition("/")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    return f"{root}/namespaces/ns/{plural}/{name}"


@pytest.mark.parametrize("resource", QUIET)
async def test_what_no_visit_reads_of_a_child_wakes_nobody_and_what_one_reads_does(
    api: Any, working: Any, until: Any, capsys: pytest.CaptureFixture[str], resource: str
) -> None:
    api.objects[BACKBONES, "ns", "market"] = custom("DataBackbone", "market", {})
    api.objects[PLANS, "ns", "bars"] = plan("bars", "market")
    async with working() as operator:
        probe = (await until(lambda: api.names("batch/v1/jobs")))[0]
        await until(lambda: api.names("batch/v1/cronjobs"))
        await api.post("/api/v1/namespaces/ns/pods", json=running_pod(probe))
        name = (await until(lambda: api.names(resource)))[0]
        await calm(api, operator)
        visited, calls = visits_of(operator), len(api.log)
        for number in range(NOTHING):
            await api.patch(path_of(resource, name), json=filled(QUIET[resource], number))
            await asyncio.sleep(0.15)
        await calm(api, operator)
        visited, calls = visits_of(operator) - visited, len(api.log) - calls - NOTHING
        before = visits_of(operator)
        await api.patch(path_of(resource, name), json=NEWS[resource])
        await until(lambda: visits_of(operator) > before)
    with capsys.disabled():
        sys.stdout.write(f" {NOTHING} events of {resource}: {visited} visits, {calls} calls ")
    assert (visited, calls) == (0, 0)


def running_pod(job: str) -> dict[str, Any]:
    labels = {
        "app.kubernetes.io/managed-by": "databackbone-operator",
        "app.kubernetes.io/component": "volume-probe",
        "backbone.emp.dev/backbone": "market",
        "batch.kubernetes.io/job-name": job,
    }
    metadata = {"name": f"{job}-x", "namespace": "ns", "labels": labels}
    state = {"running": {"startedAt": "2024-03-01T12:00:00Z"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "status": {"phase": "Running", "containerStatuses": [{"state": state}]},
    }
