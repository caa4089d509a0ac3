"""A worker whose clock is ahead: what it stores can be corrected, and what loses to it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from backbone.ingest.run import IngestRun, RunRequest
from backbone.ingest.tasks import Task
from backbone.market.dimensions import DAILY_BARS
from backbone.market.lineage import Lineage, stamp
from backbone.providers.protocol import Delivery, Query, Slice
from backbone.reports.run import DimensionReport
from backbone.vocabulary import Outcome
from market_rows import NAMES, bars
from stores import Tier

MINUTE = timedelta(minutes=1)
NO_WAIT = timedelta()


class Delivers:
    def __init__(self, rows: pa.Table, at: datetime) -> None:
        self._rows, self._at = rows, at

    def fetch(self, query: Query) -> Delivery:
        return Delivery((Slice("test", self._at, self._rows),))


def run(tier: Tier, name: str, at: datetime, close: float) -> DimensionReport:
    report = IngestRun(
        RunRequest(name, "plan", 1, (Task("Test", Query(DAILY_BARS, NAMES), True),), NO_WAIT),
        {"Test": Delivers(bars("test", 5, close=close), at)},
        tier.store(),
        clock=lambda: at,
        progress=lambda _: None,
        checkpoint=lambda: None,
    ).execute()
    assert report.outcome is Outcome.SUCCEEDED, report.message
    (dimension,) = report.dimensions
    if dimension.outdated == dimension.rows:
        assert dimension.message in report.message, "a run in which all lose says so"
    return dimension


def closes(tier: Tier) -> list[tuple[float, bool]]:
    now = datetime.now(UTC) + MINUTE
    past = f"observed_at < TIMESTAMPTZ '{now:%Y-%m-%d %H:%M:%S}+00'"
    return tier.query(f'SELECT DISTINCT "close", {past} FROM market.daily_bars')


@pytest.mark.parametrize("ahead", [6 * MINUTE, timedelta(days=1800)], ids=["six minutes", "to 2031"])
def test_a_row_of_a_clock_that_is_ahead_has_the_stores_time_and_is_corrected(
    tier: Tier, ahead: timedelta
) -> None:
    first = run(tier, "run-1", datetime.now(UTC) + ahead, 101.0)
    assert {item.reason: item.rows for item in first.flagged}["ClockAhead"] == first.rows
    assert closes(tier) == [(101.0, True)]
    second = run(tier, "run-2", datetime.now(UTC), 102.0)
    assert (second.changed, second.outdated) == (second.rows, 0)
    assert closes(tier) == [(102.0, True)]


def test_a_clock_that_is_ahead_by_less_keeps_its_time(tier: Tier) -> None:
    first = run(tier, "run-1", datetime.now(UTC) + 4 * MINUTE, 101.0)
    assert "ClockAhead" not in {item.reason for item in first.flagged}
    assert closes(tier) == [(101.0, False)]


def test_rows_that_lose_to_what_a_clock_once_stamped_are_counted_and_told(tier: Tier) -> None:
    late = Lineage("run-0", 1, datetime(2031, 1, 1, tzinfo=UTC), "Test")
    rows = bars("test", 5, close=1.0)
    half = rows.slice(0, rows.num_rows // 2)
    with tier.store().writer("run-0", NO_WAIT) as writer:
        writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, half, late))
        writer.publish()
    some = run(tier, "run-1", datetime.now(UTC), 101.0)
    assert some.outdated == half.num_rows
    assert some.changed == rows.num_rows - half.num_rows
    assert some.message == ""
    with tier.store().writer("run-0", NO_WAIT) as writer:
        writer.rows.upsert(DAILY_BARS, stamp(DAILY_BARS, rows, late))
        writer.publish()
    whole = run(tier, "run-2", datetime.now(UTC), 102.0)
    assert (whole.changed, whole.outdated) == (0, whole.rows)
    assert "lost to later versions that are stored with other values" in whole.message


def test_what_comes_again_as_it_is_stored_has_not_lost(tier: Tier) -> None:
    run(tier, "run-1", datetime.now(UTC), 101.0)
    again = run(tier, "run-2", datetime.now(UTC) + MINUTE, 101.0)
    older = run(tier, "run-3", datetime.now(UTC) - MINUTE, 101.0)
    assert [(item.changed, item.outdated) for item in (again, older)] == [(0, 0), (0, 0)]


def test_an_answer_that_a_later_one_has_overtaken_is_counted(tier: Tier) -> None:
    run(tier, "run-1", datetime.now(UTC) - 9 * MINUTE, 101.0)
    run(tier, "run-2", datetime.now(UTC), 101.0)
    older = run(tier, "run-3", datetime.now(UTC) - 5 * MINUTE, 102.0)
    assert (older.changed, older.outdated) == (0, older.rows)
