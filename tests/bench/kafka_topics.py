"""Benchmark `kafka-topics`: 1,000 topics by our provisioning, by one raw call, and by Kafka's own command."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from confluent_kafka.admin import AdminClient, NewTopic

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import KafkaSettings, from_keys
from backbone.adapters.kafka.topics import KafkaTopics
from backbone.ports.topics import PlannedTopic, Refusal, TopicWord
from backbone.runtime.provisioning import TopicsRequest, provisioned
from console import step
from kafka_command import create_one, ensure_command
from measurements import Aim, Figure
from registry import Benchmark
from services.kafka_server import KafkaServer

TOPICS = 1_000
ROUNDS = 5
ONE_BY_ONE = 10
"""Topics that Kafka's own command creates, a process for each; its rate is taken for the thousand."""
WARMED_BY = 20
DEADLINE = 120.0
ALLOWED = 3.0

Contender = Callable[[KafkaSettings, Sequence[PlannedTopic]], float]
"""Creates topics; gives the time of the last acknowledgement, on the clock of time.perf_counter."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds from the first call to the last acknowledgement, to the end, and until each topic has a log."""

    acknowledged: float
    ended: float
    there: float


def measure() -> Iterator[Figure]:
    """Ours and the raw call in turn, each time on a broker of its own; then the command."""
    command = ensure_command()
    ours: list[Taken] = []
    raw: list[Taken] = []
    for number in range(ROUNDS):
        with step(f"round {number + 1} of {ROUNDS}"):
            ours.append(on_a_new_broker(provision, TOPICS))
            raw.append(on_a_new_broker(one_call, TOPICS))
    with step(f"{ONE_BY_ONE} topics by kafka-topics.sh"):
        single = on_a_new_broker(partial(one_by_one, command), ONE_BY_ONE).ended / ONE_BY_ONE
    acknowledged = median(taken.acknowledged for taken in ours)
    title = f"{TOPICS:,} topics, first call to last acknowledgement"
    yield Figure(
        "kafka-topics/acknowledged",
        title,
        acknowledged,
        "s",
        "one create_topics call",
        median(taken.acknowledged for taken in raw),
        Aim("at most", ALLOWED),
    )
    yield Figure(
        "kafka-topics/command", title, acknowledged, "s", "kafka-topics.sh, one by one", single * TOPICS
    )
    yield Figure(
        "kafka-topics/read-back",
        f"{TOPICS:,} topics made and read back",
        median(taken.ended for taken in ours),
        "s",
        "one create_topics call, until each has a log",
        median(taken.there for taken in raw),
    )


def on_a_new_broker(contend: Contender, count: int) -> Taken:
    """How long a contender takes. Raises RuntimeError where a topic is not there after the deadline."""
    with tempfile.TemporaryDirectory() as folder, KafkaServer(Path(folder) / "kafka") as server:
        settings = from_keys("stream", {"bootstrapServers": server.uri()})
        one_call(settings, planned("warm", WARMED_BY))
        wait_for_logs(server, "warm", WARMED_BY)
        plan = planned("topic", count)
        started = time.perf_counter()
        acknowledged = contend(settings, plan)
        ended = time.perf_counter()
        wait_for_logs(server, "topic", count)
        return Taken(acknowledged - started, ended - started, time.perf_counter() - started)


def planned(prefix: str, count: int) -> list[PlannedTopic]:
    """Topics of one partition each."""
    return [PlannedTopic(f"{prefix}-{number:04}", 1, 1) for number in range(count)]


def wait_for_logs(server: KafkaServer, prefix: str, count: int) -> None:
    """Wait until the broker has made a log of each topic, which it does after it acknowledged them."""
    until = time.monotonic() + DEADLINE
    while (seen := sum(1 for _ in (server.folder / "data").glob(f"{prefix}-*"))) < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{count - seen} topics have no log after {DEADLINE:g} s")
        time.sleep(0.02)


class Noted(KafkaTopics):
    """The product's adapter, which notes when the last topics were acknowledged."""

    acknowledged = 0.0

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        """As the product does."""
        refusals = super().create(topics)
        self.acknowledged = time.perf_counter()
        return refusals


def provision(settings: KafkaSettings, plan: Sequence[PlannedTopic]) -> float:
    """The product's path: describe, create in batches, read back."""
    connection = KafkaConnection(lambda: settings)
    topics = Noted(connection, DEADLINE)
    try:
        found = provisioned(topics, TopicsRequest(plan), DEADLINE)
    finally:
        connection.close()
    if any(verdict.word is not TopicWord.READY for verdict in found.values()):
        raise RuntimeError("a topic is not Ready")
    return topics.acknowledged


def one_call(settings: KafkaSettings, plan: Sequence[PlannedTopic]) -> float:
    """All topics in one call of confluent-kafka, with the same config, and no look before or after it."""
    client = AdminClient(settings.parameters())
    new = [NewTopic(topic.name, topic.partitions, 1, config=topic.created_with) for topic in plan]
    for future in client.create_topics(new, request_timeout=DEADLINE).values():
        future.result(DEADLINE)
    return time.perf_counter()


def one_by_one(command: Path, settings: KafkaSettings, plan: Sequence[PlannedTopic]) -> float:
    """A process of Kafka's own command for each topic."""
    for topic in plan:
        create_one(command, settings.place, topic)
    return time.perf_counter()


ABOUT = f"""
{TOPICS:,} topics of one partition on one broker that has none, in {ROUNDS} rounds in turn, each on a broker
of its own; figures are medians. Ours is the topics Job's own path without its pod: describe all, create in
batches of 100, and read back. The raw call is confluent-kafka's `create_topics` with all of them, without a
look before it or after it; both begin with a new client. A broker acknowledges topics before it makes their
logs, and describes the later batches once it is done with the earlier ones: reading back waits for that, so
its peer is the raw call until each topic has its log on disk. kafka-topics.sh creates one topic in a
process: the class itself, without the shell around it, creates {ONE_BY_ONE}, and its rate is taken for the
thousand.
"""

BENCHMARK = Benchmark("kafka-topics", "A thousand topics in Kafka", ABOUT, measure)
