"""What the operator asks of the API server: how often, and for what."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import kmock
import pytest

BACKBONES = "backbone.emp.dev/v1alpha1/databackbones"
PLANS = "backbone.emp.dev/v1alpha1/ingestplans"
MARKETS = [f"market-{number}" for number in range(8)]
VISITS = 40


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


def lists_of_plans(api: Any) -> int:
    """Lists that visits made; those of a watch have no limit."""
    return sum(
        item.resource == kmock.resource(PLANS) and item.action == kmock.action.LIST and "limit" in item.params
        for item in api.log
    )


async def test_plans_that_change_do_not_make_their_namespace_be_listed_again(
    api: Any, working: Any, until: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for market in MARKETS:
        api.objects[BACKBONES, "ns", market] = custom("DataBackbone", market, {})
        api.objects[PLANS, "ns", f"bars-{market}"] = plan(f"bars-{market}", market)
    async with working() as operator:
        count = operator.metrics.visits.labels("DataBackbone", "done")._value
        await until(lambda: api.names("batch/v1/jobs") and count.get() >= len(MARKETS))
        await asyncio.sleep(1)
        lists, visited = lists_of_plans(api), count.get()
        for number in range(VISITS):
            market = MARKETS[number % len(MARKETS)]
            path = f"/apis/backbone.emp.dev/v1alpha1/namespaces/ns/ingestplans/bars-{market}"
            run = {"id": f"run-{number}", "outcome": "Succeeded", "end": f"2024-03-01T12:00:{number:02}Z"}
            await api.patch(path, json={"status": {"lastRun": run}})
            await asyncio.sleep(0.2)
        await until(lambda: count.get() - visited >= VISITS)
        lists, visited = lists_of_plans(api) - lists, count.get() - visited
    with capsys.disabled():
        sys.stdout.write(
            f" {visited:.0f} visits of backbones while {VISITS} plans changed: {lists} lists of plans "
        )
    assert lists == 0
