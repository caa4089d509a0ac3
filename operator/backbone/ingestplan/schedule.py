"""Schedules and time zones: what is wrong with one, and when it fires next."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


def schedule_problem(text: str) -> str | None:
    """What is wrong with a cron expression, or None."""
    try:
        CronSim(_SHORTHANDS.get(text, text), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return f"{text!r} is no cron expression: {error}"
    return None


def time_zone_problem(name: str) -> str | None:
    """What is wrong with the name of a time zone, or None."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError):
        return f"{name!r} is not in the IANA time zone database"
    return None


def next_fire(schedule: str, time_zone: str, now: datetime) -> datetime | None:
    """When the schedule fires next (UTC), or None if it never does. Raises ValueError on a bad schedule."""
    try:
        local = now.astimezone(ZoneInfo(time_zone))
        return next(CronSim(_SHORTHANDS.get(schedule, schedule), local)).astimezone(UTC)
    except CronSimError as error:
        raise ValueError(f"{schedule!r} is no cron expression: {error}") from error
    except StopIteration:
        return None
