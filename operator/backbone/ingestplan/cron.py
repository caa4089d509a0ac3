"""The form of a plan's schedule: what can be refused before anybody computes a date."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints


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
    "schedule needs five cron fields (minute hour day month weekday, Sunday is 0), for example "
    "'0 22 * * 1-5', or one of @hourly @daily @weekly @monthly @yearly; a time zone goes into "
    "timeZone."
)


def _check_schedule(text: str) -> str:
    if not re.fullmatch(SCHEDULE_PATTERN, text):
        raise ValueError(NO_SCHEDULE)
    return text


Schedule = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_check_schedule)]
