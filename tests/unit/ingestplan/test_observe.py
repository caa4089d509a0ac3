"""Which Jobs a visit of an IngestPlan takes for runs of this plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from support.plans import plan
from support.readings import NOW

from backbone.ingestplan import children
from backbone.ingestplan.observe import Observer
from backbone.jobs.pods import WorkerImages
from backbone.ports.cluster import CRON_JOB, JOB, Kind
from backbone.vocabulary import LABEL_PLAN_UID

IMAGES = WorkerImages("worker:1", "sample:1", "Never")
CRON_JOB_UID = "cron"
STANDING = children.cron_job(plan(), IMAGES, "claim-1", "0 22 * * 1-5", "Etc/UTC", suspend=False)


class World:
    """A cluster with a CronJob, which may be taken over, and one Job."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.cron_jobs = [cron_job(STANDING["metadata"]["name"], CRON_JOB_UID), cron_job("daily", "old")]

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return None

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        found = {JOB: [self.job], CRON_JOB: self.cron_jobs}.get(kind, [])
        return [item for item in found if labels.items() <= item["metadata"]["labels"].items()]


def cron_job(name: str, uid: str) -> dict[str, Any]:
    metadata = {**STANDING["metadata"], "name": name, "uid": uid, "resourceVersion": "1"}
    return {**STANDING, "metadata": metadata}


def job(controller: str | None, plan_uid: str | None) -> dict[str, Any]:
    made = children.run(plan(), IMAGES, "claim-1", "run-1")
    labels = {key: value for key, value in made["metadata"]["labels"].items() if key != LABEL_PLAN_UID}
    labels |= {LABEL_PLAN_UID: plan_uid} if plan_uid else {}
    owners = [{**made["metadata"]["ownerReferences"][0], "uid": controller}] if controller else []
    more = {"uid": "j", "creationTimestamp": "2024-03-01T12:00:00Z"}
    return {**made, "metadata": {**made["metadata"], **more, "labels": labels, "ownerReferences": owners}}


@pytest.mark.parametrize(
    ("found", "active", "runs", "strays"),
    [
        pytest.param(job("uid", "uid"), None, 1, 0, id="a run that the plan started"),
        pytest.param(job(CRON_JOB_UID, "uid"), None, 1, 0, id="a run on the plan's schedule"),
        pytest.param(
            job(CRON_JOB_UID, "earlier"), None, 0, 1, id="a run of the plan whose CronJob was taken over"
        ),
        pytest.param(job("old", "uid"), None, 1, 0, id="a run on the schedule under its former name"),
        pytest.param(job(None, "uid"), None, 1, 0, id="a run that a CronJob of the plan left behind"),
        pytest.param(job(None, "earlier"), None, 0, 0, id="a run that one of another plan left behind"),
        pytest.param(job("somebody", "uid"), None, 0, 0, id="a Job that somebody gave the labels"),
        pytest.param(job("uid", None), None, 1, 0, id="of an older version: a run that the plan started"),
        pytest.param(job(CRON_JOB_UID, None), None, 0, 1, id="of an older version: nobody knows whose run"),
        pytest.param(
            job(CRON_JOB_UID, None), "run-1", 1, 0, id="of an older version: on record as under way"
        ),
    ],
)
async def test_a_run_counts_for_the_plan_that_it_ran_for(
    found: dict[str, Any], active: str | None, runs: int, strays: int
) -> None:
    subject = plan({"activeRun": {"id": active}} if active else {})
    seen = await Observer(World(found), IMAGES, lambda: NOW)(subject)  # type: ignore[arg-type]
    assert (len(seen.runs), len(seen.strays)) == (runs, strays)


async def test_its_own_cron_job_is_told_from_one_of_a_former_name() -> None:
    seen = await Observer(World(job("uid", "uid")), IMAGES, lambda: NOW)(plan())  # type: ignore[arg-type]
    assert seen.cron_job is not None
    assert (seen.cron_job.uid, [item.name for item in seen.former]) == (CRON_JOB_UID, ["daily"])
