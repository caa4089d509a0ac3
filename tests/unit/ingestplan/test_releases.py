"""A release from quarantine: one Job per value of the annotation, told in status; in doubt, none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.evaluations import applied, fields, started
from support.plans import DELIVERED, SEEN, active, job, plan, report
from support.readings import MINUTE, NOW, UNPULLED

from backbone.errors import Rejected
from backbone.evaluation import Evaluation, Prune, Refusal, Start
from backbone.ingestplan.evaluate import evaluate
from backbone.ingestplan.releases import options_of
from backbone.ports.readings import JobReading
from backbone.vocabulary import ANNOTATION_QUARANTINE_RELEASE, LABEL_COMPONENT, Outcome, Reason

HANDLED: dict[str, Any] = {"quarantineRelease": "OffSession:1"}


def asked(token: str | None, status: dict[str, Any] | None = None, **more: Any) -> Evaluation:
    annotations = {} if token is None else {ANNOTATION_QUARANTINE_RELEASE: token}
    given = replace(plan(DELIVERED if status is None else status), annotations=annotations)
    return evaluate(given, replace(SEEN, **more), (), NOW)


def jobs(result: Evaluation) -> list[dict[str, Any]]:
    return [action.document for action in result.actions if isinstance(action, Start)]


def ended(result: Evaluation) -> JobReading:
    return job(fields(result)["release"]["job"], report(rows=1, plan="quarantine", dimensions=()))


@pytest.mark.parametrize(
    ("token", "options"),
    [
        pytest.param("OffSession:1", ("--reason", "OffSession"), id="a reason"),
        pytest.param("all:2024-03-01T10:00", ("--all",), id="everything"),
        pytest.param(
            "dailyBars/PriceSpike:x",
            ("--dimension", "dailyBars", "--reason", "PriceSpike"),
            id="of one dimension",
        ),
        pytest.param(
            "macroSeries/all:x", ("--dimension", "macroSeries", "--all"), id="everything of one dimension"
        ),
    ],
)
def test_what_an_annotation_stands_for(token: str, options: tuple[str, ...]) -> None:
    assert options_of(token) == options


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        pytest.param("OffSession", "has no token", id="no token"),
        pytest.param("OffSession:", "has no token", id="an empty token"),
        pytest.param("Offsession:1", "is not a reason", id="another spelling"),
        pytest.param("bars/OffSession:1", "is not a dimension", id="an unknown dimension"),
        pytest.param(":1", "is not a reason", id="no reason"),
    ],
)
def test_what_nobody_can_understand_is_refused_with_the_right_form(token: str, problem: str) -> None:
    with pytest.raises(Rejected, match=problem):
        options_of(token)
    result = asked(token)
    assert jobs(result) == []
    assert fields(result)["release"]["outcome"] == "ReleaseRefused"
    assert [(item.type, item.reason) for item in result.notices] == [("Warning", "ReleaseRefused")]
    again = asked(token, fields(result))
    assert (again.notices, fields(again)) == ((), fields(result))


def test_a_new_value_starts_one_job_that_runs_the_same_command() -> None:
    result = asked("dailyBars/OffSession:1")
    document = jobs(result)[0]
    container = document["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == [
        *("quarantine", "release", "--plan", "daily"),
        *("--dimension", "dailyBars", "--reason", "OffSession", "--store-wait", "300"),
    ]
    assert document["metadata"]["labels"][LABEL_COMPONENT] == "quarantine"
    assert document["spec"]["template"]["metadata"]["labels"][LABEL_COMPONENT] == "quarantine"
    name = document["metadata"]["name"]
    assert fields(result)["release"] == {"token": "dailyBars/OffSession:1", "job": name, "message": ""}
    assert fields(result)["triggers"]["quarantineRelease"] == "dailyBars/OffSession:1"
    assert [item.reason for item in result.notices] == [Reason.RELEASE_STARTED]
    again = asked("dailyBars/OffSession:1", fields(result), releases=(active(name),))
    assert (jobs(again), again.notices) == ([], ())


def test_the_same_reason_with_another_token_starts_another_job() -> None:
    first = asked("OffSession:1")
    second = asked("OffSession:2", fields(first), releases=(ended(first),))
    back = asked("OffSession:1", fields(second), releases=(ended(second),))
    again = asked("OffSession:2", fields(back), releases=(ended(back),))
    names = [started(item)[0] for item in (first, second, back, again)]
    assert len(set(names)) == 4


def test_a_release_waits_for_the_one_before_it_whose_end_is_told() -> None:
    begun = fields(asked("OffSession:1"))
    waits = asked("OffSession:2", begun, releases=(active(begun["release"]["job"]),))
    assert (jobs(waits), waits.notices, fields(waits)["release"]) == ([], (), begun["release"])
    done = job(begun["release"]["job"], report(rows=12, plan="quarantine", dimensions=()))
    follows = asked("OffSession:2", fields(waits), releases=(done,))
    assert [item.reason for item in follows.notices] == ["Succeeded", "ReleaseStarted"]
    assert fields(follows)["release"]["token"] == "OffSession:2"


def test_a_release_whose_job_was_deleted_is_named_and_holds_back_no_other() -> None:
    begun = fields(asked("OffSession:1"))
    result = asked("OffSession:2", begun)
    assert [(item.type, item.reason) for item in result.notices] == [
        ("Warning", "JobVanished"),
        ("Normal", "ReleaseStarted"),
    ]


def test_a_process_that_died_before_it_could_record_the_job_asks_for_the_same_one() -> None:
    first = asked("OffSession:1")
    again = asked("OffSession:1", releases=(active(started(first)[0]),))
    assert started(again) == started(first)


def test_a_refused_job_is_not_recorded_and_asked_for_again() -> None:
    given = replace(plan(DELIVERED), annotations={ANNOTATION_QUARANTINE_RELEASE: "OffSession:1"})
    refusal = Refusal("Job x", Reason.CHILD_REFUSED, "quota")
    result = evaluate(given, SEEN, (refusal,), NOW)
    assert "release" not in fields(result)


def test_nothing_is_released_while_the_plan_is_suspended() -> None:
    given = replace(
        plan(DELIVERED, suspend=True), annotations={ANNOTATION_QUARANTINE_RELEASE: "OffSession:1"}
    )
    result = evaluate(given, SEEN, (), NOW)
    assert (jobs(result), "release" in fields(result)) == ([], False)


def test_how_a_release_ended_is_told_once_and_is_no_run_of_the_plan() -> None:
    begun = fields(asked("OffSession:1"))
    name = begun["release"]["job"]
    ended = job(name, report(rows=12, plan="quarantine", dimensions=()))
    result = asked("OffSession:1", begun, releases=(ended,))
    assert fields(result)["release"] == {
        "token": "OffSession:1",
        "job": name,
        "outcome": "Succeeded",
        "rows": 12,
        "end": "2024-03-01T12:01:00Z",
        "message": "",
    }
    assert fields(result)["lastRun"]["id"] == "run-1"
    assert [(item.type, item.reason, item.message) for item in result.notices] == [
        ("Normal", "Succeeded", f"Release {name}: 12 rows released")
    ]
    again = asked("OffSession:1", fields(result), releases=(ended,))
    assert (again.notices, fields(again)) == ((), fields(result))


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        pytest.param(
            {"said": report(Outcome.STORE_BUSY, rows=0, message="held")}, "StoreBusy", id="a busy store"
        ),
        pytest.param(
            {"succeeded": False, "failure": "DeadlineExceeded"}, "DeadlineExceeded", id="past its deadline"
        ),
        pytest.param({"pods": ()}, "JobVanished", id="done, and its pod gone before its report was read"),
        pytest.param({"pods": (), "succeeded": False}, "DiedWithoutMessage", id="without a word"),
    ],
)
def test_a_release_that_failed_is_named_and_starts_no_other(more: dict[str, Any], outcome: str) -> None:
    begun = fields(asked("OffSession:1"))
    ended = job(begun["release"]["job"], more.pop("said", None), **more)
    result = asked("OffSession:1", begun, releases=(ended,))
    assert (fields(result)["release"]["outcome"], jobs(result)) == (outcome, [])
    assert [item.type for item in result.notices] == ["Warning"]


def test_a_release_that_waits_for_its_image_has_no_outcome_yet() -> None:
    begun = fields(asked("OffSession:1"))
    result = asked("OffSession:1", begun, releases=(active(begun["release"]["job"], UNPULLED),))
    assert fields(result)["release"] == begun["release"]


def test_finished_release_jobs_go_except_the_newest() -> None:
    done = tuple(job(f"release-{number}", report(), NOW + number * MINUTE) for number in range(3))
    result = asked(None, releases=done)
    assert [item.name for item in result.actions if isinstance(item, Prune)] == ["release-0", "release-1"]


def test_the_plan_s_other_children_stand_as_ever() -> None:
    assert applied(asked("OffSession:1"), "CronJob") == applied(asked(None), "CronJob")
