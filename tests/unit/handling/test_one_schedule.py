"""Killed before any write, an operator leaves one CronJob that fires, and makes a missed run up once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
from backbone.naming import schedule_name, slot_name

NEXT_DAY = datetime(2024, 3, 2, 6, 0, tzinfo=UTC)
DAILY = PLAN | {"schedule": "0 22 * * *"}
FIRE = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)


async def lived(cluster: Any, now: datetime, told: list[str], visits: int = 6) -> None:
    """A fresh process visits both objects for a while."""
    metrics = Metrics(CollectorRegistry())
    rooms: list[tuple[Any, str]] = [
        (databackbone.room(cluster, Plans(cluster), IMAGES, Pace(timedelta(days=9)), lambda: now), "market"),
        (ingestplan.room(cluster, IMAGES, lambda: now), "daily"),
    ]
    for _ in range(visits):
        for room, name in rooms:
            reconciler = Reconciler(
                room, cluster, metrics, lambda: now, lambda body, notice: told.append(notice.reason)
            )
            await reconciler.visit("ns", name)
        cluster.finish_jobs(words)


async def standing(make: Callable[[], Any], custom: Callable[..., Any]) -> Any:
    """A cluster in which a plan has delivered."""
    cluster = make()
    cluster.put(custom("DataBackbone", "market", {}))
    cluster.put(custom("IngestPlan", "daily", DAILY))
    await lived(cluster, NOW, [])
    return cluster


def kill_at(cluster: Any, number: int, check: Callable[[], None] = lambda: None) -> None:
    last = cluster.writes + number

    def before(count: int) -> None:
        check()
        if count == last:
            raise Killed

    cluster.before_write = before


def own(cluster: Any) -> str:
    return schedule_name("daily", cluster.objects["IngestPlan", "ns", "daily"]["metadata"]["uid"])


@pytest.mark.parametrize("number", range(1, 5))
async def test_a_missed_run_is_told_and_made_up_once(
    cluster: Any, custom: Callable[..., Any], number: int
) -> None:
    survivor = await standing(type(cluster), custom)
    told: list[str] = []
    kill_at(survivor, number)
    with pytest.raises(Killed):
        await lived(survivor, NEXT_DAY, told)
    survivor.before_write = lambda count: None
    await lived(survivor, NEXT_DAY, told)
    await lived(survivor, NEXT_DAY + timedelta(hours=8), told)
    made_up = [job for job in survivor.only("Job") if job["metadata"]["name"].startswith(own(survivor))]
    assert [job["metadata"]["name"] for job in made_up] == [slot_name(own(survivor), FIRE)]
    assert told.count("RunMissed") <= 1
    status = survivor.objects["IngestPlan", "ns", "daily"]["status"]
    assert ("missed" in status["fires"], "activeRun" in status) == (False, False)


async def test_what_refuses_the_job_of_a_fire_is_asked_by_a_dry_run_and_told_once(
    cluster: Any, custom: Callable[..., Any]
) -> None:
    standing_still = await standing(type(cluster), custom)
    quota = "exceeded quota: freeze"
    standing_still.refuse = lambda verb, document: quota if document["kind"] == "Job" else None
    told: list[str] = []
    await lived(standing_still, FIRE + timedelta(seconds=20), told)
    status = standing_still.objects["IngestPlan", "ns", "daily"]["status"]
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    assert ready["reason"] == "RunMissed"
    assert quota in ready["message"]
    assert told.count("RunMissed") == 1
    assert standing_still.dry_runs == [slot_name(own(standing_still), FIRE)]
    assert slot_name(own(standing_still), FIRE) not in {
        item["metadata"]["name"] for item in standing_still.only("Job")
    }
    assert standing_still.objects["CronJob", "ns", own(standing_still)]["spec"]["suspend"] is True
    standing_still.refuse = lambda verb, document: None
    await lived(standing_still, FIRE + timedelta(seconds=60), told)
    assert standing_still.objects["CronJob", "ns", own(standing_still)]["spec"]["suspend"] is False
    status = standing_still.objects["IngestPlan", "ns", "daily"]["status"]
    assert quota not in str(status["conditions"])


def former(cluster: Any) -> None:
    """What an operator of a version before left: a CronJob of the plan's name, and a Job of it that runs."""
    made = cluster.objects.pop(("CronJob", "ns", own(cluster)))
    labels = {name: text for name, text in made["metadata"]["labels"].items() if "plan-uid" not in name}
    metadata = {**made["metadata"], "name": "daily", "uid": "old", "labels": labels}
    cluster.put({**made, "metadata": metadata})
    template = made["spec"]["jobTemplate"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "daily", "uid": "old", "controller": True}
    about = {
        "name": "daily-28488000",
        "namespace": "ns",
        "labels": template["metadata"]["labels"],
        "ownerReferences": [owner],
    }
    cluster.put({"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": template["spec"]})


@pytest.mark.parametrize("number", range(1, 9))
async def test_of_the_former_cron_job_and_the_plans_own_one_fires_at_most(
    cluster: Any, custom: Callable[..., Any], number: int
) -> None:
    survivor = await standing(type(cluster), custom)
    former(survivor)
    firing: list[int] = []

    def count() -> None:
        firing.append(sum(not item["spec"].get("suspend") for item in survivor.only("CronJob")))

    kill_at(survivor, number, count)
    try:
        await lived(survivor, NOW, [])
    except Killed:
        survivor.before_write = lambda _: count()
        await lived(survivor, NOW, [])
    assert set(firing) <= {0, 1}
    assert [item["metadata"]["name"] for item in survivor.only("CronJob")] == [own(survivor)]
    assert survivor.only("CronJob")[0]["spec"]["suspend"] is False
    status = survivor.objects["IngestPlan", "ns", "daily"]["status"]
    assert status["outcomesReadUntil"], "nothing of it went unread"
