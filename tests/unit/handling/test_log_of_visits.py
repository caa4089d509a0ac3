"""What the log tells of visits: a line per decision, few per run, none at rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.one_plan import IMAGES, NOW, PLAN, words

from backbone.databackbone import handlers as databackbone
from backbone.databackbone.plans import Plans
from backbone.handling import Reconciler
from backbone.ingestplan import handlers as ingestplan
from backbone.jobs.looks import Pace
from backbone.metrics import Metrics

MOST_PER_RUN = 10


@pytest.fixture
def visits(cluster: Any) -> Callable[[str], Any]:
    """Visit the object of this name, by its kind's reconciler."""

    def clock() -> datetime:
        return NOW

    rooms: dict[str, Any] = {
        "market": databackbone.room(cluster, Plans(cluster), IMAGES, Pace(timedelta(hours=1)), clock),
        "daily": ingestplan.room(cluster, IMAGES, clock),
    }
    metrics = Metrics(CollectorRegistry())
    reconcilers = {
        name: Reconciler(room, cluster, metrics, clock, lambda body, notice: None)
        for name, room in rooms.items()
    }
    return lambda name: reconcilers[name].visit("ns", name)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    found = [record.decision for record in caplog.records if hasattr(record, "decision")]
    caplog.clear()
    return found


async def test_a_line_per_decision_few_per_run_and_none_at_rest(
    cluster: Any, custom: Any, visits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cluster.put(custom("DataBackbone", "market", {}))
    for _ in range(2):
        await visits("market")
    cluster.finish_jobs(words)
    await visits("market")
    made = lines(caplog)
    assert {line["object"] for line in made} == {"DataBackbone/ns/market"}
    assert [line["what"] for line in made if "Job" in line["what"] or "created" in line["what"]] == [
        "created ConfigMap market-binding",
        "created PersistentVolumeClaim market-data",
        next(line["what"] for line in made if line["what"].startswith("started Job market-probe")),
    ]
    assert made[-1]["what"].startswith("Ready=True/Available")
    assert all(line["why"] for line in made)

    cluster.put(custom("IngestPlan", "daily", PLAN))
    for _ in range(3):
        await visits("daily")
    cluster.finish_jobs(words)
    await visits("daily")
    run = lines(caplog)
    (started,) = [line for line in run if line["what"].startswith("started Job")]
    assert started["why"] == "the first run of the plan"
    assert any(line["what"] == "Succeeded" for line in run)
    assert len(run) <= MOST_PER_RUN

    for _ in range(3):
        await visits("market")
        await visits("daily")
    assert lines(caplog) == []


async def test_what_somebody_else_changed_is_put_back_with_one_line(
    cluster: Any, custom: Any, visits: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    cluster.put(custom("DataBackbone", "market", {}))
    await visits("market")
    await visits("market")
    del cluster.objects["ConfigMap", "ns", "market-binding"]
    caplog.clear()
    await visits("market")
    assert lines(caplog) == [
        {
            "object": "DataBackbone/ns/market",
            "what": "created ConfigMap market-binding",
            "why": "it was deleted by somebody else and created again",
        }
    ]
