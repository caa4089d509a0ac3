"""What TimescaleDB's scheduler writes of its jobs, written by a test: the stand-in runs none by itself.

The values are those that a native server of 2.28 was seen to hold after each of the events.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime

from backbone.adapters.timescale.settings import ConnectionSettings, from_keys
from databases import changed, execute
from policy_database import PolicyDatabase

_STATISTICS = """
    INSERT INTO _timescaledb_internal.bgw_job_stat (
        job_id, last_start, last_finish, next_start, last_successful_finish, last_run_success, total_runs,
        total_duration, total_duration_failures, total_successes, total_failures, total_crashes,
        consecutive_failures, consecutive_crashes, flags
    )
    VALUES (%s, %s::timestamptz, %s::timestamptz, %s::timestamptz, %s::timestamptz, %s, %s,
            INTERVAL '0', INTERVAL '0', %s, %s, 0, %s, 0, 0)
    ON CONFLICT (job_id) DO UPDATE SET
        last_start = excluded.last_start, last_finish = excluded.last_finish,
        next_start = excluded.next_start, last_successful_finish = excluded.last_successful_finish,
        last_run_success = excluded.last_run_success, total_runs = excluded.total_runs,
        total_successes = excluded.total_successes, total_failures = excluded.total_failures,
        consecutive_failures = excluded.consecutive_failures
"""
_HISTORY = """
    INSERT INTO _timescaledb_internal.bgw_job_stat_history
        (job_id, pid, execution_start, execution_finish, succeeded, data)
    VALUES (%s, %s, %s::timestamptz, %s::timestamptz, %s, %s::jsonb)
"""
NEVER = "-infinity"


@dataclass(frozen=True)
class JobStatistics:
    """The statistics of the jobs of a database, for whoever may write them."""

    place: PolicyDatabase
    administrator: ConnectionSettings

    def execute(self, statement: str, *values: object) -> None:
        """As an administrator."""
        execute(self.administrator, statement, *values)

    def plant(
        self,
        table: str,
        procedure: str,
        *,
        started: datetime | str = NEVER,
        finished: datetime | str = NEVER,
        succeeded: datetime | str = NEVER,
        next_start: datetime | str = NEVER,
        well: bool = False,
        failures: int = 0,
    ) -> None:
        """What stands in the statistics of a job."""
        job = self.place.job(table, procedure)
        times = (started, finished, next_start, succeeded)
        counts = (failures + well, int(well), failures, failures)
        self.execute(_STATISTICS, job, *times, well, *counts)

    def plant_error(self, table: str, procedure: str, at: datetime, message: str | None) -> None:
        """What stands in the history of a run that failed; without a message its process died."""
        job = self.place.job(table, procedure)
        if message is None:
            self.execute(_HISTORY, job, None, at, None, None, None)
        else:
            words = {"job": {"proc_name": procedure}, "error_data": {"message": message}}
            self.execute(_HISTORY, job, 4711, at, at, False, json.dumps(words))


def statistics_of(place: PolicyDatabase) -> JobStatistics:
    """Those of a database of the tests, whose scheduler does not write there meanwhile."""
    settings, dsn = place.database.settings, os.environ.get("TIMESCALE_DSN")
    if not dsn:
        return JobStatistics(place, settings)
    administrator = changed(from_keys("test", {"uri": dsn}), database=settings.database)
    execute(administrator, "SELECT _timescaledb_functions.stop_background_workers()")
    return JobStatistics(place, administrator)
