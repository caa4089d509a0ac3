"""What is wrong with an object is told in its writer's words, and with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from backbone.databackbone.api import DataBackboneSpec
from backbone.ingestplan.api import IngestPlanSpec
from backbone.manifest.complaints import complaints


def plan(**changes: Any) -> dict[str, Any]:
    bars = {"provider": "Sample", "symbols": ["AAPL"]}
    return {"backboneRef": {"name": "market"}, "schedule": "@daily", "dailyBars": bars} | changes


def bars(**changes: Any) -> dict[str, Any]:
    return plan(dailyBars={"provider": "Sample", "symbols": ["AAPL"]} | changes)


def of(model: type[BaseModel], content: object) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(content)
    return complaints("spec", model, caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(
            bars(symbols=[]), "spec.dailyBars.symbols: is empty; name at least one", id="an empty list"
        ),
        pytest.param(
            plan(backboneRef="market"),
            "spec.backboneRef: is a text; write it as {name: …}",
            id="a text for a mapping",
        ),
        pytest.param(
            plan(dailyBars=["AAPL"]),
            "spec.dailyBars: is a list; write it as {provider: …, symbols: …}",
            id="a list for a mapping",
        ),
        pytest.param(
            bars(symbols="AAPL"),
            "spec.dailyBars.symbols: is a text; write it as a list: [AAPL]",
            id="a text for a list",
        ),
        pytest.param(
            bars(symbols=["aapl"]),
            "spec.dailyBars.symbols[0]: 'aapl' is not a symbol; use capitals, digits and . ^ = & / _ -",
            id="a wrong entry is told once, and not as an empty list too",
        ),
        pytest.param(
            plan(dailybars={}),
            "unknown field spec.dailybars (did you mean dailyBars?); remove it or correct its spelling",
            id="a field in the wrong case",
        ),
        pytest.param(
            bars(symbolz=["IBM"]),
            "unknown field spec.dailyBars.symbolz (did you mean symbols?); remove it or correct its spelling",
            id="a misspelt field inside a section",
        ),
        pytest.param(
            bars(colour="red"),
            "unknown field spec.dailyBars.colour; remove it or correct its spelling",
            id="a field that is like no other",
        ),
        pytest.param(
            bars(provider="Bloomberg"),
            "spec.dailyBars.provider: 'Bloomberg' is unknown; use 'Sample' or 'Yahoo'",
            id="an unknown word",
        ),
        pytest.param(
            bars(lookbackDays=0), "spec.dailyBars.lookbackDays: is 0; use at least 1", id="too small"
        ),
        pytest.param(
            bars(lookbackDays="3"),
            "spec.dailyBars.lookbackDays: is a text; write a whole number",
            id="a text for a number",
        ),
        pytest.param(
            bars(required="yes"),
            "spec.dailyBars.required: is a text; write true or false",
            id="a text for a truth",
        ),
        pytest.param(
            bars(symbols=["A", "A"]),
            "spec.dailyBars.symbols: named twice: A; name each once",
            id="our own sentences stay",
        ),
        pytest.param(
            bars(symbols=["a", "b", "c", "d", "e"]),
            "; and 2 more",
            id="of many, three are told",
        ),
    ],
)
def test_a_plan(content: dict[str, Any], told: str) -> None:
    said = of(IngestPlanSpec, content)
    assert said == told or (told.startswith("; and") and said.endswith(told))


def test_a_quantity_is_told_how_it_is_written() -> None:
    said = of(DataBackboneSpec, {"bootstrap": {"storage": {"size": "1GB"}}})
    assert said == "spec.bootstrap.storage.size: '1GB' is not a quantity; write it as 10Gi or 500M"


def test_a_long_text_is_shown_by_its_beginning() -> None:
    said = of(IngestPlanSpec, bars(provider="x" * 500))
    assert len(said) < 120
    assert "…" in said


@pytest.mark.parametrize(
    ("kafka", "told"),
    [
        pytest.param(
            {"topics": [{"name": "a b"}]},
            "spec.kafka.topics[0].name: 'a b' is not a topic's name; use letters, digits and . _ -",
            id="a topic's name",
        ),
        pytest.param(
            {"topicPrefix": "a/"},
            "spec.kafka.topicPrefix: 'a/' is not a prefix of topics' names; use letters, digits and . _ -, "
            "no dot first",
            id="a prefix",
        ),
        pytest.param(
            {"topics": [{"name": "a", "config": {"retention.ms": "<1"}}]},
            "spec.kafka.topics[0].config.retention.ms: '<1' is no value of a topic config; use letters, "
            "digits, blanks and . , : ; _ * / = + @ % -",
            id="a value of a config",
        ),
    ],
)
def test_what_kafka_does_not_take_is_told_with_what_it_takes(kafka: dict[str, Any], told: str) -> None:
    assert of(DataBackboneSpec, {"kafka": {"connection": {"secretName": "kafka"}, **kafka}}) == told
