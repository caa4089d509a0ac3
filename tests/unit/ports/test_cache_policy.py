"""A policy of a cache, as programs write it: taken, or rejected by name when it is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from backbone.errors import Rejected
from backbone.ports.cache import BOOTSTRAP, CachePolicy, SymbolTier

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: CachePolicy(ttl=60, max_keys=3), "ttl=60 "),
        (lambda: CachePolicy(ttl=HOUR, max_keys="3"), "max_keys='3' "),
        (lambda: CachePolicy(ttl=HOUR, max_keys=True), "max_keys=True "),
        (lambda: CachePolicy(ttl=HOUR, max_keys=2.5), "max_keys=2.5 "),
        (lambda: CachePolicy(HOUR, 3, namespace=None), "namespace=None "),
        (lambda: CachePolicy(HOUR, 3, tiers=["core"]), "tiers='core' "),
        (lambda: SymbolTier("core", "AAPL"), "symbols='AAPL' "),
        (lambda: SymbolTier("core", None), "symbols=None "),
        (lambda: SymbolTier("core", [7]), "symbols=7 "),
        (lambda: SymbolTier("core", {"A"}, ttl=60), "ttl=60 "),
        (lambda: SymbolTier("core", {"A"}, priority="high"), "priority='high' "),
    ],
)
def test_a_policy_of_other_types_is_rejected_when_it_is_made(make: Callable[[], object], told: str) -> None:
    with pytest.raises(Rejected) as caught:
        make()
    assert str(caught.value).startswith(told)


def test_symbols_and_tiers_of_every_kind_are_taken() -> None:
    core = SymbolTier("core", ["A", "B"], ttl=HOUR)  # type: ignore[arg-type]
    policy = CachePolicy(BOOTSTRAP.ttl, 9, tiers=[core])  # type: ignore[arg-type]
    assert policy == CachePolicy(BOOTSTRAP.ttl, 9, tiers=(SymbolTier("core", frozenset("AB"), ttl=HOUR),))
    assert policy.ttl_of(("A", "C")) == BOOTSTRAP.ttl
    assert policy.ttl_of(("A",)) == HOUR
