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


def group(**fields: Any) -> Document:
    return kafka(consumerGroups=[{"name": "desk", "topics": ["ingest.dailyBars"], **fields}])


def groups(count: int, length: int = 8, **fields: Any) -> Document:
    """Groups with names of this length, each with the same fields and a topic."""
    names = [f"{number:05}".ljust(length, "x") for number in range(count)]
    return kafka(consumerGroups=[{"name": name, "topics": ["orders"], **fields} for name in names])


def largest_groups(topics: int = 100, length: int = 20, name: int = 32) -> list[Document]:
    """As many groups as are taken, with every number at its limit; by default with as much text as well."""
    most = {"warnRecords": 10**15, "failRecords": 10**15, "toleratedRecords": 10**15}
    names = [f"{number:02}".ljust(length, "t") for number in range(topics)]
    return [{"name": f"{at:05}".ljust(name, "g"), "topics": names, **most} for at in range(50)]


def largest(length: int = 95) -> Document:
    """As many topics as are taken, with every field at its limit; by default with as much text as well."""
    value = {"retention.bytes": "9" * 12}
    return topics(1000, length, partitions=10_000, replicas=32_767, config=value, management="CreateOnly")


TOO_FEW = "config has min.insync.replicas above replicas"
NOT_ACCEPTED = "Kafka does not accept the names . and .."
TOO_MUCH = "kafka.topics and kafka.consumerGroups have more than 128000 characters"
WARNS_FIRST = "failRecords is below warnRecords"
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
    Example("a consumer group by its name and topics", group()),
    Example("a name as frameworks choose them", group(name="connect/sink:orders@v2+a=b#1.c_d-e")),
    Example("thresholds that are equal", group(warnRecords=1, failRecords=1)),
    Example("a threshold alone", group(failRecords=10)),
    Example("a group that tolerates markers of transactions", group(toleratedRecords=6)),
    Example("fifty consumer groups", groups(50)),
    Example("consumer groups with as much text as there is room for", kafka(consumerGroups=largest_groups())),
    Example("the shortest interval of lag", kafka(lag={"intervalSeconds": 180})),
    Example("the longest interval of lag", kafka(lag={"intervalSeconds": 86_400})),
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
    *(
        Example(f"the prefix {dots}", kafka(topicPrefix=dots), PATTERN, "should match")
        for dots in (".", "..")
    ),
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
    Example("fifty-one consumer groups", groups(51), "at most 50 items", "must have at most 50 items"),
    Example(
        "a group twice",
        kafka(consumerGroups=[{"name": "desk", "topics": ["a"]}] * 2),
        "named twice: desk",
        "Duplicate value",
    ),
    Example("a group without a name", group(name=""), "at least 1 character", "at least 1 chars"),
    Example("a group with a space", group(name="my desk"), PATTERN, "should match"),
    Example("a group's name of 256 characters", group(name="x" * 256), "at most 255", "Too long"),
    Example(
        "a group that reads nothing", group(topics=[]), "at least 1 item", "should have at least 1 items"
    ),
    Example("a group without topics", kafka(consumerGroups=[{"name": "desk"}]), "Field required", "Required"),
    Example("a topic of a group twice", group(topics=["a", "a"]), "named twice: a", "Duplicate value"),
    Example(
        "a hundred and one topics of a group",
        group(topics=[f"t{number}" for number in range(101)]),
        "at most 100 items",
        "must have at most 100 items",
    ),
    Example("a topic of a group with a space", group(topics=["my orders"]), PATTERN, "should match"),
    Example(
        "a letter more than there is room for in groups",
        kafka(consumerGroups=[*largest_groups()[:-1], {**largest_groups()[-1], "name": "x" * 33}]),
        TOO_MUCH,
        TOO_MUCH,
    ),
    Example("failing before warning", group(warnRecords=10, failRecords=9), WARNS_FIRST, WARNS_FIRST),
    Example("a threshold of nothing", group(warnRecords=0), "or equal to 1", "or equal to 1"),
    Example("a threshold as text", group(failRecords="9"), "valid integer", "must be of type integer"),
    Example("less than nothing tolerated", group(toleratedRecords=-1), "or equal to 0", "or equal to 0"),
    Example("lag every second", kafka(lag={"intervalSeconds": 179}), "or equal to 180", "or equal to 180"),
    Example(
        "lag less than once a day", kafka(lag={"intervalSeconds": 86_401}), "equal to 86400", "equal to 86400"
    ),
    Example("a field that no group has", group(word="OK"), UNKNOWN, "unknown field"),
)
