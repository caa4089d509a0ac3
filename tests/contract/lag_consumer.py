"""A consumer as a process of its own, which tests stop, kill, freeze and seek; its orders come on stdin.

`seek N` goes to an offset in all of its partitions, `hang` stops to poll, `mute` stops to commit.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import Consumer, TopicPartition


class Reader:
    """Reads, takes its time for each record, and commits after each one, after some seconds, or never."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.orders: SimpleQueue[str] = SimpleQueue()
        self.muted = False
        self.committed_at = time.monotonic()
        self.client = Consumer(
            {
                "bootstrap.servers": asked["bootstrap"],
                "group.id": asked["group"],
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                **asked.get("config", {}),
            }
        )

    def run(self) -> None:
        if self.asked.get("assign"):
            self.client.assign([TopicPartition(topic, 0, 0) for topic in self.asked["topics"]])
        else:
            self.client.subscribe(self.asked["topics"])
        threading.Thread(target=self._listen, daemon=True).start()
        said = False
        while True:
            self._obey()
            message = self.client.poll(0.1)
            if not said and self.client.assignment():
                said = True
                say("ready")
            if message is not None and message.error() is None:
                time.sleep(self.asked.get("delay", 0.0))
                self._commit()

    def _commit(self) -> None:
        every = self.asked.get("every", 0.0)
        if self.muted or every is None or time.monotonic() - self.committed_at < every:
            return
        self.client.commit(asynchronous=False)
        self.committed_at = time.monotonic()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.orders.put(line.strip())

    def _obey(self) -> None:
        try:
            order, *rest = self.orders.get_nowait().split()
        except Empty:
            return
        if order == "seek":
            places = [
                TopicPartition(item.topic, item.partition, int(rest[0])) for item in self.client.assignment()
            ]
            for place in places:
                self.client.seek(place)
            self.client.commit(offsets=places, asynchronous=False)
        elif order == "hang":
            time.sleep(3600)
        elif order == "mute":
            self.muted = True
        say(f"did {order}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Reader(json.loads(sys.argv[1])).run()
