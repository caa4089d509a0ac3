"""Topics of a test's own on a real Kafka, beside the product's view of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import KafkaSettings
from backbone.adapters.kafka.topics import KafkaTopics
from backbone.parts.kafka.topics import Verdict
from backbone.ports.topics import PlannedTopic, TopicWord
from backbone.runtime.provisioning import TopicsRequest, compared, provisioned
from kafka_place import PATIENCE, settled, tried


@dataclass
class OwnTopics:
    """`prefix` is the test's own; `admin` is its client, `topics` the product's."""

    prefix: str
    admin: AdminClient
    topics: KafkaTopics

    def plan(self, name: str = "t", partitions: int = 2, **others: Any) -> PlannedTopic:
        return PlannedTopic(f"{self.prefix}{name}", partitions, **others)

    def provision(self, *plan: PlannedTopic, seconds: float = PATIENCE, **others: Any) -> dict[str, Verdict]:
        return provisioned(self.topics, TopicsRequest(plan, **others), seconds)

    def word(self, topic: PlannedTopic, **others: Any) -> TopicWord:
        return self.provision(topic, **others)[topic.name].word

    def only_compared(self, topic: PlannedTopic, **others: Any) -> TopicWord:
        return compared(self.topics, TopicsRequest([topic], **others))[topic.name].word

    def make(self, name: str, partitions: int = 2, replicas: int = 1, **config: str) -> None:
        """A topic that somebody else makes."""
        entries = {key.replace("_", "."): value for key, value in config.items()}
        new = NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=entries)
        settled(self.admin.create_topics([new]))
        self.until_seen(name, partitions)

    def grow(self, name: str, partitions: int) -> None:
        settled(self.admin.create_partitions([NewPartitions(name, partitions)]))
        self.until_seen(name, partitions)

    def until_seen(self, name: str, partitions: int) -> None:
        """Wait until brokers describe a topic that was made or changed just now."""
        until = time.monotonic() + PATIENCE
        while True:
            (topic,) = self.admin.list_topics(name, timeout=PATIENCE).topics.values()
            if len(topic.partitions) == partitions:
                return
            assert time.monotonic() < until, f"{name} is not seen"
            time.sleep(0.1)

    def delete(self, *names: str) -> None:
        until = time.monotonic() + 4 * PATIENCE
        while left := set(names) & set(self.names()):
            assert time.monotonic() < until, f"{len(left)} topics do not go"
            tried(self.admin.delete_topics(sorted(left), operation_timeout=PATIENCE))

    def names(self) -> list[str]:
        """Every topic of the test's that is there."""
        found = self.admin.list_topics(timeout=PATIENCE).topics
        return sorted(name for name in found if name.startswith(self.prefix))

    def description(self, name: str) -> object:
        """All that Kafka says of a topic."""
        (topic,) = settled(self.admin.describe_topics(TopicCollection([name])))
        partitions = [(item.id, [node.id for node in item.replicas]) for item in topic.partitions]
        return str(topic.topic_id), partitions, self.config(name)

    def config(self, name: str) -> dict[str, str]:
        (config,) = settled(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]))
        return {key: entry.value for key, entry in config.items()}


@contextmanager
def own_topics(settings: KafkaSettings, product: KafkaSettings | None = None) -> Iterator[OwnTopics]:
    """Topics that go with the block; `settings` are those of somebody who may do all."""
    connection = KafkaConnection(lambda: product or settings)
    admin = AdminClient({**settings.parameters(), "client.id": "test"})
    place = OwnTopics(f"t{uuid4().hex[:12]}-", admin, KafkaTopics(connection, 30.0))
    try:
        yield place
    finally:
        if left := place.names():
            place.delete(*left)
        connection.close()
