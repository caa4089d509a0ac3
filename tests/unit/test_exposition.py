"""What Prometheus reads of objects: names, labels, values and help texts stay as dashboards know them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from support.plans import report

from backbone.databackbone import measures as backbones
from backbone.databackbone.institutional_status import CacheStatus
from backbone.databackbone.kafka_status import TopicsStatus
from backbone.databackbone.lag_status import LagStatus, StreamReadiness
from backbone.ingestplan import measures as plans
from backbone.metrics import Metrics
from backbone.reports.lag import LagFinding
from backbone.reports.run import DimensionReport, RunReport
from backbone.vocabulary import Outcome

EXPOSITION = Path(__file__).with_name("exposition.txt")
"""Of one backbone and two plans, by family in the order of their names. Times are cut out."""
NOW = datetime.now(UTC)


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics(CollectorRegistry())
    made.declare("DataBackbone", backbones.FAMILIES)
    made.declare("IngestPlan", plans.FAMILIES)
    return made


def exposed(metrics: Metrics) -> str:
    """The families of objects as the page has them, in the order of their names."""
    text = metrics.page().body.decode()
    text = re.sub(r"^(backbone_\w+_created\S*) .*$", r"\1 TIME", text, flags=re.MULTILINE)
    text = re.sub(r"^(backbone_plan_success_age_seconds\S+) .*$", r"\1 AGE", text, flags=re.MULTILINE)
    families = re.split(r"^(?=# HELP )", text, flags=re.MULTILINE)
    of_objects = re.compile(r"# HELP backbone_(object|runs|cache|provider|plan|topics|lag|stream)[_ ]")
    return "".join(sorted(family for family in families if of_objects.match(family)))


def asked(again: int = 0, **of_providers: int) -> RunReport:
    """The report of a run that asked providers for one dimension."""
    dimension = DimensionReport(name="dailyBars", outcome=Outcome.SUCCEEDED, **of_providers)
    return report(again=again, dimensions=(dimension,))


def test_the_exposition_of_objects_is_the_known_one(metrics: Metrics) -> None:
    metrics.show_ready("DataBackbone", "ns", "market", "True")
    metrics.show_ready("IngestPlan", "ns", "daily", "False")
    cache = CacheStatus(outcome="Reachable", checked_at=NOW, hit_percent=75, room_percent=25)
    topics = TopicsStatus(counts={"Ready": 5, "Drifted": 1})
    lag = LagStatus(groups=(LagFinding(group="desk", word="Stopped", records=7, seconds=30),))
    readiness = StreamReadiness(grade="Fail", reason="Stopped")
    of_kafka = (
        *backbones.of_topics(topics),
        *backbones.of_lag(lag, None),
        *backbones.of_readiness(readiness),
    )
    for measure in (*backbones.of_cache(cache), *of_kafka):
        metrics.show("DataBackbone", "ns", "market", measure)
    for measure in (
        *plans.of_run("Succeeded", asked(requests=5, retried=1)),
        *plans.of_run("StoreUnreachable", asked(requests=2, again=1)),
        *plans.of_fires(1, NOW - timedelta(hours=1)),
    ):
        metrics.show("IngestPlan", "ns", "daily", measure)
    for measure in plans.of_fires(0, None):
        metrics.show("IngestPlan", "ns", "other", measure)
    assert exposed(metrics) == EXPOSITION.read_text()


def test_the_exposition_of_objects_that_are_gone_has_no_sample(metrics: Metrics) -> None:
    unseen = exposed(metrics)
    test_the_exposition_of_objects_is_the_known_one(metrics)
    for kind, name in (("DataBackbone", "market"), ("IngestPlan", "daily"), ("IngestPlan", "other")):
        metrics.drop(kind, "ns", name)
    assert exposed(metrics) == unseen
    assert all(line.startswith("#") for line in unseen.splitlines())


def test_an_object_that_goes_takes_nothing_of_a_namesake_elsewhere(metrics: Metrics) -> None:
    for namespace in ("ns", "other"):
        for measure in plans.of_fires(1, NOW):
            metrics.show("IngestPlan", namespace, "daily", measure)
    metrics.drop("IngestPlan", "ns", "daily")
    samples = [line for line in exposed(metrics).splitlines() if not line.startswith("#")]
    assert {re.search(r'namespace="(\w+)"', line)[1] for line in samples} == {"other"}  # type: ignore[index]
