"""What is true of Kafka and of its topics: an ordered chain, and Ready that none of it touches."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import topics
from support.evaluations import conditions, message
from support.readings import MINUTE, NOW, unfinished_job
from support.topics import REPORT, backbone, checked, found, job, seen_with

from backbone.databackbone.evaluate import evaluate
from backbone.ports.stream import KafkaFault
from backbone.ports.topics import TopicWord

USABLE = {
    TopicWord.READY,
    TopicWord.DRIFTED,
    TopicWord.REPLICATION_DIFFERS,
    TopicWord.MORE_PARTITIONS,
    TopicWord.FEWER_PARTITIONS,
    TopicWord.REPLACED,
}


def lost(fault: str, text: str = "Secret kafka: what to do") -> Any:
    return REPORT.model_copy(update={"outcome": fault, "message": text, "counts": {}, "brokers": None})


@pytest.mark.parametrize("fault", KafkaFault)
def test_a_fault_of_kafka_is_named_and_leaves_topics_unknown_and_ready_as_it_was(fault: KafkaFault) -> None:
    before = checked()
    result = evaluate(
        backbone(topics.after()), seen_with(job(lost(fault), "u", finished=NOW + MINUTE)), (), NOW + MINUTE
    )
    assert conditions(result)["StreamHealthy"] == ("False", fault)
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", fault)
    assert "Secret kafka: what to do" in message(result, "StreamHealthy")
    assert "Rows are stored and read meanwhile" in message(result, "StreamHealthy")
    untouched = {"StreamHealthy", "TopicsProvisioned"}
    assert {name: found for name, found in conditions(result).items() if name not in untouched} == {
        name: found for name, found in conditions(before).items() if name not in untouched
    }
    assert conditions(result)["Ready"][0] == "True"


@pytest.mark.parametrize("word", [word for word in TopicWord if word is not TopicWord.READY])
def test_each_word_is_the_reason_where_it_is_the_worst(word: TopicWord) -> None:
    result = checked(found(**{"Ready": 5, word: 1}))
    assert conditions(result)["TopicsProvisioned"] == ("False", word)
    assert f"topic {word}-0 is odd" in message(result, "TopicsProvisioned") + message(result, "StreamHealthy")
    expected = ("True", "StreamHealthy") if word in USABLE else ("False", word)
    assert conditions(result)["StreamHealthy"] == expected
    assert conditions(result)["Ready"][0] == "True"


@pytest.mark.parametrize(("brokers", "said"), [(1, ", with 1 broker, "), (3, ", with 3 brokers, ")])
def test_a_healthy_kafka_says_how_many_brokers_it_has(brokers: int, said: str) -> None:
    result = checked(found(Ready=6).model_copy(update={"brokers": brokers}))
    assert said in message(result, "StreamHealthy")


def test_of_several_words_the_worst_is_the_reason_and_all_are_counted() -> None:
    result = checked(found(Ready=992, Missing=3, NameInvalid=1, Drifted=4))
    assert conditions(result)["TopicsProvisioned"] == ("False", "NameInvalid")
    said = message(result, "TopicsProvisioned")
    assert said.startswith("Of 1,000 topics 3 Missing, 1 NameInvalid, 4 Drifted: ")
    assert "and 5 more, see status.topics" in said


def test_a_missing_right_comes_before_the_topics_that_lack_it() -> None:
    result = checked(found(Replaced=1, NotAuthorized=1, Missing=2, NameInvalid=1))
    assert conditions(result)["StreamHealthy"] == ("False", "NotAuthorized")
    assert conditions(result)["TopicsProvisioned"] == ("False", "Replaced")


def test_counts_decide_where_the_report_had_no_room_for_topics() -> None:
    report = found(Ready=5, Missing=1).model_copy(update={"worst": (), "cut": True})
    result = checked(report)
    assert conditions(result)["TopicsProvisioned"] == ("False", "Missing")
    assert message(result, "TopicsProvisioned") == "Of 6 topics 1 Missing."


def test_a_word_of_another_version_is_a_failure_and_not_well() -> None:
    result = checked(found(Ready=5, Superb=1))
    assert conditions(result)["TopicsProvisioned"] == ("False", "Failed")
    assert conditions(result)["StreamHealthy"] == ("False", "Failed")
    assert "1 Superb" in message(result, "TopicsProvisioned") + message(result, "StreamHealthy")


def test_an_outcome_of_another_version_is_unknown() -> None:
    result = checked(lost("Perplexed", "odd"))
    assert conditions(result)["StreamHealthy"] == ("Unknown", "TopicsCheckFailed")
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TopicsCheckFailed")


def test_a_job_without_a_report_has_looked_at_nothing() -> None:
    result = checked(None)
    assert conditions(result)["StreamHealthy"] == ("Unknown", "TopicsCheckFailed")
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "TopicsCheckFailed")
    assert conditions(result)["Ready"][0] == "True"


def test_a_verdict_that_is_too_old_is_unknown() -> None:
    at = NOW + 45 * MINUTE + timedelta(seconds=1)
    running = replace(unfinished_job("u"), cause=topics.cause_of(backbone()))
    result = evaluate(backbone(topics.after()), seen_with(job(), running), (), at)
    assert conditions(result)["StreamHealthy"] == ("Unknown", "OutOfDate")
    assert conditions(result)["TopicsProvisioned"] == ("Unknown", "OutOfDate")


@pytest.mark.parametrize("words", [{"Ready": 6}, {"Ready": 5, "Drifted": 1}], ids=["well", "not well"])
def test_brokers_that_create_topics_by_themselves_are_a_warning(words: dict[str, int]) -> None:
    racing = found(**words).model_copy(update={"broker_creates_topics": True})
    assert "auto.create.topics.enable=false" in message(checked(racing), "TopicsProvisioned")
    for calm in (None, False):
        report = found(**words).model_copy(update={"broker_creates_topics": calm})
        assert "auto.create" not in message(checked(report), "TopicsProvisioned")


def test_topics_that_were_created_again_are_an_event_of_the_check_that_saw_it() -> None:
    report = found(Ready=4, Replaced=2)
    result = checked(report)
    [event] = [notice for notice in result.notices if notice.reason == "Replaced"]
    assert event.type == "Warning"
    assert event.message == ("Of 6 topics 2 Replaced: topic Replaced-0 is odd; topic Replaced-1 is odd.")
    again = evaluate(backbone(topics.after(report)), seen_with(job(report)), (), NOW + MINUTE)
    assert [notice.reason for notice in again.notices] == []
    assert conditions(again)["TopicsProvisioned"] == ("False", "Replaced")
