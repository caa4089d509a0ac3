"""Killed before any write, the next process ends up with the same objects, and starts nothing twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.one_plan import IMAGES, NOW, PLAN, Killed, words

from backbone.databackbone import handlers as databackbone
from backbone.databackbone.plans import Plans
from backbone.handling import Reconciler
from backbone.ingestplan import handlers as ingestplan
from backbone.jobs.looks import Pace
from backbone.metrics import Metrics
from backbone.tokens import QUARANTINE_RELEASE, RUN_NOW

ASKED = {RUN_NOW.annotation: "token-1", QUARANTINE_RELEASE.annotation: "OffSession:token-2"}


async def one_life(cluster: Any) -> None:
    """A fresh process visits both objects until nothing changes any more."""
    metrics = Metrics(CollectorRegistry())
    rooms: list[tuple[Any, str]] = [
        (databackbone.room(cluster, Plans(cluster), IMAGES, Pace(timedelta(hours=1)), lambda: NOW), "market"),
        (ingestplan.room(cluster, IMAGES, lambda: NOW), "daily"),
    ]
    for _ in range(6):
        for room, name in rooms:
            reconciler = Reconciler(room, cluster, metrics, lambda: NOW, lambda body, notice: None)
            await reconciler.visit("ns", name)
        cluster.finish_jobs(words)


def begin(cluster: Any, custom: Callable[..., Any]) -> None:
    cluster.put(custom("DataBackbone", "market", {}))
    cluster.put(custom("IngestPlan", "daily", PLAN, annotations=dict(ASKED)))


def picture(cluster: Any) -> dict[str, Any]:
    """All that stands in the cluster, less identities, versions and times."""
    jobs = [item["metadata"]["name"].rsplit("-", 1)[0] for item in cluster.only("Job")]
    return {
        "kinds": sorted((kind, name) for kind, _, name in cluster.objects if kind not in {"Job", "Pod"}),
        "jobs": sorted(jobs),
        "ready": {
            name: next(
                entry["status"]
                for entry in cluster.objects[kind, "ns", name]["status"]["conditions"]
                if entry["type"] == "Ready"
            )
            for kind, name in (("DataBackbone", "market"), ("IngestPlan", "daily"))
        },
        "rows": cluster.objects["IngestPlan", "ns", "daily"]["status"]["lastRun"]["rows"],
        "handled": {
            name: cluster.objects["IngestPlan", "ns", "daily"]["status"]["triggers"][name]
            for name in ("runNow", "quarantineRelease")
        },
        "released": cluster.objects["IngestPlan", "ns", "daily"]["status"]["release"]["outcome"],
        "annotations": cluster.objects["IngestPlan", "ns", "daily"]["metadata"]["annotations"],
    }


async def test_killed_before_the_nth_write_for_every_n(
    cluster: Any, custom: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    begin(cluster, custom)
    await one_life(cluster)
    expected, total = picture(cluster), cluster.writes
    assert expected["annotations"] == ASKED
    assert expected["ready"] == {"market": "True", "daily": "True"}
    assert expected["jobs"] == ["daily", "daily", "market-probe"]
    assert expected["released"] == "Succeeded"

    for number in range(1, total + 1):
        survivor = type(cluster)()
        begin(survivor, custom)

        def kill(count: int, last: int = number) -> None:
            if count == last:
                raise Killed

        survivor.before_write = kill
        with pytest.raises(Killed):
            await one_life(survivor)
        survivor.before_write = lambda count: None
        await one_life(survivor)
        assert picture(survivor) == expected, f"killed before write {number} of {total}"
    with capsys.disabled():
        sys.stdout.write(f" killed before each of {total} writes ")
