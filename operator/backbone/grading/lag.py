"""One word for the lag of a consumer group: pure rules over a window of samples and what is remembered.

A word says what the group does about its lag. How much lag is too much, thresholds of the spec say elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from ..ports.lag import GroupSample, LagReason, LagWord, Members, Partition, Reading

WINDOW = 10
"""Samples of one look."""
LAST = 2
"""Samples at the end of a window that have to be without a member, for nobody to read."""
STANDS = timedelta(minutes=11)
"""How long a commit has to have stood before it counts as stalled: some programs commit every ten minutes."""


_WORDS = tuple(LagWord)
AT_ONCE = frozenset({LagWord.REWIND, LagWord.STOPPED, LagWord.UNKNOWN})
"""Words that one window suffices for."""


@dataclass(frozen=True, slots=True)
class LagRules:
    """`tolerated` records are no lag. Tests that cannot wait shorten `stands`, and take other windows."""

    tolerated: int = 0
    window: int = WINDOW
    stands: timedelta = STANDS


@dataclass(frozen=True, slots=True)
class LastCommit:
    """What is remembered of one partition between looks.

    `reached` is the furthest place that the group committed and the log still has; `since` is when this
    commit was first seen, in UTC, and `moved` whether any commit before it was another one.
    """

    committed: int
    reached: int
    since: datetime
    moved: bool = False


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition as a window shows it. `lag` is None where it could not be measured.

    `committed`, `low` and `end` are those of the last sample; `expired` counts records that the log lost
    before the group had read them.
    """

    word: LagWord
    reason: LagReason | None = None
    committed: int | None = None
    low: int | None = None
    end: int | None = None
    lag: int | None = None
    leader_epoch: int | None = None
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Entered:
    """A group's word as it is shown, since when, and the last word that a window gave by itself."""

    word: LagWord
    since: datetime
    window: LagWord | None = None


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """What is remembered of one group between looks."""

    entered: Entered | None = None
    commits: Mapping[Partition, LastCommit] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class GroupLag:
    """One group after a look.

    `window` is the word that this window gives by itself, `entered` the one that is shown; `reason` belongs
    to the worst partition. `lag` is None unless every partition was measured: a part is not the sum.
    """

    window: LagWord
    reason: LagReason | None
    entered: Entered
    lag: int | None
    expired: int
    worst: Partition | None
    partitions: Mapping[Partition, PartitionLag] = field(hash=False)
    fault: str = ""


def judged_group(
    samples: Sequence[GroupSample],
    partitions: Sequence[Partition],
    memory: GroupMemory,
    rules: LagRules,
    now: datetime,
) -> tuple[GroupLag, GroupMemory]:
    """A group after a window over its partitions, and what to remember of it until the next look."""
    fault = next((sample.fault for sample in reversed(samples) if sample.fault), "")
    found = {item: judged(samples, item, memory.commits.get(item), rules) for item in partitions}
    worst = min(found, key=lambda item: _badness(found[item]), default=None)
    judgement = found[worst] if worst is not None else PartitionLag(LagWord.UNKNOWN, LagReason.NOT_SAMPLED)
    measured = [item.lag for item in found.values() if item.lag is not None]
    entered = entering(memory.entered, judgement.word, now)
    group = GroupLag(
        window=judgement.word,
        reason=judgement.reason or (LagReason.FILLING if entered.word is LagWord.UNKNOWN else None),
        entered=entered,
        lag=sum(measured) if measured and len(measured) == len(found) else None,
        expired=sum(item.expired for item in found.values()),
        worst=worst,
        partitions=found,
        fault=fault,
    )
    commits = {item: remembered(samples, item, memory.commits.get(item)) for item in partitions}
    kept = {item: commit for item, commit in commits.items() if commit is not None}
    return group, GroupMemory(entered, kept)


def entering(before: Entered | None, window: LagWord, now: datetime) -> Entered:
    """The word to show after a window.

    Rewind, Stopped and Unknown enter at once; another word once two windows agree, where a window that is
    Unknown counts as none. Until then the word before stays, unless nothing was known.
    """
    if before is None:
        before = Entered(LagWord.UNKNOWN, now)
    known = window is not LagWord.UNKNOWN
    enters = window in AT_ONCE or window is before.window
    shown = window if enters else before.word
    since = before.since if before.word is shown else now
    return Entered(shown, since, window if known else before.window)


def hours_left(seconds: float, retention_ms: int) -> float | None:
    """Hours until retention takes a record of this age; None where it takes none by age.

    Records go by whole segments, so this is the earliest time.
    """
    if retention_ms < 0:
        return None
    return max(0.0, retention_ms / 3_600_000 - seconds / 3600)


def judged(
    samples: Sequence[GroupSample], partition: Partition, last: LastCommit | None, rules: LagRules
) -> PartitionLag:
    """One partition: the first rule that holds."""
    case = Case(samples, partition, last, rules)
    word, reason = next((found for rule in ORDER if (found := rule(case)) is not None), (LagWord.OK, None))
    latest = samples[-1].readings.get(partition) if samples else None
    if latest is None:
        return PartitionLag(word, reason)
    return PartitionLag(
        word=word,
        reason=reason,
        committed=latest.committed,
        low=latest.low,
        end=latest.end,
        lag=None if latest.committed is None and latest.lag else latest.lag,
        leader_epoch=latest.leader_epoch,
        expired=latest.expired,
    )


def remembered(
    samples: Sequence[GroupSample], partition: Partition, last: LastCommit | None
) -> LastCommit | None:
    """What to remember of a partition; what was remembered before, where nothing was read."""
    for sample in samples:
        reading = sample.readings.get(partition)
        if reading is None or reading.committed is None:
            continue
        committed = reading.committed
        if last is None:
            last = LastCommit(committed, committed, sample.at)
        elif committed != last.committed:
            last = LastCommit(committed, max(last.reached, committed), sample.at, moved=True)
        # A place that the log no longer has cannot be reached: it was cut off, or created again.
        last = replace(last, reached=min(last.reached, max(reading.end, committed)))
    return last


@dataclass(frozen=True)
class Case:
    """One partition in one window, as the rules look at it."""

    samples: Sequence[GroupSample]
    partition: Partition
    last: LastCommit | None
    rules: LagRules

    @cached_property
    def readings(self) -> list[Reading]:
        """Those that could be taken."""
        found = (sample.readings.get(self.partition) for sample in self.samples)
        return [reading for reading in found if reading is not None]

    @cached_property
    def members(self) -> list[Members]:
        """Who was in the group at the end of the window, as far as it was described."""
        return [sample.members for sample in self.samples[-LAST:] if sample.members is not None]

    @cached_property
    def commit(self) -> LastCommit | None:
        """What is remembered after this window."""
        return remembered(self.samples, self.partition, self.last)

    @property
    def commits(self) -> list[int | None]:
        """What was committed at each sample."""
        return [reading.committed for reading in self.readings]

    @property
    def moves(self) -> bool:
        """Whether a commit moved within the window."""
        return len(set(self.commits)) > 1


Judgement = tuple[LagWord, LagReason | None]


def _cannot_say(case: Case) -> Judgement | None:
    if len(case.samples) < case.rules.window:
        return LagWord.UNKNOWN, LagReason.FILLING
    if len(case.readings) < len(case.samples) or len(case.members) < LAST:
        return LagWord.UNKNOWN, LagReason.NOT_SAMPLED
    return None


def _nothing_committed(case: Case) -> Judgement | None:
    latest = case.readings[-1]
    if latest.committed is not None or not latest.lag:
        return None
    return LagWord.UNKNOWN, LagReason.NEVER_COMMITTED if case.members[-1].known else LagReason.GROUP_NOT_FOUND


def _beyond_the_end(case: Case) -> Judgement | None:
    latest = case.readings[-1]
    if latest.committed is None or latest.committed <= latest.end:
        return None
    return LagWord.UNKNOWN, LagReason.COMMIT_BEYOND_END


def _rewound(case: Case) -> Judgement | None:
    commit = case.commit
    return (LagWord.REWIND, None) if commit is not None and commit.committed < commit.reached else None


def _keeps_up(case: Case) -> Judgement | None:
    if any(reading.lag <= case.rules.tolerated for reading in case.readings):
        return LagWord.OK, None
    return None


def _just_begun(case: Case) -> Judgement | None:
    """The first commit came within the window, and there was lag all the time."""
    return (LagWord.UNKNOWN, LagReason.FILLING) if None in case.commits else None


def _nobody_reads(case: Case) -> Judgement | None:
    if any(item.of(case.partition) for item in case.members):
        return None
    # Of a group without members, whoever commits is the sign of life.
    if case.moves and any(item.simple for item in case.members):
        return None
    return LagWord.STOPPED, None


def _stands_still(case: Case) -> Judgement | None:
    if case.moves or case.commit is None:
        return None
    stood = case.samples[-1].at - case.commit.since
    if case.last is not None and case.last.committed == case.commit.committed and stood >= case.rules.stands:
        return LagWord.STALLED, None
    # It commits more rarely than a window is long: how its lag grows within one says nothing.
    return (LagWord.OK, None) if case.commit.moved else (LagWord.UNKNOWN, LagReason.FILLING)


def _only_grows(case: Case) -> Judgement | None:
    lags = [reading.lag for reading in case.readings]
    if any(later < earlier for earlier, later in pairwise(lags)) or lags[-1] <= lags[0]:
        return None
    return LagWord.WARNING, None


Rule = Callable[[Case], Judgement | None]

ORDER: tuple[Rule, ...] = (
    _cannot_say,
    _nothing_committed,
    _beyond_the_end,
    _rewound,
    _keeps_up,
    _just_begun,
    _nobody_reads,
    _stands_still,
    _only_grows,
)
"""The first rule that says something decides; where none does, the word is OK."""


def _badness(item: PartitionLag) -> tuple[int, int]:
    """The worst first: by word, then by lag."""
    return _WORDS.index(item.word), -(item.lag or 0)
