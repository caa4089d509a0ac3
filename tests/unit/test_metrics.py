"""Metrics by value; the series of an object go with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from backbone.health import Progress
from backbone.measures import Family, Form, Measure
from backbone.metrics import Metrics

SHARE = Family("thing_share", "Shares.", ("namespace", "thing", "of"), Form.GAUGE)
COUNT = Family("thing_events", "Events.", ("namespace", "thing"), Form.COUNTER)
AGE = Family("thing_age_seconds", "Ages.", ("namespace", "thing"), Form.AGE)
THING = {"namespace": "ns", "thing": "one"}


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics(CollectorRegistry())
    for _ in range(2):
        made.declare("Thing", (SHARE, COUNT, AGE))
    return made


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


def test_a_count_adds_up_until_its_object_goes(metrics: Metrics) -> None:
    value = metrics.registry.get_sample_value
    metrics.show("Thing", "ns", "one", Measure(COUNT, (), 0))
    assert value("thing_events_total", THING) == 0, "so that the first one is an increase"
    for _ in range(2):
        metrics.show("Thing", "ns", "one", Measure(COUNT, (), 5))
    assert value("thing_events_total", THING) == 10
    metrics.drop("Thing", "ns", "one")
    assert value("thing_events_total", THING) is None


def test_a_value_that_nobody_could_measure_has_no_series(metrics: Metrics) -> None:
    labels = THING | {"of": "hits"}
    value = metrics.registry.get_sample_value
    metrics.show("Thing", "ns", "one", Measure(SHARE, ("room",), 0.25))
    metrics.show("Thing", "ns", "one", Measure(SHARE, ("hits",), 0.75))
    assert value("thing_share", labels) == 0.75
    metrics.show("Thing", "ns", "one", Measure(SHARE, ("hits",), None))
    assert value("thing_share", labels) is None
    assert value("thing_share", THING | {"of": "room"}) == 0.25
    metrics.show("Thing", "ns", "one", Measure(SHARE, ("hits",), 0.5))
    metrics.drop("Thing", "ns", "one")
    assert value("thing_share", labels) is None


def test_an_age_grows_by_itself_until_its_object_goes(metrics: Metrics) -> None:
    value = metrics.registry.get_sample_value
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    metrics.show("Thing", "ns", "one", Measure(AGE, (), hour_ago.timestamp()))
    metrics.show("Thing", "ns", "two", Measure(AGE, (), hour_ago.timestamp()))
    age = value("thing_age_seconds", THING)
    assert age is not None and 3600 <= age < 3660
    metrics.drop("Thing", "ns", "one")
    assert value("thing_age_seconds", THING) is None
    assert value("thing_age_seconds", THING | {"thing": "two"}) is not None


def test_an_age_is_never_negative(metrics: Metrics) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    metrics.show("Thing", "ns", "one", Measure(AGE, (), ahead.timestamp()))
    assert metrics.registry.get_sample_value("thing_age_seconds", THING) == 0


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
