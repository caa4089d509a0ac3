"""The section spec.kafka of a DataBackbone."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
    model_validator,
)

from ..naming import digest
from ..parts.kafka.topics import LONGEST_NAME, OURS, PARTITIONS, TopicEntry
from ..ports.topics import Management
from ..schema import Flag, Model, SecretName, Whole, cel, named_once

ManagementName = Literal["CreateOnly", "Reconcile", "Observe"]
BY_NAME: dict[str, JsonValue] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

MOST_TOPICS = 1000
MOST_KEYS = 16
MOST_TEXT = 128_000
"""Characters of all names and configs. `kubectl apply` keeps a copy of an object in an annotation, and the
API server takes 256 KiB of annotations: a thousand topics fit into that with everything else of a spec."""
ENTRY = 6
"""Characters around an entry of a config, as JSON has it."""
AROUND_GROUP, AROUND_NAME = 128, 4
"""Characters around a group with all its numbers, and around a name in its list of topics."""

MOST_GROUPS = 50
MOST_TOPICS_OF_A_GROUP = 100
MOST_RECORDS = 10**15

NAME_PATTERN = "^[A-Za-z0-9._-]+$"
GROUP_PATTERN = "^[A-Za-z0-9._:/@#+=-]+$"
PREFIX_PATTERN = "^([A-Za-z0-9_-][A-Za-z0-9._-]*)?$"
"""None begins with a dot: `.` and `..` are slips, of a path or of a separator without a name before it."""
KEY_PATTERN = "^[A-Za-z0-9._-]{1,128}$"
VALUE_PATTERN = "^[A-Za-z0-9 .,:;_*/=+@%-]*$"
MIN_ISR = "min.insync.replicas"

NO_KEY = "a key of config is a name of at most 128 letters, digits, dots, underscores and hyphens."
NOT_A_NAME = "Kafka does not accept the names . and .. for topics: choose another name."
TOO_FEW_REPLICAS = (
    f"config has {MIN_ISR} above replicas, so no record could be written: lower {MIN_ISR} or raise replicas."
)
TOO_MUCH_TEXT = (
    "the names and configs of kafka.topics and kafka.consumerGroups have more than "
    f"{MOST_TEXT} characters in all, and kubectl apply has no room for them: shorten names, leave out "
    "entries of config that Kafka has by default, or name fewer topics or groups."
)
FAILS_BEFORE_WARNING = "failRecords is below warnRecords: raise failRecords or lower warnRecords."

TopicName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
GroupName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=GROUP_PATTERN)]
TopicPrefix = Annotated[str, StringConstraints(max_length=64, pattern=PREFIX_PATTERN)]
ConfigValue = Annotated[str, StringConstraints(max_length=1024, pattern=VALUE_PATTERN)]


def _check_keys(config: dict[str, str]) -> dict[str, str]:
    for key in config:
        if not re.fullmatch(KEY_PATTERN, key):
            raise ValueError(NO_KEY)
    return config


Config = Annotated[dict[str, ConfigValue], Field(max_length=MOST_KEYS), AfterValidator(_check_keys)]


class KafkaConnection(Model):
    """How Kafka is reached. The Secret is mounted into Jobs and read nowhere else."""

    secret_name: SecretName = Field(
        description="Name of a Secret in the backbone's namespace. Keys: bootstrapServers, as in "
        "host:9092,other:9092; securityProtocol with PLAINTEXT (the default), SSL, SASL_PLAINTEXT or "
        "SASL_SSL; with SASL also saslMechanism (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512), username and "
        "password. Optional keys: ca.crt, and tls.crt with tls.key."
    )


class KafkaAdmin(Model):
    """The user that provisions topics."""

    connection: KafkaConnection = Field(
        description="Connection of the Job that checks and creates topics. No other Job mounts its Secret."
    )


class Topic(Model):
    """A topic as it is desired. An entry with the name of a topic of ours describes that topic."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!(self.name in ['.', '..'])", NOT_A_NAME),
            (
                f"!has(self.replicas) || !has(self.config) || !('{MIN_ISR}' in self.config) || "
                f"!self.config['{MIN_ISR}'].matches('^[0-9]{{1,9}}$') || "
                f"int(self.config['{MIN_ISR}']) <= self.replicas",
                TOO_FEW_REPLICAS,
            ),
        )
    )

    name: TopicName = Field(description="Name of the topic without kafka.topicPrefix.")
    partitions: Whole = Field(
        default=PARTITIONS, ge=1, le=10_000, description="Desired number of partitions."
    )
    replicas: Whole | None = Field(
        default=None,
        ge=1,
        le=32_767,
        description="Desired number of replicas of each partition. If omitted, the default of the brokers, "
        "and the number of an existing topic is not compared.",
    )
    config: Config | None = Field(
        default=None,
        description="Desired config of the topic: key and value as Kafka names them, for example "
        'retention.ms: "604800000". Keys that are not listed are not compared.',
        json_schema_extra=cel((f"self.all(key, key.matches('{KEY_PATTERN}'))", NO_KEY)),
    )
    management: ManagementName = Field(
        default="CreateOnly",
        description="What may be changed. CreateOnly creates the topic if it does not exist, and never "
        "alters one. Reconcile also adds partitions and sets the listed keys of config. Observe changes "
        "nothing. No topic is ever deleted.",
    )

    @field_validator("name")
    @classmethod
    def _accepted_by_kafka(cls, name: str) -> str:
        if name in {".", ".."}:
            raise ValueError(NOT_A_NAME)
        return name

    @model_validator(mode="after")
    def _replicas_suffice(self) -> Self:
        least = (self.config or {}).get(MIN_ISR, "")
        if self.replicas is not None and re.fullmatch("[0-9]{1,9}", least) and int(least) > self.replicas:
            raise ValueError(TOO_FEW_REPLICAS)
        return self


class ConsumerGroup(Model):
    """A consumer group whose lag is watched."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.warnRecords) || !has(self.failRecords) || self.failRecords >= self.warnRecords",
                FAILS_BEFORE_WARNING,
            ),
        )
    )

    name: GroupName = Field(description="Name of the consumer group, its group.id.")
    topics: tuple[TopicName, ...] = Field(
        min_length=1,
        max_length=MOST_TOPICS_OF_A_GROUP,
        json_schema_extra={"x-kubernetes-list-type": "set"},
        description="Topics that the group reads, without kafka.topicPrefix.",
    )
    warn_records: Whole | None = Field(
        default=None,
        ge=1,
        le=MOST_RECORDS,
        description="Number of unread records from which readiness is Warn. It does not change the word of "
        "the group. If omitted, the word alone counts.",
    )
    fail_records: Whole | None = Field(
        default=None,
        ge=1,
        le=MOST_RECORDS,
        description="Number of unread records from which readiness is Fail; at least warnRecords. It does "
        "not change the word of the group. If omitted, the word alone counts.",
    )
    tolerated_records: Whole = Field(
        default=0,
        ge=0,
        le=MOST_RECORDS,
        description="Number of unread records per partition that count as no lag. Set it to 1 or more for "
        "topics with transactions, where the last offset is a marker that no consumer reads.",
    )

    @field_validator("topics")
    @classmethod
    def _named_once(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        return named_once(topics)

    @model_validator(mode="after")
    def _warns_first(self) -> Self:
        warn, fail = self.warn_records, self.fail_records
        if warn is not None and fail is not None and fail < warn:
            raise ValueError(FAILS_BEFORE_WARNING)
        return self


class LagSettings(Model):
    """How often the lag of consumer groups is sampled."""

    interval_seconds: Whole = Field(
        default=900,
        ge=180,
        le=86_400,
        description="Seconds between the end of one look at the lag and the start of the next. A look takes "
        "about a minute. After three intervals without a look the word is Unknown.",
    )


Named = Topic | ConsumerGroup


def _text_of(topic: Topic) -> int:
    return len(topic.name) + sum(len(key) + len(value) + ENTRY for key, value in (topic.config or {}).items())


def _text_of_group(group: ConsumerGroup) -> int:
    return len(group.name) + AROUND_GROUP + sum(len(name) + AROUND_NAME for name in group.topics)


class Kafka(Model):
    """Kafka, which carries events. Without it rows are stored and read as before."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.topics.map(topic, size(topic.name) + (has(topic.config) ? topic.config.map(key, "
                f"size(key) + size(topic.config[key]) + {ENTRY}).sum() : 0)).sum() + "
                f"self.consumerGroups.map(group, size(group.name) + {AROUND_GROUP} + group.topics.map(name, "
                f"size(name) + {AROUND_NAME}).sum()).sum() <= {MOST_TEXT}",
                TOO_MUCH_TEXT,
            ),
        )
    )

    connection: KafkaConnection = Field(description="Connection to Kafka.")
    admin: KafkaAdmin | None = Field(
        default=None,
        description="A user of its own for topics. If omitted, the Job that provisions topics uses "
        "kafka.connection.",
    )
    topic_prefix: TopicPrefix = Field(
        default="",
        description="Prefix of the name of every topic. Give each backbone a prefix of its own if several "
        "use one Kafka.",
    )
    auto_create_topics: Flag = Field(
        default=True,
        description="If true, topics that do not exist are created. If false, they are reported as Missing.",
    )
    topics: tuple[Topic, ...] = Field(
        default=(),
        max_length=MOST_TOPICS,
        json_schema_extra=BY_NAME,
        description=f"Topics besides those that every backbone has, {', '.join(OURS)}; or other settings of "
        "those.",
    )
    consumer_groups: tuple[ConsumerGroup, ...] = Field(
        default=(),
        max_length=MOST_GROUPS,
        json_schema_extra=BY_NAME,
        description="Consumer groups whose lag is watched. Without any, nobody looks at lag.",
    )
    lag: LagSettings = Field(
        default_factory=LagSettings, description="How often the lag of consumer groups is sampled."
    )

    @field_validator("topics", "consumer_groups")
    @classmethod
    def _named_once(cls, entries: tuple[Named, ...]) -> tuple[Named, ...]:
        named_once(tuple(entry.name for entry in entries))
        return entries

    @model_validator(mode="after")
    def _fits_an_apply(self) -> Self:
        if sum(map(_text_of, self.topics)) + sum(map(_text_of_group, self.consumer_groups)) > MOST_TEXT:
            raise ValueError(TOO_MUCH_TEXT)
        return self

    @property
    def entries(self) -> tuple[TopicEntry, ...]:
        """The topics of the spec, as they are planned from."""
        return tuple(
            TopicEntry(
                name=topic.name,
                partitions=topic.partitions,
                replicas=topic.replicas,
                config=dict(topic.config or {}),
                management=Management(topic.management),
            )
            for topic in self.topics
        )

    def topics_of(self, group: ConsumerGroup) -> tuple[str, ...]:
        """Names of the topics of a group as Kafka has them, with the prefix."""
        return tuple(f"{self.topic_prefix}{topic}" for topic in group.topics)

    @property
    def provisioner(self) -> KafkaConnection:
        """The connection of the Job that provisions topics."""
        return self.admin.connection if self.admin is not None else self.connection


def topics_request_of(kafka: Kafka) -> str:
    """Hash of what the section says of topics, and of the topics that this version plans by itself.

    A report with another hash belongs to another spec, or to a worker of another version.
    """
    said = kafka.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"consumer_groups", "lag"})
    return _hash_of([list(OURS), said])


def lag_request_of(kafka: Kafka) -> str:
    """Hash of what a look at lag goes by: connection, prefix and groups, without the groups' thresholds.

    A report with another hash belongs to another spec, or to a worker of another version.
    """
    groups = sorted([item.name, list(item.topics), item.tolerated_records] for item in kafka.consumer_groups)
    return _hash_of([kafka.connection.secret_name, kafka.topic_prefix, groups])


def _hash_of(dumped: object) -> str:
    return digest(json.dumps(dumped, sort_keys=True), length=16)
