"""What a backbone tells of itself: a long sentence once, the tier in a word, what Delete leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from support.evaluations import conditions, fields, message
from support.institutional import REPORT, SEEN, SPEC, backbone, looked, serving
from support.readings import MINUTE, NOW

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.evaluation import LONG, Finding, said_once
from backbone.reports.database import DatabaseReport, TableReport, UnconfirmedReport
from backbone.vocabulary import ConditionType, Reason

REFUSED = (
    "cannot connect to db.example.com:5432 as emp: password authentication failed for user emp; correct "
    "username and password in the Secret; the server's log says more"
)
NO_ROLE = (
    "user emp may not make the role market_readers that readers are to be members of; as an administrator: "
    "CREATE ROLE market_readers NOLOGIN;"
)


def report(**values: Any) -> DatabaseReport:
    return REPORT.model_copy(update=values)


def test_what_is_wrong_with_the_database_stands_in_migrated_and_nowhere_else() -> None:
    wrong = report(outcome="AuthenticationFailed", message=REFUSED, version=None, pending=None)
    for status in ({}, serving()):
        seen = looked(wrong, name="later", finished=NOW + MINUTE)
        result = evaluate(backbone(status), seen, (), NOW + MINUTE)
        if not status:
            assert message(result, "OnRequestedTier") == (
                "Institutional waits for its database. See condition Migrated."
            )
        assert [item.type for item in result.conditions if REFUSED in item.message] == ["Migrated"]
        assert message(result, "RetentionMet") == "The operator could not check: see condition Migrated."
        assert conditions(result)["Ready"] == ("False", "AuthenticationFailed")
        assert "see condition Migrated" in message(result, "Ready").replace("See", "see")


SHORT, WHOLE = "It is short.", "x" * LONG + " is long."


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        pytest.param(SHORT, SHORT, SHORT, id="what is short may be said twice"),
        pytest.param(
            WHOLE, WHOLE, "The operator has not checked this yet: see condition Migrated.", id="the same"
        ),
        pytest.param(WHOLE, f"So: {WHOLE}", "So: see condition Migrated.", id="the same after a colon"),
        pytest.param(
            WHOLE, f"No. {WHOLE} Then?", "No. See condition Migrated. Then?", id="the same between sentences"
        ),
        pytest.param(WHOLE[:-1], f"So: {WHOLE}", "So: see condition Migrated.", id="without a full stop"),
        pytest.param(WHOLE, f"{WHOLE[1:]} But.", f"{WHOLE[1:]} But.", id="another one"),
    ],
)
def test_a_long_sentence_is_said_once(first: str, second: str, told: str) -> None:
    findings = {
        ConditionType.READY: Finding(None, Reason.PENDING, second),
        ConditionType.MIGRATED: Finding(None, Reason.PENDING, first),
    }
    found = said_once(findings, (ConditionType.MIGRATED, ConditionType.STALLED, ConditionType.READY))
    assert list(found) == list(findings)
    assert (found[ConditionType.READY].message, found[ConditionType.MIGRATED].message) == (told, first)


def test_readers_that_are_not_let_in_keep_nobody_from_the_rows() -> None:
    table = TableReport(name="dailyBars", chunk_days=365, rows=7)
    missing = report(outcome="RoleNotAllowed", message=NO_ROLE, tables=(table,))
    result = evaluate(backbone(), looked(missing), (), NOW)
    found = conditions(result)
    assert found["Migrated"] == ("False", "RoleNotAllowed")
    assert "CREATE ROLE market_readers NOLOGIN;" in message(result, "Migrated")
    assert found["Ready"] == ("True", "Available")
    assert message(result, "Ready") == (
        "Data can be written and read on tier Institutional. The readers' role is not as the spec asks yet: "
        "see condition Migrated."
    )
    assert found["OnRequestedTier"] == ("True", "OnTier"), "what comes before the role was done"
    assert found["RetentionMet"] == ("True", "RetentionMet")
    assert found["Reconciling"] == ("True", "Progressing")
    told = fields(result)
    assert (told["serving"], told["database"]["tables"][0]["rows"]) == ("Institutional", 7)
    let_in = fields(evaluate(backbone(), looked(report(reader_role="market_readers")), (), NOW))
    assert let_in["database"]["readerRole"] == "market_readers"


def test_the_column_of_the_tier_says_that_none_serves_yet() -> None:
    waiting = evaluate(backbone(), SEEN, (), NOW)
    assert (fields(waiting)["serving"], fields(waiting)["tier"]["active"]) == ("Pending", "Bootstrap")
    assert fields(evaluate(backbone(), looked(), (), NOW))["serving"] == "Institutional"
    held = fields(evaluate(backbone(holds=True), looked(), (), NOW))
    assert held["serving"] == "Bootstrap", "it has rows and serves them"
    removed = evaluate(backbone(serving(), DataBackboneSpec()), SEEN, (), NOW)
    assert (conditions(removed)["Ready"][1], fields(removed)["serving"]) == (
        "DatabaseRemoved",
        "Institutional",
    )


def test_before_anybody_deletes_it_is_said_what_delete_leaves() -> None:
    told = message(evaluate(backbone(spec=_deleting(SPEC)), looked(), (), NOW), "Validated")
    assert "claim market-data goes with this object" in told
    assert "rows, policies and the database's own jobs stay" in told
    assert message(evaluate(backbone(), looked(), (), NOW), "Validated") == "The spec makes sense."
    plain = _deleting(DataBackboneSpec())
    assert message(evaluate(backbone(spec=plain), SEEN, (), NOW), "Validated") == "The spec makes sense."


def _deleting(spec: DataBackboneSpec) -> DataBackboneSpec:
    return spec.model_copy(update={"deletion_policy": "Delete"})


def test_before_which_time_rows_would_go_is_told_before_the_word_is_given() -> None:
    cutoff = datetime(2021, 7, 1, tzinfo=UTC)
    waits = UnconfirmedReport(table="market.daily_bars", rows=12, token="tok-1", cutoff=cutoff)
    result = evaluate(backbone(), looked(report(unconfirmed=(waits,))), (), NOW)
    assert fields(result)["database"]["unconfirmed"] == [
        {"table": "market.daily_bars", "rows": 12, "token": "tok-1", "cutoff": "2021-07-01T00:00:00Z"}
    ]
    assert "would lose 12 rows from before 2021-07-01 00:00 UTC" in message(result, "RetentionMet")
