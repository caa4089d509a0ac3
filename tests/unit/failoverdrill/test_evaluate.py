"""A drill ends at once, says why, and stays as it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backbone.evaluation import Subject
from backbone.failoverdrill.api import FailoverDrillSpec
from backbone.failoverdrill.evaluate import evaluate

NOW = datetime(2024, 3, 1, 12, 0, 0, 250, tzinfo=UTC)


def drill(**status: Any) -> Subject[FailoverDrillSpec]:
    spec = FailoverDrillSpec.model_validate({"backboneRef": {"name": "market"}, "scenario": "KafkaOutage"})
    return Subject("ns", "rehearsal", "uid", 1, {}, spec, status)


def test_a_drill_ends_at_once_without_a_verdict_and_touches_nothing() -> None:
    result = evaluate(drill(), None, (), NOW)
    found = {item.type: (item.status, item.reason) for item in result.conditions}
    assert found == {
        "Succeeded": ("False", "ScenarioNotAvailable"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("False", "Settled"),
    }
    assert "KafkaOutage" in result.conditions[0].message
    assert result.actions == ()
    assert result.fields.model_dump(mode="json", by_alias=True) == {
        "startTime": "2024-03-01T12:00:00Z",
        "completionTime": "2024-03-01T12:00:00Z",
    }


def test_a_drill_that_has_ended_keeps_its_times() -> None:
    ended = {"startTime": "2020-01-01T00:00:00Z", "completionTime": "2020-01-01T00:00:01Z"}
    assert evaluate(drill(**ended), None, (), NOW).fields.model_dump(mode="json", by_alias=True) == ended
