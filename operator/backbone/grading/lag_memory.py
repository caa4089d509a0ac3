"""What is remembered of consumer groups between looks, as JSON; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..ports.lag import LagWord, Partition
from .lag import Entered, GroupMemory, LastCommit


def as_json(memory: Mapping[str, GroupMemory]) -> dict[str, object]:
    """The memory of each group, to be kept in a file."""
    return {"groups": {name: _group(item) for name, item in memory.items()}}


def from_json(found: Mapping[str, object]) -> dict[str, GroupMemory]:
    """The memory of each group. Raises ValueError for what `as_json` has not given."""
    try:
        groups: Any = found.get("groups", {})
        return {name: _memory(item) for name, item in groups.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("it has no commits of groups") from error


def _group(memory: GroupMemory) -> dict[str, object]:
    entered = memory.entered
    return {
        "entered": entered and [entered.word, entered.since.isoformat(), entered.window],
        "commits": [
            [*partition, item.committed, item.reached, item.since.isoformat(), item.moved]
            for partition, item in memory.commits.items()
        ],
    }


def _memory(found: Any) -> GroupMemory:  # noqa: ANN401 - JSON
    entered = found["entered"]
    return GroupMemory(
        entered=entered and Entered(LagWord.named(entered[0]) or LagWord.UNKNOWN, *_rest(entered)),
        commits={
            Partition(str(topic), int(number)): LastCommit(
                int(committed), int(reached), _time(since), bool(moved)
            )
            for topic, number, committed, reached, since, moved in found["commits"]
        },
    )


def _rest(entered: list[Any]) -> tuple[datetime, LagWord | None]:
    return _time(entered[1]), LagWord.named(entered[2])


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found
