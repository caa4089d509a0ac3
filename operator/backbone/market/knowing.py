"""Up to which times and vintages rows were known at a moment: what stores look up and the client joins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from .dimensions import INTRADAY_BARS, MACRO_SERIES, Dimension

DAY = timedelta(days=1)


def latest_time(dimension: Dimension, at: datetime) -> date | datetime:
    """The last time that a row known at a moment can have; intraday bars have to have ended besides.

    A bar of the day that is under way counts as soon as it is stored.
    """
    moment = at.astimezone(UTC)
    return moment.date() if dimension.dated else moment


def latest_vintage(dimension: Dimension, at: datetime) -> date | None:
    """The last vintage that was known at a moment: a value of a series is from the midnight after its day.

    Events count on the day on which they were looked up. None for dimensions without vintages.
    """
    if "vintage" not in dimension.key:
        return None
    day = at.astimezone(UTC).date()
    return day - DAY if dimension == MACRO_SERIES and day > date.min else day


def ends_late(dimension: Dimension) -> bool:
    """Whether rows are known later than their time, by their interval."""
    return dimension == INTRADAY_BARS
