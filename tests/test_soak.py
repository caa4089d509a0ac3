"""`make soak` goes on where it was stopped: each schedule that ended well is a line that stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from record import Record, Result
from soak import FREEZE, FROZEN, KILL, MANY, SEED, SPECS, left

WITHOUT_A_DEATH = {"writes": {"create": 3, "update": 2}, "deaths": {}}


def failing() -> Result:
    raise AssertionError("a row was lost")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """The lines of a run that was killed while it wrote the one of seed 2."""
    path = tmp_path / "build" / "soak.jsonl"
    record = Record(path, "one.tar")
    record.attempt(KILL, 0, lambda: WITHOUT_A_DEATH)
    record.attempt(KILL, 2, lambda: {"deaths": {"create": 1}})
    record.attempt(SEED, 1, lambda: {"slowest": 1.5})
    with pytest.raises(AssertionError, match="a row was lost"):
        record.attempt(SEED, 3, failing)
    with path.open("a") as file:
        file.write('{"part": "seed", "numb')
    return path


def test_what_ended_well_is_not_run_again_and_all_else_is(lines: Path) -> None:
    record = Record(lines, "one.tar")
    assert left(record, seeds=3) == [
        (SPECS, MANY),
        (FREEZE, FROZEN),
        (KILL, 1),
        (KILL, 3),
        (SEED, 2),
        (SEED, 3),
    ]
    record.attempt(SEED, 2, lambda: {"slowest": 2.5})
    assert Record(lines, "one.tar").of(SEED) == {1: {"slowest": 1.5}, 2: {"slowest": 2.5}}


def test_another_operator_begins_anew(lines: Path) -> None:
    assert Record(lines, "two.tar").done == {}


def test_a_failure_has_a_line_that_says_why(lines: Path) -> None:
    told = [json.loads(line) for line in lines.read_text().splitlines()[:-1]]
    assert [(line["part"], line["number"], line.get("failed")) for line in told] == [
        (KILL, 0, None),
        (KILL, 2, None),
        (SEED, 1, None),
        (SEED, 3, "AssertionError: a row was lost"),
    ]
