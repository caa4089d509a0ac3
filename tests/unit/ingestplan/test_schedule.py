"""Schedules and time zones: what is wrong with one, and when it fires next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backbone.ingestplan.schedule import next_fire, schedule_problem, time_zone_problem

FRIDAY = datetime(2024, 3, 8, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0 22 * * 1-5", "*/5 * * * *", "0 0 29 2 *", "@daily", "@hourly"])
def test_a_schedule_that_fires_has_no_problem(text: str) -> None:
    assert schedule_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("99 99 * * *", id="a minute that does not exist"),
        pytest.param("0 0 30 2 *", id="a date that does not exist"),
        pytest.param("0 0 1,5-3 * *", id="a range that runs backwards"),
        pytest.param("@fortnightly", id="a shorthand that does not exist"),
    ],
)
def test_what_is_wrong_with_a_schedule_names_it(text: str) -> None:
    assert text in str(schedule_problem(text))


@pytest.mark.parametrize("name", ["Etc/UTC", "America/New_York"])
def test_a_time_zone_that_exists_has_no_problem(name: str) -> None:
    assert time_zone_problem(name) is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd"])
def test_what_is_wrong_with_a_time_zone_names_it(name: str) -> None:
    assert name in str(time_zone_problem(name))


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        pytest.param(
            "0 22 * * 1-5", "Etc/UTC", datetime(2024, 3, 11, 22, tzinfo=UTC), id="a weekend is passed over"
        ),
        pytest.param(
            "30 17 * * *",
            "America/New_York",
            datetime(2024, 3, 9, 22, 30, tzinfo=UTC),
            id="before New York's clocks go forward five hours lie between",
        ),
        pytest.param(
            "30 17 * * 1",
            "America/New_York",
            datetime(2024, 3, 11, 21, 30, tzinfo=UTC),
            id="after New York's clocks went forward four hours lie between",
        ),
        pytest.param("@daily", "Etc/UTC", datetime(2024, 3, 9, tzinfo=UTC), id="a shorthand is a schedule"),
    ],
)
def test_next_fire(schedule: str, zone: str, expected: datetime) -> None:
    assert next_fire(schedule, zone, FRIDAY) == expected


def test_next_fire_refuses_what_is_no_schedule() -> None:
    with pytest.raises(ValueError, match="no cron expression"):
        next_fire("99 * * * *", "Etc/UTC", FRIDAY)
