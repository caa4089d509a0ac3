"""What was found of the institutional tier's services: the part of a backbone's status about them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from ..schema import Model

Word = Annotated[str, StringConstraints(max_length=64)]


class TableStatus(Model):
    """One table of the database."""

    name: str = Field(max_length=64, description="Name of the dimension, as in spec.timescale.hypertables.")
    chunk_days: int = Field(ge=1, description="Width of the chunks that are made now.")
    retention_days: int | None = Field(default=None, ge=1, description="How long rows are kept there.")
    compress_after_days: int | None = Field(default=None, ge=1, description="When chunks are packed.")
    rows: int | None = Field(default=None, ge=0, description="Rows, as the server estimates them.")
    oldest: datetime | None = Field(default=None, description="Time of the oldest row (UTC).")
    newest: datetime | None = Field(default=None, description="Time of the newest row (UTC).")
    last_drop: datetime | None = Field(
        default=None, description="When the database's own job last dropped what is too old (UTC)."
    )


class JobStatus(Model):
    """A job of the database's own that keeps a policy, by the database's statistics."""

    table: str = Field(max_length=64, description="The table or the aggregate.")
    kind: Word = Field(description="retention, compression or refresh.")
    every_seconds: int = Field(ge=0, description="How often it is to run.")
    outcome: Word | None = Field(
        default=None, description="Succeeded, Failed or Running; absent before its first run."
    )
    failures: int = Field(default=0, ge=0, description="How many of its runs failed.")
    started_at: datetime | None = Field(default=None, description="When it last began (UTC).")
    succeeded_at: datetime | None = Field(default=None, description="When it last ended well (UTC).")
    next_start: datetime | None = Field(default=None, description="When it runs next (UTC).")
    since: datetime | None = Field(default=None, description="When the policy was set (UTC).")
    message: str = Field(
        default="", max_length=320, description="What the database said of its last run, if that failed."
    )


class UnconfirmedStatus(Model):
    """Something that would lose rows and waits for the confirm annotation."""

    table: str = Field(max_length=64, description="The table.")
    rows: int = Field(ge=0, description="How many rows would be lost.")
    token: str = Field(max_length=64, description="What the annotation has to say.")


class PoolStatus(Model):
    """Connections to the database."""

    size: int = Field(ge=1, description="How many one process opens at most.")
    server_connections: int | None = Field(
        default=None, ge=0, description="How many clients the server had when it was looked at."
    )
    server_limit: int | None = Field(default=None, ge=0, description="How many it takes.")


class DatabaseStatus(Model):
    """TimescaleDB as a Job last found it."""

    job: str | None = Field(default=None, max_length=63, description="The last Job that looked.")
    cause: Word | None = Field(
        default=None,
        description="Digest of the spec's sections and of the annotation that it was started for.",
    )
    request: Word | None = Field(
        default=None, description="Digest of the spec's sections that outcome speaks of."
    )
    outcome: Word | None = Field(default=None, description="Migrated, or the first thing that is wrong.")
    message: str = Field(default="", max_length=640, description="What the last finished Job had to say.")
    checked_at: datetime | None = Field(
        default=None, description="When a Job last told something: outcome is of this time (UTC)."
    )
    attempted_at: datetime | None = Field(
        default=None, description="When the last Job ended, whether it told something or not (UTC)."
    )
    failures: int = Field(
        default=0, ge=0, description="Jobs in a row that did not end well, or found Redis lost."
    )
    trouble: Annotated[str, StringConstraints(max_length=512)] | None = Field(
        default=None, description="What keeps the Job that is under way from running."
    )
    confirmed: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        default=None, description="The confirm annotation that was handled last."
    )
    policies_since: datetime | None = Field(
        default=None,
        description="Since when spec and annotation are as they are (UTC): from then on the database's own "
        "jobs have three days to drop what is too old.",
    )
    mark: Word | None = Field(
        default=None, description="The database's own mark, by which another one in its place is known."
    )
    policies_set: bool = Field(
        default=True, description="Whether policies were set: not while Bootstrap serves with its rows."
    )
    migration: int | None = Field(default=None, ge=0, description="The last migration that was applied.")
    pending: int | None = Field(default=None, ge=0, description="Migrations that were not applied yet.")
    pool: PoolStatus | None = Field(default=None, description="Connections.")
    tables: tuple[TableStatus, ...] = Field(
        default=(), max_length=5, description="Policies and actual span of each table."
    )
    aggregates: tuple[Word, ...] = Field(
        default=(), max_length=3, description="Continuous aggregates that are kept up to date."
    )
    jobs: tuple[JobStatus, ...] = Field(
        default=(), max_length=16, description="The database's own jobs, those that failed first."
    )
    more_jobs: int = Field(default=0, ge=0, description="Jobs for which there was no room.")
    unread: str = Field(
        default="",
        max_length=640,
        description="What of tables and jobs could not be looked at, in the database's words.",
    )
    unconfirmed: tuple[UnconfirmedStatus, ...] = Field(
        default=(), max_length=8, description="What would lose rows and is not done before it is confirmed."
    )


class CacheStatus(Model):
    """Redis as a Job last found it; counts are those of all processes since Redis began."""

    outcome: Word = Field(description="Reachable, or the first thing that is wrong.")
    message: str = Field(default="", max_length=320, description="What is wrong, and what to do.")
    checked_at: datetime = Field(description="When it was looked at (UTC).")
    keys: int | None = Field(default=None, ge=0, description="Answers that are held.")
    hits: int = Field(default=0, ge=0, description="Answers that were held when they were asked for.")
    misses: int = Field(default=0, ge=0, description="Answers that had to be read from the database.")
    evictions: int = Field(default=0, ge=0, description="Answers that went because room was short.")
    window_seconds: int | None = Field(
        default=None, ge=0, description="Length of the window that the following percentages are of."
    )
    hit_percent: int | None = Field(
        default=None, ge=0, le=100, description="Share of hits in the window; absent where nobody asked."
    )
    room_percent: int | None = Field(
        default=None, ge=0, description="Share of the room that is in use; at 100 each answer drives one out."
    )
    eviction_percent: int | None = Field(
        default=None, ge=0, description="Answers that were driven out, per hundred misses of the window."
    )
