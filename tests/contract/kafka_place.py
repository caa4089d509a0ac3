"""A Kafka of several brokers as tests see it: its administrator, its users, and what they may do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from backbone.adapters.kafka.connection import KafkaConnection
from backbone.adapters.kafka.settings import KafkaSettings, from_keys
from backbone.ports.stream import KafkaFault, KafkaTrouble
from services.kafka_cluster import ADMIN, MECHANISM, KafkaCluster

PATIENCE = 60.0
"""For what a test prepares; what it tests has deadlines of its own."""
SECONDS = 20.0
"""A deadline of the product's that a broker keeps on a busy machine."""
ROUNDS = 4096
DESCRIBE, CREATE = AclOperation.DESCRIBE, AclOperation.CREATE


@dataclass
class KafkaPlace:
    """Three brokers and the administrator of them."""

    cluster: KafkaCluster

    @cached_property
    def admin(self) -> AdminClient:
        """A client of the test's own, beside those of the product."""
        return AdminClient(self.settings().parameters())

    def keys(self, user: str = ADMIN, password: str | None = None) -> dict[str, str]:
        """What the Secret of a user says."""
        return {
            "bootstrapServers": self.cluster.uri(),
            "securityProtocol": "SASL_SSL",
            "saslMechanism": MECHANISM,
            "username": user,
            "password": self.cluster.password if password is None else password,
            "ca.crt": (self.cluster.certificates / "ca.crt").read_text(),
        }

    def settings(self, user: str = ADMIN, password: str | None = None) -> KafkaSettings:
        """The same, as the product reads it."""
        return from_keys("stream", self.keys(user, password))

    def add_user(self, name: str, password: str) -> None:
        """Add a user, or change the password of one; every broker knows it afterwards."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ROUNDS)
        change = UserScramCredentialUpsertion(name, credential, password.encode(), os.urandom(16))
        settled(self.admin.alter_user_scram_credentials([change]))
        self._until_found(self.settings(name, password), None)

    def remove_user(self, name: str, password: str) -> None:
        """Take a user away, of every broker; open sessions stay until they have to log in again."""
        change = UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512)
        settled(self.admin.alter_user_scram_credentials([change]))
        self._until_found(self.settings(name, password), KafkaFault.AUTHENTICATION_FAILED)

    def _until_found(self, settings: KafkaSettings, fault: KafkaFault | None) -> None:
        """Wait until each broker answers a login so: what one of them confirmed reaches the others later."""
        until = time.monotonic() + PATIENCE
        for server in settings.servers:
            while (answer := found(replace(settings, servers=(server,)))[0]) is not fault:
                assert time.monotonic() < until, f"{server} answers {answer}"
                time.sleep(0.1)

    def allow(
        self, user: str, operations: Iterable[AclOperation], topic: str, *, prefix: bool = False
    ) -> None:
        """Let a user do something with a topic, or with those whose names begin so."""
        settled(
            self.admin.create_acls([_binding(user, operation, topic, prefix) for operation in operations])
        )

    def forbid(self, user: str, operation: AclOperation, topic: str, *, prefix: bool = False) -> None:
        """Take a right away again."""
        given = _binding(user, operation, topic, prefix)
        settled(
            self.admin.delete_acls(
                [
                    AclBindingFilter(
                        given.restype,
                        given.name,
                        given.resource_pattern_type,
                        given.principal,
                        given.host,
                        given.operation,
                        given.permission_type,
                    )
                ]
            )
        )


def checked(settings: KafkaSettings, seconds: float = SECONDS) -> KafkaTrouble | None:
    """What a look finds; its message keeps the password."""
    connection = KafkaConnection(lambda: settings)
    try:
        trouble = connection.check(seconds)
    finally:
        connection.close()
    assert trouble is None or settings.password is None or settings.password not in trouble.message
    return trouble


def found(settings: KafkaSettings, seconds: float = SECONDS) -> tuple[KafkaFault | None, str]:
    trouble = checked(settings, seconds)
    return (None, "") if trouble is None else (trouble.fault, trouble.message)


def settled(futures: dict[Any, Any]) -> list[Any]:
    """What all calls give; each that fails, fails the test."""
    return [future.result(PATIENCE) for future in futures.values()]


def tried(futures: dict[Any, Any]) -> list[int | None]:
    """The code of each call's failure; None of those that did well."""

    def code(call: Callable[[float], Any]) -> int | None:
        try:
            call(PATIENCE)
        except KafkaException as error:
            return int(error.args[0].code())
        return None

    return [code(future.result) for future in futures.values()]


def _binding(user: str, operation: AclOperation, topic: str, prefix: bool) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
    allow = AclPermissionType.ALLOW
    return AclBinding(ResourceType.TOPIC, topic, pattern, f"User:{user}", "*", operation, allow)
