"""Consumer groups: the words for their lag, who is in them, what they committed, and where topics end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

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
