"""Histories recorded from a real broker, judged again: each word is what was done to the consumer.

`tests/contract/record_lag.py` records them.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backbone.grading import lag
from backbone.grading.lag import GroupLag, GroupMemory, LagRules, judged_group
from backbone.ports.lag import GroupSample, LagWord, Members, Partition, Reading

FOLDER = Path(__file__).parent / "lag"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def sample(found: dict[str, Any]) -> GroupSample:
    who = found["members"]
    if who is not None:
        assigned = who["assigned"]
        numbers = assigned and {Partition("t", int(item)): count for item, count in assigned.items()}
        who = Members(**{**who, "assigned": numbers if assigned is not None else None})
    readings = {Partition("t", int(item)): Reading(*values) for item, values in found["readings"].items()}
    return GroupSample(BEGIN + timedelta(seconds=found["at"]), who, readings)


def judged_again(history: dict[str, Any]) -> GroupLag:
    """The group after the last look."""
    rules = LagRules(tolerated=history["tolerated"], stands=timedelta(seconds=history["stands"]))
    memory = GroupMemory()
    for look in history["looks"]:
        samples = [sample(item) for item in look]
        partitions = sorted({partition for item in samples for partition in item.readings})
        group, memory = judged_group(samples, partitions, memory, rules, samples[-1].at)
    return group


def found(history: dict[str, Any]) -> tuple[str, str | None]:
    """Word and reason of the worst partition."""
    group = judged_again(history)
    assert group.worst is not None
    return group.window, group.partitions[group.worst].reason


@pytest.mark.parametrize("name", NAMES)
def test_the_word_is_what_was_done(name: str) -> None:
    history = recorded(name)
    group = judged_again(history)
    assert found(history) == (history["word"], history["reason"])
    assert (group.expired > 0) is history["expired"]
    assert all(item.lag is None or item.lag >= 0 for item in group.partitions.values())


def test_there_are_forty_and_each_word_is_among_them() -> None:
    words = Counter(recorded(name)["word"] for name in NAMES)
    assert len(NAMES) >= 40
    assert set(words) == set(LagWord)


@pytest.mark.parametrize(
    "rule", ["_nothing_committed", "_rewound", "_keeps_up", "_nobody_reads", "_stands_still", "_only_grows"]
)
def test_no_rule_is_idle(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Without any one of the rules the histories are judged otherwise."""
    monkeypatch.setattr(lag, "ORDER", tuple(item for item in lag.ORDER if item.__name__ != rule))
    histories = [recorded(name) for name in NAMES]
    assert any(found(history) != (history["word"], history["reason"]) for history in histories)


@pytest.mark.parametrize("name", NAMES)
def test_half_a_window_says_nothing(name: str) -> None:
    history = recorded(name)
    history["looks"] = [look[:5] for look in history["looks"]]
    assert judged_again(history).window is LagWord.UNKNOWN
