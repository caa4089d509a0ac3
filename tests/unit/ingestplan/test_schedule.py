"""Schedules and time zones: what is wrong with one, and when it fires next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.ingestplan.schedule import (
    fire_after,
    last_fire,
    next_fire,
    schedule_problem,
    time_zone_problem,
)

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
    with pytest.raises(ValueError, match="not a cron expression"):
        next_fire("99 * * * *", "Etc/UTC", FRIDAY)


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/15", "5,59", "10-12"]),
    st.sampled_from(["*", "2", "0-3", "*/6", "1,23"]),
    st.sampled_from(["*", "1", "10", "*/2"]),
    st.sampled_from(["*", "3", "11", "mar-nov"]),
    st.just("*"),
)


def matches(text: str, local: datetime) -> bool:
    """Whether a minute is a fire, looked at by itself, as Kubernetes' CronJobs see clocks that change."""
    sim = CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    date = local.day in sim.days and local.month in sim.months
    return date and local.hour in sim.hours and local.minute in sim.minutes


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    parts=FIELDS,
    zone=st.sampled_from(["Etc/UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"]),
    start=st.sampled_from([datetime(2024, 3, 9, tzinfo=UTC), datetime(2024, 11, 2, tzinfo=UTC)]),
    minutes=st.integers(1, 3 * 24 * 60),
)
def test_the_last_fire_is_the_last_minute_that_matches(
    parts: tuple[str, ...], zone: str, start: datetime, minutes: int
) -> None:
    text, until = " ".join(parts), start + timedelta(minutes=minutes, seconds=7)
    every = (start + timedelta(minutes=number) for number in range(1, minutes + 1))
    expected = [item for item in every if matches(text, item.astimezone(ZoneInfo(zone)))]
    found = last_fire(text, zone, start, until)
    if expected and zone == "Etc/UTC":
        assert found == expected[-1]
    else:
        # Of an hour that comes twice, Kubernetes takes both, and we ask for one: nothing is missed in vain.
        assert found is None or found in expected
        assert found is not None or len(expected) <= 4


@pytest.mark.parametrize("schedule", ["0 22 * * 1-5", "@daily", "* * * * *"])
def test_a_fire_counts_from_its_own_second(schedule: str) -> None:
    first = fire_after(schedule, "Etc/UTC", FRIDAY)
    assert first is not None
    assert last_fire(schedule, "Etc/UTC", FRIDAY, first) == first
    assert last_fire(schedule, "Etc/UTC", FRIDAY, first - timedelta(seconds=1)) is None
    assert last_fire(schedule, "Etc/UTC", first, first + timedelta(seconds=59)) is None


def test_an_hour_that_clocks_leap_over_has_no_fire() -> None:
    day = datetime(2024, 3, 10, 0, 0, tzinfo=UTC)
    assert last_fire("30 2 * * *", "America/New_York", day, day + timedelta(hours=20)) is None
