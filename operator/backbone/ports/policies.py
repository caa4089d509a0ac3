"""What a backbone wishes of its tables over time, and what came of it: chunks, retention, aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..documented import Documented

if TYPE_CHECKING:
    from ..market.dimensions import Dimension
    from ..reports.database import TableReport


class Aggregate(Documented):
    """The continuous aggregates there are, by their names in a spec; each is a view of schema `market`."""

    MINUTE_BARS = ("minuteBars", "Bars of one minute from trades: market.trade_minute_bars.")
    TRADE_DAYS = ("tradeDays", "Bars of one day, in UTC, from minuteBars: market.trade_daily_bars.")
    WEEKLY_BARS = ("weeklyBars", "Bars of one week, from Monday, from daily bars: market.weekly_bars.")


LEAST_DAYS = {Aggregate.MINUTE_BARS: 7, Aggregate.TRADE_DAYS: 7, Aggregate.WEEKLY_BARS: 35}
"""Days of the rows that an aggregate is made of which have to be kept: a refresh looks back so far, and takes
out of the aggregate what retention has dropped before."""

USUAL_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class HypertablePolicy:
    """What is wished of one dimension's table. None switches a policy off.

    Chunks to come are `chunk_days` wide. Chunks whose rows are all older than `retention_days` are dropped,
    those older than `compress_after_days` go into the columnstore.
    """

    dimension: Dimension
    chunk_days: int
    retention_days: int | None = None
    compress_after_days: int | None = None


@dataclass(frozen=True, slots=True)
class AggregatePolicy:
    """A continuous aggregate, and how often it is brought up to date.

    A refresh looks back as far as the rows that it is made of are kept, and no further: what retention
    dropped stays in the aggregate. It works on what changed since the last one only.
    """

    aggregate: Aggregate
    refresh_seconds: int = USUAL_SECONDS


@dataclass(frozen=True, slots=True)
class DesiredPolicies:
    """One wish per dimension. An aggregate that is not here is dropped."""

    hypertables: tuple[HypertablePolicy, ...]
    aggregates: tuple[AggregatePolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One thing that was, or would be, done to the database.

    `drift` says that it puts back what somebody else changed; otherwise the wish is new.
    """

    table: str
    what: str
    drift: bool = False

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.what}{' (put back: it was changed by somebody else)' if self.drift else ''}"
        )


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Something that would lose rows which are there, and is not done before its `token` is given.

    `cutoff` (UTC) is the time that the rows lie before; None where the whole of an aggregate would go. The
    token tells what is asked and how many rows it is about, so that it confirms nothing else.
    """

    table: str
    what: str
    rows: int
    cutoff: datetime | None
    token: str


class PolicyTrouble(Documented):
    """What is wrong with what a database does with its tables over time."""

    JOB_FAILED = (
        "JobFailed",
        "The last run of a job of the database failed; the message quotes the database.",
    )
    JOB_NOT_RUN = ("JobNotRun", "A job of the database has not started, or not ended, long after it was due.")
    DROPPING = ("Dropping", "Expired rows still exist; the job that drops them has not run yet.")
    POLICIES_NOT_SET = ("PoliciesNotSet", "Bootstrap is active, so no policy is set in TimescaleDB.")
    STATISTICS_UNREAD = (
        "StatisticsUnread",
        "The database did not report the state of its jobs, or the content of its tables.",
    )


class JobOutcome(Documented):
    """How the last run of a database's own job ended."""

    SUCCEEDED = ("Succeeded", "The last run of the job succeeded.")
    FAILED = ("Failed", "The last run of the job failed, or its process died. A retry does not change that.")
    RUNNING = ("Running", "The job is running, and has not failed since its last success.")


@dataclass(frozen=True, slots=True)
class PolicyJob:
    """How the database's own job for a policy has fared, by the database's statistics. Times are UTC.

    `kind` is retention, compression or refresh. `outcome` is None where no run has ended yet; `failures`
    counts all that failed. A time is None where it has not been, or is not known; `since` is when the policy
    was set. `words` are the first line of what the server said of the last failure.
    """

    table: str
    kind: str
    every: timedelta
    outcome: JobOutcome | None = None
    failures: int = 0
    started_at: datetime | None = None
    succeeded_at: datetime | None = None
    next_start: datetime | None = None
    since: datetime | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What a reconciliation did, in its order, what waits for a word, and what there is now.

    `aggregates` are those that the database keeps up to date. `unread` says what could not be looked at of
    tables and jobs, and why; what there is of them then is not all. `last_drop` of a table is None too where
    nobody could look.
    """

    changes: tuple[PolicyChange, ...]
    unconfirmed: tuple[Unconfirmed, ...]
    tables: tuple[TableReport, ...]
    aggregates: tuple[Aggregate, ...]
    jobs: tuple[PolicyJob, ...] = ()
    unread: str = ""
