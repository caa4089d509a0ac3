"""A client that speaks for one consumer group and never joins it: its commits, the records behind them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TypeVar

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition

from ...ports.lag import Partition, Written
from ...ports.stream import KafkaFault, KafkaTrouble, KafkaUnavailable
from .settings import KafkaSettings

IDLE_SECONDS = 0.2
CLOSE_SECONDS = 10.0
AT_ONCE = 500
"""Messages of one poll."""

Answer = TypeVar("Answer")
_PARAMETERS: dict[str, str | int | float | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_uncommitted",
    "auto.offset.reset": "error",
    # One record of each partition is wanted; a broker gives a whole batch all the same.
    "fetch.message.max.bytes": 1024,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1024,
}


class GroupClient:
    """One client in a thread of its own, which makes it, polls it and lets it go; it never subscribes.

    Listing the offsets of a group by the administrator's call ends the whole process where the group has no
    coordinator for a moment. Closing can hang, so the thread is waited for and then left.
    """

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        """Connects to nothing yet. Raises KafkaUnavailable where the client refuses the settings."""
        self.group = group
        self.settings = settings
        self._work: SimpleQueue[Callable[[Consumer], None]] = SimpleQueue()
        self._made: Future[None] = Future()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{group}", daemon=True)
        self._thread.start()
        self._made.result(CLOSE_SECONDS)

    def begin(self, asked: Callable[[Consumer], Answer]) -> Future[Answer]:
        """What the client's thread will do next; nothing waits here."""
        told: Future[Answer] = Future()

        def work(client: Consumer) -> None:
            try:
                told.set_result(asked(client))
            except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
                told.set_exception(error)

        self._work.put(work)
        return told

    def leave(self) -> None:
        """Let the client go, and wait for nothing."""
        self._closing.set()

    def close(self) -> None:
        """Let the client go."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        silent = logging.Logger("kafka-group", logging.CRITICAL)
        try:
            client = Consumer(
                {**self.settings.parameters(), **_PARAMETERS, "group.id": self.group},
                logger=silent,
                error_cb=lambda _: None,
            )
        except (KafkaException, ValueError, TypeError):
            told = f"Secret {self.settings.name}: its keys are not taken together by the client"
            trouble = KafkaTrouble(KafkaFault.INVALID_SETTINGS, f"{told}; look at each of them")
            self._made.set_exception(KafkaUnavailable(trouble))
            return
        self._made.set_result(None)
        while not self._closing.is_set():
            with suppress(Empty):
                self._work.get(timeout=IDLE_SECONDS)(client)
            client.poll(0)
        client.close()


def committed(partitions: Sequence[Partition], seconds: float) -> Callable[[Consumer], list[TopicPartition]]:
    """Asks for what the client's group committed; each partition may hold an error of its own."""

    def ask(client: Consumer) -> list[TopicPartition]:
        wanted = [TopicPartition(*partition) for partition in partitions]
        found: list[TopicPartition] = client.committed(wanted, timeout=seconds)
        return found

    return ask


def written(
    offsets: Mapping[Partition, int], seconds: float
) -> Callable[[Consumer], dict[Partition, Written]]:
    """Asks when the first record at or behind each offset was written, by reading it; no group is joined.

    On a compacted topic the record at an offset may be gone, and the next one counts. What no record came of
    within the time, or the user may not read, is absent.
    """

    def ask(client: Consumer) -> dict[Partition, Written]:
        until = time.monotonic() + seconds
        found: dict[Partition, Written] = {}
        refused: set[Partition] = set()
        client.assign([TopicPartition(*partition, offset) for partition, offset in offsets.items()])
        try:
            while len(found) + len(refused) < len(offsets) and time.monotonic() < until:
                for message in client.consume(AT_ONCE, timeout=IDLE_SECONDS):
                    partition = Partition(message.topic() or "", message.partition() or 0)
                    if partition in found or partition not in offsets:
                        continue
                    error = message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        refused.add(partition)
                        continue
                    found[partition] = None if error is not None else _time(message.timestamp())
                    client.pause([TopicPartition(*partition)])
        finally:
            client.unassign()
        return found

    return ask


def _time(stamp: tuple[int, int]) -> Written:
    kind, milliseconds = stamp
    if kind == TIMESTAMP_NOT_AVAILABLE:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
