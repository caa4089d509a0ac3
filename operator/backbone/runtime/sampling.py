"""Taking the samples of one look at consumer groups: a window of them, in an order that keeps lag true."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..grading.lag import WINDOW
from ..ports.lag import Bounds, Commit, ConsumerGroups, GroupSample, Members, Partition, Reading
from ..ports.stream import KafkaUnavailable

APART_SECONDS = 6.0
"""From the begin of one sample to that of the next one."""

Asked = Mapping[str, Collection[Partition]]
"""The partitions of each group."""
Pause = Callable[[float], None]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How many samples a look takes, and how many seconds apart."""

    samples: int = WINDOW
    apart: float = APART_SECONDS


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def window(
    kafka: ConsumerGroups, asked: Asked, pace: Pace, tell: Tell, pause: Pause = time.sleep
) -> dict[str, list[GroupSample]]:
    """The samples of each group, the oldest first.

    A sample that Kafka does not answer has no readings. Raises KafkaUnavailable where it answered none.
    """
    found: dict[str, list[GroupSample]] = {group: [] for group in asked}
    failures = 0
    for number in range(pace.samples):
        begun = time.monotonic()
        tell(f"lag: sample {number + 1} of {pace.samples}")
        try:
            sample = sampled(kafka, asked)
        except KafkaUnavailable as error:
            failures += 1
            if failures == pace.samples:
                raise
            sample = {group: GroupSample(now(), None, {}, str(error)) for group in asked}
        for group, item in sample.items():
            found[group].append(item)
        if number + 1 < pace.samples:
            pause(max(0.0, pace.apart - (time.monotonic() - begun)))
    return found


def sampled(kafka: ConsumerGroups, asked: Asked) -> dict[str, GroupSample]:
    """One sample of each group. Raises KafkaUnavailable.

    Commits are read before the ends of the logs: a group that reads on meanwhile is not ahead of them.
    """
    members = kafka.members(asked.keys())
    commits = kafka.commits(asked)
    bounds = kafka.bounds({partition for partitions in asked.values() for partition in partitions})
    at = now()
    return {
        group: _sample(at, members.get(group), commits.get(group), bounds, asked[group]) for group in asked
    }


def _sample(
    at: datetime,
    members: Members | str | None,
    commits: Mapping[Partition, Commit] | str | None,
    bounds: Mapping[Partition, Bounds | str],
    partitions: Collection[Partition],
) -> GroupSample:
    here = {partition: bounds.get(partition) for partition in partitions}
    faults = [item for item in (members, commits, *here.values()) if isinstance(item, str)]
    known = commits if isinstance(commits, Mapping) else {}
    readings = {
        partition: Reading(known[partition].offset, item.low, item.end, item.leader_epoch)
        for partition, item in here.items()
        if isinstance(item, Bounds) and partition in known
    }
    who = members if isinstance(members, Members) else None
    return GroupSample(at, who, readings, faults[0] if faults else "")
