"""CronJobs under a former name: none fires beside the plan's own, and none goes before it is read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.evaluations import applied, fields
from support.plans import CRON_JOB, DELIVERED, SEEN, active, job, plan, report
from support.readings import MINUTE, NOW

from backbone.evaluation import Apply, Evaluation, Prune
from backbone.ingestplan.evaluate import evaluate
from backbone.ports.cluster import CRON_JOB as CRON_JOB_KIND
from backbone.ports.readings import CronJobReading, JobReading

FORMER = replace(CRON_JOB, name="daily", uid="old", schedule="0 4 * * *", time_zone="Asia/Tokyo")
STOPPED = replace(FORMER, suspended=True)
FIRST = replace(SEEN, cron_job=None)


def cron_jobs(result: Evaluation) -> list[tuple[str, bool]]:
    """Name and suspension of what is applied, in its order."""
    return [
        (action.document["metadata"]["name"], action.document["spec"]["suspend"])
        for action in result.actions
        if isinstance(action, Apply) and action.document["kind"] == "CronJob"
    ]


def pruned(result: Evaluation) -> list[Prune]:
    return [action for action in result.actions if isinstance(action, Prune)]


def of_former(name: str, said: bool = True) -> JobReading:
    made = job(name, report() if said else None, start=NOW - MINUTE * 5)
    return replace(made, scheduled=True, controller_uid="old")


def test_the_former_one_is_suspended_before_the_plans_own_is_made() -> None:
    begun = evaluate(plan(DELIVERED), replace(FIRST, former=(FORMER,)), (), NOW)
    assert cron_jobs(begun) == [("daily", True)]
    document = applied(begun, "CronJob")
    assert document is not None
    assert (document["spec"]["schedule"], document["spec"]["timeZone"]) == ("0 4 * * *", "Asia/Tokyo")
    then = evaluate(plan(DELIVERED), replace(FIRST, former=(STOPPED,)), (), NOW)
    assert cron_jobs(then) == [(CRON_JOB.name, False)]


def test_one_that_is_being_deleted_fires_no_more() -> None:
    seen = replace(FIRST, former=(replace(FORMER, terminating=True),))
    assert cron_jobs(evaluate(plan(DELIVERED), seen, (), NOW)) == [(CRON_JOB.name, False)]


def test_what_somebody_else_unsuspends_is_suspended_again_and_the_plans_own_stays() -> None:
    result = evaluate(plan(DELIVERED), replace(SEEN, former=(FORMER,)), (), NOW)
    assert cron_jobs(result) == [("daily", True), (CRON_JOB.name, False)]


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param((replace(active("daily-1"), controller_uid="old"),), id="a Job of it runs"),
        pytest.param((of_former("daily-1"),), id="the outcome of a Job of it stands nowhere yet"),
    ],
)
def test_it_stays_while_there_is_something_to_read(runs: tuple[JobReading, ...]) -> None:
    seen = replace(SEEN, former=(STOPPED,), runs=runs)
    assert pruned(evaluate(plan(DELIVERED), seen, (), NOW)) == []


def test_its_jobs_go_once_they_are_read_and_then_it_goes_alone() -> None:
    seen = replace(SEEN, former=(STOPPED,), runs=(of_former("daily-1"),))
    read = fields(evaluate(plan(DELIVERED), seen, (), NOW))
    assert read["lastRun"]["id"] == "daily-1"
    assert pruned(evaluate(plan(read), seen, (), NOW)) == [Prune("daily-1", "uid-daily-1")]
    last = evaluate(plan(read), replace(seen, runs=()), (), NOW)
    assert pruned(last) == [Prune("daily", "old", CRON_JOB_KIND, orphan=True)]


def test_a_run_of_another_plan_or_on_another_claim_keeps_nothing() -> None:
    stray, other = of_former("daily-1"), replace(of_former("daily-2"), claim_uid="claim-0")
    status = {**DELIVERED, "claimUid": "claim-1"}
    seen = replace(SEEN, former=(STOPPED,), strays=(stray,), runs=(other,))
    assert {item.name for item in pruned(evaluate(plan(status), seen, (), NOW))} == {"daily-1", "daily-2"}


def test_what_the_plan_does_not_own_is_left_alone() -> None:
    foreign: CronJobReading = replace(FORMER, labels=(), controller_uid="somebody")
    result = evaluate(plan(DELIVERED), replace(FIRST, former=(foreign,)), (), NOW)
    assert cron_jobs(result) == [(CRON_JOB.name, False)]
    assert pruned(result) == []


def test_a_suspended_plan_lets_it_go_too() -> None:
    result = evaluate(plan(DELIVERED, suspend=True), replace(FIRST, former=(STOPPED,)), (), NOW)
    assert cron_jobs(result) == [(CRON_JOB.name, True)]
    assert [item.name for item in pruned(result)] == ["daily"]
