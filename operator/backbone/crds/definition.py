"""A kind's CustomResourceDefinition."""

from __future__ import annotations

from typing import Any

from ..schema import NAME_RULE, Column, Resource, cel
from ..vocabulary import GROUP, VERSION
from .structural import Schema, structural

CONDITIONS_LIMIT = 32


def definition(resource: Resource) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind. Raises SchemaError where its models say too little."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.singular,
                "shortNames": [resource.short_name],
                "categories": ["backbone"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(item) for item in resource.columns],
                    "schema": {"openAPIV3Schema": _root(resource)},
                }
            ],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    written = {"name": column.name, "type": column.type, "jsonPath": column.path}
    # kubectl shows priority 0 always, anything above only with -o wide.
    return written | ({"priority": 1} if column.wide else {})


def _root(resource: Resource) -> Schema:
    return {
        "type": "object",
        "description": resource.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{resource.kind}."},
            "metadata": {"type": "object"},
            "spec": structural(resource.spec),
            "status": _status(resource),
        },
        **cel(NAME_RULE),
    }


def _status(resource: Resource) -> Schema:
    schema = structural(resource.status, defaults=False)
    schema["properties"] = {
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "Generation of the spec that this status speaks of; 0 before the first verdict.",
        },
        "conditions": _conditions(),
    } | schema["properties"]
    return schema


def _conditions() -> Schema:
    """The schema of metav1.Condition, as a list that server-side apply merges by type."""
    return {
        "type": "array",
        "description": "What holds and what does not; the reference page lists the types.",
        "maxItems": CONDITIONS_LIMIT,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "What the condition is about."},
                "status": {
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                    "description": "Whether it holds. Unknown: the operator could not look, or has not yet.",
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    "description": "Why, in one CamelCase word; the reference page explains each.",
                },
                "message": {"type": "string", "maxLength": 32768, "description": "Why, for people."},
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed from one value to another (UTC).",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "Generation of the spec that the condition speaks of.",
                },
            },
        },
    }
