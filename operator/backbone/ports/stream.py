"""What can be wrong with Kafka behind a connection."""

from __future__ import annotations

from dataclasses import dataclass

from ..documented import Documented
from ..errors import Unreachable


class KafkaFault(Documented):
    """The first thing that is wrong, in the order in which a connection comes about."""

    INVALID_SETTINGS = ("InvalidSettings", "The Secret does not say where Kafka is, or says it wrongly.")
    SECRET_MISSING = ("SecretMissing", "The Secret of that name is not there, or has no key at all.")
    NAME_NOT_RESOLVED = ("NameNotResolved", "The host has no address.")
    CONNECTION_REFUSED = ("ConnectionRefused", "Nobody listens at the host's port.")
    TIMED_OUT = ("TimedOut", "The broker did not answer in time.")
    TLS_FAILED = ("TLSFailed", "The broker's certificate is not trusted, or one side speaks no TLS.")
    CONNECTION_LOST = ("ConnectionLost", "The connection ended in the middle.")
    AUTHENTICATION_FAILED = (
        "AuthenticationFailed",
        "The broker refused user, password, mechanism or certificate, or asks for a login.",
    )
    BROKERS_MISSING = (
        "BrokersMissing",
        "The cluster answers, and brokers that it names cannot be reached where it says that they are.",
    )
    NOT_AUTHORIZED = (
        "NotAuthorized",
        "The user may not do what is needed; the message has the right to add.",
    )
    FAILED = ("Failed", "The broker refused for another reason, which the message tells.")


@dataclass(frozen=True, slots=True)
class KafkaTrouble:
    """What is wrong, and what to do; never with a password."""

    fault: KafkaFault
    message: str


class KafkaUnavailable(Unreachable):
    """Kafka could not do what was asked."""

    def __init__(self, trouble: KafkaTrouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble

    @property
    def fault(self) -> KafkaFault:
        """What is wrong."""
        return self.trouble.fault
