"""Topics of one Kafka: describing, creating, growing and configuring them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from ...ports.topics import Described, PlannedTopic, Refusal, Seen, TopicWord
from .client import ANSWER_SECONDS
from .connection import KafkaConnection
from .settings import KafkaSettings

BATCH = 100
"""Topics of one call: a broker checks them one after the other, and a quota counts their partitions."""
DEFAULT_REPLICAS = -1

_WORDS = {
    KafkaError.INVALID_REPLICATION_FACTOR: TopicWord.REPLICATION_IMPOSSIBLE,
    KafkaError.INVALID_CONFIG: TopicWord.CONFIG_INVALID,
    KafkaError.POLICY_VIOLATION: TopicWord.REFUSED_BY_POLICY,
    KafkaError.THROTTLING_QUOTA_EXCEEDED: TopicWord.QUOTA_EXCEEDED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: TopicWord.NOT_AUTHORIZED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: TopicWord.NOT_AUTHORIZED,
    KafkaError.TOPIC_EXCEPTION: TopicWord.NAME_INVALID,
}
_COLLIDES = "collides"
_GONE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}
_REMEDIES = {
    TopicWord.REPLICATION_IMPOSSIBLE: "set replicas to at most the number of brokers, or start more brokers",
    TopicWord.CONFIG_INVALID: "correct config of the topic",
    TopicWord.REFUSED_BY_POLICY: "change what the policy refuses, or ask who keeps the brokers",
    TopicWord.QUOTA_EXCEEDED: "wait, or raise controller_mutation_rate for the user",
    TopicWord.FAILED: "the next check tries again; if it stays, look at the brokers' log",
    TopicWord.NAME_INVALID: "use letters, digits, dots, underscores and hyphens",
    TopicWord.NAME_COLLIDES: "rename the topic, or set topicPrefix",
}

_Call = Callable[..., Mapping[Any, Any]]
"""One call about several topics, by a client and with the topics as `items`; a future for each."""


class KafkaTopics:
    """The port `Topics` on a real Kafka."""

    def __init__(self, connection: KafkaConnection, seconds: float = ANSWER_SECONDS) -> None:
        """`seconds` is the deadline of each call."""
        self._connection = connection
        self._seconds = seconds

    def describe(self, topics: Sequence[PlannedTopic]) -> dict[str, Seen]:
        """Each of these topics as it is now; with its config where the plan names keys of it."""

        def ask(client: AdminClient, items: Sequence[str]) -> Mapping[Any, Any]:
            return client.describe_topics(TopicCollection(list(items)), request_timeout=self._seconds)

        answers = self._each(ask, [topic.name for topic in topics])
        found = {name: self._seen(name, answer) for name, answer in answers.items()}
        exist = [topic.name for topic in topics if topic.config and isinstance(found[topic.name], Described)]
        return {**found, **self._with_config({name: found[name] for name in exist})}

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        """Create topics; those that exist are left as they are."""

        def ask(client: AdminClient, items: Sequence[PlannedTopic]) -> Mapping[Any, Any]:
            return client.create_topics([_new(topic) for topic in items], request_timeout=self._seconds)

        exists = {KafkaError.TOPIC_ALREADY_EXISTS}
        refusals = self._refusals(self._each(ask, topics), "Create", but=exists)
        suspects = [topic for topic in topics if _word_of(refusals, topic) is TopicWord.REFUSED_BY_POLICY]
        # Some policies refuse a whole call for one of its topics.
        for topic in suspects if len(topics) > 1 else ():
            del refusals[topic.name]
            refusals |= self._refusals(self._each(ask, [topic]), "Create", but=exists)
        return refusals

    def grow(self, partitions: Mapping[str, int]) -> dict[str, Refusal]:
        """Add partitions to topics, up to these numbers."""

        def ask(client: AdminClient, items: Sequence[str]) -> Mapping[Any, Any]:
            wanted = [NewPartitions(name, partitions[name]) for name in items]
            return client.create_partitions(wanted, request_timeout=self._seconds)

        # A topic that has them already, since somebody else added them: reading back tells.
        has = {KafkaError.INVALID_PARTITIONS}
        return self._refusals(self._each(ask, list(partitions)), "Alter", but=has)

    def configure(self, configs: Mapping[str, Mapping[str, str]]) -> dict[str, Refusal]:
        """Set keys of the configs of topics; all other keys stay."""

        def ask(client: AdminClient, items: Sequence[str]) -> Mapping[Any, Any]:
            wanted = [_changed(name, configs[name]) for name in items]
            return client.incremental_alter_configs(wanted, request_timeout=self._seconds)

        return self._refusals(self._each(ask, list(configs)), "AlterConfigs")

    def delay(self) -> float:
        """How many seconds from now Kafka answers nothing, since a quota of the user's is used up."""
        return self._connection.delay()

    def _each(self, call: _Call, items: Sequence[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for batch in _batches(items):
            found |= self._connection.ask_each(partial(call, items=batch), self._seconds + 1)
        return found

    def _seen(self, name: str, answer: Any) -> Seen:  # noqa: ANN401 - a description or an error
        if isinstance(answer, KafkaError):
            if answer.code() in _GONE:
                return None
            return refusal(answer, name, "Describe", self._connection.settings)
        replicas = [len(partition.replicas) for partition in answer.partitions]
        return Described(str(answer.topic_id), len(answer.partitions), min(replicas, default=0))

    def _with_config(self, found: Mapping[str, Seen]) -> dict[str, Seen]:
        """The same with configs, where the user may read them."""

        def ask(client: AdminClient, items: Sequence[str]) -> Mapping[Any, Any]:
            asked = [ConfigResource(ResourceType.TOPIC, name) for name in items]
            return client.describe_configs(asked, request_timeout=self._seconds)

        completed: dict[str, Seen] = {}
        for name, answer in self._each(ask, list(found)).items():
            seen = found[name]
            if isinstance(answer, KafkaError):
                # None: somebody deleted it since it was described.
                gone = answer.code() in _GONE
                settings = self._connection.settings
                completed[name] = None if gone else refusal(answer, name, "DescribeConfigs", settings)
            elif isinstance(seen, Described):
                config = {key: entry.value for key, entry in answer.items()}
                completed[name] = Described(seen.identity, seen.partitions, seen.replicas, config)
        return completed

    def _refusals(
        self, answers: Mapping[str, Any], operation: str, but: set[int] | None = None
    ) -> dict[str, Refusal]:
        return {
            name: refusal(answer, name, operation, self._connection.settings)
            for name, answer in answers.items()
            if isinstance(answer, KafkaError) and answer.code() not in (but or set())
        }


def refusal(error: KafkaError, topic: str, operation: str, settings: KafkaSettings) -> Refusal:
    """What Kafka's answer about one topic means, and what to do."""
    word = _WORDS.get(error.code(), TopicWord.FAILED)
    said = error.str().strip().rstrip(".")
    if word is TopicWord.NAME_INVALID and _COLLIDES in said:
        word = TopicWord.NAME_COLLIDES
    if word is TopicWord.NOT_AUTHORIZED:
        return Refusal(
            word,
            f"{settings.principal} lacks {operation} on topic {topic}; {right(settings, operation, topic)}",
        )
    remedy = _REMEDIES.get(word)
    return Refusal(word, f"topic {topic}: {said}; {remedy}" if remedy else f"topic {topic}: {said}")


def right(settings: KafkaSettings, operation: str, topic: str) -> str:
    """The command that adds a right on a topic."""
    return (
        f"add it with kafka-acls.sh --add --allow-principal {settings.principal} --operation {operation} "
        f"--topic {topic}"
    )


def _word_of(refusals: Mapping[str, Refusal], topic: PlannedTopic) -> TopicWord | None:
    said = refusals.get(topic.name)
    return said.word if said is not None else None


def _new(topic: PlannedTopic) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replicas or DEFAULT_REPLICAS,
        config=topic.created_with,
    )


def _changed(name: str, config: Mapping[str, str]) -> ConfigResource:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
    ]
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for begin in range(0, len(items), BATCH):
        yield items[begin : begin + BATCH]
