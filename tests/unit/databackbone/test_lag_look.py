"""The look at lag: when it starts, what its Job sees, and what status keeps of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from support import lag
from support.evaluations import applied, conditions, fields, measured, message
from support.lag import DESK, FAILED, RISK, SPEC, finding, job, looked, looks, report, section, visited
from support.readings import MINUTE, NOW

from backbone.databackbone.api import RESOURCE, DataBackboneSpec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import lag_request_of, topics_request_of
from backbone.databackbone.measures import LAG_RECORDS, LAG_SECONDS, LAG_WORD, STREAM_READINESS
from backbone.ports.lag import LagReason, LagWord

SECOND = timedelta(seconds=1)
INTERVAL = 15 * MINUTE


def pod_of(made: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = made["spec"]["template"]["spec"]
    return spec


def test_without_groups_nobody_looks_and_the_column_is_empty() -> None:
    spec = lag.topics.section()
    result = visited(spec=spec, status=fields(looked()))
    assert "lag" not in fields(result)
    assert looks(result) == []
    assert [column.path for column in RESOURCE.columns if column.name == "Lag"] == [".status.lag.word"]
    assert set(measured(result, LAG_WORD).values()) == {None}
    assert conditions(result)["StreamHealthy"] == ("True", "StreamHealthy")


def test_before_the_first_look_the_word_is_unknown_and_a_job_starts() -> None:
    result = visited()
    assert (lag.lag(result)["word"], lag.lag(result)["since"]) == ("Unknown", "2024-03-01T12:00:00Z")
    assert conditions(result)["StreamHealthy"] == ("Unknown", "LagPending")
    assert len(looks(result)) == 1


def test_ready_and_reconciling_do_not_wait_for_lag() -> None:
    result = visited()
    assert conditions(result)["Ready"] == conditions(visited(spec=lag.topics.section()))["Ready"]
    assert conditions(result)["Reconciling"][0] == "False"


def test_the_job_sees_the_document_the_volume_and_the_secret_of_the_connection_alone() -> None:
    spec = section(DESK, admin={"connection": {"secretName": "chief"}})
    (made,) = looks(visited(spec=spec))
    pod = pod_of(made)
    assert pod["containers"][0]["args"] == ["sample-lag", "-f", "/etc/backbone/plan"]
    secrets = [item["secret"]["secretName"] for item in pod["volumes"] if "secret" in item]
    assert secrets == ["kafka"]
    mounts = {item["name"]: item["mountPath"] for item in pod["containers"][0]["volumeMounts"]}
    assert (mounts["data"], mounts["plan"]) == ("/data", "/etc/backbone/plan")
    assert made["metadata"]["labels"]["app.kubernetes.io/component"] == "lag"
    assert pod["automountServiceAccountToken"] is False


def test_no_second_look_starts_while_one_is_under_way_nor_any_while_suspended() -> None:
    assert looks(visited(replace(job(report()), finished=None))) == []
    assert looks(visited(spec=SPEC.model_copy(update={"suspend": True}))) == []


def due(spec: DataBackboneSpec, found: Any) -> timedelta:
    """How long after a look the next one starts, to the second."""
    last = job(found, spec=spec)
    status = fields(visited(last, spec=spec))
    low, high = 0, 100_000
    while low < high:
        middle = (low + high) // 2
        started = looks(visited(last, status=status, spec=spec, at=NOW + middle * SECOND))
        low, high = (low, middle) if started else (middle + 1, high)
    return low * SECOND


@pytest.mark.parametrize("seconds", [180, 900, 86_400])
def test_the_next_look_is_due_within_a_tenth_before_the_interval(seconds: int) -> None:
    spec = section(DESK, lag={"intervalSeconds": seconds})
    waits = due(spec, report(finding(), spec=spec)).total_seconds()
    assert 0.9 * seconds <= waits <= seconds


def test_backbones_look_at_other_times() -> None:
    def waits(uid: str) -> timedelta | None:
        subject = replace(lag.subject(), uid=uid)
        status = fields(evaluate(subject, lag.seen_with(job(report())), (), NOW))
        again = replace(lag.subject(status), uid=uid)
        return evaluate(again, replace(lag.seen_with(job(report())), topic_checks=()), (), NOW).recheck_after

    spread = {waits(f"uid-{number}") for number in range(50)}
    assert len(spread) > 40


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="the Job died"),
        pytest.param(FAILED, id="Kafka is away"),
        pytest.param(report(finding("desk", "Unknown", reason="Filling")), id="two looks have to agree"),
    ],
)
def test_a_look_that_could_not_judge_is_repeated_soon(found: Any) -> None:
    assert due(SPEC, found) == 15 * SECOND


@pytest.mark.parametrize(
    "found",
    [
        report(finding("desk", "Stopped")),
        report(finding("desk", "Unknown", reason="GroupNotFound")),
        report(finding("desk", "Unknown", reason="NeverCommitted")),
    ],
)
def test_what_only_the_group_can_change_waits_its_interval(found: Any) -> None:
    assert due(SPEC, found) >= 0.9 * INTERVAL


@pytest.mark.parametrize("word", LagWord)
@pytest.mark.parametrize("other", LagWord)
def test_the_word_is_that_of_the_worst_group(word: LagWord, other: LagWord) -> None:
    result = looked(finding("desk", word), finding("risk", other))
    worst = next(each for each in LagWord if each in {word, other})
    assert lag.lag(result)["word"] == worst


def test_a_word_of_another_version_is_unknown() -> None:
    result = looked(finding("desk", "Sleeping"))
    assert lag.lag(result)["word"] == "Unknown"
    assert conditions(result)["StreamHealthy"][0] == "Unknown"
    assert measured(result, LAG_WORD)[("desk", "Unknown")] == 1


def test_status_says_what_was_found_of_each_group_and_what_to_do() -> None:
    told = "orders-2: no live member reads it: start the consumer"
    result = looked(finding("desk", "Stopped", message=told), finding("cut", "Stopped"), finding("risk"))
    found = lag.lag(result)
    assert (found["records"], found["seconds"], found["counts"]) == (21, 30, {"Stopped": 2, "OK": 1})
    assert found["sampledAt"] == "2024-03-01T12:00:00Z"
    desk, cut, risk = found["groups"]
    assert (desk["group"], desk["word"], desk["worstTopic"], desk["worstPartition"]) == (
        "desk",
        "Stopped",
        "ingest.dailyBars",
        2,
    )
    assert desk["message"] == told
    assert cut["message"] == "There are unread records, and no live member reads them. Start its consumers."
    assert risk["message"] == ""


def test_since_stays_while_the_word_does() -> None:
    first = fields(looked(finding("desk", "Stopped")))
    later = NOW + INTERVAL
    same = visited(job(report(finding("desk", "Stopped")), "m", finished=later), status=first, at=later)
    assert lag.lag(same)["since"] == "2024-03-01T12:00:00Z"
    other = visited(job(report(), "m", finished=later), status=first, at=later)
    assert (lag.lag(other)["word"], lag.lag(other)["since"]) == ("OK", "2024-03-01T12:15:00Z")


@pytest.mark.parametrize("outcome", ["TimedOut", "AuthenticationFailed", "NotAuthorized"])
def test_a_look_that_failed_is_unknown_with_the_fault_and_carries_nothing_over(outcome: str) -> None:
    before = fields(looked(finding("desk", "Stopped")))
    failed = FAILED.model_copy(update={"outcome": outcome})
    later = NOW + INTERVAL
    result = visited(job(failed, "m", finished=later), status=before, at=later)
    found = lag.lag(result)
    assert (found["word"], found["outcome"]) == ("Unknown", outcome)
    assert found.get("groups", []) == []
    assert "records" not in found
    assert "sampledAt" not in found
    assert conditions(result)["StreamHealthy"] == ("Unknown", outcome)
    assert "no answer" in message(result, "StreamHealthy")
    assert set(measured(result, LAG_WORD).values()) == {None}


def test_a_job_that_left_no_report_is_unknown_by_its_own_reason() -> None:
    result = visited(job(None))
    assert (lag.lag(result)["word"], lag.lag(result)["outcome"]) == ("Unknown", "LagCheckFailed")
    assert conditions(result)["StreamHealthy"] == ("Unknown", "LagCheckFailed")


@pytest.mark.parametrize("suspend", [False, True], ids=["running", "suspended"])
def test_a_word_older_than_three_intervals_is_unknown_and_a_visit_comes_to_say_so(suspend: bool) -> None:
    status = fields(looked())
    spec = SPEC.model_copy(update={"suspend": suspend})
    hanging = replace(job(report(), "m"), finished=None)
    last = NOW + 3 * INTERVAL

    def at(moment: datetime) -> Any:
        return visited(job(report()), hanging, status=status, spec=spec, at=moment)

    assert lag.lag(at(last))["word"] == "OK"
    if suspend:
        assert at(last - MINUTE).recheck_after == MINUTE
    else:
        assert at(last - MINUTE).recheck_after <= MINUTE
    old = at(last + SECOND)
    assert (lag.lag(old)["word"], lag.lag(old)["outcome"]) == ("Unknown", "OutOfDate")
    assert lag.lag(old).get("groups", []) == []
    assert lag.lag(old)["sampledAt"] == "2024-03-01T12:00:00Z"
    assert "out of date" in lag.lag(old)["message"]
    assert lag.lag(old)["since"] == "2024-03-01T12:45:01Z"
    assert conditions(old)["StreamHealthy"] == ("Unknown", "OutOfDate")
    again = visited(job(report()), hanging, status=fields(old), spec=spec, at=last + MINUTE)
    assert (lag.lag(again)["word"], lag.lag(again)["since"]) == ("Unknown", "2024-03-01T12:45:01Z")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(section(DESK), id="a group fewer"),
        pytest.param(section({**DESK, "topics": ["orders"]}, RISK), id="another topic"),
        pytest.param(section({**DESK, "toleratedRecords": 1}, RISK), id="more tolerated"),
        pytest.param(section(DESK, RISK, topicPrefix="desk."), id="another prefix"),
        pytest.param(section(DESK, RISK, connection={"secretName": "other"}), id="another Secret"),
    ],
)
def test_another_spec_is_looked_at_at_once_and_begins_as_unknown(changed: DataBackboneSpec) -> None:
    status = fields(looked())
    result = visited(job(report()), status=status, spec=changed, at=NOW + SECOND)
    assert len(looks(result)) == 1
    assert (lag.lag(result)["word"], lag.lag(result).get("groups", [])) == ("Unknown", [])
    assert conditions(result)["StreamHealthy"] == ("Unknown", "LagPending")
    late = visited(
        job(report(), "m", finished=NOW + SECOND), status=fields(result), spec=changed, at=NOW + SECOND
    )
    assert lag.lag(late)["word"] == "Unknown", "a look by the spec before says nothing of this one"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(section({**DESK, "warnRecords": 1, "failRecords": 2}, RISK), id="thresholds"),
        pytest.param(section(DESK, RISK, topics=[{"name": "orders"}]), id="topics"),
        pytest.param(section(DESK, RISK, lag={"intervalSeconds": 800}), id="the interval"),
        pytest.param(section(RISK, DESK), id="another order"),
    ],
)
def test_what_no_look_goes_by_starts_none(changed: DataBackboneSpec) -> None:
    result = visited(job(report()), status=fields(looked()), spec=changed, at=NOW + SECOND)
    assert looks(result) == []
    assert lag.lag(result)["word"] == "OK"


def test_groups_are_no_business_of_the_check_of_topics() -> None:
    without, kafka = lag.topics.section().kafka, SPEC.kafka
    assert without is not None
    assert kafka is not None
    assert topics_request_of(without) == topics_request_of(kafka)
    assert lag_request_of(without) != lag_request_of(kafka)


def test_each_group_has_its_series_and_those_of_a_gone_one_leave() -> None:
    first = looked(finding("desk", "Stopped"), finding("risk", records=None, seconds=None))
    assert measured(first, LAG_RECORDS) == {("desk",): 7, ("risk",): None}
    assert measured(first, LAG_SECONDS) == {("desk",): 30, ("risk",): None}
    words = measured(first, LAG_WORD)
    assert {labels for labels, value in words.items() if value == 1} == {("desk", "Stopped"), ("risk", "OK")}
    assert len(words) == 2 * len(LagWord)
    spec = section(DESK)
    after = visited(job(report()), status=fields(first), spec=spec, at=NOW + SECOND)
    assert measured(after, LAG_RECORDS) == {("desk",): None, ("risk",): None}
    assert set(measured(after, LAG_WORD).values()) == {None}


@pytest.mark.parametrize(
    ("findings", "grade"),
    [
        ((finding(),), "Pass"),
        ((finding(word="Warning"),), "Warn"),
        ((finding(word="Stalled"),), "Fail"),
        ((finding(word="Unknown", reason="GroupNotFound"),), "Unknown"),
    ],
)
def test_readiness_stands_in_status_in_the_document_and_in_the_metric(findings: Any, grade: str) -> None:
    result = looked(*findings)
    told = fields(result)["streamReadiness"]
    assert (told["grade"], told["checks"]["lag"], told["checks"]["topics"]) == (grade, grade, "Pass")
    binding = applied(result, "ConfigMap")
    assert binding is not None
    assert yaml.safe_load(binding["data"]["databackbone.yaml"])["status"]["streamReadiness"] == told
    found = measured(result, STREAM_READINESS)
    assert {name for (name,), value in found.items() if value == 1} == {grade}
    assert len(found) == 4


def test_every_reason_and_word_has_a_meaning_in_status() -> None:
    for word in LagWord:
        for reason in (None, *LagReason):
            told = lag.lag(looked(finding("desk", word, reason=reason)))["groups"][0]["message"]
            assert len(told) <= 320
            assert bool(told) != (word is LagWord.OK and reason is None)
