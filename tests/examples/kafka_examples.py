"""Backbones on Kafka that the API takes and refuses; api_examples has all tables in one."""

from __future__ import annotations

from typing import Any

from example_objects import PATTERN, UNKNOWN, Document, Example, backbone

CONNECTION = {"secretName": "kafka"}


def kafka(**fields: Any) -> Document:
    """A bootstrap backbone on Kafka; more fields are those of its section."""
    return backbone({"kafka": {"connection": CONNECTION, **fields}})


def topic(**fields: Any) -> Document:
    return kafka(topics=[{"name": "orders", **fields}])


def topics(count: int, length: int = 8, **fields: Any) -> Document:
    """Topics with names of this length, each with the same fields."""
    return kafka(topics=[{"name": f"{number:05}".ljust(length, "x"), **fields} for number in range(count)])


def largest() -> Document:
    """As many topics as are taken, with every field at its limit and as much text as is taken in all."""
    value = {"retention.bytes": "9" * 12}
    return topics(1000, 95, partitions=10_000, replicas=32_767, config=value, management="CreateOnly")


TOO_FEW = "config has min.insync.replicas above replicas"
NOT_ACCEPTED = "Kafka does not accept the names . and .."
TOO_MUCH = "the names and configs of kafka.topics have more than 128000 characters"
KEY = "a key of config is a name"

ACCEPTED = (
    Example("Kafka beside the bootstrap tier", kafka()),
    Example(
        "every service, and Auto asks for Institutional",
        backbone(
            {
                "timescale": {"connection": {"secretName": "db"}},
                "redis": {"connection": {"secretName": "cache"}},
                "kafka": {"connection": CONNECTION},
            }
        ),
    ),
    Example("a user of its own for topics", kafka(admin={"connection": {"secretName": "kafka-admin"}})),
    Example("a prefix", kafka(topicPrefix="desk-1.prod_")),
    Example("no topic is created", kafka(autoCreateTopics=False)),
    Example("a topic by its name alone", topic()),
    Example("a topic of ours with other settings", kafka(topics=[{"name": "dead-letters", "partitions": 1}])),
    Example(
        "a topic with everything",
        topic(
            partitions=12,
            replicas=3,
            management="Reconcile",
            config={"retention.ms": "-1", "cleanup.policy": "compact,delete", "min.insync.replicas": "3"},
        ),
    ),
    Example(
        "min.insync.replicas beside the brokers' own replicas", topic(config={"min.insync.replicas": "2"})
    ),
    Example("a number that Kafka has to refuse", topic(replicas=1, config={"min.insync.replicas": "two"})),
    Example(
        "names that differ by a dot are for Kafka to say", kafka(topics=[{"name": "a.b"}, {"name": "a_b"}])
    ),
    Example("a thousand topics", topics(1000)),
    Example("a thousand topics with as much text as there is room for", largest()),
    Example("the longest name of a topic", kafka(topics=[{"name": "x" * 249}])),
    Example("Kafka that is taken away", backbone({}), before=kafka()),
)

REJECTED = (
    Example(
        "Kafka without a connection",
        backbone({"kafka": {}}),
        "connection: Field required",
        "kafka.connection: Required value",
    ),
    Example(
        "Kafka without a Secret",
        kafka(connection={}),
        "secretName: Field required",
        "secretName: Required value",
    ),
    Example(
        "brokers in the place of a name",
        kafka(connection={"secretName": "kafka:9092"}),
        PATTERN,
        "should match",
    ),
    Example("an admin without a connection", kafka(admin={}), "Field required", "Required value"),
    Example("a prefix with a slash", kafka(topicPrefix="desk/"), PATTERN, "should match"),
    Example("a prefix of 65 characters", kafka(topicPrefix="x" * 65), "at most 64 characters", "Too long"),
    Example("a switch for topics as text", kafka(autoCreateTopics="yes"), "valid boolean", "type boolean"),
    Example("1,001 topics", topics(1001), "at most 1000 items", "spec.kafka.topics: Too many: 1001"),
    Example(
        "a topic twice",
        kafka(topics=[{"name": "orders"}, {"name": "orders", "partitions": 3}]),
        "named twice: orders",
        "Duplicate value",
    ),
    Example("more text than there is room for", topics(1000, 129), TOO_MUCH, TOO_MUCH),
    Example(
        "more config than there is room for",
        topics(1000, config={"retention.ms": "9" * 120}),
        TOO_MUCH,
        TOO_MUCH,
    ),
    Example("a topic without a name", kafka(topics=[{}]), "name: Field required", "Required value"),
    Example("a topic of no name", kafka(topics=[{"name": ""}]), "at least 1 character", "at least 1 chars"),
    Example("a topic named for a folder", kafka(topics=[{"name": ".."}]), NOT_ACCEPTED, NOT_ACCEPTED),
    Example("a topic with a space", kafka(topics=[{"name": "my orders"}]), PATTERN, "should match"),
    Example("a name of 250 characters", kafka(topics=[{"name": "x" * 250}]), "at most 249", "Too long"),
    Example("no partition", topic(partitions=0), "or equal to 1", "or equal to 1"),
    Example("partitions beyond measure", topic(partitions=10_001), "equal to 10000", "equal to 10000"),
    Example("no replica", topic(replicas=0), "or equal to 1", "or equal to 1"),
    Example("replicas as text", topic(replicas="3"), "valid integer", "must be of type integer"),
    Example(
        "more replicas to be written than there are",
        topic(replicas=2, config={"min.insync.replicas": "3"}),
        TOO_FEW,
        TOO_FEW,
    ),
    Example("a management that is none", topic(management="Delete"), "'CreateOnly'", "Unsupported value"),
    Example("a config that is a list", topic(config=["retention.ms"]), "valid dictionary", "type object"),
    Example("a number in a config", topic(config={"retention.ms": 1}), "valid string", "of type string"),
    Example("a key of a config with a space", topic(config={"retention ms": "1"}), KEY, KEY),
    Example("a key without a name", topic(config={"": "1"}), KEY, KEY),
    Example("a value with a quote", topic(config={"retention.ms": '"1"'}), PATTERN, "should match"),
    Example(
        "seventeen keys",
        topic(config={f"key.{number}": "1" for number in range(17)}),
        "at most 16 items",
        "must have at most 16 items",
    ),
    Example("a field that no topic has", topic(retention="7d"), UNKNOWN, "unknown field"),
)
