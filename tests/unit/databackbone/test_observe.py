"""What a visit of a DataBackbone takes for its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.databackbone import children
from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.observe import Observer
from backbone.databackbone.plans import SHARED_SECONDS, Plans
from backbone.evaluation import Subject
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.ports.cluster import INGEST_PLAN, JOB, POD, Kind

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
IMAGES = WorkerImages("worker:1", "sample:1", "Never")
BACKBONE = Subject("ns", "market", "uid", 1, {}, DataBackboneSpec(), {})


class Jobs:
    """A cluster with these Jobs and nothing else."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self.jobs = jobs
        self.listed: list[Kind] = []

    async def get(self, kind: Kind, namespace: str, name: str) -> None:
        return None

    async def list(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        self.listed.append(kind)
        if kind is not JOB:
            return []
        return [job for job in self.jobs if labels.items() <= job["metadata"]["labels"].items()]


def owned_by(owners: list[dict[str, Any]]) -> dict[str, Any]:
    """A Job with all the labels of a probe."""
    job = children.probe(BACKBONE, "claim-1", "first", IMAGES)
    more = {"uid": "j", "creationTimestamp": "2024-03-01T12:00:00Z", "ownerReferences": owners}
    return {**job, "metadata": {**job["metadata"], **more}}


def observer(*jobs: dict[str, Any]) -> Observer:
    """Looks at a cluster with these Jobs."""
    cluster: Any = Jobs(*jobs)
    return Observer(cluster, Plans(cluster), IMAGES, Pace(timedelta(hours=1)), lambda: NOW)


OURS = children.probe(BACKBONE, "claim-1", "first", IMAGES)["metadata"]["ownerReferences"]


@pytest.mark.parametrize(
    ("owners", "count"),
    [
        pytest.param(OURS, 1, id="a Job that the backbone started"),
        pytest.param([], 0, id="a Job that somebody gave the labels"),
        pytest.param([{**OURS[0], "uid": "earlier"}], 0, id="a Job of an earlier backbone of the name"),
        pytest.param([{**OURS[0], "controller": False}], 0, id="a Job that somebody else controls"),
    ],
)
async def test_a_probe_is_a_job_that_the_backbone_controls(owners: list[dict[str, Any]], count: int) -> None:
    assert len((await observer(owned_by(owners))(BACKBONE)).probes) == count


@pytest.mark.parametrize(
    ("read", "asked"),
    [pytest.param("another", True, id="news"), pytest.param(None, True, id="the first"), ("its own", False)],
)
async def test_pods_are_looked_at_only_for_a_probe_whose_end_is_not_on_record(
    read: str | None, asked: bool
) -> None:
    job = owned_by(OURS)
    name = job["metadata"]["name"] if read == "its own" else read
    look = observer(job)
    await look(replace(BACKBONE, status={"volume": {"probeJob": name}}))
    assert (POD in look.cluster.listed) == asked  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("timescale", "count"), [pytest.param(True, 1, id="a database is configured"), pytest.param(False, 0)]
)
async def test_looks_at_the_database_are_read_where_one_is_configured(timescale: bool, count: int) -> None:
    spec = {"timescale": {"connection": {"secretName": "db"}}} if timescale else {}
    subject = replace(BACKBONE, spec=DataBackboneSpec.model_validate(spec))
    job = children.database(subject, "cause", None, "first", IMAGES)
    more = {"uid": "d", "creationTimestamp": "2024-03-01T12:00:00Z"}
    look = observer({**job, "metadata": {**job["metadata"], **more}})
    seen = await look(subject)
    assert [check.cause for check in seen.checks] == ["cause"] * count
    assert seen.probes == ()
    assert look.cluster.listed.count(JOB) == 1 + count  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kafka", "status", "count"),
    [
        pytest.param(True, {}, 1, id="Kafka is configured"),
        pytest.param(False, {"topics": {"job": "t"}}, 1, id="it was configured"),
        pytest.param(False, {}, 0, id="it never was"),
    ],
)
async def test_checks_of_topics_are_read_where_kafka_is_configured(
    kafka: bool, status: dict[str, Any], count: int
) -> None:
    spec = {"kafka": {"connection": {"secretName": "kafka"}}} if kafka else {}
    subject = replace(BACKBONE, spec=DataBackboneSpec.model_validate(spec), status=status)
    job = children.topics(subject, "cause", None, "first", IMAGES)
    more = {"uid": "t", "creationTimestamp": "2024-03-01T12:00:00Z"}
    look = observer({**job, "metadata": {**job["metadata"], **more}})
    seen = await look(subject)
    assert [check.cause for check in seen.topic_checks] == ["cause"] * count
    assert (seen.checks, seen.probes) == ((), ())
    assert seen.jobs == seen.topic_checks


GROUPS = {"consumerGroups": [{"name": "desk", "topics": ["orders"]}]}


@pytest.mark.parametrize(
    ("kafka", "status", "count"),
    [
        pytest.param(GROUPS, {}, 1, id="a group is configured"),
        pytest.param({}, {"lag": {"job": "l"}}, 1, id="one was configured"),
        pytest.param({}, {}, 0, id="none ever was"),
    ],
)
async def test_looks_at_lag_are_read_where_a_group_is_configured(
    kafka: dict[str, Any], status: dict[str, Any], count: int
) -> None:
    spec = {"kafka": {"connection": {"secretName": "kafka"}, **kafka}}
    subject = replace(BACKBONE, spec=DataBackboneSpec.model_validate(spec), status=status)
    job = children.lag(subject, "cause", "first", IMAGES)
    more = {"uid": "l", "creationTimestamp": "2024-03-01T12:00:00Z"}
    seen = await observer({**job, "metadata": {**job["metadata"], **more}})(subject)
    assert [look.cause for look in seen.lag_looks] == ["cause"] * count
    assert seen.topic_checks == ()
    assert seen.jobs == seen.lag_looks


WANTED = {"mode": "Institutional", "timescale": {"connection": {"secretName": "db"}}}


@pytest.mark.parametrize(
    ("spec", "status", "lists"),
    [
        pytest.param({}, {}, 1, id="Bootstrap is asked for"),
        pytest.param(WANTED, {}, 2, id="the tier is not chosen yet"),
        pytest.param(WANTED, {"tier": {"active": "Bootstrap"}}, 2, id="Institutional may come to serve"),
        pytest.param(WANTED, {"tier": {"active": "Institutional"}}, 1, id="Institutional serves"),
        pytest.param(WANTED, {"volume": {"holdsRows": True}}, 1, id="rows keep the tier where it is"),
    ],
)
async def test_the_tier_is_not_chosen_on_the_word_of_the_watch_alone(
    spec: dict[str, Any], status: dict[str, Any], lists: int
) -> None:
    now, cluster = [0.0], Jobs()
    look = Observer(cluster, Plans(cluster, lambda: now[0]), IMAGES, Pace(timedelta(hours=1)), lambda: NOW)  # type: ignore[arg-type]
    subject = replace(BACKBONE, spec=DataBackboneSpec.model_validate(spec), status=status)
    await look(subject)
    now[0] += SHARED_SECONDS + 0.1
    await look(subject)
    assert cluster.listed.count(INGEST_PLAN) == lists
