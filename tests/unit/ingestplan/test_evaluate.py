"""What is true of an IngestPlan, and what is done about it, by tables of values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.evaluations import applied, conditions, fields, message, started
from support.plans import (
    AWAITING,
    BACKBONE,
    CRON_JOB,
    DELIVERED,
    NEVER_RUN,
    READY,
    SEEN,
    active,
    failed,
    hindered,
    job,
    plan,
)
from support.readings import MINUTE, NOW, UNPULLED

from backbone.evaluation import Refusal, Subject
from backbone.ingestplan.api import IngestPlanSpec
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.observation import Observation
from backbone.vocabulary import Reason


@pytest.mark.parametrize(
    ("subject", "seen", "refusals", "expected"),
    [
        pytest.param(plan(DELIVERED), SEEN, (), {}, id="a plan whose last run delivered is Ready"),
        pytest.param(
            plan({**DELIVERED, "ofALaterVersion": {"some": "thing"}}),
            SEEN,
            (),
            {},
            id="a record with fields of a later version is still its record",
        ),
        pytest.param(plan(), NEVER_RUN, (), AWAITING, id="a new plan waits for its first run"),
        pytest.param(
            plan(),
            replace(SEEN, runs=(active("run-1", UNPULLED),)),
            (),
            {**AWAITING, "Ready": ("False", "ImagePullFailed")},
            id="a first run whose image cannot be pulled names it while it waits",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, runs=(active("run-2", UNPULLED),)),
            (),
            {},
            id="a later run in trouble leaves what was delivered",
        ),
        pytest.param(
            plan(failed("UnknownSymbol")),
            SEEN,
            (),
            {
                "Ready": ("False", "UnknownSymbol"),
                "Complete": ("False", "UnknownSymbol"),
                "Stalled": ("True", "UnknownSymbol"),
            },
            id="an unknown symbol waits for somebody",
        ),
        pytest.param(
            plan(failed("StoreBusy")),
            SEEN,
            (),
            {"Ready": ("False", "StoreBusy"), "Complete": ("False", "StoreBusy")},
            id="a busy store waits for the next run",
        ),
        pytest.param(
            plan(failed("Partial", dimensions=DELIVERED["dimensions"])),
            SEEN,
            (),
            {},
            id="a partial run that delivered what is required is enough",
        ),
        pytest.param(
            plan(DELIVERED, schedule="0 22 30 2 *"),
            SEEN,
            (),
            hindered("InvalidSchedule", valid=False, stalled=True),
            id="a schedule that never fires waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED, timeZone="Mars/Olympus"),
            SEEN,
            (),
            hindered("UnknownTimeZone", valid=False, stalled=True),
            id="a time zone that does not exist waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=None),
            (),
            hindered("BackboneNotFound", valid=False, waits=True),
            id="a backbone that is not there may yet come",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, terminating=True)),
            (),
            hindered("BackboneDeleted", valid=False, stalled=True),
            id="a backbone on its way out waits for somebody",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, suspended=True, ready=False)),
            (),
            hindered("BackboneSuspended"),
            id="a suspended backbone suspends its plans",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=False)),
            (),
            hindered("BackboneNotReady", waits=True),
            id="a backbone that is not Ready holds its plans",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None)),
            (),
            {"Ready": ("Unknown", "BackboneNotReady"), "Reconciling": ("True", "Progressing")},
            id="a backbone that nobody could look at leaves the schedule in force",
        ),
        pytest.param(
            plan(DELIVERED, suspend=True), SEEN, (), hindered("Suspended"), id="a suspended plan is not Ready"
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, cron_job=replace(CRON_JOB, labels=(), controller_uid="somebody")),
            (),
            hindered("NameTaken", stalled=True),
            id="a CronJob of somebody else is not taken",
        ),
        pytest.param(
            plan(DELIVERED),
            SEEN,
            (Refusal("daily", Reason.CHILD_REFUSED, "exceeded quota"),),
            hindered("ChildRefused", stalled=True),
            id="a child that the API server refuses waits for somebody",
        ),
    ],
)
def test_conditions(
    subject: Subject[IngestPlanSpec],
    seen: Observation,
    refusals: tuple[Refusal, ...],
    expected: dict[str, tuple[str, str]],
) -> None:
    result = evaluate(subject, seen, refusals, NOW)
    assert conditions(result) == {**READY, **expected}
    assert {item.observed_generation for item in result.conditions} == {3}


def test_what_the_last_run_did_not_know_is_not_called_delivered() -> None:
    known = fields(evaluate(plan(DELIVERED), SEEN, (), NOW))["request"]
    same = evaluate(plan({**DELIVERED, "request": known}, schedule="0 5 * * *"), SEEN, (), NOW)
    assert conditions(same) == READY, "another schedule asks for nothing new"

    older = {**DELIVERED, "lastRun": {**DELIVERED["lastRun"], "generation": 2}}
    more = evaluate(plan({**older, "request": known}, macroEvents=FOMC), SEEN, (), NOW)
    assert fields(more)["request"]["sinceGeneration"] == 3
    assert conditions(more)["Ready"] == ("True", "SpecChanged")
    assert conditions(more)["Complete"] == ("Unknown", "SpecChanged")
    assert "run-now" in message(more, "Ready")

    broken = {**older, "lastRun": {**older["lastRun"], "outcome": "Partial"}, "request": known}
    mended = evaluate(plan(broken, macroEvents=FOMC), SEEN, (), NOW)
    assert conditions(mended)["Ready"] == ("False", "SpecChanged")


FOMC = {"provider": "Sample", "calendars": ["FOMC"]}


@pytest.mark.parametrize(
    ("subject", "seen", "suspended"),
    [
        pytest.param(plan(DELIVERED), SEEN, False, id="a plan in order fires"),
        pytest.param(plan(DELIVERED, suspend=True), SEEN, True, id="a suspended one does not"),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, suspended=True)),
            True,
            id="nor one whose backbone is suspended",
        ),
        pytest.param(
            plan(DELIVERED), replace(SEEN, backbone=None), True, id="nor one whose backbone is not there"
        ),
        pytest.param(
            plan(DELIVERED, schedule="0 0 30 2 *"), SEEN, True, id="nor one whose new schedule is wrong"
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None)),
            False,
            id="not knowing the backbone's state does not stop a schedule in force",
        ),
        pytest.param(
            plan(DELIVERED),
            replace(SEEN, backbone=replace(BACKBONE, ready=None), cron_job=replace(CRON_JOB, suspended=True)),
            True,
            id="and does not start one that is suspended",
        ),
    ],
)
def test_whether_the_schedule_fires(
    subject: Subject[IngestPlanSpec], seen: Observation, suspended: bool
) -> None:
    document = applied(evaluate(subject, seen, (), NOW), "CronJob")
    assert document is not None
    assert document["spec"]["suspend"] is suspended
    assert document["spec"]["schedule"] == "0 22 * * 1-5"


def test_a_wrong_schedule_makes_no_cron_job_where_none_stands() -> None:
    result = evaluate(plan(schedule="0 0 30 2 *"), NEVER_RUN, (), NOW)
    assert applied(result, "CronJob") is None
    assert "schedule" not in fields(result)


@pytest.mark.parametrize(
    ("subject", "seen", "count"),
    [
        pytest.param(plan(), NEVER_RUN, 1, id="creating a plan starts one run"),
        pytest.param(plan(DELIVERED), SEEN, 0, id="a change of the spec starts none"),
        pytest.param(plan(failed("UnknownSymbol")), SEEN, 0, id="a first run that failed is not repeated"),
        pytest.param(plan(token="t"), NEVER_RUN, 1, id="a token at creation is handled by the first run"),
        pytest.param(plan(DELIVERED, token="t"), SEEN, 1, id="a new token starts one run"),
        pytest.param(
            plan({**DELIVERED, "triggers": {"first": "run-1", "runNow": "t"}}, token="t"),
            SEEN,
            0,
            id="a handled token starts none",
        ),
        pytest.param(plan(DELIVERED, token=""), SEEN, 0, id="an empty token is none"),
        pytest.param(plan(suspend=True, token="t"), NEVER_RUN, 0, id="a suspended plan starts none"),
        pytest.param(
            plan(),
            replace(NEVER_RUN, backbone=replace(BACKBONE, ready=False)),
            0,
            id="nor before the backbone",
        ),
        pytest.param(
            plan(),
            replace(NEVER_RUN, backbone=replace(BACKBONE, ready=None)),
            0,
            id="nor while nobody knows how the backbone is",
        ),
        pytest.param(
            plan({"triggers": {"first": "run-1"}}),
            replace(SEEN, runs=(active("run-1"),)),
            0,
            id="a first run under way is enough",
        ),
        pytest.param(
            plan({"triggers": {"first": "run-1"}, "activeRun": {"id": "run-1"}}),
            SEEN,
            1,
            id="a first run that vanished unread is started again",
        ),
        pytest.param(
            plan({"triggers": {"first": "run-1"}}),
            replace(SEEN, runs=(job("run-1", pods=()),)),
            1,
            id="a first run whose pod was deleted before its report was read is started again",
        ),
        pytest.param(
            plan({**DELIVERED, "activeRun": {"id": "run-2"}}),
            SEEN,
            0,
            id="a later run that vanished is left to the schedule",
        ),
    ],
)
def test_which_runs_start(subject: Subject[IngestPlanSpec], seen: Observation, count: int) -> None:
    result = evaluate(subject, seen, (), NOW)
    assert len(started(result)) == count
    assert [notice.reason for notice in result.notices].count("RunStarted") == count


def test_one_cause_is_one_job_and_two_causes_are_two() -> None:
    first = started(evaluate(plan(), NEVER_RUN, (), NOW))
    assert first == started(evaluate(plan(), NEVER_RUN, (), NOW + MINUTE))
    tokens = [started(evaluate(plan(DELIVERED, token=token), SEEN, (), NOW))[0] for token in ("a", "b")]
    assert len({*first, *tokens}) == 3


def test_a_value_that_comes_back_starts_another_run_each_time() -> None:
    status, names = DELIVERED, []
    for token in ("a", "b", "a", "b", "a"):
        result = evaluate(plan(status, token=token), SEEN, (), NOW)
        unrecorded = evaluate(plan(status, token=token), SEEN, (), NOW + MINUTE)
        assert started(unrecorded) == started(result), "until it is recorded it is the same run"
        names += started(result)
        status = fields(result)
    assert len(set(names)) == 5


def test_a_started_run_is_recorded_with_the_token_it_handles() -> None:
    result = evaluate(plan(token="t"), NEVER_RUN, (), NOW)
    name = started(result)[0]
    assert fields(result)["triggers"] == {"first": name, "runNow": "t", "runNowJob": name}


def test_a_run_whose_job_was_refused_is_not_recorded() -> None:
    name = started(evaluate(plan(), NEVER_RUN, (), NOW))[0]
    refused = evaluate(plan(), NEVER_RUN, (Refusal(name, Reason.CHILD_REFUSED, "exceeded quota"),), NOW)
    assert "triggers" not in fields(refused)
    assert refused.notices == ()


def test_a_token_longer_than_status_takes_is_recorded_by_its_digest() -> None:
    result = evaluate(plan(DELIVERED, token="t" * 300), SEEN, (), NOW)
    recorded = fields(result)["triggers"]["runNow"]
    assert recorded.startswith("sha256:")
    again = {**DELIVERED, "triggers": {"first": "run-1", "runNow": recorded}}
    assert started(evaluate(plan(again, token="t" * 300), SEEN, (), NOW)) == []


def test_a_run_starts_after_the_children_it_needs() -> None:
    actions = evaluate(plan(), NEVER_RUN, (), NOW).actions
    assert [type(action).__name__ for action in actions] == ["Apply", "Apply", "Start"]


def test_a_plan_leads_to_its_backbone_whatever_that_has_to_say() -> None:
    waits = replace(BACKBONE, ready=False, ready_reason="AuthenticationFailed")
    told = message(evaluate(plan(DELIVERED), replace(SEEN, backbone=waits), (), NOW), "Ready")
    assert told == f"DataBackbone {waits.name} is not Ready (AuthenticationFailed): see its conditions."


def test_what_a_server_refuses_at_length_stands_in_ready_and_stalled_alone() -> None:
    words = "exceeded quota: " + "requests.cpu " * 20
    result = evaluate(plan(DELIVERED), SEEN, (Refusal("daily", Reason.CHILD_REFUSED, words),), NOW)
    assert {item.type for item in result.conditions if words in item.message} == {"Ready", "Stalled"}
    assert message(result, "Scheduled").endswith(": see condition Ready.")
