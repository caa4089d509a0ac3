"""A pydantic model as a structural schema, the subset of OpenAPI that the API server stores.

The API server wants no references and no `additionalProperties` beside `properties`; this project wants a
description on every field and a bound on every string, list and map, so that `kubectl explain` answers and
the cost of CEL rules can be estimated. What breaks a rule is an error here, not a surprise in a cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, NoDefault
from pydantic_core import core_schema

from ..schema import Model

Schema = dict[str, Any]

FIRST = ("type", "description", "default")
DROPPED = ("title", "additionalProperties", "propertyNames", "$defs")


class SchemaError(ValueError):
    """A model says too little for a CRD; the message names the field."""


class _Generator(GenerateJsonSchema):
    """Optional fields are left out rather than null, and a default section is spelled out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:  # noqa: ANN401 - pydantic's own
        default = schema.get("default", NoDefault)
        factory: Callable[..., Any] | None = schema.get("default_factory")
        if isinstance(factory, type) and issubclass(factory, Model):
            # The API server fills in what is inside an object only where the object itself is present, and it
            # evaluates the object's rules on this default as it stands.
            return factory().model_dump(mode="json", by_alias=True, exclude_none=True)
        return NoDefault if default is None else default


def structural(model: type[Model], *, defaults: bool = True) -> Schema:
    """Return the structural schema of a model.

    Without `defaults` fields are optional and stay absent: right for a status, which only its writer fills.
    Raises SchemaError on a field without description, or a string, list or map without bound.
    """
    raw = model.model_json_schema(schema_generator=_Generator)
    schema = _resolve(raw, raw.get("$defs", {}), defaults)
    _check(schema, model.__name__)
    return schema


def _resolve(node: Schema, definitions: Schema, defaults: bool) -> Schema:
    """Inline references and speak the API server's dialect, from the outside in."""
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = target | {key: value for key, value in node.items() if key != "$ref"}
    entries = node.get("additionalProperties")
    node = {key: value for key, value in sorted(node.items(), key=_place) if key not in DROPPED}
    if isinstance(entries, dict):
        # A map: its values have a schema, and its keys a rule of CEL where they need one.
        node["additionalProperties"] = _resolve(entries, definitions, defaults)
    if not defaults:
        node.pop("default", None)
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get("type") == "integer":
        node["format"] = "int64"
    if "properties" in node:
        node["properties"] = {
            name: _resolve(child, definitions, defaults) for name, child in node["properties"].items()
        }
    if "items" in node:
        node["items"] = _resolve(node["items"], definitions, defaults)
    return node


def _place(item: tuple[str, Any]) -> int:
    """Sort what people look for to the front; the rest keeps its order."""
    return FIRST.index(item[0]) if item[0] in FIRST else len(FIRST)


def _check(node: Schema, path: str) -> None:
    """Refuse what the API server would take and people or CEL would suffer from."""
    kind = node.get("type")
    if kind is None:
        raise SchemaError(f"{path}: a union or an untyped value has no structural schema")
    if kind == "string" and not node.keys() & {"maxLength", "enum"} and node.get("format") != "date-time":
        raise SchemaError(f"{path}: a string needs max_length")
    if kind == "array" and "maxItems" not in node:
        raise SchemaError(f"{path}: a list needs max_length")
    if "additionalProperties" in node and "maxProperties" not in node:
        raise SchemaError(f"{path}: a map needs max_length")
    for name, child in node.get("properties", {}).items():
        if not child.get("description"):
            raise SchemaError(f"{path}.{name}: a field needs a description")
        _check(child, f"{path}.{name}")
    if "items" in node:
        _check(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        _check(node["additionalProperties"], f"{path}.*")
