"""Schedules and time zones: their form, what is wrong with one, and when it fires next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, StringConstraints

_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def _cron_field(value: str) -> str:
    term = f"([*]|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"{term}(,{term})*"


SCHEDULE_PATTERN = (
    "^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|"
    + " +".join(
        _cron_field(value)
        for value in (
            "[0-5]?[0-9]",
            "([01]?[0-9]|2[0-3])",
            "(0?[1-9]|[12][0-9]|3[01])",
            "(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))",
            "([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))",
        )
    )
    + ")$"
)
"""What Kubernetes' CronJobs read; dates that do not exist, such as February 30, pass here."""

NO_SCHEDULE = (
    "schedule needs five cron fields, minute (0-59) hour (0-23) day (1-31) month (1-12) weekday (0-6, "
    "Sunday is 0), for example '0 22 * * 1-5', or one of @hourly @daily @weekly @monthly "
    "@yearly; a time zone goes into timeZone."
)


def _check_schedule(text: str) -> str:
    if not re.fullmatch(SCHEDULE_PATTERN, text):
        raise ValueError(NO_SCHEDULE)
    return text


Schedule = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_schedule)]


def schedule_problem(text: str) -> str | None:
    """What is wrong with a cron expression, or None."""
    try:
        CronSim(_SHORTHANDS.get(text, text), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return f"{text!r} is not a cron expression: {error}"
    return None


def time_zone_problem(name: str) -> str | None:
    """What is wrong with the name of a time zone, or None."""
    try:
        ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        return f"{name!r} is not in the IANA time zone database"
    return None


def next_fire(schedule: str, time_zone: str, now: datetime) -> datetime | None:
    """When the schedule fires next (UTC), or None if it never does. Raises ValueError on a bad schedule."""
    try:
        local = now.astimezone(ZoneInfo(time_zone))
        return next(CronSim(_SHORTHANDS.get(schedule, schedule), local)).astimezone(UTC)
    except CronSimError as error:
        raise ValueError(f"{schedule!r} is not a cron expression: {error}") from error
    except StopIteration:
        return None


def fire_after(schedule: str, time_zone: str, moment: datetime) -> datetime | None:
    """The first fire after a moment for which Kubernetes makes a Job. Raises ValueError as next_fire."""
    return next(_fires(schedule, time_zone, moment), None)


def last_fire(schedule: str, time_zone: str, after: datetime, until: datetime) -> datetime | None:
    """The last fire (UTC) after one moment and no later than another. Raises ValueError as next_fire."""
    first = fire_after(schedule, time_zone, after)
    if first is None or first > until:
        return None
    # Backwards it begins before the moment it is given.
    end = until.replace(microsecond=0) + timedelta(seconds=1)
    return next(_fires(schedule, time_zone, end, back=True), None)


def _fires(schedule: str, time_zone: str, moment: datetime, *, back: bool = False) -> Iterator[datetime]:
    """Fires as the CronJob controller has them: none at an hour that a clock leaps over."""
    try:
        local = moment.astimezone(ZoneInfo(time_zone))
        fires = CronSim(_SHORTHANDS.get(schedule, schedule), local, reverse=back)
    except CronSimError as error:
        raise ValueError(f"{schedule!r} is not a cron expression: {error}") from error
    for fire in fires:
        if fire.hour in fires.hours and fire.minute in fires.minutes:
            yield fire.astimezone(UTC)
