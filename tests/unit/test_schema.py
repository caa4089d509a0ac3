"""What all models share: how they read, and quantities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from backbone.databackbone.api import RESOURCE, DataBackboneSpec
from backbone.schema import amount

OBJECT = {
    "apiVersion": "backbone.emp.dev/v1alpha1",
    "kind": "DataBackbone",
    "metadata": {"name": "market", "labels": {"team": "data"}, "uid": "1"},
    "spec": {"deletionPolicy": "Delete"},
}


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("1", Decimal(1)),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        ("1k", Decimal(1000)),
        ("1Ki", Decimal(1024)),
        ("1M", Decimal(10**6)),
        ("1.5Gi", Decimal(3 * 2**29)),
        ("2T", Decimal(2 * 10**12)),
        ("1Pi", Decimal(2**50)),
    ],
)
def test_amount_of_a_quantity(quantity: str, expected: Decimal) -> None:
    assert amount(quantity) == expected


def test_fields_are_written_in_camel_case_and_read_in_both() -> None:
    spec = DataBackboneSpec.model_validate({"deletionPolicy": "Delete"})
    assert spec == DataBackboneSpec(deletion_policy="Delete")
    assert "deletionPolicy" in spec.model_dump(by_alias=True)


def test_a_null_is_an_absent_field_at_any_depth() -> None:
    spec = DataBackboneSpec.model_validate({"mode": None, "bootstrap": {"storage": {"size": None}}})
    assert spec == DataBackboneSpec()


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DataBackboneSpec().mode = "Bootstrap"  # type: ignore[misc]


def test_a_whole_object_is_read_with_what_the_server_added() -> None:
    document = RESOURCE.parse({**OBJECT, "status": {"anything": 1}})
    assert document.metadata.name == "market"
    assert document.spec.deletion_policy == "Delete"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"apiVersion": "backbone.emp.dev/v1"}, "apiVersion"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": {"name": "Market"}}, "metadata.name"),
        ({"specification": {}}, "specification"),
    ],
    ids=["another version", "no name", "a bad name", "an unknown section"],
)
def test_what_is_no_object_of_ours_is_refused(change: dict, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RESOURCE.parse({**OBJECT, **change})
    assert [".".join(map(str, item["loc"])) for item in caught.value.errors()] == [complaint]
