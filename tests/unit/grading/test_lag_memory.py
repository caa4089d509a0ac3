"""What is remembered of groups goes into a file and comes out of it the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from backbone.grading.lag import Entered, GroupMemory, LastCommit
from backbone.grading.lag_memory import as_json, from_json
from backbone.ports.lag import LagWord, Partition

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
COMMITS = {Partition("a", 0): LastCommit(5, 9, AT, True), Partition("b.c", 11): LastCommit(0, 0, AT)}


@pytest.mark.parametrize(
    "memory",
    [
        {},
        {"g": GroupMemory()},
        {"g": GroupMemory(Entered(LagWord.UNKNOWN, AT), COMMITS)},
        {"g": GroupMemory(Entered(LagWord.OK, AT, LagWord.WARNING), COMMITS), "h": GroupMemory()},
    ],
)
def test_it_comes_back_as_it_was(memory: dict[str, GroupMemory]) -> None:
    assert from_json(json.loads(json.dumps(as_json(memory)))) == memory


def test_no_file_is_no_memory() -> None:
    assert from_json({}) == {}


@pytest.mark.parametrize(
    "found",
    [
        {"groups": []},
        {"groups": {"g": 3}},
        {"groups": {"g": {"entered": None}}},
        {"groups": {"g": {"entered": None, "commits": [["a", 0, 1]]}}},
        {
            "groups": {
                "g": {"entered": None, "commits": [["a", 0, "x", 1, "2026-03-02T09:00:00+00:00", True]]}
            }
        },
        {"groups": {"g": {"entered": None, "commits": [["a", 0, 1, 1, "2026-03-02T09:00:00", True]]}}},
        {"groups": {"g": {"entered": ["OK", "soon", None], "commits": []}}},
    ],
)
def test_what_no_look_has_written_is_refused(found: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no commits of groups"):
        from_json(found)
