"""A database with TimescaleDB for tests of policies: wishes, rows of known ages, what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from backbone.adapters.timescale.policies import Policies
from backbone.market.dimensions import (
    DAILY_BARS,
    INTRADAY_BARS,
    INTRADAY_TRADES,
    MACRO_EVENTS,
    MACRO_SERIES,
)
from backbone.ports.policies import (
    Aggregate,
    AggregatePolicy,
    DesiredPolicies,
    HypertablePolicy,
    PolicyReport,
)
from databases import Database

ALL = tuple(AggregatePolicy(item) for item in Aggregate)
LINEAGE = "'adjusted', 0, 'run', 1, 2, now(), 'Test', NULL"


def desired(
    *,
    bars: tuple[int, int | None, int | None] = (365, None, None),
    trades: tuple[int, int | None, int | None] = (7, None, None),
    aggregates: tuple[AggregatePolicy, ...] = (),
) -> DesiredPolicies:
    """Chunk width, retention and compression in days of two dimensions; the other three as they are."""
    return DesiredPolicies(
        (
            HypertablePolicy(DAILY_BARS, *bars),
            HypertablePolicy(INTRADAY_BARS, 30),
            HypertablePolicy(INTRADAY_TRADES, *trades),
            HypertablePolicy(MACRO_SERIES, 3650),
            HypertablePolicy(MACRO_EVENTS, 3650),
        ),
        aggregates,
    )


FULL = desired(bars=(180, 3650, 400), trades=(2, 90, 14), aggregates=ALL)
OTHER = desired(
    bars=(365, None, 500), trades=(7, 60, None), aggregates=(AggregatePolicy(Aggregate.WEEKLY_BARS, 60),)
)


@dataclass(frozen=True)
class PolicyDatabase:
    database: Database

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(statement, *values)

    def reconcile(self, wish: DesiredPolicies, *confirmed: str) -> PolicyReport:
        return Policies(self.database.settings, wish).reconcile(confirmed)

    @property
    def jobs(self) -> set[tuple[Any, ...]]:
        """Table, procedure, what it is given, its interval where it is ours, and whether it runs."""
        return set(
            self.execute(
                """
                SELECT hypertable_name, proc_name,
                       coalesce(config->>'drop_after', config->>'compress_after', config->>'start_offset'),
                       CASE WHEN proc_name LIKE '%refresh%' THEN extract(epoch FROM schedule_interval)::int
                       END, scheduled
                FROM timescaledb_information.jobs WHERE hypertable_schema = 'market'
                """
            )
        )

    @property
    def state(self) -> tuple[Any, ...]:
        """Everything that policies set, as the database tells it."""
        widths = self.execute(
            "SELECT hypertable_name, time_interval FROM timescaledb_information.dimensions "
            "WHERE hypertable_schema = 'market' ORDER BY 1"
        )
        views = self.execute(
            "SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates "
            "ORDER BY 1"
        )
        stores = self.execute(
            "SELECT hypertable::text, segmentby, orderby "
            "FROM timescaledb_information.hypertable_columnstore_settings WHERE segmentby <> '' ORDER BY 1"
        )
        return widths, views, stores, self.jobs

    def run_job(self, table: str, procedure: str) -> None:
        """What the database does by itself, where it has background workers."""
        self.execute(f"CALL run_job({self.job(table, procedure)})")

    def job(self, table: str, procedure: str) -> int:
        """The number of a job."""
        ((job,),) = self.execute(
            "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = %s AND proc_name = %s",
            table,
            procedure,
        )
        return int(job)

    def add_bars(self, first: date, days: int, symbol: str = "AAA", source: str = "test") -> None:
        """One bar a day; prices follow from the day alone."""
        self.execute(
            "INSERT INTO market.daily_bars SELECT %s, %s, %s::date + day, "
            "100 + day %% 7, 110 + day %% 11, 90 - day %% 5, 105 + day %% 3, 50 + day, 1000 + day, "
            f"{LINEAGE} FROM generate_series(0, %s - 1) AS day",
            source,
            symbol,
            first,
            days,
        )

    def add_trades(self, first: datetime, count: int, every: timedelta, symbol: str = "AAA") -> None:
        """Three trades of each moment, whose order the ordinal alone tells."""
        self.execute(
            "INSERT INTO market.intraday_trades SELECT 'test', %s, %s::timestamptz + (i / 3) * %s::interval, "
            f"i %% 3, 100 + (i * 37) %% 101, 1 + i %% 9, {LINEAGE} FROM generate_series(0, %s - 1) AS i",
            symbol,
            first,
            every,
            count,
        )


def days_ago(days: int) -> datetime:
    """Midnight, UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)
