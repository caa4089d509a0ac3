"""Why a fire has no Job: when the API server is asked, how often, and what becomes of its words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.evaluations import conditions, fields, message, started
from support.plans import BACKBONE, CRON_JOB, DELIVERED, SEEN, active, job, plan

from backbone.errors import Denied, Unreachable
from backbone.evaluation import Apply, Refusal
from backbone.ingestplan.children import cron_job_name
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.fire_refusals import FireRefusals
from backbone.ingestplan.fires import ASKED_AGAIN, CATCHING_UP, LAG
from backbone.ingestplan.observation import Observation
from backbone.naming import slot_name
from backbone.vocabulary import Reason

NAME = cron_job_name(plan())
FIRE = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)
"""Of the schedule in support.plans, after its last run."""
KNOWN = {**DELIVERED, "fires": {"schedule": "0 22 * * 1-5 Etc/UTC", "settledUntil": "2024-03-01T10:05:00Z"}}
EVERY_FIVE = {"schedule": "*/5 * * * *"}
FIVE = {**DELIVERED, "fires": {"schedule": "*/5 * * * * Etc/UTC", "settledUntil": "2024-03-01T21:56:00Z"}}
QUOTA = "exceeded quota: freeze, requested: count/jobs.batch=1, used: 3, limited: count/jobs.batch=0"
REFUSED = replace(SEEN, refusal=Refusal(slot_name(NAME, FIRE), Reason.CHILD_REFUSED, QUOTA))


class ApiServer:
    """Refuses Jobs with these words, or takes them; `made` is a Job that exists."""

    def __init__(self, words: str | Exception | None = QUOTA, made: str | None = None) -> None:
        self.words, self.made = words, made
        self.asked: list[str] = []

    async def refusal(self, document: dict[str, Any]) -> str | None:
        self.asked.append(document["metadata"]["name"])
        if isinstance(self.words, Exception):
            raise self.words
        return self.words

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any] | None:
        return {} if name == self.made else None


def asking(api: ApiServer) -> FireRefusals:
    return FireRefusals(api)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "after", "asked"),
    [
        pytest.param(SEEN, LAG - timedelta(seconds=1), False, id="Kubernetes may still be about to make it"),
        pytest.param(SEEN, LAG, True, id="no Job after the grace"),
        pytest.param(
            replace(SEEN, cron_job=replace(CRON_JOB, suspended=True)), LAG, True, id="paused by its refusal"
        ),
        pytest.param(
            replace(SEEN, cron_job=replace(CRON_JOB, last_scheduled=FIRE)), LAG, False, id="it was made"
        ),
        pytest.param(
            replace(SEEN, runs=(job(slot_name(NAME, FIRE), start=FIRE),)), LAG, False, id="it is there"
        ),
        pytest.param(replace(SEEN, runs=(active("token", start=FIRE - LAG),)), LAG, False, id="another runs"),
        pytest.param(
            replace(SEEN, backbone=replace(BACKBONE, ready=False)), LAG, False, id="the backbone is away"
        ),
        pytest.param(
            replace(SEEN, backbone=replace(BACKBONE, suspended=True)), LAG, False, id="it is suspended"
        ),
        pytest.param(replace(SEEN, backbone=None), LAG, False, id="there is no backbone"),
    ],
)
async def test_it_is_asked_where_a_fire_has_no_job_and_nothing_else_is_in_the_way(
    seen: Observation, after: timedelta, asked: bool
) -> None:
    api = ApiServer()
    found = await asking(api).of(plan(KNOWN), seen, FIRE + after)
    assert api.asked == ([slot_name(NAME, FIRE)] if asked else [])
    assert found == (REFUSED.refusal if asked else None)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(plan(KNOWN, suspend=True), id="suspended by its owner"),
        pytest.param(plan(KNOWN, schedule="0 22 31 2 *"), id="a schedule that never fires"),
        pytest.param(plan(KNOWN, schedule="0 21 * * *"), id="a schedule that has just changed"),
        pytest.param(plan(DELIVERED), id="no record of fires yet"),
        pytest.param(plan({"fires": KNOWN["fires"]}), id="the first run has not ended"),
    ],
)
async def test_a_fire_that_nobody_waits_for_is_not_asked_about(subject: Any) -> None:
    api = ApiServer()
    assert await asking(api).of(subject, SEEN, FIRE + LAG) is None
    assert api.asked == []


async def test_an_answer_is_good_for_half_a_minute_and_for_its_fire() -> None:
    api = ApiServer()
    refusals = asking(api)
    subject, first = plan(FIVE, **EVERY_FIVE), FIRE + LAG
    for seconds in (0, 1, 29):
        assert await refusals.of(subject, SEEN, first + timedelta(seconds=seconds)) == REFUSED.refusal
    assert api.asked == [slot_name(NAME, FIRE)]
    api.words = None
    assert await refusals.of(subject, SEEN, first + ASKED_AGAIN) is None
    assert len(api.asked) == 2
    api.words = QUOTA
    later = await refusals.of(subject, SEEN, first + timedelta(minutes=5))
    assert later is not None
    assert later.child == slot_name(NAME, FIRE + timedelta(minutes=5))


async def test_a_job_that_came_between_is_no_refusal() -> None:
    api = ApiServer(made=slot_name(NAME, FIRE))
    assert await asking(api).of(plan(KNOWN), SEEN, FIRE + LAG) is None


async def test_without_the_right_to_create_jobs_nothing_is_known() -> None:
    assert await asking(ApiServer(Denied("cannot create"))).of(plan(KNOWN), SEEN, FIRE + LAG) is None


async def test_a_silent_api_server_is_not_the_same_as_no_refusal() -> None:
    with pytest.raises(Unreachable):
        await asking(ApiServer(Unreachable("no answer"))).of(plan(KNOWN), SEEN, FIRE + LAG)


def suspends(result: Any) -> list[bool]:
    made = [item.document for item in result.actions if isinstance(item, Apply)]
    return [item["spec"]["suspend"] for item in made if item["kind"] == "CronJob"]


def test_its_words_stand_in_ready_and_in_one_event_seconds_after_the_fire() -> None:
    result = evaluate(plan(KNOWN), REFUSED, (), FIRE + LAG)
    assert conditions(result)["Ready"] == ("False", "RunMissed")
    assert "No run began for the fire of 2024-03-01T22:00:00Z" in message(result, "Ready")
    assert QUOTA in message(result, "Ready")
    (notice,) = [item for item in result.notices if item.reason == "RunMissed"]
    assert QUOTA in notice.message
    again = evaluate(plan(fields(result)), REFUSED, (), FIRE + LAG + ASKED_AGAIN)
    assert again.notices == ()
    assert again.recheck_after == ASKED_AGAIN


def test_while_it_stands_the_cron_job_pauses_and_once_it_has_ended_fires_again() -> None:
    result = evaluate(plan(FIVE, **EVERY_FIVE), REFUSED, (), FIRE + LAG)
    assert (suspends(result), started(result)) == ([True], [])
    paused = replace(SEEN, cron_job=replace(CRON_JOB, suspended=True))
    ended = evaluate(plan(fields(result), **EVERY_FIVE), paused, (), FIRE + LAG + ASKED_AGAIN)
    assert (suspends(ended), started(ended)) == ([False], []), "its controller starts the fire"
    assert conditions(ended)["Ready"] == ("False", "RunMissed")
    assert "quota" not in message(ended, "Ready")


def test_each_fire_of_a_short_period_is_told_in_its_turn() -> None:
    status = FIVE
    for number in range(4):
        fire = FIRE + number * timedelta(minutes=5)
        status = fields(evaluate(plan(status, **EVERY_FIVE), REFUSED, (), fire + LAG))
        assert status["fires"]["missed"] == f"{fire:%Y-%m-%dT%H:%M:%SZ}"


def test_beyond_the_controllers_deadline_the_operator_makes_it_up() -> None:
    told = fields(evaluate(plan(KNOWN), REFUSED, (), FIRE + LAG))
    late = FIRE + CATCHING_UP + LAG
    assert started(evaluate(plan(told), REFUSED, (), late)) == []
    assert started(evaluate(plan(told), SEEN, (), late)) == [slot_name(NAME, FIRE)]


def test_a_fire_without_a_job_and_without_a_refusal_is_looked_at_again() -> None:
    assert evaluate(plan(KNOWN), SEEN, (), FIRE - LAG).recheck_after == 2 * LAG
    assert evaluate(plan(KNOWN), SEEN, (), FIRE + LAG).recheck_after == ASKED_AGAIN
