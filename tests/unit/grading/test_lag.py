"""One word for the lag of a group: each rule, which of them goes first, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backbone.grading import lag
from backbone.grading.lag import (
    Entered,
    GroupMemory,
    LagRules,
    LastCommit,
    entering,
    hours_left,
    judged,
    judged_group,
    remembered,
)
from backbone.ports.lag import GroupSample, LagReason, LagWord, Members, Partition, Reading

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOOK = timedelta(minutes=15)
ONE = Partition("ingest.dailyBars", 0)
TWO = Partition("ingest.dailyBars", 1)
READS = Members(1, {ONE: 1, TWO: 1})
NOBODY = Members(0, {})
UNKNOWN_GROUP = Members(0, {}, known=False)
SIMPLE = Members(0, {}, simple=True)
STOOD = LastCommit(50, 50, NOW - LOOK)
RARELY = LastCommit(40, 40, NOW - LOOK, moved=True)

OK, WARNING, STALLED, STOPPED = LagWord.OK, LagWord.WARNING, LagWord.STALLED, LagWord.STOPPED
REWIND, UNKNOWN = LagWord.REWIND, LagWord.UNKNOWN


def window(
    commits: Sequence[int | None],
    ends: Sequence[int],
    members: Members | Sequence[Members | None] | None = READS,
    low: int = 0,
) -> list[GroupSample]:
    """Ten samples, six seconds apart; the last one is now."""
    who = [members] * len(commits) if isinstance(members, Members | None) else members
    return [
        GroupSample(
            NOW - timedelta(seconds=6 * (len(commits) - 1 - number)),
            who[number],
            {ONE: Reading(commit, low, end)},
        )
        for number, (commit, end) in enumerate(zip(commits, ends, strict=True))
    ]


def steady(commit: int | None, end: int, members: Members | None = READS, low: int = 0) -> list[GroupSample]:
    return window([commit] * 10, [end] * 10, members, low)


def missing(samples: list[GroupSample], number: int) -> list[GroupSample]:
    samples[number] = replace(samples[number], readings={}, fault="TimedOut")
    return samples


def rising(first: int, step: int = 10) -> list[int]:
    return [first + step * number for number in range(10)]


def of(samples: Sequence[GroupSample], last: LastCommit | None = None, tolerated: int = 0) -> str:
    """Word and reason of the one partition."""
    found = judged(samples, ONE, last, LagRules(tolerated=tolerated))
    return str(found.word) if found.reason is None else f"{found.word}({found.reason})"


BACK = [100, 100, 100, 100, 100, 60, 60, 70, 70, 80]
CASES: dict[str, tuple[str, Callable[[], str]]] = {
    "a window of nine": ("Unknown(Filling)", lambda: of(steady(50, 50)[1:])),
    "no sample": ("Unknown(Filling)", lambda: of([])),
    "a sample that could not be taken": ("Unknown(NotSampled)", lambda: of(missing(steady(50, 50), 3))),
    "the last one could not be taken": ("Unknown(NotSampled)", lambda: of(missing(steady(50, 50), 9))),
    "members that nobody could describe": ("Unknown(NotSampled)", lambda: of(steady(50, 60, None))),
    "nothing committed, and records": ("Unknown(NeverCommitted)", lambda: of(steady(None, 60))),
    "no such group, and records": ("Unknown(GroupNotFound)", lambda: of(steady(None, 60, UNKNOWN_GROUP))),
    "no such group, and none": ("OK", lambda: of(steady(None, 0, UNKNOWN_GROUP))),
    "no such group, and all records expired": ("OK", lambda: of(steady(None, 60, UNKNOWN_GROUP, low=60))),
    "a group that was deleted": (
        "Unknown(GroupNotFound)",
        lambda: of(steady(None, 60, UNKNOWN_GROUP), STOOD),
    ),
    "a log that lost its end": ("Unknown(CommitBeyondEnd)", lambda: of(steady(90, 60))),
    "a commit that went back": ("Rewind", lambda: of(window(BACK, rising(100)))),
    "it went back from no lag": ("Rewind", lambda: of(window(BACK, [100] * 10))),
    "it went back, and the member is gone": ("Rewind", lambda: of(window(BACK, rising(100), NOBODY))),
    "it went back between two looks": ("Rewind", lambda: of(steady(40, 60), STOOD)),
    "it went back long ago": ("Rewind", lambda: of(steady(50, 90), LastCommit(50, 80, NOW - LOOK, True))),
    "it is back at its old place": ("OK", lambda: of(window([*BACK[:9], 100], [100] * 10))),
    "it went back by what is tolerated": ("Rewind", lambda: of(window(BACK, [100] * 10), tolerated=50)),
    "no lag": ("OK", lambda: of(steady(50, 50))),
    "no lag, and nobody is there": ("OK", lambda: of(steady(50, 50, NOBODY))),
    "no lag once": ("OK", lambda: of(window(rising(0), [*rising(5)[:4], 40, *rising(55)[:5]]))),
    "as much as is tolerated": ("OK", lambda: of(steady(50, 51, NOBODY), tolerated=1)),
    "more than is tolerated": ("Stopped", lambda: of(steady(50, 52, NOBODY), tolerated=1)),
    "an empty log, and an old commit": ("OK", lambda: of(steady(5, 60, NOBODY, low=60))),
    "lag, and nobody is there": ("Stopped", lambda: of(steady(50, 60, NOBODY))),
    "lag, and the group is gone": ("Stopped", lambda: of(steady(50, 60, UNKNOWN_GROUP))),
    "it died just now": ("Stopped", lambda: of(window(rising(0), rising(50), [READS] * 8 + [NOBODY] * 2))),
    "gone in the last sample alone": (
        "Warning",
        lambda: of(window(rising(0, 1), rising(50), [READS] * 9 + [NOBODY])),
    ),
    "members that read other partitions": ("Stopped", lambda: of(steady(50, 60, Members(3, {TWO: 3})))),
    "members in a rebalance": ("Stalled", lambda: of(steady(50, 60, Members(3)), STOOD)),
    "no members, and commits that move": ("OK", lambda: of(window(rising(0), rising(50), SIMPLE))),
    "no members, and commits that stand": ("Stopped", lambda: of(steady(50, 60, SIMPLE), STOOD)),
    "a commit that stands since the last look": ("Stalled", lambda: of(steady(50, 60), STOOD)),
    "a commit that stands since ten minutes": (
        "Unknown(Filling)",
        lambda: of(steady(50, 60), LastCommit(50, 50, NOW - timedelta(minutes=10))),
    ),
    "a commit each ten minutes, looked at each three": (
        "OK",
        lambda: of(steady(50, 60), LastCommit(50, 50, NOW - timedelta(minutes=10), moved=True)),
    ),
    "a commit each ten minutes, looked at each fifteen": (
        "OK",
        lambda: of(window([50] * 10, rising(60)), RARELY),
    ),
    "a commit that stands at the first look": ("Unknown(Filling)", lambda: of(steady(50, 60))),
    "the first commit, and lag": ("Unknown(Filling)", lambda: of(window([None] * 5 + [50] * 5, [60] * 10))),
    "lag that only grows": ("Warning", lambda: of(window(rising(0, 1), rising(50)))),
    "lag that grows, and falls once": (
        "OK",
        lambda: of(window([0, 1, 2, 3, 14, 15, 16, 17, 18, 19], rising(50))),
    ),
    "lag that stays": ("OK", lambda: of(window(rising(0), rising(50)))),
}

Mutate = Callable[[pytest.MonkeyPatch], None]


def ordered(*first: str) -> Mutate:
    """The rules with these before all others."""
    names = [rule.__name__ for rule in lag.ORDER]

    def mutate(patch: pytest.MonkeyPatch) -> None:
        order = [*first, *(name for name in names if name not in first)]
        patch.setattr(lag, "ORDER", tuple(getattr(lag, name) for name in order))

    return mutate


def without(rule: str) -> Mutate:
    """The rules without one."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(lag, "ORDER", tuple(item for item in lag.ORDER if item.__name__ != rule))

    return mutate


def young_windows_count(patch: pytest.MonkeyPatch) -> None:
    def cannot_say(case: lag.Case) -> lag.Judgement | None:
        return None if case.readings and case.members else (UNKNOWN, LagReason.FILLING)

    patch.setattr(lag, "ORDER", (cannot_say, *lag.ORDER[1:]))


def the_dead_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Members, "of", lambda self, _: max(1, self.count))


def unknown_is_ok(patch: pytest.MonkeyPatch) -> None:
    real = lag.judged

    def judge(*case: object) -> lag.PartitionLag:
        found = real(*case)  # type: ignore[arg-type]
        return replace(found, word=OK, reason=None) if found.word is UNKNOWN else found

    patch.setitem(globals(), "judged", judge)


MUTANTS: dict[str, Mutate] = {
    "zeros before rewinds": ordered("_cannot_say", "_nothing_committed", "_beyond_the_end", "_keeps_up"),
    "members before rewinds": ordered(
        "_cannot_say", "_nothing_committed", "_beyond_the_end", "_nobody_reads"
    ),
    "a window that is not full is judged": young_windows_count,
    "a dead member counts as live": the_dead_count,
    "Unknown is shown as OK": unknown_is_ok,
    "a sample in the middle may be missing": lambda patch: patch.setattr(
        lag.Case, "readings", property(lambda self: [Reading(50, 0, 50)] * len(self.samples))
    ),
    "a group that never committed is judged": without("_nothing_committed"),
    "a rewind between two looks is forgotten": lambda patch: patch.setattr(
        lag, "remembered", lambda samples, partition, _: remembered(samples, partition, None)
    ),
    "who commits rarely is stalled": lambda patch: patch.setattr(
        lag, "ORDER", tuple(hasty if rule.__name__ == "_stands_still" else rule for rule in lag.ORDER)
    ),
    "members are asked of the last sample alone": lambda patch: patch.setattr(lag, "LAST", 1),
}


def hasty(case: lag.Case) -> lag.Judgement | None:
    return None if case.moves else (STALLED, None)


def wrong() -> list[str]:
    """The cases that are judged otherwise than they should be."""
    return [name for name, (word, judge) in CASES.items() if judge() != word]


@pytest.mark.parametrize("case", CASES)
def test_the_first_rule_that_holds_says_the_word(case: str) -> None:
    word, judge = CASES[case]
    assert judge() == word


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_found(monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    assert wrong() == []
    MUTANTS[mutant](monkeypatch)
    assert wrong() != []


@pytest.mark.parametrize(
    ("windows", "shown"),
    [
        pytest.param([OK], [UNKNOWN], id="one window is not enough"),
        pytest.param([OK, OK], [UNKNOWN, OK], id="two that agree are"),
        pytest.param([OK, WARNING, OK], [UNKNOWN] * 3, id="none agree"),
        pytest.param([OK, OK, WARNING, OK, OK], [UNKNOWN, OK, OK, OK, OK], id="one odd window"),
        pytest.param([OK, OK, WARNING, WARNING], [UNKNOWN, OK, OK, WARNING], id="it got worse"),
        pytest.param(
            [OK, OK, STALLED, STALLED, OK, OK], [UNKNOWN, OK, OK, STALLED, STALLED, OK], id="better"
        ),
        pytest.param([STOPPED, OK, OK], [STOPPED, STOPPED, OK], id="stopped at once"),
        pytest.param([OK, OK, REWIND], [UNKNOWN, OK, REWIND], id="rewound at once"),
        pytest.param([OK, OK, UNKNOWN, OK], [UNKNOWN, OK, UNKNOWN, OK], id="away for one look"),
        pytest.param([OK, OK, UNKNOWN, WARNING], [UNKNOWN, OK, UNKNOWN, UNKNOWN], id="away, then another"),
        pytest.param([OK, UNKNOWN, OK], [UNKNOWN, UNKNOWN, OK], id="away between two that agree"),
    ],
)
def test_a_word_enters(windows: list[LagWord], shown: list[LagWord]) -> None:
    entered: Entered | None = None
    found = []
    for number, word in enumerate(windows):
        before = entered
        entered = entering(entered, word, NOW + number * LOOK)
        found.append(entered.word)
        if before is not None and before.word is entered.word:
            assert entered.since == before.since
        else:
            assert entered.since == NOW + number * LOOK
    assert found == shown


@pytest.mark.parametrize(
    ("samples", "last", "kept"),
    [
        pytest.param([], STOOD, STOOD, id="no sample"),
        pytest.param([], None, None, id="nothing at all"),
        pytest.param(steady(None, 60), STOOD, STOOD, id="the commit is gone"),
        pytest.param(steady(50, 60), STOOD, STOOD, id="it stands"),
        pytest.param(
            steady(50, 60), None, LastCommit(50, 50, NOW - timedelta(seconds=54)), id="it is seen first"
        ),
        pytest.param(
            window([50] * 9 + [55], [60] * 10), STOOD, LastCommit(55, 55, NOW, moved=True), id="it moves"
        ),
        pytest.param(
            window([50] * 9 + [30], [60] * 10), STOOD, LastCommit(30, 50, NOW, moved=True), id="it goes back"
        ),
        pytest.param(
            steady(5, 8),
            STOOD,
            LastCommit(5, 8, NOW - timedelta(seconds=54), moved=True),
            id="a log that is shorter than the old place",
        ),
    ],
)
def test_what_is_remembered(
    samples: list[GroupSample], last: LastCommit | None, kept: LastCommit | None
) -> None:
    assert remembered(samples, ONE, last) == kept


def test_a_topic_that_was_created_again_is_no_rewind() -> None:
    assert of(steady(8, 8), STOOD) == "OK"


def test_expired_records_stand_beside_any_word() -> None:
    for members, word in ((NOBODY, STOPPED), (READS, STALLED)):
        found = judged(steady(50, 900, members, low=700), ONE, STOOD, LagRules())
        assert (found.word, found.expired, found.lag) == (word, 650, 200)
    gone = judged(steady(50, 700, READS, low=700), ONE, STOOD, LagRules())
    assert (gone.word, gone.expired, gone.lag) == (OK, 650, 0)


def test_what_was_not_measured_is_not_zero() -> None:
    assert judged(missing(steady(50, 50), 9), ONE, None, LagRules()).lag is None
    assert judged(steady(None, 60), ONE, None, LagRules()).lag is None
    assert judged(steady(None, 60), ONE, None, LagRules()).end == 60
    assert judged(steady(50, 50), ONE, None, LagRules()).lag == 0


def with_two(first: list[GroupSample], second: list[GroupSample]) -> list[GroupSample]:
    """One group over both partitions."""
    return [
        replace(one, readings={**one.readings, **({TWO: two.readings[ONE]} if two.readings else {})})
        for one, two in zip(first, second, strict=True)
    ]


@pytest.mark.parametrize(
    ("first", "second", "word", "worst"),
    [
        pytest.param(steady(50, 50), steady(50, 50), OK, ONE, id="both keep up"),
        pytest.param(steady(50, 50), missing(steady(50, 50), 2), UNKNOWN, TWO, id="one is unknown"),
        pytest.param(
            window(rising(60, 1), rising(90)), missing(steady(50, 50), 2), WARNING, ONE, id="warning"
        ),
        pytest.param(steady(50, 60), window(BACK, rising(100)), REWIND, TWO, id="one is rewound"),
        pytest.param(steady(50, 60), steady(50, 99), STALLED, TWO, id="the larger lag of two"),
    ],
)
def test_a_group_has_the_word_of_its_worst_partition(
    first: list[GroupSample], second: list[GroupSample], word: LagWord, worst: Partition
) -> None:
    memory = GroupMemory(Entered(word, NOW - LOOK, word), {ONE: STOOD, TWO: STOOD})
    group, kept = judged_group(with_two(first, second), [ONE, TWO], memory, LagRules(), NOW)
    assert (group.window, group.entered.word, group.worst) == (word, word, worst)
    assert group.entered.since == NOW - LOOK
    assert set(kept.commits) == {ONE, TWO}
    assert group.lag == sum(item.lag or 0 for item in group.partitions.values())


def test_a_part_is_not_the_sum() -> None:
    samples = with_two(steady(50, 50), steady(None, 60))
    group, _ = judged_group(samples, [ONE, TWO], GroupMemory(), LagRules(), NOW)
    assert (group.partitions[ONE].lag, group.lag) == (0, None)


def test_a_group_without_partitions_is_unknown() -> None:
    group, _ = judged_group(steady(50, 50), [], GroupMemory(), LagRules(), NOW)
    assert (group.window, group.lag, group.worst) == (UNKNOWN, None, None)


def test_the_first_look_says_why_there_is_no_word_yet() -> None:
    group, memory = judged_group(steady(50, 50), [ONE], GroupMemory(), LagRules(), NOW)
    assert (group.window, group.entered.word, group.reason) == (OK, UNKNOWN, LagReason.FILLING)
    again, _ = judged_group(steady(50, 50), [ONE], memory, LagRules(), NOW + LOOK)
    assert (again.entered.word, again.reason) == (OK, None)


def test_a_fault_is_told() -> None:
    group, _ = judged_group(missing(steady(50, 50), 3), [ONE], GroupMemory(), LagRules(), NOW)
    assert group.fault == "TimedOut"


@pytest.mark.parametrize(
    ("seconds", "retention", "hours"),
    [(0, 3_600_000, 1.0), (1800, 3_600_000, 0.5), (9999, 3_600_000, 0.0), (5, -1, None)],
)
def test_hours_until_retention_takes_a_record(seconds: float, retention: int, hours: float | None) -> None:
    assert hours_left(seconds, retention) == hours
