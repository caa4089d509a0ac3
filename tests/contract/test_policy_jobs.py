"""The database's own jobs: how they fared is told in its words, and their schedule is put back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.adapters.timescale.policies import Policies
from backbone.adapters.timescale.settings import ConnectionSettings
from backbone.adapters.timescale.times import EARLIEST, LATEST
from backbone.ports.policies import JobOutcome, PolicyJob, PolicyReport
from databases import Database, packaged
from job_statistics import JobStatistics, statistics_of
from policy_database import FULL, LINEAGE, PolicyDatabase, days_ago

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
RETENTION, COMPRESSION, REFRESH = (
    "policy_retention",
    "policy_compression",
    "policy_refresh_continuous_aggregate",
)
JOBS = {
    "retention": ("intraday_trades", RETENTION),
    "compression": ("daily_bars", COMPRESSION),
    "refresh": ("trade_minute_bars", REFRESH),
}
EVERY = {"retention": DAY, "compression": 12 * HOUR, "refresh": HOUR}
LOCKED = "canceling statement due to lock timeout"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def statistics(timescale: ConnectionSettings) -> JobStatistics:
    """Those of a database with every policy."""
    database = Database("timescale", timescale, packaged())
    database.migrator().migrate()
    found = statistics_of(PolicyDatabase(database))
    found.place.reconcile(FULL)
    return found


def job_of(report: PolicyReport, kind: str) -> PolicyJob:
    table, _ = JOBS[kind]
    (found,) = [job for job in report.jobs if job.kind == kind and job.table == f"market.{table}"]
    return found


def drift(report: PolicyReport) -> list[tuple[str, str]]:
    return [(item.table.removeprefix("market."), item.what) for item in report.changes if item.drift]


def test_a_job_that_never_ran_has_no_outcome(statistics: JobStatistics) -> None:
    report = statistics.place.reconcile(FULL)
    for kind, place in JOBS.items():
        found = job_of(report, kind)
        assert (found.outcome, found.failures, found.words, found.every) == (None, 0, "", EVERY[kind])
        assert (found.started_at, found.succeeded_at, found.next_start) == (None, None, None)
        assert found.since is not None
        assert abs(found.since - datetime.now(UTC)) < HOUR, "when its policy was set"
        # The row of a job that was given a time and has not come to it.
        statistics.plant(*place, next_start=NOW + MINUTE)
    report = statistics.place.reconcile(FULL)
    for kind in JOBS:
        found = job_of(report, kind)
        assert (found.outcome, found.started_at, found.next_start) == (None, None, NOW + MINUTE)


@pytest.mark.parametrize("kind", ["retention", "refresh"])
def test_the_first_run_that_fails_is_told_in_the_servers_words(statistics: JobStatistics, kind: str) -> None:
    statistics.plant(*JOBS[kind], started=NOW - MINUTE, finished=NOW, next_start=NOW + 5 * MINUTE, failures=1)
    statistics.plant_error(*JOBS[kind], NOW - MINUTE, f"{LOCKED}\nCONTEXT: a second line")
    report = statistics.place.reconcile(FULL)
    assert report.unread == ""
    assert job_of(report, kind) == replace(
        job_of(report, kind),
        outcome=JobOutcome.FAILED,
        failures=1,
        started_at=NOW - MINUTE,
        succeeded_at=None,
        next_start=NOW + 5 * MINUTE,
        words=LOCKED,
    )
    assert [job.outcome for job in report.jobs].count(JobOutcome.FAILED) == 1, "of no other job"
    assert {span.last_drop for span in report.tables} == {None}


@pytest.mark.parametrize(
    ("planted", "error", "outcome", "words"),
    [
        pytest.param(
            {"started": NOW - DAY, "finished": NOW - DAY, "succeeded": NOW - DAY, "well": True},
            None,
            JobOutcome.SUCCEEDED,
            "",
            id="it ended well",
        ),
        pytest.param(
            {"started": NOW - DAY, "finished": NOW - DAY, "succeeded": NOW - DAY, "well": True},
            (NOW - 2 * DAY, LOCKED),
            JobOutcome.SUCCEEDED,
            "",
            id="it ended well after it had failed",
        ),
        pytest.param(
            {"started": NOW - HOUR, "finished": NOW - HOUR, "succeeded": NOW - DAY, "failures": 14},
            (NOW - HOUR, "could not extend file\nHINT: free space"),
            JobOutcome.FAILED,
            "could not extend file",
            id="it failed after it had ended well",
        ),
        pytest.param(
            {"started": NOW - HOUR, "finished": NOW - HOUR, "failures": 2},
            None,
            JobOutcome.FAILED,
            "",
            id="it failed and nobody kept its words",
        ),
        pytest.param(
            {"started": NOW - MINUTE, "failures": 3},
            (NOW - HOUR, LOCKED),
            JobOutcome.FAILED,
            LOCKED,
            id="it tries again",
        ),
        pytest.param(
            {"started": NOW - MINUTE, "succeeded": NOW - DAY},
            (NOW - MINUTE, None),
            JobOutcome.FAILED,
            "job crash detected, see server logs",
            id="its process died",
        ),
        pytest.param(
            {"started": NOW - MINUTE, "succeeded": NOW - DAY},
            (NOW - 2 * DAY, LOCKED),
            None,
            "",
            id="it runs, or nobody has seen its end",
        ),
    ],
)
def test_how_a_job_fared_follows_from_its_last_end(
    statistics: JobStatistics,
    planted: dict[str, Any],
    error: tuple[datetime, str | None] | None,
    outcome: JobOutcome | None,
    words: str,
) -> None:
    for place in JOBS.values():
        statistics.plant(*place, **planted)
        if error is not None:
            statistics.plant_error(*place, *error)
    report = statistics.place.reconcile(FULL)
    for kind in JOBS:
        found = job_of(report, kind)
        assert (found.outcome, found.words) == (outcome, words), kind
        assert found.failures == planted.get("failures", 0)
    (trades,) = [span for span in report.tables if span.name == "intradayTrades"]
    assert trades.last_drop == planted.get("succeeded")


MOVED = {
    "an interval of 300 days": ("schedule_interval => INTERVAL '300 days'", "every (300 days|25920000 s)"),
    "an interval of a month": ("schedule_interval => INTERVAL '1 month'", "every (30 days|2592000 s)"),
    "an interval of a second": ("schedule_interval => INTERVAL '1 s'", "every 1 s"),
    "a runtime of a millisecond": ("max_runtime => INTERVAL '1 ms'", "for at most 0.001 s"),
    "never again": ("next_start => 'infinity'", "never again"),
    "not for seven intervals": ("next_start => now() + 7 * schedule_interval", "not for"),
}


@pytest.mark.parametrize("hand", MOVED)
def test_a_job_that_was_moved_out_of_its_schedule_is_put_back(statistics: JobStatistics, hand: str) -> None:
    change, told = MOVED[hand]
    place = statistics.place
    scheduled = (
        "SELECT hypertable_name, proc_name, schedule_interval, max_runtime, "
        "coalesce(next_start < now() + 6 * schedule_interval, true) "
        "FROM timescaledb_information.jobs WHERE hypertable_schema = 'market' ORDER BY 1, 2"
    )
    before = place.execute(scheduled)
    for table, procedure in JOBS.values():
        place.execute(
            f"SELECT alter_job(job_id, {change}) FROM timescaledb_information.jobs WHERE job_id = %s",
            place.job(table, procedure),
        )
    assert len(set(place.execute(scheduled)) - set(before)) == len(JOBS)
    put_back = drift(place.reconcile(FULL))
    assert {table for table, _ in put_back} == {table for table, _ in JOBS.values()}
    for _, what in put_back:
        assert re.search(told, what.partition("→")[0]), what
    assert place.execute(scheduled) == before
    assert place.reconcile(FULL).changes == ()


@pytest.mark.parametrize(
    "next_start",
    [
        pytest.param(NOW + 5.6 * DAY, id="waiting after many failures"),
        pytest.param(NOW, id="about to run"),
        pytest.param(NOW - 9 * DAY, id="overdue"),
        pytest.param("-infinity", id="at once"),
    ],
)
def test_a_job_that_the_database_itself_put_off_is_no_drift(
    statistics: JobStatistics, next_start: datetime | str
) -> None:
    failing = {"started": NOW - MINUTE, "finished": NOW - MINUTE, "failures": 14, "next_start": next_start}
    statistics.plant(*JOBS["retention"], **failing)
    assert statistics.place.reconcile(FULL).changes == ()
    statistics.plant(*JOBS["retention"], **{**failing, "next_start": "infinity"})
    assert [what.partition(" → ")[0] for _, what in drift(statistics.place.reconcile(FULL))] == [
        "retention: 90 days, never again"
    ]


@pytest.mark.parametrize("view", ["job_stats", "job_errors"])
def test_statistics_that_cannot_be_read_stop_nothing_and_are_told(
    statistics: JobStatistics, view: str
) -> None:
    place = statistics.place
    place.add_bars(days_ago(100).date(), 90)
    statistics.execute(f"ALTER VIEW timescaledb_information.{view} RENAME TO {view}_away")
    try:
        place.execute("SELECT remove_retention_policy('market.daily_bars')")
        report = place.reconcile(FULL)
        planned = Policies(place.database.settings, FULL).plan()
    finally:
        statistics.execute(f"ALTER VIEW timescaledb_information.{view}_away RENAME TO {view}")
    assert drift(report) == [("daily_bars", "retention: none → 3650 days")]
    assert "the database's jobs" in report.unread
    assert f"timescaledb_information.{view}" in report.unread
    assert (report.jobs, planned.jobs) == ((), ())
    assert [span.oldest for span in report.tables if span.oldest] == [days_ago(100)], "what can be read is"
    assert place.reconcile(FULL).unread == ""


def test_a_row_at_the_end_of_time_does_not_end_the_look(statistics: JobStatistics) -> None:
    place = statistics.place
    for moment in ("infinity", "0044-03-15 BC"):
        place.execute(
            f"INSERT INTO market.daily_bars SELECT 'test', 'AAA', %s, 1, 1, 1, 1, 1, 1, {LINEAGE}", moment
        )
        place.execute("UPDATE telemetry.policies SET since = %s", moment)
        report = place.reconcile(FULL)
        assert report.unread == ""
        assert {job.since for job in report.jobs} == {None}
    (bars,) = [span for span in report.tables if span.name == "dailyBars"]
    assert (bars.oldest, bars.newest) == (EARLIEST, LATEST.replace(hour=0, minute=0, second=0, microsecond=0))
