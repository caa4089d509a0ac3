"""The brokers of one Kafka: their cluster and number, and whether they create topics by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from ...ports.stream import KafkaUnavailable
from .client import ANSWER_SECONDS, AskedEach
from .connection import KafkaConnection

CONFIG_SECONDS = 5.0
AUTO_CREATE = "auto.create.topics.enable"


@dataclass(frozen=True, slots=True)
class Brokers:
    """`create_topics` is True where one of them creates a topic for whoever writes to it.

    It is None where the user may not read that of a broker, or a broker did not answer.
    """

    cluster: str
    """The id that Kafka gave the cluster."""
    count: int
    create_topics: bool | None


def brokers_of(connection: KafkaConnection, seconds: float = ANSWER_SECONDS) -> Brokers:
    """The brokers that answer. Raises KafkaUnavailable with the first thing that is wrong."""
    described = connection.described(seconds)
    nodes = [node.id for node in described.nodes]
    return Brokers(str(described.cluster_id), len(nodes), _create_topics(connection, nodes))


def _create_topics(connection: KafkaConnection, nodes: Sequence[int]) -> bool | None:
    found: bool | None = False
    for node in nodes:
        try:
            answers = connection.ask_each(_asked(node), CONFIG_SECONDS)
        except KafkaUnavailable:
            return None
        for answer in answers.values():
            if isinstance(answer, KafkaError):
                found = None
            elif answer[AUTO_CREATE].value == "true":
                return True
    return found


def _asked(node: int) -> AskedEach:
    """The question for the configuration of one broker: a call takes one alone."""
    resource = ConfigResource(ResourceType.BROKER, str(node))

    def ask(client: AdminClient) -> Mapping[Any, Future[Any]]:
        found: Mapping[Any, Future[Any]] = client.describe_configs([resource], request_timeout=CONFIG_SECONDS)
        return found

    return ask
