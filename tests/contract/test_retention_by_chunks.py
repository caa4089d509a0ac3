"""Whether retention is kept is told by the chunks that stand, whatever their width was once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.reports.database import TableReport
from databases import Database, packaged
from job_statistics import JobStatistics, statistics_of
from policy_database import PolicyDatabase, days_ago, desired

DAY = timedelta(days=1)
BARS = "daily_bars"


@pytest.fixture
def kept(timescale: ConnectionSettings) -> JobStatistics:
    """A migrated database whose daily bars are in one chunk of ten years."""
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    place = PolicyDatabase(database)
    place.reconcile(desired(bars=(3650, None, None)))
    return statistics_of(place)


def bars_of(kept: JobStatistics, days: int, *confirmed: str) -> TableReport:
    report = kept.place.reconcile(desired(bars=(30, days, None)), *confirmed)
    confirmed = tuple(item.token for item in report.unconfirmed)
    if confirmed:
        return bars_of(kept, days, *confirmed)
    return next(span for span in report.tables if span.name == "dailyBars")


def test_a_wide_chunk_from_before_is_not_overdue(kept: JobStatistics) -> None:
    kept.place.add_bars(days_ago(1500).date(), 1500)
    span = bars_of(kept, 400)
    assert span.chunk_days == 30
    assert span.oldest == days_ago(1500), "far older than what is kept"
    assert (span.dropping, span.past_since) == (0, None)


def test_what_a_token_is_about_to_drop_is_dropping_from_then_on(kept: JobStatistics) -> None:
    place = kept.place
    place.reconcile(desired(bars=(30, None, None)))
    place.add_bars(days_ago(300).date(), 300)
    ((before,),) = place.execute("SELECT now()")
    span = bars_of(kept, 100)
    assert span.dropping >= 5
    assert span.past_since is not None
    assert span.past_since >= before, "no job could drop them before the retention was set"
    other = place.reconcile(desired(bars=(30, 100, None), trades=(2, None, None)))
    assert span.past_since in {item.past_since for item in other.tables}, "other sections grant no new grace"
    place.run_job(BARS, "policy_retention")
    after = bars_of(kept, 100)
    assert (after.dropping, after.past_since) == (0, None)


def test_late_rows_have_the_time_of_one_round(kept: JobStatistics) -> None:
    place = kept.place
    place.reconcile(desired(bars=(30, 100, None)))
    place.execute("UPDATE telemetry.policies SET since = now() - INTERVAL '90 days'")
    place.add_bars(days_ago(300).date(), 10)
    span = bars_of(kept, 100)
    assert span.dropping >= 1
    assert span.past_since is not None
    ((made,),) = place.execute("SELECT min(chunk_creation_time) FROM timescaledb_information.chunks")
    assert span.past_since == made
    kept.execute("UPDATE _timescaledb_catalog.chunk SET creation_time = now() - INTERVAL '80 days'")
    older = bars_of(kept, 100)
    assert older.past_since is not None
    assert older.past_since < span.past_since - 79 * DAY
