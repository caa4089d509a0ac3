"""Kafka on the machine that the cluster runs on; it asks for a login, and its log tells who came."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from backbone.adapters.kafka.settings import from_keys
from deployment import Kubectl, running_cluster
from services.kafka_server import KafkaServer

PROVISIONER, TEST = "provisioner", "test"
PATIENCE = 60.0
_CAME = re.compile(
    r'"connection":"[^"]+?-(?P<source>[0-9a-f.:]+):\d+-\d+-\d+".*"principal":"User:(?P<user>\w+)"'
)


@dataclass
class HostKafka:
    """One broker at an address that pods reach, with the passwords of its users."""

    broker: KafkaServer
    passwords: Mapping[str, str]

    @cached_property
    def admin(self) -> AdminClient:
        """The test's own client."""
        return AdminClient(from_keys("kafka", self._keys(TEST)).parameters())

    def secret(self, kubectl: Kubectl, name: str = "kafka") -> None:
        """Make the Secret of the user who provisions topics."""
        keys = self._keys(PROVISIONER)
        kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": keys})

    def _keys(self, user: str) -> dict[str, str]:
        return {
            "bootstrapServers": self.broker.uri(),
            "securityProtocol": "SASL_PLAINTEXT",
            "saslMechanism": "PLAIN",
            "username": user,
            "password": self.passwords[user],
        }

    def topics(self) -> dict[str, int]:
        """Partitions of each topic."""
        found = self.admin.list_topics(timeout=PATIENCE).topics
        return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}

    def make_again(self, name: str) -> None:
        """Delete a topic and create it with as many partitions, as somebody by hand."""
        partitions = self.topics()[name]
        for deleted in self.admin.delete_topics([name]).values():
            deleted.result(PATIENCE)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                (made,) = self.admin.create_topics([NewTopic(name, partitions, 1)]).values()
                made.result(PATIENCE)
            except KafkaException:  # the old one is still going
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return

    def came_from(self) -> dict[str, set[str]]:
        """Addresses that sent requests, by the user who was logged in there."""
        found: dict[str, set[str]] = {}
        for line in (self.broker.folder / "kafka.log").read_text(errors="replace").splitlines():
            if came := _CAME.search(line):
                found.setdefault(came["user"], set()).add(came["source"])
        return found


@contextmanager
def host_kafka(folder: Path) -> Iterator[HostKafka]:
    """A broker for as long as the block lasts."""
    passwords = {user: f"{user}-{secrets.token_hex(8)}" for user in ("broker", PROVISIONER, TEST)}
    users = " ".join(f'user_{user}="{password}"' for user, password in passwords.items())
    own = f'username="broker" password="{passwords["broker"]}"'
    settings = {
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {own} {users};"
        ),
    }
    host = str(running_cluster()["host_address"])
    with KafkaServer(folder / "kafka", host=host, settings=settings, log_requests=True) as broker:
        yield HostKafka(broker, passwords)
