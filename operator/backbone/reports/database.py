"""What a look at the database and its cache reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import Field

from ..schema import CutAt, Model, Word
from .envelope import Report

CACHE_REACHABLE = "Reachable"
"""What a CacheReport says of a cache that does what it should."""


class TableReport(Model):
    """One table of the database."""

    name: Word = Field(description="Name of the dimension, as in spec.timescale.hypertables.")
    chunk_days: int = Field(ge=1, description="Width of new chunks in days.")
    retention_days: int | None = Field(
        default=None, ge=1, description="Number of days that rows are kept; absent if no row is dropped."
    )
    compress_after_days: int | None = Field(
        default=None, ge=1, description="Number of days after which a chunk is compressed; absent if none is."
    )
    rows: int | None = Field(default=None, ge=0, description="Number of rows, as the server estimates it.")
    oldest: datetime | None = Field(default=None, description="Time of the oldest row (UTC).")
    newest: datetime | None = Field(default=None, description="Time of the newest row (UTC).")
    last_drop: datetime | None = Field(
        default=None, description="When the database's retention job last succeeded (UTC)."
    )
    dropping: int = Field(
        default=0,
        ge=0,
        description="Number of chunks that are expired as a whole and still exist, without those that "
        "expired in the last day.",
    )
    past_since: datetime | None = Field(
        default=None,
        description="Earliest time at which the retention job could have dropped one of these chunks (UTC).",
    )


class JobReport(Model):
    """A job of the database's own that keeps a policy, by the database's statistics."""

    table: Word = Field(description="Name of the table or of the aggregate.")
    kind: Word = Field(description="Kind of policy: retention, compression or refresh.")
    every_seconds: int = Field(ge=0, description="Interval between two runs, in seconds.")
    outcome: Word | None = Field(
        default=None, description="Succeeded, Failed or Running; absent before its first run."
    )
    failures: int = Field(default=0, ge=0, description="Number of runs that failed.")
    started_at: datetime | None = Field(default=None, description="When the last run started (UTC).")
    succeeded_at: datetime | None = Field(
        default=None, description="When the last successful run ended (UTC)."
    )
    next_start: datetime | None = Field(default=None, description="When the next run is due (UTC).")
    since: datetime | None = Field(default=None, description="When the policy was set (UTC).")
    message: Annotated[str, CutAt(320)] = Field(
        default="", description="Error message of the last run, if it failed."
    )


class UnconfirmedReport(Model):
    """Something that would lose rows and waits for the confirm annotation."""

    table: Word = Field(description="Name of the table.")
    rows: int = Field(ge=0, description="Number of rows that would be deleted.")
    token: Word = Field(description="Token that the confirm annotation must contain.")
    cutoff: datetime | None = Field(
        default=None,
        description="The rows are older than this time, which is the end of a chunk (UTC). If absent, "
        "every row would be deleted.",
    )


class PoolReport(Model):
    """Connections to the database."""

    size: int = Field(ge=1, description="Maximum number of connections of one process.")
    server_connections: int | None = Field(
        default=None, ge=0, description="Number of clients that the server had during the check."
    )
    server_limit: int | None = Field(
        default=None, ge=0, description="Maximum number of clients that the server accepts."
    )


class CacheFindings(Model):
    """How Redis was found, and its counts since it last began."""

    outcome: Word = Field(description="Reachable, or the first problem that the Job found.")
    message: Annotated[str, CutAt(320)] = Field(
        default="", description="The problem, and what to do about it."
    )
    keys: int | None = Field(default=None, ge=0, description="Number of entries in the cache.")
    hits: int = Field(default=0, ge=0, description="Number of reads that found an entry.")
    misses: int = Field(default=0, ge=0, description="Number of reads that went to the database.")
    evictions: int = Field(default=0, ge=0, description="Number of entries that were evicted to free space.")


class CacheReport(CacheFindings):
    """How the cache was found: Reachable or a ports.cache.CacheFault."""

    expirations: int = 0
    invalidations: int = 0


class DatabaseFindings(Model):
    """What a look found in a database. What it could not look at is not carried over from the last one."""

    tables: Annotated[tuple[TableReport, ...], CutAt(5)] = Field(
        default=(), description="Policies and stored time span of each table."
    )
    aggregates: Annotated[tuple[Word, ...], CutAt(3)] = Field(
        default=(), description="Continuous aggregates that the database maintains."
    )
    jobs: Annotated[tuple[JobReport, ...], CutAt(16)] = Field(
        default=(), description="The database's own jobs; failed jobs come first."
    )
    more_jobs: int = Field(default=0, ge=0, description="Number of jobs that are not listed.")
    unread: Annotated[str, CutAt(640)] = Field(
        default="",
        description="What the Job could not read about tables and jobs, with the database's error message.",
    )
    unconfirmed: Annotated[tuple[UnconfirmedReport, ...], CutAt(8)] = Field(
        default=(), description="Changes that would delete rows and require the confirm annotation."
    )
    reader_role: Word | None = Field(
        default=None, description="The role whose members may read, once it has every right for that."
    )


class DatabaseReport(Report, DatabaseFindings):
    """What a look at the database tells: Migrated or a ports.database.DatabaseFault, and what it saw so far.

    `request` is the digest of the sections of the spec that it worked by; `confirmed` the confirm annotation
    that it was given and came to use. `mark` is the database's own, once it was taken. `policies_set` is
    False where Bootstrap serves. Times are UTC.
    """

    about: ClassVar[str] = "database"

    outcome: Word
    message: Annotated[str, CutAt(640)] = ""
    request: Word
    confirmed: Annotated[str, CutAt(253)] | None = None
    version: int | None = Field(default=None, ge=0)
    pending: int | None = Field(default=None, ge=0)
    mark: Word | None = None
    policies_set: bool = True
    changes: int = 0
    pool_size: int | None = Field(default=None, ge=1)
    server_connections: int | None = Field(default=None, ge=0)
    server_limit: int | None = Field(default=None, ge=0)
    cache: CacheReport | None = None
    at: datetime

    @property
    def pool(self) -> PoolReport | None:
        """Connections to the database, whose fields stand beside the others in a message."""
        if self.pool_size is None:
            return None
        return PoolReport(
            size=self.pool_size,
            server_connections=self.server_connections,
            server_limit=self.server_limit,
        )

    def levels(self) -> Iterator[Self]:
        """Texts are cut first, then jobs, whose count stays."""
        yield self
        for text, jobs in ((150, 16), (90, 8), (40, 8), (60, 3), (0, 0)):
            cache = self.cache and self.cache.model_copy(update={"message": self.cache.message[: text // 2]})
            kept = [job.model_copy(update={"message": job.message[: text // 2]}) for job in self.jobs[:jobs]]
            yield self.model_copy(
                update={
                    "message": self.message[:text],
                    "unread": self.unread[:text],
                    "cache": cache,
                    "jobs": tuple(kept),
                    "more_jobs": self.more_jobs + len(self.jobs) - len(kept),
                }
            )
