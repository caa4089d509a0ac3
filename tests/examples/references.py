"""The fields through which the writer of an object uses what Kubernetes guards, found by walking a schema.

A field is one by its name: it speaks of a Secret, a claim or an account, it is a setting of pods or
containers, it says where something is sent, or whom a Secret's user lets in. A field that comes later is
found without a word here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kubernetes.client import V1Container, V1PodSpec

from example_objects import Document

Right = Literal["get secrets", "create pods", "follows its Secret"]

POD_SETTINGS = {*V1PodSpec.attribute_map.values(), *V1Container.attribute_map.values()} - {"name"}
POD_SETTINGS |= {"labels", "annotations"}
SECRET = re.compile("secret|credential|password|token", re.IGNORECASE)
OF_PODS = re.compile("claim|image|serviceaccount|configmap|keyref|valuefrom|^env|volumename", re.IGNORECASE)
DESTINATION = re.compile("url|uri|host|address|endpoint|proxy", re.IGNORECASE)
ENTRIES: dict[str, Document] = {
    "exports": {"name": "x", "dimension": "dailyBars", "schedule": "@daily", "partitionBy": "Year"}
}
"""What an entry of a list needs beside a reference."""
GRANT = re.compile("role|grant", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """A field of a spec, by its path of names, and what its writer must be allowed to do."""

    path: tuple[str, ...]
    right: Right
    schema: Document

    def __str__(self) -> str:
        return ".".join(self.path)

    def value(self) -> Any:
        """Something that the schema takes; it need not exist."""
        if self.right == "get secrets":
            return _named(self.schema)
        return {"array": [], "string": "some"}.get(self.schema["type"], {})


def references(schema: Document, path: tuple[str, ...] = ()) -> Iterator[Reference]:
    """The references of a spec's schema. A setting is taken whole: what it holds is part of it."""
    for name, child in schema.get("properties", {}).items():
        here = (*path, name)
        right = _right(name)
        if right is not None:
            yield Reference(here, right, child)
        else:
            yield from references(child, here)
            yield from references(child.get("items", {}), (*here, "[]"))


def with_reference(document: Document, schema: Document, reference: Reference) -> Document:
    """The document with the field set, and with the provider, if it has one, that takes a connection."""
    outer: Any = reference.value()
    for key, section in zip(reversed(reference.path), reversed(("", *reference.path[:-1])), strict=True):
        outer = [_merged(ENTRIES[section], outer)] if key == "[]" else {key: outer}
    spec = _merged(document["spec"], outer)
    providers = schema["properties"][reference.path[0]].get("properties", {}).get("provider", {}).get("enum")
    if providers:
        spec = _merged(spec, {reference.path[0]: {"provider": providers[-1]}})
    return {**document, "spec": spec}


def _named(schema: Document) -> Any:
    if schema["type"] == "array":
        return [_named(schema["items"])]
    return "some" if schema["type"] == "string" else {"name": "some"}


def _right(name: str) -> Right | None:
    if SECRET.search(name):
        return "get secrets"
    if name in POD_SETTINGS or OF_PODS.search(name):
        return "create pods"
    return "follows its Secret" if DESTINATION.search(name) or GRANT.search(name) else None


def _merged(below: Document, above: Document) -> Document:
    both = dict(below)
    for key, value in above.items():
        standing = both.get(key)
        both[key] = (
            _merged(standing, value) if isinstance(standing, dict) and isinstance(value, dict) else value
        )
    return both
