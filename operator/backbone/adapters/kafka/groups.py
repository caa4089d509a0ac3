"""Consumer groups of one Kafka: who is in them, what they committed, and where their topics end."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ConsumerGroupDescription,
    OffsetSpec,
    ResourceType,
)

from ...ports.lag import Bounds, Commit, Members, Partition, Written
from .client import AskedEach
from .connection import KafkaConnection
from .errors import trouble_of_answer
from .group_client import GroupClient, committed, written

ANSWER_SECONDS = 5.0
BATCH = 100
"""Topics of one call."""
TRIES = 3
PAUSE_SECONDS = 0.3
RETENTION, POLICY = "retention.ms", "cleanup.policy"
GRACE_SECONDS = 1.0
"""What our own wait for a call has beyond the deadline that the client was given."""

_PASSING = frozenset(
    {
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""Answers of a broker that has just become the leader, or has just stopped to be it."""


class KafkaGroups:
    """The port `ConsumerGroups` on a real Kafka."""

    def __init__(self, connection: KafkaConnection, seconds: float = ANSWER_SECONDS) -> None:
        """`seconds` is the deadline of each call."""
        self._connection = connection
        self._seconds = seconds
        self._clients: dict[str, GroupClient] = {}

    def partitions(self, topics: Collection[str]) -> dict[str, tuple[Partition, ...] | str]:
        """The partitions of each topic."""

        def ask(client: AdminClient, names: Sequence[str]) -> Mapping[Any, Future[Any]]:
            found: Mapping[Any, Future[Any]] = client.describe_topics(
                TopicCollection(list(names)), request_timeout=self._seconds
            )
            return found

        names, answers = sorted(topics), dict[str, Any]()
        for begin in range(0, len(names), BATCH):
            answers |= self._each(partial(ask, names=names[begin : begin + BATCH]))
        return {name: self._partitions(name, answer) for name, answer in answers.items()}

    def members(self, groups: Collection[str]) -> dict[str, Members | str]:
        """Who is in each group."""

        def ask(client: AdminClient) -> Mapping[Any, Future[Any]]:
            found: Mapping[Any, Future[Any]] = client.describe_consumer_groups(
                sorted(groups), request_timeout=self._seconds
            )
            return found

        answers = self._each(ask) if groups else {}
        return {
            group: self._why(answer, group_right(group))
            if isinstance(answer, KafkaError)
            else _members(answer)
            for group, answer in answers.items()
        }

    def commits(
        self, wanted: Mapping[str, Collection[Partition]]
    ) -> dict[str, dict[Partition, Commit] | str]:
        """What each group committed; without the partitions whose commit could not be read."""
        asked = {
            group: self._client(group).begin(committed(list(partitions), self._seconds))
            for group, partitions in wanted.items()
            if partitions
        }
        until = time.monotonic() + self._seconds + GRACE_SECONDS
        return {group: self._commits(group, asking, until) for group, asking in asked.items()}

    def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds | str]:
        """Where each log begins and ends."""
        lows = self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        found: dict[Partition, Bounds | str] = {}
        for partition in partitions:
            low, end = lows[partition], ends[partition]
            wrong = next((item for item in (low, end) if isinstance(item, KafkaError)), None)
            found[partition] = (
                Bounds(low.offset, end.offset, end.leader_epoch)
                if wrong is None
                else self._why(wrong, topic_right("Describe", partition.topic))
            )
        return found

    def written(self, wanted: Mapping[str, Mapping[Partition, int]]) -> dict[str, dict[Partition, Written]]:
        """When the first record at or behind these offsets was written, as far as it could be read."""
        asked = {
            group: self._client(group).begin(written(offsets, self._seconds))
            for group, offsets in wanted.items()
            if offsets
        }
        until = time.monotonic() + self._seconds + GRACE_SECONDS
        found: dict[str, dict[Partition, Written]] = {}
        for group, asking in asked.items():
            try:
                found[group] = asking.result(max(0.0, until - time.monotonic()))
            except (TimeoutError, KafkaException):
                self._clients.pop(group).leave()
                found[group] = {}
        return found

    def retention(self, topics: Collection[str]) -> dict[str, int]:
        """How long each topic keeps records, in milliseconds; -1 for ever. Without those that do not tell."""

        def ask(client: AdminClient) -> Mapping[Any, Future[Any]]:
            asked = [ConfigResource(ResourceType.TOPIC, name) for name in sorted(topics)]
            found: Mapping[Any, Future[Any]] = client.describe_configs(asked, request_timeout=self._seconds)
            return found

        answers = self._each(ask) if topics else {}
        return {name: _retention(found) for name, found in answers.items() if isinstance(found, Mapping)}

    def close(self) -> None:
        """Let the clients of the groups go; the connection stays."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.leave()
        for client in clients:
            client.close()

    def _client(self, group: str) -> GroupClient:
        """The client of a group; a changed Secret gets a new one."""
        settings, present = self._connection.settings, self._clients.get(group)
        if present is not None and present.settings == settings:
            return present
        if present is not None:
            present.leave()
        fresh = self._clients[group] = GroupClient(settings, group)
        return fresh

    def _commits(
        self, group: str, asking: Future[list[TopicPartition]], until: float
    ) -> dict[Partition, Commit] | str:
        try:
            answers = asking.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            # Its thread may hang in the call: the next sample has a client of its own.
            self._clients.pop(group).leave()
            return f"group {group}: no answer to what it committed within {self._seconds:g} s"
        except KafkaException as error:
            return self._why(error.args[0], group_right(group))
        wrong = next((item.error for item in answers if item.error is not None), None)
        if wrong is not None and all(item.error is not None for item in answers):
            return self._why(wrong, group_right(group))
        return {
            Partition(item.topic, item.partition): Commit(
                item.offset if item.offset >= 0 else None, item.leader_epoch
            )
            for item in answers
            if item.error is None
        }

    def _offsets(self, partitions: Collection[Partition], place: OffsetSpec) -> dict[Partition, Any]:
        """The answer or the KafkaError of each partition; what passes by itself is asked again."""
        found: dict[Partition, Any] = {}
        left = list(partitions)
        for attempt in range(TRIES):
            if not left:
                break
            if attempt:
                time.sleep(PAUSE_SECONDS)
            found |= self._asked(left, place)
            left = [item for item in left if _passes(found[item])]
        return found

    def _asked(self, partitions: Sequence[Partition], place: OffsetSpec) -> dict[Partition, Any]:
        def ask(client: AdminClient) -> Mapping[Any, Future[Any]]:
            wanted = {TopicPartition(*partition): place for partition in partitions}
            found: Mapping[Any, Future[Any]] = client.list_offsets(wanted, request_timeout=self._seconds)
            return found

        answers: Mapping[Any, Any] = self._each(ask)
        return {Partition(key.topic, key.partition): answer for key, answer in answers.items()}

    def _each(self, ask: AskedEach) -> dict[Any, Any]:
        return self._connection.ask_each(ask, self._seconds + GRACE_SECONDS)

    def _partitions(self, name: str, answer: Any) -> tuple[Partition, ...] | str:  # noqa: ANN401 - as it comes
        if isinstance(answer, KafkaError):
            return f"topic {name}: {self._why(answer, topic_right('Describe', name))}"
        return tuple(Partition(name, item.id) for item in answer.partitions)

    def _why(self, error: KafkaError, rights: str) -> str:
        return trouble_of_answer(error, self._connection.settings, rights).message


def group_right(group: str) -> str:
    """What to add for a group that may not be described."""
    return f"add it with kafka-acls.sh --add --operation Describe --group {group}"


def topic_right(operation: str, topic: str) -> str:
    """What to add for a topic that may not be described or read."""
    return f"add it with kafka-acls.sh --add --operation {operation} --topic {topic}"


def _members(found: ConsumerGroupDescription) -> Members:
    if found.state in {ConsumerGroupState.DEAD, ConsumerGroupState.EMPTY}:
        exists = found.state is ConsumerGroupState.EMPTY
        return Members(0, {}, simple=exists and found.is_simple_consumer_group, known=exists)
    if found.state is not ConsumerGroupState.STABLE:
        return Members(len(found.members))
    assigned: dict[Partition, int] = {}
    for member in found.members:
        for item in member.assignment.topic_partitions if member.assignment else ():
            partition = Partition(item.topic, item.partition)
            assigned[partition] = assigned.get(partition, 0) + 1
    return Members(len(found.members), assigned)


def _passes(answer: Any) -> bool:  # noqa: ANN401 - an offset or an error
    return isinstance(answer, KafkaError) and (answer.retriable() or answer.code() in _PASSING)


def _retention(config: Mapping[str, Any]) -> int:
    """In milliseconds; -1 where nothing goes by its age."""
    return int(config[RETENTION].value) if "delete" in config[POLICY].value else -1
