"""Times of Yahoo's calendar are in UTC, wherever it is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from backbone.providers.yahoo.calendar import Row, facts_of

HALF_PAST_ONE = datetime(2024, 3, 12, 13, 30, tzinfo=UTC)


@pytest.fixture(params=["America/New_York", "Asia/Tokyo", "UTC"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize(
    "told", ["2024-03-12T13:30:00.000Z", "2024-03-12T13:30:00", "2024-03-12T09:30:00-04:00"]
)
def test_an_event_is_at_its_moment_in_utc_wherever_it_is_read(told: str) -> None:
    row = Row(["CPI", "US", told, "Feb", 1.0, None, None, None])
    assert facts_of([row], HALF_PAST_ONE)["at"].to_pylist() == [HALF_PAST_ONE]
