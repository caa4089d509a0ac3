"""The reference pages: a kind's page from its schema, those of reasons and tokens from their tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ..documented import Documented
from ..grading.stream_readiness import Grade
from ..market.defects import Defect
from ..ports.cache import CacheFault
from ..ports.database import DatabaseFault
from ..ports.lag import LagReason, LagWord
from ..ports.policies import PolicyTrouble
from ..ports.stream import KafkaFault
from ..ports.topics import TopicWord
from ..schema import Column, Resource
from ..tokens import KEPT_LIMIT, TOKENS, Memory, Token
from ..vocabulary import API_VERSION, ConditionType, Outcome, Reason
from .structural import Schema

BAR = "\\|"
"""A bar inside a cell; Markdown's tables understand this even in code."""

NOT_EMPTY = ("minLength", "minItems")
BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches `{}`",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} entries",
}

_RULES_OF_USE = """\
## What the operator does with it

- It never changes and never removes an annotation.
- A value that needs a Job waits while spec.suspend is true, or while something else keeps Jobs from
  starting. Change the annotation to replace a value that waits; remove it to take the value back.
- Where a value cannot be read, a message says what is wrong with it and what to do: in the condition
  Validated, or in an event ReleaseRefused or AcknowledgementRefused.
- Where an object loses its status, for instance in a restore from a backup, each annotation on it
  counts as new. Remove the annotations before you restore the object.

## With GitOps

Either write the annotation into the manifest, with a new token for each request, or set it with
kubectl and have the tool ignore it. A tool that puts an earlier value back asks again, unless the
memory is `Entries`; one that removes the annotation takes back what waits.
"""


def kind_page(resource: Resource, root: Schema, sample: str) -> str:
    """Write the page of a kind. `root` is its structural schema, `sample` an object of it as YAML."""
    status = (*resource.conditions, *(kind for kind, _ in resource.optional))
    return "\n".join(
        [
            f"# {resource.kind}",
            "",
            resource.description,
            "",
            f"`apiVersion: {API_VERSION}`, namespaced. "
            f"kubectl: `{resource.plural}`, `{resource.singular}`, `{resource.short_name}`, "
            "and with the other kinds `backbone`.",
            "",
            "```yaml",
            sample.strip(),
            "```",
            "",
            "## Spec",
            "",
            *_fields(root["properties"]["spec"], "spec"),
            "",
            "### Rules",
            "",
            "The API server refuses what breaks one of these.",
            "",
            *(f"- `{path}`: {message}" for path, message in _rules(root, "")),
            "",
            "## Status",
            "",
            *_fields(root["properties"]["status"], "status"),
            "",
            "### Conditions",
            "",
            "[Their reasons](reasons.md). Read a condition only if its observedGeneration is the object's.",
            "",
            *_meanings("Type", status),
            "",
            *_optional(resource.optional),
            *_annotations(resource.kind),
            "## Columns of kubectl get",
            "",
            *_columns(resource.columns),
            "",
        ]
    )


def _optional(optional: Iterable[tuple[ConditionType, str]]) -> Iterator[str]:
    told = [f"`{kind}` is there only where `spec.{section}` is." for kind, section in optional]
    if told:
        yield " ".join(told)
        yield ""


def _annotations(kind: str) -> Iterator[str]:
    found = [token for token in TOKENS if token.kind == kind]
    if found:
        yield from ("## Annotations", "", "Each asks for something [once per token](tokens.md).", "")
        head = ("Annotation", "Value", "A new value")
        yield from _table(head, ((f"`{token.annotation}`", _value(token), token.meaning) for token in found))
        yield ""


def _value(token: Token) -> str:
    forms = " or ".join(f"`{form}`" for form in token.forms)
    source = f", {token.source}" if token.source else ""
    return f"{forms}{source}{'; commas separate several' if token.listed else ''}"


def tokens_page() -> str:
    """Write the page of the annotations by which a user asks for something once."""
    rows = (
        (
            f"`{token.annotation}`",
            token.kind,
            _value(token),
            token.meaning,
            " and ".join(f"`{field}`" for field in token.recorded),
            f"`{token.memory}`",
        )
        for token in TOKENS
    )
    whole = " and ".join(f"`{token.annotation}`" for token in TOKENS if token.passed_on)
    head = ("Annotation", "On", "Value", "A new value", "Recorded in", "Memory")
    return "\n".join(
        [
            "# Tokens",
            "",
            "An annotation with a token asks for something once. The token is a word of your choice, or the",
            "one that a message names. A new value is a new request.",
            "",
            *_table(head, rows),
            "",
            "## When a value is new",
            "",
            "A value that status remembers was handled, and asks for nothing more. Of a value of more than",
            f"{KEPT_LIMIT} characters status keeps the digest, `sha256:…`; for {whole} it is ignored.",
            "",
            *_meanings("Memory", Memory),
            "",
            _RULES_OF_USE,
        ]
    )


_SECTIONS: tuple[tuple[str, str, str, type[Documented]], ...] = (
    ("Condition types", "", "Type", ConditionType),
    (
        "Reasons",
        "A condition that a run's outcome decides carries the outcome as its reason.",
        "Reason",
        Reason,
    ),
    (
        "Faults of TimescaleDB",
        "Reasons of `Migrated`, and with it of `Ready` on the institutional tier.",
        "Fault",
        DatabaseFault,
    ),
    ("Troubles of policies", "Reasons of `RetentionMet` and `PoliciesRun`.", "Trouble", PolicyTrouble),
    (
        "Faults of Redis",
        "Reasons of `CacheHealthy`; the last four tell why a read went past the cache.",
        "Fault",
        CacheFault,
    ),
    (
        "Faults of Kafka",
        "Reasons of `StreamHealthy`, and of `TopicsProvisioned`, which is Unknown then.",
        "Fault",
        KafkaFault,
    ),
    (
        "Words of topics",
        "What Kafka has of a topic, in `status.topics`; the worst first. The worst is the reason of "
        "`TopicsProvisioned`.",
        "Word",
        TopicWord,
    ),
    (
        "Words of lag",
        "What a consumer group does about its lag, in `status.lag`; the worst first. Rewind, Stopped and "
        "Stalled make `StreamHealthy` False.",
        "Word",
        LagWord,
    ),
    (
        "Reasons of lag",
        "Why the word of a consumer group is Unknown; RecordsExpired can stand beside any word.",
        "Reason",
        LagReason,
    ),
    (
        "Grades of readiness",
        "How ready Kafka is, in `status.streamReadiness`: Fail is `StreamHealthy` False, Warn is True with "
        "another reason than StreamHealthy.",
        "Grade",
        Grade,
    ),
    ("Outcomes of runs", "", "Outcome", Outcome),
    (
        "What checks find in rows",
        "Reasons of the quarantine, and flags of rows that are kept.",
        "Defect",
        Defect,
    ),
)
"""Of the page of reasons: heading, introduction, name of the first column, and what is listed."""


def reasons_page() -> str:
    """Write the page of condition types, reasons and outcomes of all kinds."""
    lines = ["# Conditions, reasons and outcomes", ""]
    for heading, introduction, column, members in _SECTIONS:
        lines += [f"## {heading}", "", *([introduction, ""] if introduction else [])]
        lines += [*_meanings(column, members), ""]
    return "\n".join(lines)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |"


def _meanings(name: str, members: Iterable[Documented]) -> Iterator[str]:
    return _table((name, "Meaning"), ((f"`{item}`", item.meaning) for item in members))


def _columns(columns: Iterable[Column]) -> Iterator[str]:
    return _table(
        ("Column", "Shows", "When"),
        ((item.name, f"`{item.path}`", "with `-o wide`" if item.wide else "always") for item in columns),
    )


def _fields(schema: Schema, path: str) -> Iterator[str]:
    return _table(("Field", "Type", "Default", "Bounds", "Meaning"), _rows(schema, path))


def _rows(schema: Schema, path: str) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", [])
    for name, child in schema.get("properties", {}).items():
        place = f"{path}.{name}"
        default = "**required**" if name in required else _default(child)
        yield f"`{place}`", _type(child), default, _bounds(child), child["description"]
        yield from _rows(child, place)
        yield from _rows(child.get("items", {}), f"{place}[]")


def _type(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema["type"])


def _default(schema: Schema) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _bounds(schema: Schema) -> str:
    said = [
        "not empty" if key in NOT_EMPTY and schema[key] == 1 else text.format(schema[key])
        for key, text in BOUNDS.items()
        if key in schema
    ]
    if "enum" in schema:
        said.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"]))
    if schema.get("x-kubernetes-list-type") == "set":
        said.append("each once")
    inner = schema.get("items") or schema.get("additionalProperties")
    if said_of_items := _bounds(inner) if inner else "":
        said.append(f"each {said_of_items}")
    return "; ".join(said)


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, Any]]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield path or "the object", rule["message"]
    for name, child in schema.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}".removeprefix("."))
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")
