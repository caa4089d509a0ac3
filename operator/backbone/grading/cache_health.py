"""How a cache does: from its counts at two times, and its policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ports.cache import CacheCounts, CacheFault


@dataclass(frozen=True, slots=True)
class CacheHealth:
    """How a cache did in a window. None is what could not be looked at, or had nothing to measure.

    `coverage` is how much of the namespace's room is in use, 1 where every further answer drives one out;
    `hit_ratio` the share of fetches that needed no load; `eviction_pressure` how many answers were driven out
    per miss: near 0 the room suffices, near 1 every answer costs another one its place. `fallbacks` are reads
    that the cache was no help to, by the reason.
    """

    coverage: float | None
    hit_ratio: float | None
    eviction_pressure: float | None
    fallbacks: Mapping[CacheFault, int]


def cache_health(before: CacheCounts, after: CacheCounts, max_keys: int) -> CacheHealth:
    """The health between two counts of one cache that may hold `max_keys`.

    Counts that have become fewer began anew in between, and what they tell now is all that is known of the
    window.
    """
    if any(
        getattr(after, name) < getattr(before, name)
        for name in ("hits", "misses", "evictions", "expirations", "invalidations")
    ):
        before = CacheCounts()
    hits, misses = after.hits - before.hits, after.misses - before.misses
    since = {fault: count - before.fallbacks.get(fault, 0) for fault, count in after.fallbacks.items()}
    return CacheHealth(
        coverage=None if after.keys is None else after.keys / max_keys,
        hit_ratio=_ratio(hits, hits + misses),
        eviction_pressure=_ratio(after.evictions - before.evictions, misses),
        fallbacks={fault: count for fault, count in since.items() if count > 0},
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
