"""One look at the lag of consumer groups: a window of samples, the memory of the last one, a word each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..grading.lag import GroupLag, GroupMemory, LagRules, hours_left, judged_group
from ..ports.lag import ConsumerGroups, Partition, Written
from ..ports.stream import KafkaUnavailable
from .sampling import Pace, Tell, now, window

SOON_HOURS = 24.0
"""Hours until retention takes unread records, of which a message warns."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A consumer group of a spec."""

    name: str
    topics: tuple[str, ...]
    tolerated: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A group after a look. `seconds` is the age of the oldest unread record of each partition.

    It is absent where it could not be read. `hours` counts from now until retention takes the first of them;
    None where it takes none, or nobody could say.
    """

    group: GroupLag
    seconds: Mapping[Partition, float] = field(default_factory=dict)
    hours: float | None = None

    @property
    def oldest(self) -> float | None:
        """Age of the group's oldest unread record in seconds; None where it was not read."""
        lagging = [item for item, found in self.group.partitions.items() if found.lag]
        known = [self.seconds[item] for item in lagging if item in self.seconds]
        if known:
            return max(known)
        return 0.0 if self.group.lag is not None and not lagging else None


@dataclass(frozen=True, slots=True)
class Look:
    """All groups after a look, and what the next one has to know."""

    at: datetime
    groups: Mapping[str, Seen]
    memory: Mapping[str, GroupMemory]


def looked(
    kafka: ConsumerGroups,
    watched: Sequence[Watched],
    memory: Mapping[str, GroupMemory],
    pace: Pace,
    tell: Tell,
) -> Look:
    """Look once at some groups. Raises KafkaUnavailable."""
    topics = kafka.partitions({topic for group in watched for topic in group.topics})
    asked = {
        group.name: [item for topic in group.topics for item in _of(topics.get(topic))] for group in watched
    }
    samples = window(kafka, asked, pace, tell)
    at = now()
    found: dict[str, GroupLag] = {}
    kept: dict[str, GroupMemory] = {}
    for group in watched:
        missing = {topic: _why(topics.get(topic)) for topic in group.topics if not _of(topics.get(topic))}
        partitions = [*asked[group.name], *(Partition(topic, 0) for topic in missing)]
        known = memory.get(group.name, GroupMemory())
        rules = LagRules(tolerated=group.tolerated, window=pace.samples)
        judged, after = judged_group(samples[group.name], partitions, known, rules, at)
        found[group.name] = replace(judged, fault=next(iter(missing.values()), judged.fault))
        # What is known of a topic that could not be described now is kept for the next look.
        before = {item: commit for item, commit in known.commits.items() if item.topic in missing}
        kept[group.name] = replace(after, commits={**before, **after.commits})
    return Look(at, _aged(kafka, found, tell), kept)


def _aged(kafka: ConsumerGroups, found: Mapping[str, GroupLag], tell: Tell) -> dict[str, Seen]:
    """The groups with the ages of what they have not read, as far as they could be read."""
    unread = {name: _unread(group) for name, group in found.items()}
    lagging = {name: offsets for name, offsets in unread.items() if offsets}
    if not lagging:
        return {name: Seen(group) for name, group in found.items()}
    tell("lag: reading how old the first unread records are")
    times, retention = kafka.written(lagging), dict[str, int]()
    at = now()
    with suppress(KafkaUnavailable):
        retention = kafka.retention({item.topic for offsets in lagging.values() for item in offsets})
    return {name: _seen(group, times.get(name, {}), retention, at) for name, group in found.items()}


def _seen(
    group: GroupLag, times: Mapping[Partition, Written], retention: Mapping[str, int], at: datetime
) -> Seen:
    seconds = {item: _age(time, at) for item, time in times.items()}
    left = [
        hours
        for item, age in seconds.items()
        if times[item] is not None and (hours := hours_left(age, retention.get(item.topic, -1))) is not None
    ]
    return Seen(group, seconds, min(left, default=None))


def _age(time: Written, at: datetime) -> float:
    """Seconds since a record was written; zero where no record is behind the commit."""
    return max(0.0, (at - time).total_seconds()) if time is not None else 0.0


def _unread(group: GroupLag) -> dict[Partition, int]:
    """The place of the first unread record of each partition that has one."""
    return {
        item: max(found.committed, found.low)
        for item, found in group.partitions.items()
        if found.lag and found.committed is not None and found.low is not None
    }


def _of(found: tuple[Partition, ...] | str | None) -> tuple[Partition, ...]:
    return found if isinstance(found, tuple) else ()


def _why(found: tuple[Partition, ...] | str | None) -> str:
    return found if isinstance(found, str) else "a topic was not described"
