"""How one condition follows another, and how they are written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from backbone.conditions import (
    MESSAGE_LIMIT,
    Condition,
    condition,
    format_time,
    parse_time,
    read_conditions,
    transition,
)
from backbone.vocabulary import ConditionType, Reason

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=3)


def ready(holds: bool | None, reason: Reason = Reason.AVAILABLE, generation: int = 1) -> Condition:
    return condition(ConditionType.READY, holds, reason, "A message.", generation)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, ready(True), NOW),
        (ready(True), ready(True), EARLIER),
        (ready(True), ready(True, Reason.SETTLED), EARLIER),
        (ready(True), ready(True, generation=2), EARLIER),
        (ready(True), ready(False), NOW),
        (ready(False), ready(None), NOW),
        (ready(None), ready(None), EARLIER),
    ],
    ids=[
        "a new condition is dated now",
        "the same status keeps its date",
        "another reason keeps the date",
        "another generation keeps the date",
        "a flip is dated now",
        "losing sight is a flip",
        "staying unknown is none",
    ],
)
def test_the_date_moves_only_with_the_status(
    before: Condition | None, after: Condition, expected: datetime
) -> None:
    previous = transition((), [before], EARLIER) if before else ()
    (dated,) = transition(previous, [after], NOW)
    assert dated.last_transition_time == expected
    assert (dated.status, dated.reason) == (after.status, after.reason)


def test_a_condition_that_is_not_stated_again_is_gone() -> None:
    previous = transition((), [ready(True), condition(ConditionType.STALLED, True, Reason.VALID, "", 1)], NOW)
    assert [item.type for item in transition(previous, [ready(True)], NOW)] == ["Ready"]


@pytest.mark.parametrize(("holds", "status"), [(True, "True"), (False, "False"), (None, "Unknown")], ids=repr)
def test_not_knowing_is_a_status_of_its_own(holds: bool | None, status: str) -> None:
    assert ready(holds).status == status


def test_what_is_written_is_what_is_read() -> None:
    dated = transition((), [ready(True, generation=7)], NOW)
    assert read_conditions([item.to_json() for item in dated]) == dated
    assert dated[0].to_json() == {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "message": "A message.",
        "observedGeneration": 7,
        "lastTransitionTime": "2024-03-01T12:00:00Z",
    }


def test_a_long_message_is_cut() -> None:
    (dated,) = transition((), [condition(ConditionType.READY, False, Reason.VALID, "x" * 5000, 1)], NOW)
    assert len(dated.to_json()["message"]) == MESSAGE_LIMIT


def test_a_condition_without_a_date_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="Ready was never passed through transition"):
        ready(True).to_json()


WRITTEN = transition((), [ready(True)], NOW)[0].to_json()


@pytest.mark.parametrize(
    "raw",
    [
        None,
        {},
        "Ready",
        [None],
        ["Ready"],
        [{key: value for key, value in WRITTEN.items() if key != "status"}],
        [WRITTEN | {"lastTransitionTime": "yesterday"}],
        [WRITTEN | {"lastTransitionTime": "2024-03-01T12:00:00"}],
    ],
    ids=[
        "no status",
        "a mapping",
        "a text",
        "a null entry",
        "a text entry",
        "an entry without status",
        "a date nobody can read",
        "a date without zone",
    ],
)
def test_what_is_no_condition_is_left_out(raw: object) -> None:
    assert read_conditions(raw) == ()
    if isinstance(raw, list):
        assert [item.type for item in read_conditions([*raw, WRITTEN])] == ["Ready"]


def test_times_are_written_in_utc_with_whole_seconds() -> None:
    local = datetime(2024, 3, 1, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(local) == "2024-03-01T12:00:00Z"
    assert parse_time("2024-03-01T12:00:00.25Z") == NOW + timedelta(milliseconds=250)
    assert parse_time("2024-03-01T14:00:00+02:00") == NOW


@pytest.mark.parametrize("text", ["2024-03-01T12:00:00", "soon", ""])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
    with pytest.raises(ValueError, match="without a zone"):
        format_time(datetime(2024, 3, 1))  # noqa: DTZ001 - the naive value is the point


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse_time("9999-12-31T23:59:59-23:00")
    raw = {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "lastTransitionTime": "9999-12-31T23:59:59-23:00",
    }
    assert read_conditions([raw]) == ()
