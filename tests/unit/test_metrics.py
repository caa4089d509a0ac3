"""Metrics by value; the series of an object go with it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from backbone.evaluation import Ended, Measure
from backbone.health import Progress
from backbone.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def ready(metrics: Metrics, status: str) -> float | None:
    labels = {"kind": "DataBackbone", "namespace": "ns", "name": "market", "status": status}
    return metrics.registry.get_sample_value("backbone_object_ready", labels)


def test_one_of_three_statuses_is_one(metrics: Metrics) -> None:
    metrics.show_ready("DataBackbone", "ns", "market", "Unknown")
    metrics.show_ready("DataBackbone", "ns", "market", "True")
    assert [ready(metrics, status) for status in ("True", "False", "Unknown")] == [1, 0, 0]


def test_the_series_of_an_object_go_with_it(metrics: Metrics) -> None:
    metrics.show_ready("DataBackbone", "ns", "market", "True")
    metrics.show_ready("DataBackbone", "ns", "other", "True")
    metrics.drop("DataBackbone", "ns", "market")
    assert ready(metrics, "True") is None
    assert b'name="other"' in metrics.page().body


def test_runs_are_counted_by_outcome_until_their_plan_goes(metrics: Metrics) -> None:
    metrics.count_run("ns", "daily", Ended("Succeeded", requests=5, retried=1))
    metrics.count_run("ns", "daily", Ended("Succeeded", requests=5, retried=1))
    plan = {"namespace": "ns", "plan": "daily"}
    families = {
        "backbone_runs_total": plan | {"outcome": "Succeeded"},
        "backbone_provider_requests_total": plan,
        "backbone_provider_retries_total": plan,
    }
    value = metrics.registry.get_sample_value
    assert [value(name, labels) for name, labels in families.items()] == [2, 10, 2]
    metrics.drop("IngestPlan", "ns", "daily")
    assert [value(name, labels) for name, labels in families.items()] == [None, None, None]


def test_a_share_of_the_cache_that_nobody_could_measure_has_no_series(metrics: Metrics) -> None:
    labels = {"namespace": "ns", "name": "market", "of": "hits"}
    value = metrics.registry.get_sample_value
    metrics.show_cache("ns", "market", Measure("hits", 0.75))
    assert value("backbone_cache_ratio", labels) == 0.75
    metrics.show_cache("ns", "market", Measure("hits", None))
    assert value("backbone_cache_ratio", labels) is None
    metrics.show_cache("ns", "market", Measure("hits", 0.5))
    metrics.drop("DataBackbone", "ns", "market")
    assert value("backbone_cache_ratio", labels) is None


def test_calls_are_counted_by_resource_so_that_a_missing_right_is_found(metrics: Metrics) -> None:
    metrics.count_call("list", "jobs", "403")
    labels = {"verb": "list", "resource": "jobs", "result": "403"}
    assert metrics.registry.get_sample_value("backbone_api_calls_total", labels) == 1


def test_progress_is_shown_as_it_is_when_somebody_asks(metrics: Metrics) -> None:
    seen = {"DataBackbone": Progress()}
    metrics.follow(lambda: seen)
    names = {
        "backbone_objects": 7,
        "backbone_visits_queued": 3,
        "backbone_visits_under_way": 2,
        "backbone_visits_overdue_seconds": 1.5,
        "backbone_visits_longest_seconds": 0.5,
        "backbone_heartbeat_age_seconds": 0.25,
        "backbone_status_oldest_seconds": 90,
    }
    kind = {"kind": "DataBackbone"}
    assert {name: metrics.registry.get_sample_value(name, kind) for name in names} == dict.fromkeys(names, 0)
    seen["DataBackbone"] = Progress(
        objects=7, queued=3, under_way=2, overdue=1.5, longest=0.5, silent=0.25, oldest_status=90
    )
    assert {name: metrics.registry.get_sample_value(name, kind) for name in names} == names
