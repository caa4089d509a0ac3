"""A word on entries of the quarantine: one Job per entry of the annotation, and none twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.evaluations import fields
from support.plans import DELIVERED, SEEN, plan
from support.readings import NOW

from backbone.evaluation import Evaluation, Refusal, Start
from backbone.ingestplan.evaluate import evaluate
from backbone.vocabulary import ANNOTATION_ACKNOWLEDGE, LABEL_COMPONENT, Reason


def said(text: str, status: dict[str, Any] | None = None, **more: Any) -> Evaluation:
    given = replace(plan(DELIVERED if status is None else status), annotations={ANNOTATION_ACKNOWLEDGE: text})
    return evaluate(given, replace(SEEN, **more), (), NOW)


def jobs(result: Evaluation) -> list[dict[str, Any]]:
    return [action.document for action in result.actions if isinstance(action, Start)]


def arguments(job: dict[str, Any]) -> list[str]:
    found: list[str] = job["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        pytest.param("Withdrawn:1", ["--reason", "Withdrawn"], id="a reason"),
        pytest.param("NotFinite/IBM:x", ["--reason", "NotFinite", "--symbol", "IBM"], id="of a symbol"),
        pytest.param(
            "Condemned/BRK/B:x:y", ["--reason", "Condemned", "--symbol", "BRK/B"], id="with a slash"
        ),
    ],
)
def test_a_word_starts_a_job_that_acknowledges_what_waits(entry: str, options: list[str]) -> None:
    result = said(entry)
    (job,) = jobs(result)
    assert arguments(job)[:2] == ["quarantine", "acknowledge"]
    assert [*["--plan", plan(DELIVERED).name], *options] == arguments(job)[2 : 4 + len(options)]
    assert job["metadata"]["labels"][LABEL_COMPONENT] == "quarantine"
    assert fields(result)["acknowledgements"] == [entry]
    assert [item.reason for item in result.notices] == ["Acknowledged"]
    assert jobs(said(entry, fields(result))) == []


def test_several_words_start_a_job_each_and_a_new_token_is_a_new_word() -> None:
    result = said("Withdrawn:1, NotFinite/IBM:1")
    assert len({job["metadata"]["name"] for job in jobs(result)}) == 2
    (again,) = jobs(said("Withdrawn:1, NotFinite/IBM:2", fields(result)))
    assert again["metadata"]["name"] not in {job["metadata"]["name"] for job in jobs(result)}


def test_while_no_job_can_be_started_a_word_waits_and_is_heard_later() -> None:
    result = said("Withdrawn:1", backbone=None)
    assert (jobs(result), fields(result).get("acknowledgements", [])) == ([], [])
    assert len(jobs(said("Withdrawn:1", fields(result)))) == 1


def test_what_the_api_server_refuses_is_tried_again() -> None:
    given = replace(plan(DELIVERED), annotations={ANNOTATION_ACKNOWLEDGE: "Withdrawn:1"})
    refused = evaluate(given, SEEN, (Refusal("Job x", Reason.CHILD_REFUSED, "quota"),), NOW)
    assert fields(refused).get("acknowledgements", []) == []


@pytest.mark.parametrize("text", ["Withdrawn", "Withdrawn/IBM", "Nonsense:1", ""])
def test_what_does_not_read_starts_nothing(text: str) -> None:
    assert jobs(said(text)) == []
