"""The part of a backbone's status about TimescaleDB and Redis."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ..jobs.looks import LookStatus
from ..reports.database import CacheFindings, DatabaseFindings, PoolReport
from ..schema import CutAt, Word


class DatabaseStatus(DatabaseFindings, LookStatus):
    """TimescaleDB as a Job last found it."""

    request: Word | None = Field(
        default=None, description="Hash of spec.timescale and spec.redis that `outcome` refers to."
    )
    place: Word | None = Field(
        default=None, description="Hash of the part of the spec that names the database."
    )
    outcome: Word | None = Field(
        default=None, description="Migrated, or the first problem that the Job found."
    )
    failures: int = Field(
        default=0, ge=0, description="Number of consecutive Jobs that failed, or that could not reach Redis."
    )
    confirmed: Annotated[str, CutAt(253)] | None = Field(
        default=None, description="The last confirm annotation that a Job handled."
    )
    mark: Word | None = Field(
        default=None,
        description="Identity that the database stores; another database in its place has another one.",
    )
    policies_set: bool = Field(
        default=True,
        description="Whether the Job set the policies; it does not while Bootstrap is active and its "
        "volume stores rows.",
    )
    migration: int | None = Field(
        default=None, ge=0, description="Number of the last migration that was applied."
    )
    pending: int | None = Field(
        default=None, ge=0, description="Number of migrations that are not applied yet."
    )
    pool: PoolReport | None = Field(default=None, description="Connections to the database.")


class CacheStatus(CacheFindings):
    """Redis as a Job last found it; counts are those of all processes since Redis began."""

    checked_at: datetime = Field(description="When a Job last checked Redis (UTC).")
    window_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Length in seconds of the window to which hitPercent and evictionPercent refer.",
    )
    hit_percent: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Percentage of reads in the window that were hits; absent if there was no read.",
    )
    room_percent: int | None = Field(
        default=None,
        ge=0,
        description="Percentage of redis.maxKeys in use. At 100, each new entry evicts another.",
    )
    eviction_percent: int | None = Field(
        default=None, ge=0, description="Evicted entries per hundred misses in the window."
    )
