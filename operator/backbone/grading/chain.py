"""Ordered checks as data: each looks at the same case, and the first that finds something decides.

A chain that has to end with a finding is asked so: `first(CHAIN, case) or sound(case)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..evaluation import Finding

C = TypeVar("C")

Check = Callable[[C], Finding | None]
"""Looks at a case; None where it has nothing to say. What nobody could look at is a finding that holds None,
and not silence."""

Chain = tuple[Check[C], ...]
"""Checks in the order in which they speak."""


def first(chain: Chain[C], case: C) -> Finding | None:
    """The finding of the first check that has one. The checks after it are not asked."""
    return next((found for check in chain if (found := check(case)) is not None), None)
