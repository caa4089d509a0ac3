"""What quantities amount to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from backbone.quantity import UNITS, Quantity, amount

BYTES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}


def test_no_unit_is_without_a_test() -> None:
    assert UNITS.keys() == {*BYTES, "m"}


@pytest.mark.parametrize("unit", BYTES)
def test_a_unit_multiplies_the_number_before_it(unit: str) -> None:
    assert amount(f"1{unit}") == BYTES[unit]
    assert amount(f"2.5{unit}") == Decimal("2.5") * BYTES[unit]


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0", Decimal(0)),
        ("7", Decimal(7)),
        ("500m", Decimal("0.5")),
        ("1500m", Decimal("1.5")),
        ("1.5", Decimal("1.5")),
        ("1.5k", Decimal(1500)),
        ("1.5Gi", Decimal(3 * 2**29)),
        ("2T", Decimal(2 * 10**12)),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
    ],
)
def test_amount_of_a_quantity(quantity: str, expected: Decimal) -> None:
    assert amount(quantity) == expected


@pytest.mark.parametrize(
    "text", ["", ".", "Gi", "1Xi", "1K", "1B", "1GB", "-1Gi", "1e3", "1E3", "1.2.3", "1 Gi", " 1", "1\n", "٣"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)


@pytest.mark.parametrize("unit", UNITS)
def test_a_spec_takes_every_unit_below_an_exabyte(unit: str) -> None:
    spec = TypeAdapter(Quantity)
    if unit in {"E", "Ei"}:
        with pytest.raises(ValidationError, match="pattern"):
            spec.validate_python(f"1{unit}")
    else:
        assert amount(spec.validate_python(f"1{unit}")) == UNITS[unit]
