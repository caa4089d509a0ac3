"""Consumer groups: the words for their lag, who is in them, what they committed, and where topics end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

from ..documented import Documented


class LagWord(Documented):
    """What a consumer group does about its lag; the worst first."""

    REWIND = ("Rewind", "A commit went back and has not reached its old place again.")
    STOPPED = ("Stopped", "There are unread records, and no live member reads them.")
    STALLED = ("Stalled", "There are unread records and a live member, and its commits stand still.")
    WARNING = ("Warning", "The group reads and commits, and its lag only grows.")
    UNKNOWN = ("Unknown", "The lag could not be judged; the reason says why.")
    OK = ("OK", "The group keeps up with its topics.")


class LagReason(Documented):
    """Why a word is Unknown, or what stands beside another word."""

    FILLING = ("Filling", "There are not yet enough samples or looks.")
    NOT_SAMPLED = ("NotSampled", "A sample could not be taken.")
    NEVER_COMMITTED = ("NeverCommitted", "The group has committed nothing, and there are records.")
    GROUP_NOT_FOUND = ("GroupNotFound", "Kafka knows no group of that name, and there are records.")
    COMMIT_BEYOND_END = ("CommitBeyondEnd", "The commit lies beyond the end of the log, which lost records.")
    RECORDS_EXPIRED = ("RecordsExpired", "Records left the log before the group had read them.")


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One partition at one moment, in offsets. `committed` is None where the group has committed nothing.

    `low` is the first record that the log still has, `end` the place of the next one. `end` is read after
    `committed`, so a commit beyond it says that the log lost records.
    """

    committed: int | None
    low: int
    end: int
    leader_epoch: int | None = None

    @property
    def lag(self) -> int:
        """Records that the log has and the group has not read; all of them where it has committed nothing."""
        return max(0, self.end - max(self.committed or 0, self.low))

    @property
    def expired(self) -> int:
        """Records that left the log before the group had read them."""
        return max(0, self.low - self.committed) if self.committed is not None else 0


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a group. `assigned` counts the members that own a partition; None while the group rebalances.

    A `simple` group has no members that the broker knows of: its programs choose their partitions themselves
    and only commit.
    """

    count: int
    assigned: Mapping[Partition, int] | None = None
    simple: bool = False
    known: bool = True
    """False where the broker knows no such group."""

    def of(self, partition: Partition) -> int:
        """How many members can read a partition."""
        if self.assigned is None:
            return self.count
        return self.assigned.get(partition, 0)


@dataclass(frozen=True, slots=True)
class GroupSample:
    """One group at one moment. What could not be read is absent from `readings`, or None in `members`.

    `fault` says why, in words that hold no secret. `at` is UTC.
    """

    at: datetime
    members: Members | None
    readings: Mapping[Partition, Reading] = field(hash=False)
    fault: str = ""


class Commit(NamedTuple):
    """What a group committed of one partition; `offset` is None where it has committed nothing."""

    offset: int | None
    leader_epoch: int | None = None


class Bounds(NamedTuple):
    """The first record that a log still has, and the place of the next one."""

    low: int
    end: int
    leader_epoch: int | None = None


Written = datetime | None
"""UTC; None where no record is behind an offset, though the log goes on: markers of transactions alone."""


class ConsumerGroups(Protocol):
    """Consumer groups of one Kafka. Each call raises KafkaUnavailable where Kafka cannot be asked.

    What could not be read of one group, topic or partition is a text that says why, without a secret.
    """

    def partitions(self, topics: Collection[str]) -> dict[str, tuple[Partition, ...] | str]:
        """The partitions of each topic."""
        ...

    def members(self, groups: Collection[str]) -> dict[str, Members | str]:
        """Who is in each group."""
        ...

    def commits(
        self, wanted: Mapping[str, Collection[Partition]]
    ) -> dict[str, dict[Partition, Commit] | str]:
        """What each group committed; without the partitions whose commit could not be read."""
        ...

    def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds | str]:
        """Where each log begins and ends."""
        ...

    def written(self, wanted: Mapping[str, Mapping[Partition, int]]) -> dict[str, dict[Partition, Written]]:
        """When the first record at or behind these offsets was written, as far as it could be read."""
        ...

    def retention(self, topics: Collection[str]) -> dict[str, int]:
        """How long each topic keeps records, in milliseconds; -1 for ever. Without those that do not tell."""
        ...
