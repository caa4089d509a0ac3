"""What is measured of a DataBackbone."""

from __future__ import annotations

from ..measures import Family, Form, Measure
from .institutional_status import CacheStatus

CACHE_RATIO = Family(
    "backbone_cache_ratio",
    "Of the shared cache, between two looks: hits per fetch, room in use, evictions per miss.",
    ("namespace", "name", "of"),
    Form.GAUGE,
)
FAMILIES = (CACHE_RATIO,)


def of_cache(cache: CacheStatus | None) -> tuple[Measure, ...]:
    """The shares of a cache as they were measured last, from 0 to 1."""

    def share(of: str, percent: int | None) -> Measure:
        return Measure(CACHE_RATIO, (of,), None if percent is None else percent / 100)

    return (
        share("hits", cache.hit_percent if cache else None),
        share("room", cache.room_percent if cache else None),
        share("evictions", cache.eviction_percent if cache else None),
    )
