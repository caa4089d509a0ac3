"""What is measured of a DataBackbone."""

from __future__ import annotations

from collections.abc import Iterator

from ..grading.stream_readiness import Grade
from ..measures import Family, Form, Measure
from ..ports.lag import LagWord
from ..ports.topics import TopicWord
from .institutional_status import CacheStatus
from .kafka_status import TopicsStatus
from .lag_status import LagStatus, StreamReadiness

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
LAG_RECORDS = Family(
    "backbone_lag_records",
    "Unread records of a consumer group that status.lag names.",
    ("namespace", "name", "group"),
    Form.GAUGE,
)
LAG_SECONDS = Family(
    "backbone_lag_seconds",
    "Age of the oldest unread record of a consumer group that status.lag names, when it was sampled.",
    ("namespace", "name", "group"),
    Form.GAUGE,
)
LAG_WORD = Family(
    "backbone_lag_word",
    "1 for the word that a consumer group of status.lag has, 0 for the others.",
    ("namespace", "name", "group", "word"),
    Form.GAUGE,
)
STREAM_READINESS = Family(
    "backbone_stream_readiness",
    "1 for the grade that the readiness of Kafka has, 0 for the others.",
    ("namespace", "name", "grade"),
    Form.GAUGE,
)
FAMILIES = (CACHE_RATIO, TOPICS, LAG_RECORDS, LAG_SECONDS, LAG_WORD, STREAM_READINESS)


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


def of_lag(lag: LagStatus | None, before: LagStatus | None) -> Iterator[Measure]:
    """What status says of each group; `before` is the status of the last visit, whose groups may be gone."""
    groups = lag.groups if lag is not None else ()
    gone = {item.group for item in (before.groups if before is not None else ())}
    for item in groups:
        gone.discard(item.group)
        word = LagWord.named(item.word) or LagWord.UNKNOWN
        yield Measure(LAG_RECORDS, (item.group,), item.records)
        yield Measure(LAG_SECONDS, (item.group,), item.seconds)
        yield from (Measure(LAG_WORD, (item.group, str(each)), float(each is word)) for each in LagWord)
    for group in sorted(gone):
        yield Measure(LAG_RECORDS, (group,), None)
        yield Measure(LAG_SECONDS, (group,), None)
        yield from (Measure(LAG_WORD, (group, str(each)), None) for each in LagWord)


def of_readiness(readiness: StreamReadiness | None) -> tuple[Measure, ...]:
    """The grade of Kafka's readiness; without Kafka there is none."""
    grade = Grade.named(readiness.grade) if readiness is not None else None
    return tuple(
        Measure(STREAM_READINESS, (str(each),), None if grade is None else float(each is grade))
        for each in Grade
    )
