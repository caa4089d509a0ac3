"""What kstatus (Flux, Argo CD, kpt) makes of our objects: nothing that is not done counts as done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from backbone.failoverdrill import handlers as failoverdrill
from backbone.handling import Reconciler
from backbone.metrics import Metrics
from backbone.vocabulary import Reason

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def kstatus(item: dict[str, Any]) -> str:
    """The rules of sigs.k8s.io/cli-utils/pkg/kstatus for a kind that it does not know, in their order."""
    status = item.get("status") or {}
    if "deletionTimestamp" in item["metadata"]:
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != item["metadata"]["generation"]:
        return "InProgress"
    for entry in status.get("conditions") or []:
        if (entry["type"], entry["status"]) == ("Reconciling", "True"):
            return "InProgress"
        if (entry["type"], entry["status"]) == ("Stalled", "True"):
            return "Failed"
    return "Current"


@pytest.fixture
def drill(cluster: Any, custom: Callable[..., Any]) -> Any:
    """A drill named `rehearsal`, and its visits."""
    room = failoverdrill.room(cluster)
    spec = {"backboneRef": {"name": "market"}, "scenario": "RedisOutage"}
    cluster.put(custom("FailoverDrill", "rehearsal", spec))
    return Reconciler(room, cluster, Metrics(CollectorRegistry()), lambda: NOW, lambda body, notice: None)


def seen(cluster: Any) -> str:
    return kstatus(cluster.objects["FailoverDrill", "ns", "rehearsal"])


async def test_a_drill_is_in_progress_until_it_ends_and_then_failed(
    cluster: Any, drill: Any, custom: Callable[..., Any]
) -> None:
    found: list[str] = []
    cluster.before_write = lambda number: found.append(seen(cluster))
    await drill.visit("ns", "rehearsal")
    assert found[1:] == ["InProgress"], "between the first write and the second"
    assert seen(cluster) == "InProgress", "there is no backbone"
    cluster.put(custom("DataBackbone", "market", {}))
    await drill.visit("ns", "rehearsal")
    assert seen(cluster) == "Failed"
    await drill.visit("ns", "rehearsal")
    assert seen(cluster) == "Failed"


@pytest.mark.parametrize("reason", [Reason.API_UNREACHABLE, Reason.INTERNAL_ERROR, Reason.PERMISSION_DENIED])
async def test_a_drill_that_could_not_be_looked_at_is_not_done(
    cluster: Any, drill: Any, reason: Reason
) -> None:
    await drill.admit("ns", "rehearsal", reason, "no answer")
    assert seen(cluster) == "InProgress"
    await drill.visit("ns", "rehearsal")
    await drill.admit("ns", "rehearsal", reason, "no answer")
    assert seen(cluster) == "InProgress", "it waits for its backbone"


async def test_a_drill_that_makes_no_sense_is_failed(cluster: Any, drill: Any) -> None:
    body = cluster.objects["FailoverDrill", "ns", "rehearsal"]
    cluster.put({**body, "spec": {**body["spec"], "scenario": "Meteor"}})
    await drill.visit("ns", "rehearsal")
    assert seen(cluster) == "Failed"
