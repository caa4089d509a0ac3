"""Killed before any write, the next process ends up with the same objects, and starts nothing twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from backbone.databackbone import handlers as databackbone
from backbone.databackbone.plans import Plans
from backbone.handling import Reconciler
from backbone.ingestplan import handlers as ingestplan
from backbone.metrics import Metrics
from backbone.report import DimensionReport, RunReport, VolumeProbeReport
from backbone.vocabulary import Outcome
from backbone.workload import WorkerImages

NOW = datetime(2024, 3, 1, 12, 5, tzinfo=UTC)
IMAGES = WorkerImages("worker:1", "sample:1", "IfNotPresent")
PLAN = {
    "backboneRef": {"name": "market"},
    "schedule": "0 22 * * 1-5",
    "dailyBars": {"provider": "Sample", "symbols": ["AAPL"]},
}


class Killed(BaseException):
    """The process ends here, as by SIGKILL: nothing catches it."""


def words(job: str) -> str:
    """What a Job's pod says at its end."""
    if "-probe-" in job:
        return VolumeProbeReport(outcome="VolumeProbed", at=NOW).encode().decode()
    bars = DimensionReport(name="dailyBars", outcome=Outcome.SUCCEEDED, rows=7, symbols=1)
    report = RunReport(
        run_id=job,
        sequence=1,
        plan="daily",
        generation=1,
        outcome=Outcome.SUCCEEDED,
        start=NOW,
        end=NOW,
        rows=7,
        dimensions=(bars,),
    )
    return report.encode().decode()


async def one_life(cluster: Any) -> None:
    """A fresh process visits both objects until nothing changes any more."""
    metrics = Metrics(CollectorRegistry())
    rooms: list[tuple[Any, str]] = [
        (databackbone.room(cluster, Plans(cluster), IMAGES, timedelta(hours=1)), "market"),
        (ingestplan.room(cluster, IMAGES), "daily"),
    ]
    for _ in range(6):
        for room, name in rooms:
            reconciler = Reconciler(room, cluster, metrics, lambda: NOW, lambda body, notice: None)
            await reconciler.visit("ns", name)
        cluster.finish_jobs(words)


def begin(cluster: Any, custom: Callable[..., Any]) -> None:
    cluster.put(custom("DataBackbone", "market", {}))
    token = {
        "backbone.emp.dev/run-now": "token-1",
        "backbone.emp.dev/quarantine-release": "OffSession:token-2",
    }
    cluster.put(custom("IngestPlan", "daily", PLAN, annotations=token))


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
    }


async def test_killed_before_the_nth_write_for_every_n(
    cluster: Any, custom: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    begin(cluster, custom)
    await one_life(cluster)
    expected, total = picture(cluster), cluster.writes
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
