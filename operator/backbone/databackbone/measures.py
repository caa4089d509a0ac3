"""What is measured of a DataBackbone."""

from __future__ import annotations

from ..measures import Family, Form, Measure
from ..ports.topics import TopicWord
from .institutional_status import CacheStatus
from .kafka_status import TopicsStatus

CACHE_RATIO = Family(
    "backbone_cache_ratio",
    "Of the shared cache, between two looks: hits per fetch, room in use, evictions per miss.",
    ("namespace", "name", "of"),
    Form.GAUGE,
)
TOPICS = Family(
    "backbone_topics",
    "Planned topics of Kafka by word, as the last check found them.",
    ("namespace", "name", "word"),
    Form.GAUGE,
)
FAMILIES = (CACHE_RATIO, TOPICS)


def of_cache(cache: CacheStatus | None) -> tuple[Measure, ...]:
    """The shares of a cache as they were measured last, from 0 to 1."""

    def share(of: str, percent: int | None) -> Measure:
        return Measure(CACHE_RATIO, (of,), None if percent is None else percent / 100)

    return (
        share("hits", cache.hit_percent if cache else None),
        share("room", cache.room_percent if cache else None),
        share("evictions", cache.eviction_percent if cache else None),
    )


def of_topics(topics: TopicsStatus | None) -> tuple[Measure, ...]:
    """How many topics have each word; where nobody could look, nothing is known of any."""
    counts = topics.counts if topics is not None else {}
    return tuple(Measure(TOPICS, (str(word),), counts.get(word, 0) if counts else None) for word in TopicWord)
