"""The Kafka of development starts, keeps what it acknowledged, and is the real one."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import confluent_kafka
import pytest
from confluent_kafka import Consumer, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from console import Failure
from services import packages
from services.kafka_server import KafkaServer

PATIENCE = 60.0


def test_the_client_has_a_library_without_the_crash_of_its_close() -> None:
    assert confluent_kafka.libversion()[1] >= 0x020E0000


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    """Have records acknowledged."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    failed: list[object] = []

    def told(error: object, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for value in values:
        producer.produce(topic, value, on_delivery=told)
    assert producer.flush(PATIENCE) == 0
    assert failed == []


def read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": bootstrap, "group.id": uuid4().hex, "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    try:
        consumer.subscribe([topic])
        return [message.value() for message in consumer.consume(count, PATIENCE) if not message.error()]
    finally:
        consumer.close()


def test_a_record_goes_in_and_comes_out_and_survives_a_kill(kafka_server: KafkaServer) -> None:
    topic = f"test-{uuid4().hex}"
    bootstrap = kafka_server.start().uri()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(PATIENCE)
    send(bootstrap, topic, b"one")
    assert read(bootstrap, topic, 1) == [b"one"]
    kafka_server.restart()
    send(bootstrap, topic, b"two")
    assert read(bootstrap, topic, 2) == [b"one", b"two"]


def test_a_jar_of_another_content_is_not_used(tmp_path: Path) -> None:
    sums = tmp_path / "sums.txt"
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "kafka.jar").write_bytes(b"as it should be")
    (folder / "other.jar").write_bytes(b"nobody's")
    sums.write_text(f"{'0' * 64}  kafka.jar\n{'1' * 64}  missing.jar\n")
    with pytest.raises(Failure, match=r"not used: kafka\.jar, missing\.jar, other\.jar$"):
        packages._check(folder, sums)
