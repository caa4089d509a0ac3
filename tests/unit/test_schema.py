"""What all models share: how they read, and quantities."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from backbone.databackbone.api import DataBackboneSpec, DataBackboneStatus
from backbone.schema import amount, read_back


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


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param({}, {"tier", "volume"}, id="as it was written"),
        pytest.param({"volume": {"holdsRows": "perhaps"}}, {"tier"}, id="a value that means nothing"),
        pytest.param({"tier": {"active": "Third"}, "volume": 7}, set(), id="two of them"),
        pytest.param({"later": {"field": 1}}, {"tier", "volume"}, id="a field of a later version"),
    ],
)
def test_a_field_that_does_not_read_costs_no_other(written: dict[str, object], kept: set[str]) -> None:
    tier = {
        "active": "Institutional",
        "requested": "Institutional",
        "epoch": 2,
        "since": "2024-03-01T12:00:00Z",
    }
    whole = {"tier": tier, "volume": {"claimName": "market-data"}}
    status = read_back(DataBackboneStatus, whole | written)
    assert status.model_dump(by_alias=True, exclude_none=True).keys() & whole.keys() == kept


def test_a_spec_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DataBackboneSpec().mode = "Bootstrap"  # type: ignore[misc]
