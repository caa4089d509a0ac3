"""Policies that wait, for a table or for a look, keep nobody from the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.evaluations import conditions, fields, message
from support.institutional import REPORT, SPEC, backbone, looked, serving
from support.readings import MINUTE, NOW

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.institutional import request_of

BLOCKER = "market.daily_bars is held by process 4711 of the server, pg_dump from 10.0.0.9"


def with_timescale(**values: Any) -> DataBackboneSpec:
    assert SPEC.timescale is not None
    dumped = SPEC.timescale.model_dump(by_alias=True, exclude_none=True) | values
    return DataBackboneSpec.model_validate(
        SPEC.model_dump(by_alias=True, exclude_none=True) | {"timescale": dumped}
    )


KEPT = with_timescale(hypertables={"dailyBars": {"retentionDays": 4000, "compressAfterDays": 500}})
ELSEWHERE = with_timescale(connection={"secretName": "another"})
assert KEPT.timescale is not None
ASKED = request_of(KEPT.timescale, KEPT.redis)


def test_ready_stays_true_from_a_change_of_policies_to_the_look_that_sets_them() -> None:
    before = serving()
    waiting = evaluate(backbone(before, KEPT), looked(), (), NOW)
    assert conditions(waiting)["Ready"] == ("True", "Available")
    assert conditions(waiting)["Migrated"] == ("Unknown", "MigrationPending")
    assert conditions(waiting)["Reconciling"] == ("True", "Progressing")
    assert message(waiting, "Ready").endswith(
        "Its policies are not as the spec asks yet: see condition Migrated."
    )


@pytest.mark.parametrize("outcome", ["Locked", "StatementTimedOut"])
def test_ready_stays_true_while_somebody_holds_the_table_and_is_named(outcome: str) -> None:
    blocked = REPORT.model_copy(update={"outcome": outcome, "message": BLOCKER, "request": ASKED})
    subject = backbone(serving(), KEPT)
    later = NOW + MINUTE
    seen = looked(blocked, name="later", finished=later)
    found = evaluate(subject, seen, (), later)
    assert conditions(found)["Ready"] == ("True", "Available")
    assert conditions(found)["Migrated"] == ("False", outcome)
    assert BLOCKER in message(found, "Migrated")
    assert BLOCKER in message(found, "Ready")
    again = evaluate(backbone(fields(found), KEPT), seen, (), later + MINUTE)
    assert conditions(again)["Ready"] == ("True", "Available")


@pytest.mark.parametrize(
    ("status", "spec", "report", "expected"),
    [
        pytest.param(serving(), ELSEWHERE, REPORT, "Unknown", id="the spec names another database"),
        pytest.param(
            serving(),
            SPEC,
            REPORT.model_copy(update={"outcome": "Locked", "pending": None, "version": None}),
            "False",
            id="a migration waits",
        ),
        pytest.param(
            serving(),
            SPEC,
            REPORT.model_copy(update={"outcome": "ConnectionLost"}),
            "False",
            id="the connection ended meanwhile",
        ),
        pytest.param(
            {},
            SPEC,
            REPORT.model_copy(update={"outcome": "Locked"}),
            "False",
            id="the tier does not serve yet",
        ),
    ],
)
def test_what_keeps_from_the_rows_is_not_ready(
    status: dict[str, Any], spec: DataBackboneSpec, report: Any, expected: str
) -> None:
    seen = looked(report, name="later", finished=NOW + MINUTE)
    assert conditions(evaluate(backbone(status, spec), seen, (), NOW + MINUTE))["Ready"][0] == expected


def test_a_verdict_that_is_out_of_date_does_not_keep_it_ready() -> None:
    old = replace(looked())
    found = evaluate(backbone(serving(), KEPT), old, (), NOW + 46 * MINUTE)
    assert conditions(found)["Ready"][0] == "Unknown"
