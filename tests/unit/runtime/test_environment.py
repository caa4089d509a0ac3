"""Which of variables and spec counts, and that a word which is not one is refused by name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from backbone.databackbone.api import DataBackboneSpec
from backbone.errors import Rejected
from backbone.ingestplan.api import IngestPlanSpec
from backbone.manifest.objects import Backbone, Plan
from backbone.parts.kafka.topics import planned
from backbone.runtime.environment import AUTO_CREATE_TOPICS, Effective, auto_create_topics
from backbone.runtime.ingesting import plan_metadata

FIRST, SECOND = AUTO_CREATE_TOPICS


def backbone(in_cluster: bool = False, **kafka: object) -> Backbone:
    section = {"connection": {"secretName": "kafka"}, **kafka}
    return Backbone("market", DataBackboneSpec.model_validate({"kafka": section}), in_cluster=in_cluster)


def counts(given: Backbone, environment: Mapping[str, str]) -> tuple[bool, str]:
    found = auto_create_topics(given, environment)
    assert isinstance(found, Effective)
    assert found.name == "autoCreateTopics"
    return found.value, found.origin


def test_the_names_are_those_of_the_documentation() -> None:
    assert AUTO_CREATE_TOPICS == ("KAFKA_INGEST_AUTO_CREATE_TOPICS", "KAFKA_AUTO_CREATE_TOPICS")


@pytest.mark.parametrize(
    ("given", "environment", "value", "origin"),
    [
        ({}, {}, True, "default"),
        ({"autoCreateTopics": True}, {}, True, "spec.kafka.autoCreateTopics"),
        ({"autoCreateTopics": False}, {}, False, "spec.kafka.autoCreateTopics"),
        ({"autoCreateTopics": False}, {SECOND: "1"}, True, SECOND),
        ({"autoCreateTopics": True}, {FIRST: "0"}, False, FIRST),
        ({"autoCreateTopics": True}, {SECOND: "yes", FIRST: "no"}, False, FIRST),
        ({}, {SECOND: "off", FIRST: "on"}, True, FIRST),
        ({}, {SECOND: "off", FIRST: ""}, False, SECOND),
        ({"autoCreateTopics": False}, {SECOND: "", FIRST: ""}, False, "spec.kafka.autoCreateTopics"),
    ],
)
def test_the_first_that_is_set_counts(
    given: dict[str, object], environment: dict[str, str], value: bool, origin: str
) -> None:
    assert counts(backbone(**given), environment) == (value, origin)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((word, True) for word in ("1", "true", "yes", "on", "TRUE", "Yes", "oN")),
        *((word, False) for word in ("0", "false", "no", "off", "False", "NO", "Off")),
    ],
)
@pytest.mark.parametrize("variable", AUTO_CREATE_TOPICS)
def test_the_words(variable: str, word: str, value: bool) -> None:
    assert counts(backbone(autoCreateTopics=not value), {variable: word}) == (value, variable)


@pytest.mark.parametrize("word", [" ", "2", "y", "enabled", "true ", "none", "x" * 999])
@pytest.mark.parametrize("variable", AUTO_CREATE_TOPICS)
def test_another_word_is_refused_by_variable_value_and_words(variable: str, word: str) -> None:
    with pytest.raises(Rejected) as caught:
        auto_create_topics(backbone(), {FIRST: "1", variable: word})
    message = str(caught.value)
    assert f"{variable} is {word[:40]!r}" in message
    assert "1, true, yes, on or 0, false, no, off" in message
    assert len(message) < 200


def test_in_a_cluster_the_spec_alone_counts() -> None:
    given = {FIRST: "nonsense", SECOND: "0"}
    assert counts(backbone(in_cluster=True), given) == (True, "default")
    in_spec = backbone(in_cluster=True, autoCreateTopics=False)
    assert counts(in_spec, {FIRST: "1"}) == (False, "spec.kafka.autoCreateTopics")


PLAN = {"backboneRef": {"name": "market"}, "schedule": "@daily"}
DAILY = {"provider": "Sample", "symbols": ["AAPL"]}


def plan(of: Backbone) -> Plan:
    asked = {"dailyBars": DAILY, "macroSeries": {"provider": "Sample", "series": ["GDP"]}}
    return Plan("bars", 1, IngestPlanSpec.model_validate({**PLAN, **asked}), of)


def test_a_plan_comes_to_the_topics_of_its_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = ["emp.ingest.dailyBars", "emp.ingest.macroSeries"]
    found = plan(backbone(topicPrefix="emp.", topics=[{"name": "quotes"}]))
    assert plan_metadata(found) == {"topics": topics, "autoCreateTopics": True}
    assert set(topics) < {topic.name for topic in planned([], "emp.")}
    monkeypatch.setenv(SECOND, "off")
    assert plan_metadata(found) == {"topics": topics, "autoCreateTopics": False}
    assert plan_metadata(plan(Backbone("market", DataBackboneSpec.model_validate({})))) == {}


def test_without_kafka_there_is_nothing_to_say() -> None:
    without = Backbone("market", DataBackboneSpec.model_validate({}))
    assert auto_create_topics(without, {FIRST: "nonsense"}) is None
