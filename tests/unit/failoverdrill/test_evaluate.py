"""A drill waits for its backbone, ends at once, says why, and stays as it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backbone.evaluation import Subject
from backbone.failoverdrill.api import FailoverDrillSpec, FailoverDrillStatus
from backbone.failoverdrill.evaluate import evaluate
from backbone.failoverdrill.observation import Observation
from backbone.ports.readings import BackboneReading

NOW = datetime(2024, 3, 1, 12, 0, 0, 250, tzinfo=UTC)


MISSING = Observation(None)
THERE = Observation(BackboneReading.read({"metadata": {"name": "market", "uid": "b"}, "spec": {}}))


def drill(**status: Any) -> Subject[FailoverDrillSpec]:
    spec = FailoverDrillSpec.model_validate({"backboneRef": {"name": "market"}, "scenario": "KafkaOutage"})
    return Subject("ns", "rehearsal", "uid", 1, {}, spec, status)


def test_a_drill_ends_at_once_without_a_verdict_and_touches_nothing() -> None:
    result = evaluate(drill(), THERE, (), NOW)
    found = {item.type: (item.status, item.reason) for item in result.conditions}
    assert found == {
        "Succeeded": ("False", "ScenarioNotAvailable"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("True", "ScenarioNotAvailable"),
    }
    assert "KafkaOutage" in result.conditions[0].message
    assert result.actions == ()
    assert result.fields.model_dump(mode="json", by_alias=True) == {
        "startTime": "2024-03-01T12:00:00Z",
        "completionTime": "2024-03-01T12:00:00Z",
    }


def test_a_drill_whose_backbone_is_missing_says_so_and_has_not_begun() -> None:
    result = evaluate(drill(), MISSING, (), NOW)
    found = {item.type: (item.status, item.reason) for item in result.conditions}
    assert found == {
        "Succeeded": ("Unknown", "BackboneNotFound"),
        "Reconciling": ("True", "Progressing"),
        "Stalled": ("False", "Settled"),
    }
    assert "DataBackbone market in namespace ns" in result.conditions[0].message
    assert result.actions == ()
    assert result.fields == FailoverDrillStatus()


@pytest.mark.parametrize("seen", [THERE, MISSING], ids=["its backbone is there", "its backbone is gone"])
def test_a_drill_that_has_ended_stays_as_it_ended(seen: Observation) -> None:
    ended = {"startTime": "2020-01-01T00:00:00Z", "completionTime": "2020-01-01T00:00:01Z"}
    result = evaluate(drill(**ended), seen, (), NOW)
    assert result.fields.model_dump(mode="json", by_alias=True) == ended
    assert (result.conditions[0].status, result.conditions[0].reason) == ("False", "ScenarioNotAvailable")
