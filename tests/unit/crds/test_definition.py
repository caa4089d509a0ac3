"""The CRDs: names, columns, status and the promises every schema of ours keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import V1JSONSchemaProps

from backbone.crds.definition import definition
from backbone.crds.files import RESOURCES
from backbone.ports.cluster import DATA_BACKBONE, FAILOVER_DRILL, INGEST_PLAN
from backbone.schema import Resource

RESOURCE = pytest.mark.parametrize("resource", RESOURCES, ids=[item.kind for item in RESOURCES])

TAKEN_SHORT_NAMES = """
    apiservices cm cr crb crs crd crds cs csr cj deploy ds ep ev hpa ing ip ips limits netpol no ns pc pdb po
    psp pv pvc quota rc rs sa sc sts svc va app apps appproj application issuer cert certs es
"""
"""Of Kubernetes itself and of the operators that usually stand beside this one."""


def version(resource: Resource) -> dict[str, Any]:
    (only,) = definition(resource)["spec"]["versions"]
    return only


def root(resource: Resource) -> dict[str, Any]:
    return version(resource)["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for child in schema.get("properties", {}).values():
        yield from nodes(child)
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(schema[name])


@RESOURCE
def test_a_schema_has_no_key_that_the_api_server_does_not_know(resource: Resource) -> None:
    known = set(V1JSONSchemaProps.attribute_map.values())
    assert {key for node in nodes(root(resource)) for key in node} - known == set()


@RESOURCE
def test_names_agree(resource: Resource) -> None:
    document = definition(resource)
    names = document["spec"]["names"]
    assert document["metadata"]["name"] == f"{names['plural']}.backbone.emp.dev"
    assert names["plural"] == f"{resource.kind.lower()}s"
    assert names["categories"] == ["backbone"]
    assert document["spec"]["scope"] == "Namespaced"


def test_the_operator_watches_what_is_defined() -> None:
    watched = {(kind.kind, kind.plural) for kind in (DATA_BACKBONE, INGEST_PLAN, FAILOVER_DRILL)}
    assert watched == {(resource.kind, resource.plural) for resource in RESOURCES}


def test_short_names_collide_with_nothing() -> None:
    names = [resource.short_name for resource in RESOURCES]
    assert names == ["dbb", "iplan", "drill"]
    assert not set(TAKEN_SHORT_NAMES.split()) & set(names)


@RESOURCE
def test_status_is_a_subresource_with_generation_and_mergeable_conditions(resource: Resource) -> None:
    assert version(resource)["subresources"] == {"status": {}}
    status = root(resource)["properties"]["status"]["properties"]
    assert status["observedGeneration"]["type"] == "integer"
    conditions = status["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) >= {"type", "status", "reason", "lastTransitionTime"}


@RESOURCE
def test_conditions_fit_into_their_list(resource: Resource) -> None:
    limit = root(resource)["properties"]["status"]["properties"]["conditions"]["maxItems"]
    assert len(set(resource.conditions)) == len(resource.conditions) <= limit


@RESOURCE
def test_columns_read_fields_that_exist_and_conditions_by_type(resource: Resource) -> None:
    for column in version(resource)["additionalPrinterColumns"]:
        path = column["jsonPath"]
        if "conditions" in path:
            wanted, field = path.removeprefix('.status.conditions[?(@.type=="').split('")].')
            assert wanted in {*resource.conditions, *(kind for kind, _ in resource.optional)}
            assert field in {"status", "reason", "message"}
        elif not path.startswith(".metadata."):
            node = root(resource)
            for part in path.removeprefix(".").split("."):
                node = node["properties"][part]
            assert node["type"] == {"date": "string"}.get(column["type"], column["type"])
            assert column["type"] != "date" or node["format"] == "date-time"


@pytest.mark.parametrize(
    ("kind", "always", "wide"),
    [
        ("DataBackbone", ["Tier", "Ready", "Reason", "Lag", "Retention", "Age"], ["Message"]),
        ("IngestPlan", ["Schedule", "Ready", "Reason", "Rows", "LastRun", "Age"], ["Message"]),
        ("FailoverDrill", ["Scenario", "Succeeded", "Reason", "Started", "Age"], []),
    ],
)
def test_columns_of_kubectl_get(kind: str, always: list[str], wide: list[str]) -> None:
    (resource,) = (item for item in RESOURCES if item.kind == kind)
    columns = version(resource)["additionalPrinterColumns"]
    assert [column["name"] for column in columns if not column.get("priority")] == always
    assert [column["name"] for column in columns if column.get("priority")] == wide


@RESOURCE
def test_unknown_fields_are_kept_nowhere(resource: Resource) -> None:
    for node in nodes(root(resource)):
        assert "x-kubernetes-preserve-unknown-fields" not in node
        maps = "additionalProperties" in node and "maxProperties" in node
        assert node["type"] != "object" or "properties" in node or maps or node == {"type": "object"}


@RESOURCE
def test_every_rule_says_what_is_wrong_in_a_sentence(resource: Resource) -> None:
    rules = [rule for node in nodes(root(resource)) for rule in node.get("x-kubernetes-validations", [])]
    assert rules
    for rule in rules:
        assert len(rule["message"].split()) > 5, rule
        assert "\n" not in rule["message"]


@RESOURCE
def test_a_spec_cannot_be_left_out(resource: Resource) -> None:
    assert root(resource)["required"] == ["spec"]


@RESOURCE
def test_a_status_fills_in_nothing(resource: Resource) -> None:
    assert not [node for node in nodes(root(resource)["properties"]["status"]) if "default" in node]
