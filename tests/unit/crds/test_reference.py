"""The reference pages say what the schema says."""

from __future__ import annotations

from typing import Any

import pytest

from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from backbone.crds.reference import kind_page, reasons_page
from backbone.schema import Resource
from backbone.vocabulary import ConditionType, Outcome, Reason

SAMPLE = "kind: Thing  # with a comment\n"


def page(kind: str) -> list[str]:
    (resource,) = (item for item in RESOURCES if item.kind == kind)
    return kind_page(resource, schema(resource), SAMPLE).splitlines()


def schema(resource: Resource) -> dict[str, Any]:
    return definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def paths(node: dict[str, Any], path: str) -> list[str]:
    found = []
    for name, child in node.get("properties", {}).items():
        found += [
            f"{path}.{name}",
            *paths(child, f"{path}.{name}"),
            *paths(child.get("items", {}), f"{path}.{name}[]"),
        ]
    return found


@pytest.mark.parametrize("resource", RESOURCES, ids=[item.kind for item in RESOURCES])
def test_every_field_has_its_row(resource: Resource) -> None:
    rows = [line.split("`")[1] for line in page(resource.kind) if line.startswith("| `")]
    for part in ("spec", "status"):
        for path in paths(schema(resource)["properties"][part], part):
            assert rows.count(path) == 1, path


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("DataBackbone", "| `spec.suspend` | boolean | `false` |  | If true, the operator starts no work"),
        ("DataBackbone", '| `spec.bootstrap.storage.size` | string | `"1Gi"` | not empty; at most 20'),
        ("IngestPlan", "| `spec.backboneRef.name` | string | **required** |"),
        (
            "IngestPlan",
            "| `spec.dailyBars.symbols` | list of string | **required** | not empty; at most",
        ),
        ("IngestPlan", "| `spec.intradayBars.intervalSeconds` | integer | `60` | one of `60`, `300`"),
        ("IngestPlan", "| `status.lastRun.end` | time |"),
    ],
    ids=["a default", "a nested default", "a required field", "a list", "an enum", "a time"],
)
def test_a_row_says_type_default_and_bounds(kind: str, row: str) -> None:
    assert [line for line in page(kind) if line.startswith(row)], row


def test_rules_are_listed_with_their_place() -> None:
    assert [line for line in page("IngestPlan") if line.startswith("- `spec.schedule`: schedule needs five")]
    assert [
        line for line in page("FailoverDrill") if line.startswith("- `spec`: a drill's spec cannot change")
    ]


def test_a_page_shows_its_sample_with_comments() -> None:
    assert "kind: Thing  # with a comment" in page("DataBackbone")


def test_a_bar_in_a_pattern_does_not_end_its_cell() -> None:
    (row,) = (line for line in page("DataBackbone") if line.startswith("| `spec.bootstrap.storage.size`"))
    assert row.replace("\\|", "").count("|") == 6


@pytest.mark.parametrize("member", [*ConditionType, *Reason, *Outcome], ids=repr)
def test_every_condition_reason_and_outcome_is_explained(member: Any) -> None:
    assert f"| `{member}` | {member.meaning} |" in reasons_page().splitlines()
