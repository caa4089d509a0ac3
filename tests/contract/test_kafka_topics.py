"""Each word for a topic is reached by doing that to a real broker, and nothing else is altered."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import from_keys
from backbone.adapters.kafka.topics import KafkaTopics
from backbone.parts.kafka.topics import TopicEntry, planned
from backbone.ports.stream import KafkaFault, KafkaTrouble, KafkaUnavailable
from backbone.ports.topics import Described, Management, PlannedTopic, Refusal, Seen, TopicWord
from backbone.runtime.provisioning import TopicsRequest, provisioned
from kafka_place import PATIENCE
from kafka_topics_place import OwnTopics, own_topics
from services.kafka_server import KafkaServer
from services.packages import jars, java

RECONCILE, OBSERVE = Management.RECONCILE, Management.OBSERVE


@pytest.fixture
def own(kafka_bootstrap: str) -> Iterator[OwnTopics]:
    with own_topics(from_keys("stream", {"bootstrapServers": kafka_bootstrap})) as place:
        yield place


def test_what_is_planned_is_made_read_back_and_ready(own: OwnTopics) -> None:
    plan = planned([TopicEntry("prices", 3, 1, {"retention.ms": "1000"})], own.prefix)
    before = {name: verdict.word for name, verdict in own.provision(*plan, create=False).items()}
    assert set(before.values()) == {TopicWord.MISSING}
    assert [own.only_compared(topic) for topic in plan] == [TopicWord.PLANNED] * len(plan)
    assert own.names() == []
    assert {verdict.word for verdict in own.provision(*plan).values()} == {TopicWord.READY}
    assert own.names() == sorted(topic.name for topic in plan)
    prices = own.config(f"{own.prefix}prices")
    assert (prices["retention.ms"], prices["message.timestamp.type"]) == ("1000", "LogAppendTime")
    assert len({verdict.identity for verdict in own.provision(*plan).values()}) == len(plan)


@pytest.mark.parametrize("management", [Management.CREATE_ONLY, OBSERVE])
def test_of_a_topic_that_is_not_to_be_altered_nothing_is(own: OwnTopics, management: Management) -> None:
    name = f"{own.prefix}t"
    own.make(name, 2, retention_ms="5000")
    before = own.description(name)
    for topic in (
        own.plan(partitions=4, management=management),
        own.plan(partitions=1, management=management),
        own.plan(replicas=3, management=management),
        own.plan(config={"retention.ms": "1000"}, management=management),
        own.plan(keyed=True, partitions=9, config={"cleanup.policy": "compact"}, management=management),
    ):
        first = own.provision(topic)[name]
        assert first.word is not TopicWord.READY
        own.word(topic, confirmed=frozenset([first.token or ""]))
        own.word(topic, create=False, known={name: "another"})
    assert own.description(name) == before


def test_drift_is_told_and_put_back_and_other_keys_stay(own: OwnTopics) -> None:
    topic = own.plan(config={"retention.ms": "1000"})
    own.make(topic.name, retention_ms="5000", segment_ms="70000")
    assert own.word(topic) is TopicWord.DRIFTED
    assert own.only_compared(replace(topic, management=RECONCILE)) is TopicWord.DRIFTED
    assert own.word(replace(topic, management=RECONCILE)) is TopicWord.READY
    found = own.config(topic.name)
    assert (found["retention.ms"], found["segment.ms"]) == ("1000", "70000")
    assert found["message.timestamp.type"] == "CreateTime"


def test_partitions_grow_where_that_is_asked_for_and_never_shrink(own: OwnTopics) -> None:
    topic = own.plan(partitions=4)
    own.make(topic.name, 2)
    assert own.word(topic) is TopicWord.FEWER_PARTITIONS
    keyed = replace(topic, management=RECONCILE, keyed=True)
    waiting = own.provision(keyed)[keyed.name]
    assert waiting.word is TopicWord.FEWER_PARTITIONS
    assert waiting.token is not None
    assert own.word(keyed, confirmed=frozenset([waiting.token])) is TopicWord.READY
    assert own.word(replace(topic, partitions=5, management=RECONCILE)) is TopicWord.READY
    assert own.word(replace(topic, partitions=3, management=RECONCILE)) is TopicWord.MORE_PARTITIONS
    own.grow(topic.name, 6)
    assert own.word(replace(topic, partitions=5)) is TopicWord.MORE_PARTITIONS


@pytest.mark.parametrize(
    ("change", "word", "says"),
    [
        pytest.param(
            {"replicas": 3},
            TopicWord.REPLICATION_IMPOSSIBLE,
            "set replicas to at most the number of brokers",
            id="more replicas than brokers",
        ),
        pytest.param(
            {"config": {"retention.msec": "1"}},
            TopicWord.CONFIG_INVALID,
            "retention.msec; correct config",
            id="a key that Kafka does not know",
        ),
        pytest.param(
            {"config": {"retention.ms": "soon"}},
            TopicWord.CONFIG_INVALID,
            "correct config of the topic",
            id="a value that Kafka does not take",
        ),
        pytest.param(
            {"partitions": 10_001},
            TopicWord.REFUSED_BY_POLICY,
            "Excessively large number of partitions",
            id="what a policy of the brokers refuses",
        ),
    ],
)
def test_what_kafka_refuses_to_make(
    own: OwnTopics, change: dict[str, Any], word: TopicWord, says: str
) -> None:
    topic = replace(own.plan(), **change)
    good = own.plan("good")
    found = own.provision(topic, good)
    assert found[topic.name].word is word
    assert topic.name in found[topic.name].message
    assert says in found[topic.name].message
    assert found[good.name].word is TopicWord.READY, "the others are made all the same"


def test_a_refusal_that_no_other_word_is_for_is_told_as_kafka_says_it(own: OwnTopics) -> None:
    verdict = own.provision(PlannedTopic("__cluster_metadata", 1))["__cluster_metadata"]
    assert verdict.word is TopicWord.FAILED
    assert "is prohibited" in verdict.message


def test_a_topic_that_somebody_deletes_while_it_is_looked_at_or_altered(own: OwnTopics) -> None:
    topic = own.plan(config={"retention.ms": "1000"}, management=RECONCILE)
    gone = own.topics._with_config({topic.name: Described("one", 2, 1)})
    assert gone == {topic.name: None}
    refused = own.topics.configure({topic.name: topic.config})[topic.name]
    assert refused.word is TopicWord.FAILED
    assert "the next check tries again" in refused.message


def test_replicas_that_differ_are_told(own: OwnTopics) -> None:
    topic = own.plan(replicas=2, management=RECONCILE)
    own.make(topic.name)
    assert own.word(topic) is TopicWord.REPLICATION_DIFFERS


def test_a_key_that_kafka_refuses_to_set_is_told_of_a_topic_that_exists(own: OwnTopics) -> None:
    topic = own.plan(config={"retention.ms": "1000"}, management=RECONCILE)
    own.make(topic.name)
    assert own.word(replace(topic, config={"retention.ms": "soon"})) is TopicWord.CONFIG_INVALID
    assert own.word(topic) is TopicWord.READY


@pytest.mark.parametrize("management", list(Management))
def test_a_key_that_kafka_does_not_know_is_told_of_a_topic_that_exists(
    own: OwnTopics, management: Management
) -> None:
    topic = own.plan(config={"retention.msec": "1"}, management=management)
    own.make(topic.name)
    before = own.description(topic.name)
    verdict = own.provision(topic)[topic.name]
    assert verdict.word is TopicWord.CONFIG_INVALID
    assert "Kafka does not know retention.msec; correct config" in verdict.message
    assert own.description(topic.name) == before


def test_names_that_kafka_takes_for_one(own: OwnTopics) -> None:
    own.make(f"{own.prefix}a.b")
    verdict = own.provision(own.plan("a_b"))[f"{own.prefix}a_b"]
    assert verdict.word is TopicWord.NAME_COLLIDES
    assert f"{own.prefix}a.b" in verdict.message
    both = own.provision(own.plan("c.d"), own.plan("c_d"), own.plan("x" * 250))
    assert [found.word for found in both.values()] == [
        TopicWord.NAME_COLLIDES,
        TopicWord.NAME_COLLIDES,
        TopicWord.NAME_INVALID,
    ]
    assert own.names() == [f"{own.prefix}a.b"]


def test_a_topic_that_somebody_deleted_and_made_again(own: OwnTopics) -> None:
    topic = own.plan()
    identity = own.provision(topic)[topic.name].identity
    assert identity is not None
    assert own.word(topic, known={topic.name: identity}) is TopicWord.READY
    own.delete(topic.name)
    own.make(topic.name)
    verdict = own.provision(topic, known={topic.name: identity})[topic.name]
    assert verdict.word is TopicWord.REPLACED
    assert verdict.identity not in {None, identity}
    assert own.word(topic, known={topic.name: str(verdict.identity)}) is TopicWord.READY


def test_two_who_make_the_same_topics_at_once_both_find_them_ready(own: OwnTopics) -> None:
    topic = own.plan()
    assert own.topics.create([topic]) == {}
    assert own.topics.create([topic]) == {}, "one that exists is no refusal"
    assert own.word(topic) is TopicWord.READY


class Dying:
    """Topics on a real broker, for somebody who dies at a call: before it, or after it was carried out."""

    def __init__(self, own: OwnTopics, calls: int, *, after: bool) -> None:
        self._own, self._left, self._after = own, calls, after

    def delay(self) -> float:
        return self._own.topics.delay()

    def _tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt

    def describe(self, topics: Sequence[PlannedTopic]) -> dict[str, Seen]:
        return self._own.topics.describe(topics)

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        half = len(topics) // 2
        self._own.topics.create(topics[:half] if not self._after else topics)
        self._tick()
        return self._own.topics.create(topics)

    def grow(self, partitions: Mapping[str, int]) -> dict[str, Refusal]:
        if self._after:
            self._own.topics.grow(partitions)
        self._tick()
        return self._own.topics.grow(partitions)

    def configure(self, configs: Mapping[str, Mapping[str, str]]) -> dict[str, Refusal]:
        if self._after:
            self._own.topics.configure(configs)
        self._tick()
        return self._own.topics.configure(configs)


@pytest.mark.parametrize("after", [False, True], ids=["half done", "done and not told"])
@pytest.mark.parametrize("calls", [1, 2, 3], ids=["creating", "setting configs", "adding partitions"])
def test_whoever_comes_after_one_that_died_ends_the_work(own: OwnTopics, calls: int, after: bool) -> None:
    old = own.plan("old", 4, config={"retention.ms": "1000"}, management=RECONCILE)
    own.make(old.name, 2)
    plan = [old, *(own.plan(f"new-{number}") for number in range(6))]
    with pytest.raises(KeyboardInterrupt):
        provisioned(Dying(own, calls, after=after), TopicsRequest(plan))
    assert {verdict.word for verdict in own.provision(*plan).values()} == {TopicWord.READY}


class Unanswered(Dying):
    """Topics whose creation is carried out without an answer."""

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        self._own.topics.create(topics)
        raise KafkaUnavailable(KafkaTrouble(KafkaFault.TIMED_OUT, "no answer"))


def test_a_creation_without_an_answer_is_read_back(own: OwnTopics) -> None:
    topic = own.plan()
    found = provisioned(Unanswered(own, 9, after=True), TopicsRequest([topic]))
    assert found[topic.name].word is TopicWord.READY


def quota(server: KafkaServer, *change: str) -> None:
    """Change the quota of the product's client."""
    entity = ("--entity-type", "clients", "--entity-name", "backbone")
    program = (
        java(),
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{jars()}/*",
        "kafka.admin.ConfigCommand",
    )
    asked = [*program, "--bootstrap-server", server.uri(), "--alter", *change, *entity]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_quota_is_waited_for_and_then_told(kafka_server: KafkaServer) -> None:
    settings = from_keys("stream", {"bootstrapServers": kafka_server.start().uri()})
    with own_topics(settings) as own:
        quota(kafka_server, "--add-config", "controller_mutation_rate=1")
        try:
            plan, words = used_up(own)
        finally:
            quota(kafka_server, "--delete-config", "controller_mutation_rate")
        assert words <= {TopicWord.READY, TopicWord.QUOTA_EXCEEDED}
        # The broker keeps its word to that connection.
        own.topics = KafkaTopics(KafkaConnection(lambda: settings), PATIENCE)
        assert {verdict.word for verdict in own.provision(*plan).values()} == {TopicWord.READY}


def used_up(own: OwnTopics) -> tuple[list[PlannedTopic], set[TopicWord]]:
    """Topics that are more than a quota allows at once, and their words, once the broker counts by it."""
    until = time.monotonic() + PATIENCE
    while True:
        plan = [own.plan(f"q{uuid4().hex}", 20) for _ in range(4)]
        words = {verdict.word for verdict in own.provision(*plan, seconds=3.0).values()}
        if TopicWord.QUOTA_EXCEEDED in words:
            return plan, words
        assert time.monotonic() < until, words
