"""The fullest status that a kind can have: the API server takes it, and etcd has room for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from backbone.conditions import MESSAGE_LIMIT, condition, transition
from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from backbone.schema import Resource
from backbone.vocabulary import ConditionType, Outcome, Reason

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MOST_CONDITIONS = 32
ETCD_BYTES = 1_572_864
"""What etcd takes in one request, by default; the object is one, spec and managedFields included."""
LARGEST = 2**63 - 1
LONGEST_KEY = 64
"""No schema bounds the keys of a map; those of ours are words."""

RESOURCE = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)


def schema_of(resource: Resource) -> dict[str, Any]:
    root = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = root["properties"]["status"]
    return found


def fullest(schema: dict[str, Any]) -> Any:
    """The largest value of a schema: every field, every list to its end, every text to its limit."""
    match schema["type"]:
        case "object" if "additionalProperties" in schema:
            names = (f"{number}".ljust(LONGEST_KEY, "ü") for number in range(schema["maxProperties"]))
            return {name: fullest(schema["additionalProperties"]) for name in names}
        case "object":
            return {name: fullest(child) for name, child in schema["properties"].items()}
        case "array":
            return [fullest(schema["items"])] * schema["maxItems"]
        case "integer":
            return schema.get("maximum", LARGEST)
        case "boolean":
            return False
    return text(schema)


def text(schema: dict[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "2024-03-01T12:00:00.123456Z"
    # A letter of two bytes, which is one character of a limit.
    return max(schema.get("enum", ()), key=len, default="ü" * schema.get("maxLength", 0))


def conditions(types: int) -> list[dict[str, Any]]:
    """As many conditions as the API has names for, or more, each as long as the operator writes them."""
    names: Iterator[Any] = iter([*ConditionType, *(f"Later{number}" for number in range(100))])
    longest = max((*Reason, *Outcome), key=len)
    found = [condition(next(names), None, longest, "ü" * 2 * MESSAGE_LIMIT, LARGEST) for _ in range(types)]
    return [item.to_json() for item in transition((), found, NOW)]


@RESOURCE
def test_the_fullest_status_is_taken_and_leaves_room_for_the_rest_of_its_object(
    resource: Resource, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = schema_of(resource)
    status = {**fullest(schema), "conditions": conditions(MOST_CONDITIONS)}
    jsonschema.validate(status, schema)
    read = resource.status.model_validate(
        {name: value for name, value in status.items() if name not in {"conditions", "observedGeneration"}}
    )
    dumped = read.model_dump(mode="json", by_alias=True, exclude_none=True)
    jsonschema.validate({**status, **dumped}, schema)
    size = len(json.dumps(status, ensure_ascii=False).encode())
    with capsys.disabled():
        sys.stdout.write(f" {resource.kind}: {size:,} bytes ")
    assert size < ETCD_BYTES / 2


@RESOURCE
def test_a_status_holds_every_type_of_condition_and_not_more_than_it_says(resource: Resource) -> None:
    schema = schema_of(resource)
    assert len(ConditionType) <= MOST_CONDITIONS
    jsonschema.validate({"conditions": conditions(MOST_CONDITIONS)}, schema)
    with pytest.raises(jsonschema.ValidationError, match="too long"):
        jsonschema.validate({"conditions": conditions(MOST_CONDITIONS + 1)}, schema)
