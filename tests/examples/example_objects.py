"""Objects that the API takes and refuses, as values: what an example is, and how its documents are made."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """`before` is the object as it is stored when the document arrives; without it the object is new."""

    title: str
    document: Document
    model: str = ""
    server: str = ""
    before: Document | None = None

    def __str__(self) -> str:
        return f"{self.document['kind']}: {self.title}"


def backbone(spec: Any, name: str = "market") -> Document:
    return _document("DataBackbone", name, spec)


def storage(**fields: Any) -> Document:
    return backbone({"bootstrap": {"storage": fields}})


DAILY = {"provider": "Sample", "symbols": ["AAPL", "MSFT"]}


def plan(name: str = "daily", **fields: Any) -> Document:
    """A plan of daily bars; a null field takes the place of what is there, and is absent for both sides."""
    spec = {"backboneRef": {"name": "market"}, "schedule": "0 22 * * 1-5", "dailyBars": DAILY, **fields}
    return _document("IngestPlan", name, spec)


def daily(**fields: Any) -> Document:
    return plan(dailyBars={**DAILY, **fields})


def series(**fields: Any) -> Document:
    return plan(macroSeries={"series": ["CPIAUCSL"], **fields})


def drill(**fields: Any) -> Document:
    spec = {"backboneRef": {"name": "market"}, "scenario": "RedisOutage", **fields}
    return _document("FailoverDrill", "rehearsal", spec)


def _document(kind: str, name: str, spec: Any) -> Document:
    return {
        "apiVersion": "backbone.emp.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": copy.deepcopy(spec),
    }


def without_spec(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "spec"}


def resources(requests: Any, limits: Any) -> Document:
    return plan(worker={"resources": {"requests": requests, "limits": limits}})


PATTERN = "String should match pattern"
UNKNOWN = "Extra inputs are not permitted"
