"""Kubernetes quantities: their form in a spec, and what they amount to."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import StringConstraints

Quantity = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=20, pattern=r"^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
    ),
]
"""A Kubernetes resource quantity."""

UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
"""What a number with each suffix is multiplied by. A spec takes all but E and Ei, see `Quantity`."""

_FORM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([a-zA-Z]*)", re.ASCII)


def amount(quantity: str) -> Decimal:
    """Return the amount in bytes or cores. Raises ValueError for anything else, an exponent included."""
    match = _FORM.fullmatch(quantity)
    if match is None or match[2] not in UNITS:
        raise ValueError(f"{quantity!r} is not a quantity")
    return Decimal(match[1]) * UNITS[match[2]]
