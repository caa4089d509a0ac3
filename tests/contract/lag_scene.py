"""One topic, one group and its consumers on a real broker, and looks at its lag in scaled time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.groups import KafkaGroups
from backbone.adapters.kafka.settings import KafkaSettings, from_keys
from backbone.grading.lag import GroupLag, GroupMemory, LagRules, judged_group
from backbone.ports.lag import GroupSample, Partition
from backbone.runtime.sampling import Pace, now, window
from kafka_place import PATIENCE, settled

PACE = Pace(apart=0.3)
STANDS = timedelta(seconds=5)
"""A commit that stood so long is stalled; in the product it is eleven minutes, and samples are 6 s apart."""
SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
LONG_SESSION = {"session.timeout.ms": 45_000}
CONSUMER = Path(__file__).with_name("lag_consumer.py")

During = Mapping[int, Callable[[], object]]
"""What to do after which sample."""


@dataclass
class Looked:
    """One window as it was taken, and what came of it."""

    samples: list[GroupSample]
    partitions: list[Partition]
    group: GroupLag


@dataclass
class Child:
    """One consumer."""

    process: subprocess.Popen[str]

    def wait(self, line: str) -> None:
        """Until it says so."""
        assert self.process.stdout is not None
        while (said := self.process.stdout.readline().strip()) != line:
            assert said or self.process.poll() is None, f"the consumer ended instead of {line!r}"

    def order(self, order: str) -> None:
        """Tell it something, and wait until it is done; a hang never is."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        if order != "hang":
            self.wait(f"did {order.split(maxsplit=1)[0]}")

    def stop(self) -> None:
        """Killed, and gone from this machine; the broker does not know yet."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)


@dataclass
class Scene:
    """`settings` are those of somebody who may do all; `topic` and `group` are the scene's own."""

    settings: KafkaSettings
    tolerated: int = 0
    looks: list[Looked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.group = f"g-{uuid4().hex[:12]}"
        self.topic = f"t-{uuid4().hex[:12]}"
        self.parameters = {**self.settings.parameters(), "client.id": "test", "log_level": 0}
        self.memory = GroupMemory()
        self.connection = KafkaConnection(lambda: self.settings)
        self.kafka = KafkaGroups(self.connection)
        self._stack = ExitStack()
        self._stack.callback(self.connection.close)
        self._stack.callback(self.kafka.close)

    @classmethod
    def at(cls, bootstrap: str) -> Self:
        return cls(from_keys("stream", {"bootstrapServers": bootstrap}))

    def __enter__(self) -> Self:
        self.admin = AdminClient(self.parameters)
        self.producer = Producer({**self.parameters, "linger.ms": 0})
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self.producer.flush(PATIENCE)
        with suppress(Exception):
            for future in self.admin.delete_topics([self.topic]).values():
                future.result(PATIENCE)

    def make(self, partitions: int = 1, **config: str) -> None:
        entries = {key.replace("_", "."): value for key, value in config.items()}
        new = NewTopic(self.topic, num_partitions=partitions, replication_factor=1, config=entries)
        settled(self.admin.create_topics([new]))
        until = time.monotonic() + PATIENCE
        while isinstance(self.kafka.partitions([self.topic])[self.topic], str):
            assert time.monotonic() < until
            time.sleep(0.1)

    def make_again(self) -> None:
        settled(self.admin.delete_topics([self.topic]))
        self.until(lambda: isinstance(self.kafka.partitions([self.topic])[self.topic], str), "it does not go")
        self.make()

    def another(self) -> str:
        """Another topic, which goes with the scene."""
        name = f"{self.topic}-2"
        settled(self.admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)]))
        self._stack.callback(lambda: settled(self.admin.delete_topics([name])))
        return name

    def keep(self, client: object) -> None:
        """Hold a client until the scene ends."""
        self._stack.callback(lambda: client)

    def produce(self, count: int, partition: int = 0, key: bytes | None = None) -> None:
        for _ in range(count):
            self.producer.produce(self.topic, b"x", key=key, partition=partition)
        assert self.producer.flush(PATIENCE) == 0

    def trickle(self, each: float = 0.05) -> None:
        """One record after the other, until the scene ends."""
        ended = threading.Event()

        def produce() -> None:
            while not ended.wait(each):
                self.producer.produce(self.topic, b"x", partition=0)
                self.producer.poll(0)

        thread = threading.Thread(target=produce, daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(ended.set)

    def consume(self, **asked: Any) -> Child:
        """A consumer that has its partitions. `config` is that of its client; see lag_consumer.py."""
        config = {**SESSION, **asked.pop("config", {})}
        if config.get("group.protocol") == "consumer":
            config = {key: value for key, value in config.items() if key not in SESSION}
        order = {
            "bootstrap": self.settings.place,
            "group": self.group,
            "topics": [self.topic],
            "config": config,
            **asked,
        }
        child = Child(
            subprocess.Popen(
                [sys.executable, CONSUMER, json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        self._stack.callback(self._end, child)
        child.wait("ready")
        return child

    @staticmethod
    def _end(child: Child) -> None:
        child.process.kill()
        child.process.communicate()

    def commit(self, offset: int, partition: int = 0) -> None:
        """What somebody sets by hand, while nobody is in the group."""
        place = [TopicPartition(self.topic, partition, offset)]
        wanted = [ConsumerGroupTopicPartitions(self.group, place)]
        until = time.monotonic() + PATIENCE
        while True:
            try:
                (found,) = settled(self.admin.alter_consumer_group_offsets(wanted))
                assert all(item.error is None for item in found.topic_partitions)
            except Exception:  # noqa: BLE001 - a coordinator that is not there yet, or a member that is
                assert time.monotonic() < until
                time.sleep(0.2)
            else:
                return

    def delete_group(self) -> None:
        settled(self.admin.delete_consumer_groups([self.group]))

    def delete_records(self, before: int, partition: int = 0) -> None:
        settled(self.admin.delete_records([TopicPartition(self.topic, partition, before)]))

    def committed(self) -> int | None:
        found = self.kafka.commits({self.group: [Partition(self.topic, 0)]})[self.group]
        return found[Partition(self.topic, 0)].offset if isinstance(found, dict) else None

    def until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, what
            time.sleep(0.1)

    def until_committed(self, offset: int) -> None:
        self.until(lambda: (self.committed() or 0) >= offset, f"nobody commits {offset}")

    def until_reads(self, count: int) -> None:
        """Until so many members have their partitions."""

        def reads() -> bool:
            found = self.kafka.members([self.group])[self.group]
            return not isinstance(found, str) and found.count == count and found.assigned is not None

        self.until(reads, f"there are not {count} members")

    def until_nobody(self) -> None:
        def nobody() -> bool:
            found = self.kafka.members([self.group])[self.group]
            return not isinstance(found, str) and found.count == 0

        self.until(nobody, "somebody is still there")

    def look(self, during: During | None = None) -> GroupLag:
        """One look, with something that happens within it."""
        partitions = self.kafka.partitions([self.topic])[self.topic]
        assert not isinstance(partitions, str), partitions
        number = 0

        def pause(seconds: float) -> None:
            nonlocal number
            (during or {}).get(number, lambda: None)()
            number += 1
            time.sleep(seconds)

        samples = window(self.kafka, {self.group: partitions}, PACE, lambda _: None, pause)[self.group]
        rules = LagRules(tolerated=self.tolerated, stands=STANDS)
        group, self.memory = judged_group(samples, partitions, self.memory, rules, now())
        self.looks.append(Looked(samples, list(partitions), group))
        return group

    def look_later(self, during: During | None = None) -> GroupLag:
        """A look as long after the last one as a commit may stand."""
        time.sleep(STANDS.total_seconds() + 0.5)
        return self.look(during)
