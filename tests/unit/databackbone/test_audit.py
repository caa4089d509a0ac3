"""What changed between two specs, and how status and event tell it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.databackbone.api import DataBackboneSpec, DataBackboneStatus
from backbone.databackbone.audit import (
    MOST_CHANGES,
    SUMMARY_LIMIT,
    VALUE_LIMIT,
    differences,
    last_change,
    summary,
)
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.observation import Observation
from backbone.evaluation import Evaluation, Subject
from backbone.jobs.looks import Pace
from backbone.jobs.pods import WorkerImages
from backbone.vocabulary import Reason

NOW = datetime(2024, 3, 1, 12, 0, 0, 7, tzinfo=UTC)
NOTHING = Observation(None, None, (), (), WorkerImages("w", "s", "IfNotPresent"), Pace(timedelta(hours=1)))
DATABASE = {"connection": {"secretName": "db"}}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b: 1 → 2"]),
        ({"a": "x"}, {}, ["a: x → absent"]),
        ({}, {"a": {"b": True, "c": None}}, ["a.b: absent → true"]),
        ({"a": ["x"]}, {"a": ["x", "ü"]}, ['a: ["x"] → ["x", "ü"]']),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, ["a: 1 → 2", "b: 1 → 2"]),
        ({"a": 1}, {"a": {"b": 1}}, ["a: 1 → absent", "a.b: absent → 1"]),
    ],
)
def test_differences_are_told_by_path(before: dict[str, Any], after: dict[str, Any], told: list[str]) -> None:
    assert [str(item) for item in differences(before, after)] == told


def test_what_is_long_is_cut_and_counted() -> None:
    many = differences({}, {f"field{number:02}": "v" * 200 for number in range(30)})
    assert {len(item.after or "") for item in many} == {VALUE_LIMIT}
    change = last_change(many, 7, NOW)
    assert (len(change.changes), change.more, change.generation) == (MOST_CHANGES, 10, 7)
    assert change.at == NOW.replace(microsecond=0)
    assert len(change.summary) <= SUMMARY_LIMIT
    assert change.summary.endswith("; and 26 more")
    assert summary(many[:1]) == f"field00: absent → {'v' * (VALUE_LIMIT - 1)}…"


def backbone(spec: dict[str, Any], before: Evaluation | None = None, generation: int = 1) -> Subject[Any]:
    status = before.fields.model_dump(mode="json", by_alias=True, exclude_none=True) if before else {}
    return Subject("ns", "market", "uid", generation, {}, DataBackboneSpec.model_validate(spec), status)


def visited(subject: Subject[Any]) -> tuple[Evaluation, DataBackboneStatus]:
    found = evaluate(subject, NOTHING, (), NOW)
    assert isinstance(found.fields, DataBackboneStatus)
    return found, found.fields


def reasons(found: Evaluation) -> list[str]:
    return [item.reason for item in found.notices if item.reason == Reason.CONFIGURATION_CHANGED]


def test_the_first_spec_is_no_change_and_the_next_one_is_told_once() -> None:
    first, status = visited(backbone({}))
    assert (status.last_change, reasons(first)) == (None, [])
    assert status.accepted_spec == "{}"

    spec = {"mode": "Institutional", "timescale": DATABASE, "suspend": True}
    second, status = visited(backbone(spec, first, 2))
    assert status.last_change is not None
    assert status.last_change.generation == 2
    told = {item.path: (item.before, item.after) for item in status.last_change.changes}
    assert told["mode"] == ("Auto", "Institutional")
    assert told["suspend"] == ("false", "true")
    assert told["timescale.connection.secretName"] == (None, "db")
    assert reasons(second) == [Reason.CONFIGURATION_CHANGED]
    assert second.notices[0].message.startswith("spec changed: mode: Auto → Institutional; ")

    third, after = visited(backbone(spec, second, 2))
    assert (after.last_change, reasons(third)) == (status.last_change, [])


def test_another_secret_is_told_by_its_name() -> None:
    first, _ = visited(backbone({"timescale": DATABASE}))
    _, status = visited(backbone({"timescale": {"connection": {"secretName": "db-2"}}}, first, 2))
    assert status.last_change is not None
    assert status.last_change.summary == "timescale.connection.secretName: db → db-2"


def test_a_default_that_is_written_out_is_no_change() -> None:
    first, _ = visited(backbone({}))
    second, status = visited(backbone({"mode": "Auto", "bootstrap": {"storage": {"size": "1Gi"}}}, first, 2))
    assert (status.last_change, reasons(second)) == (None, [])


@pytest.mark.parametrize("kept", ["no json", '{"gone": 1}', '{"mode": "Other"}'])
def test_a_spec_that_this_version_cannot_read_is_replaced_without_a_word(kept: str) -> None:
    subject = replace(backbone({"suspend": True}), status={"acceptedSpec": kept})
    found, status = visited(subject)
    assert (status.last_change, reasons(found)) == (None, [])
    assert status.accepted_spec == '{"suspend":true}'
