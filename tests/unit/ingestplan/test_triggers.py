"""Tokens: one run of them at a time, the newest waits, and what it took the place of is on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.evaluations import fields, started
from support.plans import BACKBONE, DELIVERED, SEEN, active, job, plan, report
from support.readings import NOW

from backbone.evaluation import Evaluation
from backbone.ingestplan.evaluate import evaluate
from backbone.ports.readings import JobReading


def told(result: Evaluation) -> list[str]:
    return [notice.reason for notice in result.notices if notice.reason.startswith("Run")]


def under_way(status: dict[str, Any]) -> Any:
    return replace(SEEN, runs=(active(status["triggers"]["runNowJob"]),))


def test_the_newest_token_waits_and_the_one_before_it_is_superseded() -> None:
    first = evaluate(plan(DELIVERED, token="a"), SEEN, (), NOW)
    running = under_way(fields(first))
    second = evaluate(plan(fields(first), token="b"), running, (), NOW)
    assert (started(second), told(second)) == ([], ["RunWaits"])
    assert fields(second)["triggers"]["runNowWaiting"] == "b"
    again = evaluate(plan(fields(second), token="b"), running, (), NOW)
    assert (told(again), fields(again)) == ([], fields(second)), "it is told once"
    third = evaluate(plan(fields(again), token="c"), running, (), NOW)
    assert (started(third), told(third)) == ([], ["RunSuperseded", "RunWaits"])
    ended = replace(SEEN, runs=(job(fields(first)["triggers"]["runNowJob"], report()),))
    last = evaluate(plan(fields(third), token="c"), ended, (), NOW)
    assert len(started(last)) == 1
    triggers = fields(last)["triggers"]
    assert (triggers["runNow"], triggers["runNowSuperseded"]) == ("c", ["b"])
    assert "runNowWaiting" not in triggers


def test_a_token_that_is_taken_back_while_it_waits_has_no_run() -> None:
    first = fields(evaluate(plan(DELIVERED, token="a"), SEEN, (), NOW))
    waiting = fields(evaluate(plan(first, token="b"), under_way(first), (), NOW))
    result = evaluate(plan(waiting), under_way(first), (), NOW)
    assert (started(result), told(result)) == ([], ["RunSuperseded"])
    assert "runNowWaiting" not in fields(result)["triggers"]


def test_a_token_that_comes_while_no_run_may_start_is_superseded_by_the_next_too() -> None:
    away = replace(SEEN, backbone=replace(BACKBONE, ready=False))
    first = evaluate(plan(DELIVERED, token="a"), away, (), NOW)
    assert (fields(first)["triggers"]["runNowWaiting"], told(first)) == ("a", [])
    second = fields(evaluate(plan(fields(first), token="b"), away, (), NOW))
    last = evaluate(plan(second, token="b"), SEEN, (), NOW)
    assert len(started(last)) == 1
    assert fields(last)["triggers"]["runNowSuperseded"] == ["a"]


def test_a_run_on_the_schedule_keeps_no_token_waiting() -> None:
    seen = replace(SEEN, runs=(replace(active("daily-1"), scheduled=True),))
    assert len(started(evaluate(plan(DELIVERED, token="a"), seen, (), NOW))) == 1


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps=st.lists(st.sampled_from(["token", "end", "look", "die"]), max_size=25))
def test_of_any_tokens_one_run_is_under_way_at_most_and_the_newest_has_one_in_the_end(
    steps: list[str],
) -> None:
    status, number = DELIVERED, 0
    jobs: dict[str, JobReading] = {}
    for step in (*steps, "look", "end", "look", "end", "look", "end"):
        if step == "token":
            number += 1
        if step == "end":
            jobs = {name: job(name, report()) for name in jobs}
        token = str(number) if number else None
        result = evaluate(plan(status, token=token), replace(SEEN, runs=tuple(jobs.values())), (), NOW)
        for name in started(result):
            jobs.setdefault(name, active(name))
        if step != "die":
            status = fields(result)
        assert sum(item.finished is None for item in jobs.values()) <= 1
    done = status.get("triggers", {})
    if number:
        assert done["runNow"] == str(number)
        assert done["runNowJob"] in jobs
        assert len(jobs) + len(done.get("runNowSuperseded", [])) <= number
