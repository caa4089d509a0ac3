"""Metrics by value; the series of an object go with it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

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
    metrics.count_run("ns", "daily", "Succeeded")
    metrics.count_run("ns", "daily", "Succeeded")
    labels = {"namespace": "ns", "plan": "daily", "outcome": "Succeeded"}
    assert metrics.registry.get_sample_value("backbone_runs_total", labels) == 2
    metrics.drop("IngestPlan", "ns", "daily")
    assert metrics.registry.get_sample_value("backbone_runs_total", labels) is None
