"""Objects of our three kinds, sensible and not: drawn over the schemas of the CRDs, and beyond them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from deployment import ROOT

Document = dict[str, Any]

NASTY = (
    "",
    " ",
    "null",
    "0",
    "-1",
    "1e400",
    "'; DROP TABLE bars; --",
    "$(reboot)",
    "{{ .Values }}",
    "../../etc/passwd",
    "a\nb: c",
    "\u0000",
    "\u202e\u2066",
    "ﬀ",
    "😀",
    "A" * 10_000,
)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?(\.[a-z0-9]{1,9})?", fullmatch=True)
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | WHOLE
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ODDS = 12
"""One in so many values has nothing to do with its schema."""


def documents(seed_of_run: int, count: int) -> list[Document]:
    """So many objects with names of their own; the same for the same seed."""
    kinds = [_kind(path) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    drawn: list[Document] = []
    number = itertools.count()

    @seed(seed_of_run)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(kinds), NAMES)
    def draw(found: tuple[str, Any], name: str) -> None:
        kind, spec = found
        drawn.append(
            {
                "apiVersion": "backbone.emp.dev/v1alpha1",
                "kind": kind,
                "metadata": {"name": f"h{next(number)}-{name}"},
                "spec": spec,
            }
        )

    draw()
    return drawn[:count]


def _kind(path: Path) -> st.SearchStrategy[tuple[str, Any]]:
    """A kind by its definition, with specs for it."""
    definition = yaml.safe_load(path.read_text())["spec"]
    (version,) = definition["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return st.tuples(st.just(definition["names"]["kind"]), _value(schema) | _sensible(schema))


def _value(schema: Document) -> st.SearchStrategy[Any]:
    """Mostly as the schema has it, at any depth sometimes not."""
    known = _known(schema, _value)
    return st.integers(1, ODDS).flatmap(lambda throw: JSON if throw == 1 else known)


def _sensible(schema: Document) -> st.SearchStrategy[Any]:
    """As the schema has it, at every depth."""
    return _known(schema, _sensible)


def _known(schema: Document, inner: Any) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return _object(schema, inner)
        case "array":
            bounds = {"min_size": schema.get("minItems", 0), "max_size": min(schema.get("maxItems", 4), 4)}
            return st.lists(inner(schema["items"]), **bounds)
        case "integer":
            return st.integers(schema.get("minimum", -(2**31)), schema.get("maximum", 2**31))
        case "boolean":
            return st.booleans()
    return _string(schema)


def _object(schema: Document, inner: Any) -> st.SearchStrategy[Any]:
    fields = {name: inner(field) for name, field in schema.get("properties", {}).items()}
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _string(schema: Document) -> st.SearchStrategy[str]:
    low, high = schema.get("minLength", 0), schema.get("maxLength", 64)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True).filter(lambda text: len(text) <= high)
    if any("matches" in rule["rule"] for rule in schema.get("x-kubernetes-validations", [])):
        return st.sampled_from(
            ["@daily", "* * 29 2 *", "0 0 30 2 *", "30-10 * * * *", "*/7 0-23/5 1,31 * SUN"]
        )
    return st.text(min_size=low, max_size=min(high, 40))
