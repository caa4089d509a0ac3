"""What is true of retention and of the database's own jobs, by tables of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backbone.databackbone.institutional_status import DatabaseStatus
from backbone.databackbone.policies import policies_run, retention_met
from backbone.evaluation import Finding
from backbone.ports.policies import PolicyTrouble
from backbone.vocabulary import Reason

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
MIGRATED = Finding(True, Reason.MIGRATED, "The database is at migration 9.")
LOCKED = "canceling statement due to lock timeout"
KEPT = {
    "name": "intradayBars",
    "chunk_days": 30,
    "retention_days": 30,
    "oldest": NOW - 20 * DAY,
    "newest": NOW,
}
OLD = {**KEPT, "oldest": NOW - 90 * DAY, "dropping": 2, "past_since": NOW - 9 * DAY}
WAITS = {"table": "market.daily_bars", "rows": 9, "token": "tok-1"}


def job(kind: str = "retention", **values: Any) -> dict[str, Any]:
    """A job that has never run; a retention is once a day, the others are once an hour."""
    usual = {"table": "intraday_bars", "kind": kind, "every_seconds": 86_400 if kind == "retention" else 3600}
    return {**usual, "since": NOW - MINUTE, **values}


def status(*jobs: dict[str, Any], **values: Any) -> DatabaseStatus:
    return DatabaseStatus.model_validate({"checked_at": NOW, "tables": (KEPT,), "jobs": jobs, **values})


def judged(database: DatabaseStatus) -> tuple[tuple[bool | None, str], tuple[bool | None, str]]:
    """RetentionMet and PoliciesRun."""
    both = (retention_met(database, MIGRATED), policies_run(database, MIGRATED))
    return (both[0].holds, str(both[0].reason)), (both[1].holds, str(both[1].reason))


OUTCOMES = {
    "has not run yet": ({}, None),
    "ended well": ({"outcome": "Succeeded", "next_start": NOW + HOUR}, None),
    "failed": ({"outcome": "Failed", "failures": 1, "next_start": NOW + MINUTE}, "JobFailed"),
    "failed and its time went by": ({"outcome": "Failed", "next_start": NOW - 99 * DAY}, "JobFailed"),
    "runs for the first time": ({"outcome": "Running", "started_at": NOW - HOUR}, None),
    "has not finished": ({"outcome": "Running", "started_at": NOW - 4 * DAY}, "JobNotRun"),
    "was never begun": ({"since": NOW - 4 * DAY}, "JobNotRun"),
    "was never begun at its time": ({"next_start": NOW - 4 * DAY}, "JobNotRun"),
    "is no longer begun": ({"outcome": "Succeeded", "next_start": NOW - 4 * DAY}, "JobNotRun"),
    "is a little late": ({"outcome": "Succeeded", "next_start": NOW - HOUR}, None),
    "is of an unknown age": ({"since": None}, None),
}


@pytest.mark.parametrize("kind", ["retention", "compression", "refresh"])
@pytest.mark.parametrize("case", OUTCOMES)
def test_a_job_that_does_not_work_is_named(case: str, kind: str) -> None:
    values, reason = OUTCOMES[case]
    retention, others = judged(status(job(kind, **values)))
    wrong = (False, reason) if reason else None
    assert retention == (wrong if wrong and kind == "retention" else (True, "RetentionMet"))
    assert others == (wrong if wrong and kind != "retention" else (True, "PoliciesRun"))


@pytest.mark.parametrize(
    ("every", "late", "holds"),
    [
        pytest.param(60, 50 * MINUTE, True, id="every minute, and a database that is busy"),
        pytest.param(60, 61 * MINUTE, False, id="every minute, and an hour late"),
        pytest.param(43_200, 35 * HOUR, True, id="twice a day, and not three of its times late"),
        pytest.param(43_200, 37 * HOUR, False, id="twice a day, and three of its times late"),
    ],
)
def test_a_job_is_late_by_its_own_measure(every: int, late: timedelta, *, holds: bool) -> None:
    found = status(job("compression", every_seconds=every, next_start=NOW - late))
    assert policies_run(found, MIGRATED).holds is holds


def test_a_message_has_the_databases_words_and_all_that_is_wrong() -> None:
    failed = job(outcome="Failed", failures=14, next_start=NOW + 5 * MINUTE, message=LOCKED)
    never = job(table="daily_bars", since=NOW - 9 * DAY)
    found = retention_met(status(never, failed, unconfirmed=(WAITS,)), MIGRATED)
    assert found.reason is Reason.RETENTION_UNCONFIRMED
    assert found.message.endswith(
        f"The retention of intraday_bars failed, 14 times so far: {LOCKED}. It runs again at "
        "2024-03-01 12:05 UTC. The retention of daily_bars was due at 2024-02-21 12:00 UTC: it has never run."
    )
    assert retention_met(status(never, failed), MIGRATED).reason is PolicyTrouble.JOB_FAILED
    late = status(never, tables=(OLD,))
    assert retention_met(late, MIGRATED).reason is PolicyTrouble.JOB_NOT_RUN
    told = (
        "intradayBars keeps 30 days and begins at 2023-12-02: 2 chunks too old, "
        "of which one could have been dropped since"
    )
    assert told in retention_met(late, MIGRATED).message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"oldest": NOW - 900 * DAY}, (True, "RetentionMet"), id="in a chunk with younger rows"),
        pytest.param(
            {"past_since": NOW - HOUR}, (True, "RetentionMet"), id="in the chunk of the next daily round"
        ),
        pytest.param(
            {"past_since": NOW - MINUTE, "dropping": 9}, (False, "Dropping"), id="that a token is to drop"
        ),
        pytest.param(
            {"past_since": NOW - 3 * DAY, "dropping": 9}, (False, "Dropping"), id="while the job has time"
        ),
        pytest.param(
            {"past_since": NOW - 3 * DAY - MINUTE, "dropping": 1},
            (False, "RetentionOverdue"),
            id="that the job left",
        ),
    ],
)
def test_retention_is_judged_by_the_chunks_that_stand(
    values: dict[str, Any], expected: tuple[bool, str]
) -> None:
    found = status(tables=({**KEPT, **values},))
    assert judged(found) == (expected, (True, "PoliciesRun"))


def test_what_could_not_be_read_is_unknown_and_what_was_read_counts() -> None:
    unread = "cannot look at the database's jobs on db:5432: permission denied for view job_stats"
    unknown = (None, "StatisticsUnread")
    assert judged(status(unread=unread)) == (unknown, unknown)
    assert judged(status(unread=unread, tables=())) == (unknown, unknown)
    assert unread in policies_run(status(unread=unread), MIGRATED).message
    late = status(unread=unread, tables=(OLD,))
    assert judged(late) == ((False, "RetentionOverdue"), unknown)
    failed = status(job("refresh", outcome="Failed"), unread=unread)
    assert judged(failed) == (unknown, (False, "JobFailed"))


def test_nobody_who_could_not_look_says_that_jobs_run() -> None:
    lost = Finding(False, Reason.DATABASE_CHECK_FAILED, "no report")
    for judge in (retention_met, policies_run):
        found = judge(status(job(outcome="Failed")), lost)
        assert (found.holds, found.reason) == (None, Reason.DATABASE_CHECK_FAILED)
