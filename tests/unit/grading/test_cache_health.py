"""Health follows from two counts; what could not be looked at is None."""

from __future__ import annotations

import pytest

from backbone.grading.cache_health import CacheHealth, cache_health
from backbone.ports.cache import CacheCounts, CacheFault

BEFORE = CacheCounts(hits=100, misses=50, evictions=5, keys=10, fallbacks={CacheFault.CORRUPT: 2})


@pytest.mark.parametrize(
    ("after", "health"),
    [
        pytest.param(
            CacheCounts(hits=190, misses=60, evictions=9, keys=20, fallbacks={CacheFault.CORRUPT: 2}),
            CacheHealth(coverage=0.5, hit_ratio=0.9, eviction_pressure=0.4, fallbacks={}),
            id="the window counts, and not what was before it",
        ),
        pytest.param(
            CacheCounts(
                hits=100,
                misses=54,
                evictions=5,
                keys=None,
                fallbacks={CacheFault.CORRUPT: 2, CacheFault.PAUSED: 4},
            ),
            CacheHealth(
                coverage=None, hit_ratio=0.0, eviction_pressure=0.0, fallbacks={CacheFault.PAUSED: 4}
            ),
            id="a cache that could not be asked",
        ),
        pytest.param(
            BEFORE,
            CacheHealth(coverage=0.25, hit_ratio=None, eviction_pressure=None, fallbacks={}),
            id="nobody asked for anything",
        ),
        pytest.param(
            CacheCounts(hits=3, misses=1, keys=1),
            CacheHealth(coverage=0.025, hit_ratio=0.75, eviction_pressure=0.0, fallbacks={}),
            id="counts that began anew",
        ),
        pytest.param(
            CacheCounts(hits=100, misses=60, evictions=15, keys=40, fallbacks={CacheFault.CORRUPT: 3}),
            CacheHealth(
                coverage=1.0, hit_ratio=0.0, eviction_pressure=1.0, fallbacks={CacheFault.CORRUPT: 1}
            ),
            id="every answer drives another one out",
        ),
    ],
)
def test_health(after: CacheCounts, health: CacheHealth) -> None:
    assert cache_health(BEFORE, after, max_keys=40) == health
