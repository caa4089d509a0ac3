"""The section spec.kafka by value: what it plans, who provisions it, and what it does to the tier."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from support.topics import section

from backbone.databackbone.api import DataBackboneSpec
from backbone.databackbone.kafka_spec import Kafka, ManagementName, topics_request_of
from backbone.parts.kafka.topics import OURS, PARTITIONS, TopicEntry, planned
from backbone.ports.topics import Management

SERVICES = {name: {"connection": {"secretName": name.lower()}} for name in ("timescale", "redis", "kafka")}


def kafka(**more: Any) -> Kafka:
    found = section(**more).kafka
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("services", "tier"),
    [
        (("timescale", "redis", "kafka"), "Institutional"),
        (("timescale", "redis"), "Bootstrap"),
        (("timescale", "kafka"), "Bootstrap"),
        (("kafka",), "Bootstrap"),
        ((), "Bootstrap"),
    ],
    ids=" and ".join,
)
@pytest.mark.parametrize("mode", ["Auto", "Bootstrap"])
def test_auto_asks_for_institutional_once_every_service_is_configured(
    mode: str, services: tuple[str, ...], tier: str
) -> None:
    spec = DataBackboneSpec.model_validate({"mode": mode, **{name: SERVICES[name] for name in services}})
    assert spec.requested_tier == (tier if mode == "Auto" else "Bootstrap")


def test_entries_are_planned_as_the_spec_names_them() -> None:
    config = {"retention.ms": "1000"}
    given = [
        {"name": "orders", "partitions": 3, "replicas": 2, "config": config, "management": "Reconcile"},
        {"name": "dead-letters"},
    ]
    found = kafka(topicPrefix="desk.", topics=given)
    assert found.entries == (
        TopicEntry("orders", 3, 2, config, Management.RECONCILE),
        TopicEntry("dead-letters", PARTITIONS, None, {}, Management.CREATE_ONLY),
    )
    names = [topic.name for topic in planned(found.entries, found.topic_prefix)]
    assert names == [f"desk.{name}" for name in (*OURS, "orders")]


def test_the_api_has_every_management_that_there_is() -> None:
    assert get_args(ManagementName) == tuple(Management)


def test_topics_are_provisioned_by_the_admin_where_there_is_one() -> None:
    assert kafka().provisioner.secret_name == "kafka"
    assert kafka(admin={"connection": {"secretName": "chief"}}).provisioner.secret_name == "chief"


@pytest.mark.parametrize(
    "change",
    [
        {"topicPrefix": "desk."},
        {"autoCreateTopics": False},
        {"admin": {"connection": {"secretName": "chief"}}},
        {"topics": [{"name": "orders"}]},
        {"topics": [{"name": "dead-letters", "config": {"retention.ms": "1000"}}]},
    ],
    ids=["prefix", "creation", "admin", "a topic", "a config"],
)
def test_every_change_of_the_section_is_another_request(change: dict[str, Any]) -> None:
    assert topics_request_of(kafka(**change)) != topics_request_of(kafka())
    assert topics_request_of(kafka(**change)) == topics_request_of(kafka(**change))
