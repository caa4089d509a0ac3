"""A model as a structural schema: what is translated, and what is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import pytest
from pydantic import ConfigDict, Field

from backbone.crds.structural import SchemaError, structural
from backbone.schema import Model, ObjectName, cel


class Inner(Model):
    """An inner object."""

    model_config = ConfigDict(json_schema_extra=cel(("self.size > 0", "make size positive.")))

    size: int = Field(default=3, ge=1, le=9, description="How large.")
    label: ObjectName | None = Field(default=None, description="What it is called.")


class Outer(Model):
    """An outer object."""

    inner: Inner = Field(default_factory=Inner, description="Settings.")
    maybe: Inner | None = Field(default=None, description="More settings.")
    choice: Literal["One"] = Field(description="The only choice.")
    when_done: datetime | None = Field(default=None, description="When (UTC).")
    names: tuple[ObjectName, ...] = Field(default=(), max_length=5, description="Names.")


@pytest.fixture(scope="module")
def outer() -> dict[str, Any]:
    return structural(Outer)


def test_references_are_inlined_and_the_field_keeps_its_own_description(outer: dict[str, Any]) -> None:
    maybe = outer["properties"]["maybe"]
    assert maybe["type"] == "object"
    assert maybe["description"] == "More settings."
    assert list(maybe["properties"]) == ["size", "label"]


def test_an_optional_field_is_left_out_rather_than_null(outer: dict[str, Any]) -> None:
    assert outer["required"] == ["choice"]
    for field in (outer["properties"]["maybe"], outer["properties"]["maybe"]["properties"]["label"]):
        assert field.keys().isdisjoint({"anyOf", "nullable", "default"})


def test_a_default_section_is_spelled_out_so_that_its_rules_hold_on_it(outer: dict[str, Any]) -> None:
    assert outer["properties"]["inner"]["default"] == {"size": 3}


def test_a_const_becomes_an_enum(outer: dict[str, Any]) -> None:
    choice = outer["properties"]["choice"]
    assert choice["enum"] == ["One"]
    assert "const" not in choice


def test_integers_and_times_carry_their_format(outer: dict[str, Any]) -> None:
    size = outer["properties"]["inner"]["properties"]["size"]
    assert size == {
        "type": "integer",
        "description": "How large.",
        "default": 3,
        "minimum": 1,
        "maximum": 9,
        "format": "int64",
    }
    assert outer["properties"]["whenDone"]["format"] == "date-time"


def test_rules_stay_on_their_object(outer: dict[str, Any]) -> None:
    rules = outer["properties"]["inner"]["x-kubernetes-validations"]
    assert rules == [{"rule": "self.size > 0", "message": "make size positive."}]


def test_what_the_api_server_refuses_is_gone(outer: dict[str, Any]) -> None:
    assert outer.keys().isdisjoint({"$defs", "title", "additionalProperties"})
    assert "$ref" not in repr(outer)


def test_without_defaults_nothing_is_filled_in() -> None:
    assert "'default'" not in repr(structural(Outer, defaults=False))


def model_with(annotation: Any, **field: Any) -> type[Model]:
    body = {"__annotations__": {"thing": annotation}, "thing": Field(**field), "__doc__": "X."}
    return type("Sketch", (Model,), body)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (model_with(int), "Sketch.thing: a field needs a description"),
        (model_with(str, description="Text."), "Sketch.thing: a string needs max_length"),
        (model_with(tuple[int, ...], description="Numbers."), "Sketch.thing: a list needs max_length"),
        (
            model_with(tuple[str, ...], description="Texts.", max_length=3),
            r"Sketch.thing\[\]: a string needs max_length",
        ),
        (model_with(dict[str, int], description="Numbers."), "Sketch.thing: a map needs max_length"),
        (
            model_with(dict[str, str], description="Texts.", max_length=3),
            r"Sketch.thing.\*: a string needs max_length",
        ),
        (model_with(int | Literal["max"], description="Either."), "Sketch.thing: a union"),
        (model_with(Any, description="Anything."), "Sketch.thing: a union or an untyped value"),
    ],
    ids=[
        "a field nobody described",
        "a string without bound",
        "a list without bound",
        "a list of strings without bound",
        "a map without bound",
        "a map of strings without bound",
        "a union of types",
        "a value of any type",
    ],
)
def test_generation_fails_on_what_says_too_little(model: type[Model], complaint: str) -> None:
    with pytest.raises(SchemaError, match=complaint):
        structural(model)
