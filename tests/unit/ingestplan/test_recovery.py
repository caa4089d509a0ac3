"""A store that began again empty is told until somebody acknowledges it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from support.evaluations import conditions, fields, message
from support.plans import DELIVERED, READY, SEEN, job, plan, report
from support.readings import MINUTE, NOW

from backbone.ingestplan.evaluate import evaluate
from backbone.reports.run import StoreRecoveryReport

LOST = {
    "setAside": "working/x.corrupt-1",
    "continuedFrom": "empty",
    "at": "2024-03-01T12:00:00Z",
}
EMPTIED = {**READY, "Ready": ("False", "StoreEmptied"), "StoreIntact": ("False", "StoreEmptied")}
ACKNOWLEDGED = {**READY, "StoreIntact": ("True", "Acknowledged")}


def recovery(at: datetime = NOW, source: str = "empty") -> StoreRecoveryReport:
    return StoreRecoveryReport(set_aside="working/x.corrupt-1", continued_from=source, at=at)


def word(status: dict[str, Any], text: str) -> Any:
    return replace(plan(status), annotations={"backbone.emp.dev/acknowledge": text})


def test_a_run_that_went_on_from_empty_leaves_the_plan_not_ready_however_well_it_did() -> None:
    seen = replace(SEEN, runs=(job("run-2", report(store_recovery=recovery())),))
    found = evaluate(plan(DELIVERED), seen, (), NOW)
    assert conditions(found) == EMPTIED
    words = message(found, "StoreIntact")
    assert "working/x.corrupt-1" in words
    assert "backbone.emp.dev/acknowledge=StoreEmptied:<token of your choice>" in words


def test_a_run_that_went_on_from_the_published_copy_asks_for_no_word() -> None:
    said = report(store_recovery=recovery(source="published/backbone.duckdb"))
    found = evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW)
    assert conditions(found) == READY


def test_it_stays_through_later_runs_until_it_is_acknowledged() -> None:
    status = {**DELIVERED, "storeRecovery": LOST}
    later = replace(SEEN, runs=(job("run-3", report(store_recovery=recovery()), NOW + MINUTE),))
    for seen in (SEEN, later):
        assert conditions(evaluate(plan(status), seen, (), NOW)) == EMPTIED
    found = evaluate(word(status, "StoreEmptied:seen"), later, (), NOW)
    assert conditions(found) == ACKNOWLEDGED
    assert fields(found)["acknowledgements"] == ["StoreEmptied:seen"]
    assert [item.reason for item in found.notices] == ["Succeeded", "Acknowledged"]
    assert conditions(evaluate(word(fields(found), "StoreEmptied:seen"), later, (), NOW)) == ACKNOWLEDGED


def test_a_second_loss_waits_for_a_second_word() -> None:
    status = fields(evaluate(word({**DELIVERED, "storeRecovery": LOST}, "StoreEmptied:1"), SEEN, (), NOW))
    again = replace(SEEN, runs=(job("run-9", report(store_recovery=recovery(NOW + MINUTE)), NOW + MINUTE),))
    found = evaluate(word(status, "StoreEmptied:1"), again, (), NOW)
    assert conditions(found) == EMPTIED
    assert conditions(evaluate(word(fields(found), "StoreEmptied:2"), SEEN, (), NOW)) == ACKNOWLEDGED


def test_a_later_recovery_from_the_published_copy_hides_no_loss_that_nobody_acknowledged() -> None:
    status = {**DELIVERED, "storeRecovery": LOST}
    said = report(store_recovery=recovery(NOW + MINUTE, source="published/backbone.duckdb"))
    later = replace(SEEN, runs=(job("run-9", said, NOW + MINUTE),))
    assert conditions(evaluate(plan(status), later, (), NOW)) == EMPTIED
    acknowledged = fields(evaluate(word(status, "StoreEmptied:1"), SEEN, (), NOW))
    assert conditions(evaluate(word(acknowledged, "StoreEmptied:1"), later, (), NOW)) == READY


def test_a_failure_of_the_last_run_is_told_before_it_and_hides_it_not() -> None:
    said = report("StoreBusy", store_recovery=recovery())
    found = conditions(evaluate(plan(DELIVERED), replace(SEEN, runs=(job("run-2", said),)), (), NOW))
    assert (found["Ready"], found["StoreIntact"]) == (("False", "StoreBusy"), ("False", "StoreEmptied"))


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        pytest.param(NOW - MINUTE, EMPTIED, id="a plan that was there"),
        pytest.param(NOW + MINUTE, READY, id="a plan that came later"),
    ],
)
def test_what_was_lost_before_a_plan_began_is_not_its_own(
    created: datetime, expected: dict[str, tuple[str, str]]
) -> None:
    seen = replace(SEEN, runs=(job("run-2", report(store_recovery=recovery()), NOW + 2 * MINUTE),))
    assert conditions(evaluate(replace(plan(DELIVERED), created=created), seen, (), NOW)) == expected


def test_an_entry_that_was_heard_outlives_the_claim() -> None:
    status = {
        **DELIVERED,
        "claimUid": "claim-0",
        "storeRecovery": LOST,
        "acknowledgements": ["StoreEmptied:1"],
    }
    found = fields(evaluate(word(status, "StoreEmptied:1"), SEEN, (), NOW))
    assert found["acknowledgements"] == ["StoreEmptied:1"]
    assert "storeRecovery" not in found
