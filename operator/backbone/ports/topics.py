"""Topics of Kafka as a planner sees them: desired, as Kafka describes them, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ..documented import Documented

CREATED_WITH = {"message.timestamp.type": "LogAppendTime"}
"""Of the topics that we create: the broker's time, or retention deletes events that are sent late."""


class Management(StrEnum):
    """What is done about a topic that exists or is missing."""

    CREATE_ONLY = "CreateOnly"
    RECONCILE = "Reconcile"
    OBSERVE = "Observe"


class TopicWord(Documented):
    """What Kafka has of a planned topic; the worst first."""

    REPLACED = ("Replaced", "Somebody deleted the topic and created it again: its records are gone.")
    NOT_AUTHORIZED = (
        "NotAuthorized",
        "The user lacks a right on the topic; the message has the right to add.",
    )
    NAME_INVALID = ("NameInvalid", "Kafka does not accept the topic's name.")
    NAME_COLLIDES = ("NameCollides", "Another topic's name differs only by . and _, which Kafka refuses.")
    REPLICATION_IMPOSSIBLE = (
        "ReplicationImpossible",
        "The topic requires more replicas than there are brokers.",
    )
    CONFIG_INVALID = (
        "ConfigInvalid",
        "Kafka does not know a key of the topic's config, or refuses its value.",
    )
    REFUSED_BY_POLICY = (
        "RefusedByPolicy",
        "A policy of the brokers refuses the topic; the message is Kafka's.",
    )
    FAILED = ("Failed", "Kafka refused the topic for another reason, which the message has.")
    MISSING = ("Missing", "The topic does not exist, and the spec says not to create it.")
    QUOTA_EXCEEDED = ("QuotaExceeded", "A quota of the brokers delays the topic; the next check continues.")
    FEWER_PARTITIONS = ("FewerPartitions", "The topic has fewer partitions than the spec.")
    MORE_PARTITIONS = (
        "MorePartitions",
        "The topic has more partitions than the spec; Kafka cannot remove any.",
    )
    REPLICATION_DIFFERS = ("ReplicationDiffers", "The topic has another number of replicas than the spec.")
    DRIFTED = ("Drifted", "A key of the topic's config has another value than the spec.")
    PLANNED = ("Planned", "No check has seen the topic yet.")
    READY = ("Ready", "The topic exists as the spec describes it.")


@dataclass(frozen=True, slots=True)
class PlannedTopic:
    """A topic as it is desired. `config` has the keys that the spec names; `keyed`: its events have keys."""

    name: str
    partitions: int
    replicas: int | None = None
    config: Mapping[str, str] = field(default_factory=dict, hash=False)
    management: Management = Management.CREATE_ONLY
    keyed: bool = False

    @property
    def created_with(self) -> dict[str, str]:
        """The config that a topic of this plan is created with."""
        return {**CREATED_WITH, **self.config}


@dataclass(frozen=True, slots=True)
class Described:
    """A topic that exists. `config` is None where the user may not read it, or nobody asked for it."""

    identity: str
    partitions: int
    replicas: int
    config: Mapping[str, str | None] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Kafka said instead of doing something."""

    word: TopicWord
    message: str


Seen = Described | Refusal | None
"""A topic as Kafka described it, why it did not, or None: there is no such topic."""


class Topics(Protocol):
    """Topics of one Kafka. Each call raises KafkaUnavailable where Kafka cannot be asked.

    What Kafka refuses of one topic is a value; a topic that a call does not name in its answer did well.
    """

    def describe(self, topics: Sequence[PlannedTopic]) -> dict[str, Seen]:
        """Each of these topics as it is now; with its config where the plan names keys of it."""
        ...

    def create(self, topics: Sequence[PlannedTopic]) -> dict[str, Refusal]:
        """Create topics; those that exist are left as they are."""
        ...

    def grow(self, partitions: Mapping[str, int]) -> dict[str, Refusal]:
        """Add partitions to topics, up to these numbers."""
        ...

    def configure(self, configs: Mapping[str, Mapping[str, str]]) -> dict[str, Refusal]:
        """Set keys of the configs of topics; all other keys stay."""
        ...

    def delay(self) -> float:
        """How many seconds from now Kafka answers nothing, since a quota of the user's is used up."""
        ...
