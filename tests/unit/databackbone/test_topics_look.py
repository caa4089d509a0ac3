"""The check of topics: when it starts, what its Job sees, and what status keeps of its reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from support import topics
from support.evaluations import conditions, fields, measured, message
from support.institutional import SPEC as INSTITUTIONAL
from support.readings import MINUTE, NOW
from support.topics import REPORT, SEEN, backbone, checked, checks, found, job, section, seen_with

from backbone.databackbone import kafka_spec
from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.measures import TOPICS
from backbone.parts.kafka.topics import OURS
from backbone.ports.topics import TopicWord
from backbone.reports.topics import UnconfirmedTopic
from backbone.vocabulary import LABEL_CAUSE

SECOND = timedelta(seconds=1)


def pod_of(made: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = made["spec"]["template"]["spec"]
    return spec


def secrets_of(made: dict[str, Any]) -> list[str]:
    return [item["secret"]["secretName"] for item in pod_of(made)["volumes"] if "secret" in item]


def test_the_plan_stands_in_the_status_before_the_first_job_ended() -> None:
    result = evaluate(backbone(), SEEN, (), NOW)
    assert topics.topics(result)["counts"] == {"Planned": len(OURS)}
    assert topics.topics(result)["plannedAt"] == "2024-03-01T12:00:00Z"
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TopicsPending")
    assert conditions(result)["StreamHealthy"] == ("Unknown", "TopicsPending")
    assert conditions(result)["Reconciling"][0] == "True"
    assert len(checks(result)) == 1


def test_the_plan_counts_what_the_spec_names_and_what_every_backbone_has() -> None:
    spec = section(topics=[{"name": "orders"}, {"name": "dead-letters", "partitions": 1}])
    assert topics.topics(evaluate(backbone(spec=spec), SEEN, (), NOW))["counts"] == {"Planned": len(OURS) + 1}


def test_the_time_of_the_plan_is_that_of_the_first_visit_of_its_spec() -> None:
    first = fields(evaluate(backbone(), SEEN, (), NOW))
    again = evaluate(backbone(first), SEEN, (), NOW + MINUTE)
    assert topics.topics(again)["plannedAt"] == first["topics"]["plannedAt"]
    changed = evaluate(backbone(first, section(topicPrefix="desk.")), SEEN, (), NOW + MINUTE)
    assert topics.topics(changed)["plannedAt"] == "2024-03-01T12:01:00Z"


def test_a_changed_spec_is_planned_anew_and_checked_at_once() -> None:
    status = topics.after(found(Ready=5, Drifted=1))
    spec = section(topicPrefix="desk.")
    result = evaluate(backbone(status, spec), seen_with(job(found(Ready=5, Drifted=1))), (), NOW + SECOND)
    assert topics.topics(result)["counts"] == {"Planned": len(OURS)}
    assert topics.topics(result).get("worst", []) == []
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TopicsPending")
    assert len(checks(result)) == 1


def test_a_changed_spec_keeps_what_is_known_of_the_last_job_and_of_the_annotation() -> None:
    status = topics.after()
    status["topics"] |= {"confirmed": "grow-1", "failures": 3}
    result = evaluate(
        backbone(status, section(topicPrefix="desk."), confirm="grow-1"), seen_with(job()), (), NOW + SECOND
    )
    found = topics.topics(result)
    assert (found["job"], found["attemptedAt"], found["failures"]) == ("t", "2024-03-01T12:00:00Z", 0)
    assert found["cause"] == status["topics"]["cause"]
    assert "previous spec" not in message(result, "StreamHealthy")
    assert "--confirm" not in arguments(result), "the last Job had it"


def test_a_version_that_plans_other_topics_by_itself_checks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    status = topics.after()
    monkeypatch.setattr(kafka_spec, "OURS", (*OURS, "tier.changes"))
    assert len(checks(evaluate(backbone(status), seen_with(job()), (), NOW + SECOND))) == 1


def test_a_job_that_worked_by_the_previous_spec_says_nothing_of_this_one() -> None:
    old = job(REPORT.model_copy(update={"request": "0000"}))
    result = evaluate(backbone(), seen_with(old), (), NOW)
    assert topics.topics(result)["counts"] == {"Planned": len(OURS)}
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TopicsPending")
    assert "previous spec" in message(result, "StreamHealthy")
    assert len(checks(evaluate(backbone(fields(result)), seen_with(old), (), NOW + 15 * SECOND))) == 1


def test_topics_as_the_spec_describes_them_make_both_conditions_true() -> None:
    result = checked()
    assert conditions(result)["TopicsProvisioned"] == ("True", "TopicsProvisioned")
    assert conditions(result)["StreamHealthy"] == ("True", "StreamHealthy")
    assert conditions(result)["Reconciling"][0] == "False"
    assert topics.topics(result)["counts"] == {"Ready": len(OURS)}
    assert checks(result) == []


def test_the_job_sees_the_document_the_volume_and_the_secret_of_its_connection() -> None:
    (made,) = checks(evaluate(backbone(), SEEN, (), NOW))
    pod = pod_of(made)
    assert pod["containers"][0]["args"] == ["provision-topics", "-f", "/etc/backbone/plan"]
    assert secrets_of(made) == ["kafka"]
    mounts = {item["name"]: item["mountPath"] for item in pod["containers"][0]["volumeMounts"]}
    assert mounts["secret-0"] == "/etc/backbone/secrets/kafka"
    assert (mounts["data"], mounts["plan"]) == ("/data", "/etc/backbone/plan")
    assert made["metadata"]["labels"]["app.kubernetes.io/component"] == "topics"
    assert pod["automountServiceAccountToken"] is False


def test_with_an_admin_the_job_sees_the_admins_secret_alone_and_no_other_job_sees_it() -> None:
    kafka = {"connection": {"secretName": "kafka"}, "admin": {"connection": {"secretName": "kafka-admin"}}}
    spec = INSTITUTIONAL.model_validate({**INSTITUTIONAL.model_dump(by_alias=True), "kafka": kafka})
    result = evaluate(backbone(spec=spec), SEEN, (), NOW)
    (made,) = checks(result)
    assert secrets_of(made) == ["kafka-admin"]
    others = [action.document for action in result.actions if hasattr(action, "document")]
    others = [item for item in others if item["kind"] == "Job" and item != made]
    assert [secrets_of(item) for item in others] == [["cache", "db"]]


def test_pods_of_the_job_are_confined_as_those_of_the_database_are() -> None:
    kafka = {"connection": {"secretName": "kafka"}}
    pods = {"nodeSelector": {"disk": "fast"}}
    given = {**INSTITUTIONAL.model_dump(by_alias=True), "kafka": kafka, "pods": pods}
    result = evaluate(backbone(spec=INSTITUTIONAL.model_validate(given)), SEEN, (), NOW)
    jobs = [action.document for action in result.actions if hasattr(action, "document")]
    database, ours = (item for item in jobs if item["kind"] == "Job")
    for field in ("securityContext", "nodeSelector", "restartPolicy", "enableServiceLinks"):
        assert pod_of(ours)[field] == pod_of(database)[field]
    assert (
        pod_of(ours)["containers"][0]["securityContext"]
        == pod_of(database)["containers"][0]["securityContext"]
    )
    assert ours["metadata"]["annotations"] == database["metadata"]["annotations"]


def test_no_job_starts_while_the_backbone_is_suspended() -> None:
    spec = topics.SPEC.model_copy(update={"suspend": True})
    result = evaluate(backbone(spec=spec), SEEN, (), NOW)
    assert checks(result) == []
    assert topics.topics(result)["counts"] == {"Planned": len(OURS)}


def test_no_second_job_starts_while_one_is_under_way() -> None:
    running = replace(job(), finished=None)
    assert checks(evaluate(backbone(), seen_with(running), (), NOW)) == []


def test_without_kafka_nothing_of_it_is_told_and_nothing_is_measured() -> None:
    spec = topics.SPEC.model_copy(update={"kafka": None})
    result = evaluate(backbone(topics.after(), spec), seen_with(job()), (), NOW)
    assert "topics" not in fields(result)
    assert {"TopicsProvisioned", "StreamHealthy"}.isdisjoint(conditions(result))
    assert set(measured(result, TOPICS).values()) == {None}
    assert checks(result) == []


@pytest.mark.parametrize(
    ("report", "waits"),
    [
        pytest.param(REPORT, 15 * MINUTE, id="all is well"),
        pytest.param(found(Ready=5, FewerPartitions=1), 15 * MINUTE, id="a person has to decide"),
        pytest.param(found(Ready=5, QuotaExceeded=1), 15 * SECOND, id="a quota is used up"),
        pytest.param(found(Ready=5, NotAuthorized=1), 15 * SECOND, id="a right is missing"),
        pytest.param(
            REPORT.model_copy(update={"outcome": "ConnectionRefused", "counts": {}}),
            15 * SECOND,
            id="Kafka is away",
        ),
        pytest.param(None, 15 * SECOND, id="the Job died"),
    ],
)
def test_the_next_check_is_due_after_a_while(report: Any, waits: timedelta) -> None:
    status, seen = topics.after(report), seen_with(job(report))
    assert checks(evaluate(backbone(status), seen, (), NOW + waits - SECOND)) == []
    assert len(checks(evaluate(backbone(status), seen, (), NOW + waits))) == 1


def test_retries_of_an_unreachable_kafka_double_up_to_four_minutes() -> None:
    lost = REPORT.model_copy(update={"outcome": "TimedOut", "counts": {}})
    status: dict[str, Any] | None = None
    at, pauses = NOW, []
    for number in range(7):
        seen = seen_with(job(lost, f"t{number}", finished=at))
        result = evaluate(backbone(status), seen, (), at)
        status = fields(result)
        assert result.recheck_after is not None
        pauses.append(int(result.recheck_after.total_seconds()))
        at += result.recheck_after
    assert pauses == [15, 30, 60, 120, 240, 240, 240]


def test_what_a_check_could_not_see_is_not_carried_over() -> None:
    status = topics.after(found(Ready=5, Drifted=1))
    lost = REPORT.model_copy(update={"outcome": "TimedOut", "message": "no answer", "counts": {}})
    result = evaluate(backbone(status), seen_with(job(lost, "u", finished=NOW + MINUTE)), (), NOW + MINUTE)
    assert "counts" not in topics.topics(result) or topics.topics(result)["counts"] == {}
    assert set(measured(result, TOPICS).values()) == {None}


def test_a_plan_that_nobody_could_look_at_stays_one() -> None:
    lost = REPORT.model_copy(update={"outcome": "TimedOut", "message": "no answer", "counts": {}})
    result = checked(lost)
    assert topics.topics(result)["counts"] == {"Planned": len(OURS)}
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TimedOut")
    assert conditions(result)["Reconciling"][0] == "True"


def test_a_word_has_a_series_and_those_that_no_topic_has_are_zero() -> None:
    values = measured(checked(found(Ready=5, Missing=1)), TOPICS)
    assert values[("Ready",)] == 5
    assert values[("Missing",)] == 1
    assert {word for (word,), value in values.items() if value == 0} == {
        word for word in TopicWord if word not in {"Ready", "Missing"}
    }


WAITS = found(Ready=5, FewerPartitions=1).model_copy(
    update={"unconfirmed": (UnconfirmedTopic(name="ingest.dailyBars", partitions=12, token="grow-1"),)}
)


def arguments(result: Any) -> list[str]:
    (made,) = checks(result)
    given: list[str] = pod_of(made)["containers"][0]["args"]
    return given


def visited(status: dict[str, Any], last: Any, at: datetime, **notes: str) -> Any:
    return evaluate(backbone(status, **notes), seen_with(last), (), at)


def test_growth_of_a_topic_with_keys_is_confirmed_by_one_check_that_is_not_repeated() -> None:
    unasked = checked(WAITS)
    assert conditions(unasked)["TopicsProvisioned"] == ("False", "FewerPartitions")
    assert "backbone.emp.dev/confirm=grow-1" in message(unasked, "TopicsProvisioned")
    assert "ingest.dailyBars to 12 partitions" in message(unasked, "TopicsProvisioned")
    assert topics.topics(unasked)["unconfirmed"] == [
        {"name": "ingest.dailyBars", "partitions": 12, "token": "grow-1"}
    ]
    status = fields(unasked)

    asked = visited(status, job(WAITS), NOW, confirm="grow-1")
    assert arguments(asked)[-2:] == ["--confirm", "grow-1"]
    cause = checks(asked)[0]["metadata"]["labels"][LABEL_CAUSE]
    done = REPORT.model_copy(update={"confirmed": "grow-1"})
    last = job(done, "u", finished=NOW + MINUTE, cause=cause)
    ended = visited(status, last, NOW + MINUTE, confirm="grow-1")
    assert conditions(ended)["TopicsProvisioned"] == ("True", "TopicsProvisioned")
    assert topics.topics(ended)["confirmed"] == "grow-1"
    assert checks(ended) == []
    later = visited(fields(ended), last, NOW + 20 * MINUTE, confirm="grow-1")
    assert "--confirm" not in arguments(later)


def test_a_confirmation_that_was_taken_away_counts_anew() -> None:
    status = topics.after(WAITS)
    status["topics"] |= {"confirmed": "grow-1"}
    still = visited(status, job(WAITS), NOW, confirm="grow-1")
    assert "remove it first" in message(still, "TopicsProvisioned")
    gone = fields(visited(status, job(WAITS), NOW))
    assert arguments(visited(gone, job(WAITS), NOW, confirm="grow-1"))[-2:] == ["--confirm", "grow-1"]
