"""What words of groups and thresholds do to StreamHealthy: the first check that is wrong decides."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support import lag, topics
from support.evaluations import conditions, fields, message
from support.lag import DESK, FAILED, RISK, finding, job, looked, report, section, visited
from support.readings import NOW

from backbone.databackbone.evaluate import evaluate
from backbone.databackbone.kafka_spec import topics_request_of
from backbone.grading.stream_readiness import CHECKS, Grade
from backbone.ports.lag import LagReason, LagWord
from backbone.ports.stream import KafkaFault
from backbone.ports.topics import TopicWord


def healthy(result: Any) -> tuple[str, str]:
    return conditions(result)["StreamHealthy"]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param((finding(),), ("True", "StreamHealthy"), id="all keep up"),
        pytest.param((finding(word="Rewind"),), ("False", "Rewind"), id="one went back"),
        pytest.param((finding(word="Stopped"),), ("False", "Stopped"), id="one is stopped"),
        pytest.param((finding(word="Stalled"),), ("False", "Stalled"), id="one hangs"),
        pytest.param((finding(word="Warning"),), ("True", "Warning"), id="one falls behind"),
        pytest.param(
            (finding(word="Unknown", reason="GroupNotFound"),), ("Unknown", "GroupNotFound"), id="none"
        ),
        pytest.param((finding(word="Unknown"),), ("Unknown", "Unknown"), id="unknown without a reason"),
        pytest.param(
            (finding(reason="RecordsExpired", expired=3),), ("True", "RecordsExpired"), id="expired"
        ),
        pytest.param(
            (finding("desk", "Stopped"), finding("risk", "Unknown", reason="Filling")),
            ("False", "Stopped"),
            id="what is wrong goes before what is not known",
        ),
        pytest.param(
            (finding("desk", "Warning"), finding("risk", "Unknown", reason="Filling")),
            ("Unknown", "Filling"),
            id="what is not known goes before a warning, which is True",
        ),
        pytest.param(
            (finding("desk", "Stopped"), finding("risk", "Rewind")), ("False", "Rewind"), id="the worst word"
        ),
    ],
)
def test_a_word_decides(findings: Any, expected: tuple[str, str]) -> None:
    assert healthy(looked(*findings)) == expected


@pytest.mark.parametrize(
    ("limits", "records", "expected"),
    [
        ({"warnRecords": 10}, 9, ("True", "StreamHealthy")),
        ({"warnRecords": 10}, 10, ("True", "LagAboveWarnRecords")),
        ({"warnRecords": 10, "failRecords": 20}, 19, ("True", "LagAboveWarnRecords")),
        ({"warnRecords": 10, "failRecords": 20}, 20, ("False", "LagAboveFailRecords")),
        ({"failRecords": 20}, 20, ("False", "LagAboveFailRecords")),
        ({}, 10**15, ("True", "StreamHealthy")),
    ],
)
def test_a_threshold_raises_readiness_and_never_the_word(
    limits: dict[str, int], records: int, expected: tuple[str, str]
) -> None:
    spec = section({**DESK, **limits})
    result = looked(finding(records=records), spec=spec)
    assert healthy(result) == expected
    assert lag.lag(result)["word"] == "OK"
    if expected[1] != "StreamHealthy":
        assert f"desk with {records:,}" in message(result, "StreamHealthy")


def test_records_that_were_not_measured_are_above_no_threshold() -> None:
    spec = section({**DESK, "failRecords": 1})
    result = looked(finding(word="Unknown", reason="NotSampled", records=None), spec=spec)
    assert healthy(result) == ("Unknown", "NotSampled")


MANY = [{"name": f"g{number:02}", "topics": ["orders"], "failRecords": 100} for number in range(25)]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        pytest.param(4, ("True", "StreamHealthy"), id="all that are left out have fewer together"),
        pytest.param(20, ("Unknown", "LagNotListed"), id="one of them may have as many"),
    ],
)
def test_groups_without_room_in_status_are_not_taken_to_be_below_their_thresholds(
    rest: int, expected: tuple[str, str]
) -> None:
    spec = section(*MANY)
    findings = [finding(f"g{number:02}", records=50 if number < 20 else rest) for number in range(25)]
    assert healthy(looked(*findings, spec=spec)) == expected


def test_the_message_names_the_worst_groups_where_they_are_worst_and_what_to_do() -> None:
    spec = section(*({**DESK, "name": name} for name in ("a", "b", "c", "d", "e")))
    findings = [finding(name, "Stopped", records=1234) for name in ("a", "b", "c", "d")]
    said = message(looked(*findings, finding("e"), spec=spec), "StreamHealthy")
    assert said.startswith(
        "Of 5 consumer groups 4 Stopped: a (1,234 unread records, worst in ingest.dailyBars/2): There are "
    )
    assert "Start its consumers" in said
    assert "and 1 more, see status.lag" in said
    assert said.endswith("Rows are stored and read meanwhile.")


def test_ready_stays_true_where_lag_alone_is_wrong() -> None:
    well, ill = looked(), looked(finding("desk", "Stopped"))
    assert conditions(ill)["Ready"] == conditions(well)["Ready"]
    assert conditions(ill)["Ready"][0] == "True"
    assert conditions(ill)["TopicsProvisioned"] == ("True", "TopicsProvisioned")


def stream(topics_found: Any, *lag_jobs: Any) -> Any:
    spec = lag.SPEC
    assert spec.kafka is not None
    sent = topics_found.model_copy(update={"request": topics_request_of(spec.kafka)})
    seen = lag.replace(lag.SEEN, topic_checks=(topics.job(sent),), lag_looks=lag_jobs)
    return evaluate(lag.subject(), seen, (), NOW)


def fault(outcome: str) -> Any:
    return topics.REPORT.model_copy(update={"outcome": outcome, "counts": {}})


@pytest.mark.parametrize(
    ("topics_found", "wrong"),
    [
        (fault("InvalidSettings"), "settings"),
        (fault("SecretMissing"), "settings"),
        (fault("ConnectionRefused"), "reachable"),
        (fault("AuthenticationFailed"), "authorised"),
        (topics.found(NotAuthorized=1), "authorised"),
        (topics.found(Missing=1), "topics"),
    ],
)
def test_each_check_goes_before_those_after_it(topics_found: Any, wrong: str) -> None:
    result = stream(topics_found, job(report(finding("desk", "Stopped"))))
    told = fields(result)["streamReadiness"]
    at = CHECKS.index(wrong)
    assert [told["checks"][name] for name in CHECKS] == ["Pass"] * at + ["Fail"] + ["Unknown"] * (4 - at)
    assert (told["grade"], told["reason"]) == ("Fail", healthy(result)[1])
    assert told["reason"] != "Stopped"


def test_nobody_having_looked_every_check_is_unknown() -> None:
    told = fields(evaluate(lag.subject(), lag.SEEN, (), NOW))["streamReadiness"]
    assert told == {"grade": "Unknown", "reason": "TopicsPending", "checks": dict.fromkeys(CHECKS, "Unknown")}


def anything(rng: random.Random) -> Any:
    """What the looks may have found."""
    words = [str(word) for word in TopicWord if word is not TopicWord.READY]
    found = rng.choice(
        [
            fault(str(rng.choice(list(KafkaFault)))),
            topics.found(Ready=5, **{rng.choice(words): 1}),
            topics.found(Ready=6),
            topics.found(Ready=6),
        ]
    )
    findings = [
        finding(
            name,
            rng.choice([*map(str, LagWord), "Later"]),
            reason=rng.choice([None, *map(str, LagReason), "Later"]),
            records=rng.choice([None, 0, 7, 10**12]),
        )
        for name in ("desk", "risk")
    ]
    looks = rng.choice(
        [(), (job(None),), (job(FAILED),), (job(report(*findings)),), (job(report(*findings)),)]
    )
    return stream(found, *looks)


@pytest.mark.parametrize("seed", range(60))
def test_condition_grade_and_word_agree_whatever_was_found(seed: int) -> None:
    result = anything(random.Random(seed))
    status, reason = healthy(result)
    told = fields(result)["streamReadiness"]
    assert told["reason"] == reason
    grade = Grade.named(told["grade"])
    assert (
        status
        == {Grade.PASS: "True", Grade.WARN: "True", Grade.FAIL: "False", Grade.UNKNOWN: "Unknown"}[grade]
    )
    assert (grade is Grade.PASS) == (reason == "StreamHealthy")
    worst = [name for name in CHECKS if told["checks"][name] != "Pass"]
    assert (not worst) == (grade is Grade.PASS)
    if worst:
        assert told["checks"][worst[0]] == grade or set(told["checks"].values()) == {"Unknown"}
    if grade is Grade.PASS:
        assert lag.lag(result)["word"] == "OK"
    if lag.lag(result)["word"] in {"Rewind", "Stopped", "Stalled"}:
        assert status != "True"
    assert conditions(result)["Ready"][0] == "True"


def test_a_group_that_the_spec_no_longer_names_is_above_no_threshold() -> None:
    spec = section(DESK, {**RISK, "failRecords": 1})
    assert healthy(looked(finding("gone", records=10), finding("desk"), spec=spec)) == (
        "True",
        "StreamHealthy",
    )
    assert visited(spec=spec) is not None
