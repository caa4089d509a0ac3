"""The sections spec.timescale and spec.redis of a DataBackbone."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from ..migrations import newest
from ..naming import digest
from ..ports import policies
from ..schema import Model, SecretName, Whole, cel, named_once

Aggregate = Literal["minuteBars", "tradeDays", "weeklyBars"]
SET: dict[str, JsonValue] = {"x-kubernetes-list-type": "set"}

LONGEST_DAYS = 36_500
DAYS_FOR_TRADE_AGGREGATES = max(
    policies.LEAST_DAYS[item] for item in (policies.Aggregate.MINUTE_BARS, policies.Aggregate.TRADE_DAYS)
)
DAYS_FOR_WEEKS = policies.LEAST_DAYS[policies.Aggregate.WEEKLY_BARS]

WIDE_CHUNKS = (
    "chunkDays is above retentionDays: rows are dropped a chunk at a time, so set chunkDays to retentionDays "
    "or less."
)
LATE_COMPRESSION = (
    "compressAfterDays must be below retentionDays: what retention drops first is never compressed."
)
TRADES_TOO_SHORT = (
    f"minuteBars and tradeDays need {DAYS_FOR_TRADE_AGGREGATES} days of trades: raise "
    f"hypertables.intradayTrades.retentionDays to {DAYS_FOR_TRADE_AGGREGATES} or more, or leave it out."
)
BARS_TOO_SHORT = (
    f"weeklyBars needs {DAYS_FOR_WEEKS} days of daily bars: raise hypertables.dailyBars.retentionDays to "
    f"{DAYS_FOR_WEEKS} or more, or leave it out."
)
DAYS_NEED_MINUTES = "tradeDays is made of minuteBars: add minuteBars to continuousAggregates."
ROLE_OF_SERVER = (
    "readerRole names a role that PostgreSQL keeps for itself: choose a name of your own, such as "
    "market_readers."
)
_KEPT_BY_SERVER = ("public", "none", "current_user", "current_role", "session_user")

ReaderRole = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern="^[a-z_][a-z0-9_]*$")]


class TimescaleConnection(Model):
    """How TimescaleDB is reached. The Secret is mounted into workers and read nowhere else."""

    secret_name: SecretName = Field(
        description="Name of a Secret in the backbone's namespace. Keys: uri, as in "
        "postgresql://username:password@host:5432/database; or host, port, database (or dbname), username "
        "(or user) and password. If uri and other keys are present, they must agree. Optional keys: "
        "ca.crt, and sslmode with disable, prefer, require, verify-ca or verify-full. The default of "
        "sslmode is verify-full if ca.crt is present, else prefer: the connection is encrypted if the "
        "server offers it, and the server's identity is not verified."
    )


class RedisConnection(Model):
    """How Redis is reached. The Secret is mounted into workers and read nowhere else."""

    secret_name: SecretName = Field(
        description="Name of a Secret in the backbone's namespace. Keys: uri, as in "
        "redis://username:password@host:6379/0, or rediss:// for TLS; or host, port, username, password, "
        "database and tls. If uri and other keys are present, they must agree. Optional key: ca.crt."
    )


class TimescalePool(Model):
    """Connection pool and time limits of a worker process."""

    size: Whole = Field(
        default=4,
        ge=1,
        le=16,
        description="Maximum number of connections of one process. Its threads share them.",
    )
    acquire_timeout_seconds: Whole = Field(
        default=10,
        ge=1,
        le=300,
        description="Maximum time in seconds that a thread waits for a free connection. After it the "
        "thread fails with PoolExhausted.",
    )
    statement_timeout_seconds: Whole = Field(
        default=60,
        ge=1,
        le=3600,
        description="Maximum time in seconds of one statement. The server stops a longer one: "
        "StatementTimedOut. If the server stays silent for ten more seconds, the worker closes the "
        "connection: ConnectionTimedOut.",
    )


def _chunk_days(default: int) -> int:
    return Field(
        default=default,
        ge=1,
        le=LONGEST_DAYS,
        description="Width of new chunks in days. Existing chunks keep their width.",
    )


class Hypertable(Model):
    """A table in chunks by time: their width, compression and retention."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.retentionDays) || self.chunkDays <= self.retentionDays", WIDE_CHUNKS),
            (
                "!has(self.retentionDays) || !has(self.compressAfterDays) || "
                "self.compressAfterDays < self.retentionDays",
                LATE_COMPRESSION,
            ),
        )
    )

    chunk_days: Whole = _chunk_days(365)
    retention_days: Whole | None = Field(
        default=None,
        ge=1,
        le=LONGEST_DAYS,
        description="Number of days that rows are kept. TimescaleDB drops older rows, a whole chunk at a "
        "time. If omitted, no row is dropped. A change that would drop existing rows requires the "
        "annotation backbone.emp.dev/confirm.",
    )
    compress_after_days: Whole | None = Field(
        default=None,
        ge=1,
        le=LONGEST_DAYS,
        description="Number of days after which a chunk is compressed into the columnstore. If omitted, no "
        "chunk is compressed.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.retention_days is None:
            return self
        if self.chunk_days > self.retention_days:
            raise ValueError(WIDE_CHUNKS)
        if self.compress_after_days is not None and self.compress_after_days >= self.retention_days:
            raise ValueError(LATE_COMPRESSION)
        return self


class IntradayBarsTable(Hypertable):
    """The table of intraday bars."""

    chunk_days: Whole = _chunk_days(30)


class IntradayTradesTable(Hypertable):
    """The table of trades."""

    chunk_days: Whole = _chunk_days(7)


class MacroTable(Hypertable):
    """A table of macro data: few rows over many years."""

    chunk_days: Whole = _chunk_days(3650)


class Hypertables(Model):
    """One section per dimension."""

    daily_bars: Hypertable = Field(
        default_factory=Hypertable, description="Table of daily bars, partitioned by session date."
    )
    intraday_bars: IntradayBarsTable = Field(
        default_factory=IntradayBarsTable,
        description="Table of intraday bars, partitioned by the start of the bar.",
    )
    intraday_trades: IntradayTradesTable = Field(
        default_factory=IntradayTradesTable,
        description="Table of trades, partitioned by the time of the trade.",
    )
    macro_series: MacroTable = Field(
        default_factory=MacroTable, description="Table of macro series, partitioned by period."
    )
    macro_events: MacroTable = Field(
        default_factory=MacroTable, description="Table of macro events, partitioned by period."
    )


_KEPT_TRADES = "has(self.hypertables.intradayTrades.retentionDays)"
_KEPT_BARS = "has(self.hypertables.dailyBars.retentionDays)"


class Timescale(Model):
    """TimescaleDB, which stores the rows of the institutional tier."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.readerRole) || !(self.readerRole.startsWith('pg_') || self.readerRole in "
                f"{list(_KEPT_BY_SERVER)})",
                ROLE_OF_SERVER,
            ),
            (
                "!('tradeDays' in self.continuousAggregates) || 'minuteBars' in self.continuousAggregates",
                DAYS_NEED_MINUTES,
            ),
            (
                f"!('minuteBars' in self.continuousAggregates) || !{_KEPT_TRADES} || "
                f"self.hypertables.intradayTrades.retentionDays >= {DAYS_FOR_TRADE_AGGREGATES}",
                TRADES_TOO_SHORT,
            ),
            (
                f"!('weeklyBars' in self.continuousAggregates) || !{_KEPT_BARS} || "
                f"self.hypertables.dailyBars.retentionDays >= {DAYS_FOR_WEEKS}",
                BARS_TOO_SHORT,
            ),
        )
    )

    connection: TimescaleConnection = Field(description="Connection to TimescaleDB.")
    pool: TimescalePool = Field(
        default_factory=TimescalePool, description="Connection pool of each worker process."
    )
    hypertables: Hypertables = Field(
        default_factory=Hypertables, description="Chunks, retention and compression of each table."
    )
    continuous_aggregates: tuple[Aggregate, ...] = Field(
        default=(),
        max_length=3,
        json_schema_extra=SET,
        description="Continuous aggregates that the database maintains: minuteBars, one-minute bars from "
        "trades; tradeDays, daily bars (UTC) from minuteBars; weeklyBars, weekly bars from daily bars.",
    )

    reader_role: ReaderRole | None = Field(
        default=None,
        description="Name of a database role without a login that may read the schemas market and "
        "telemetry. Readers log in as members of this role, never as the owner. If the role does not exist, "
        "it is created, provided that the user of the connection may create roles; otherwise Migrated "
        "reports RoleNotAllowed, with the SQL for an administrator. A role that this field no longer names "
        "keeps its rights. If omitted, no role is changed.",
    )

    @field_validator("reader_role")
    @classmethod
    def _not_of_the_server(cls, role: str | None) -> str | None:
        if role is not None and (role.startswith("pg_") or role in _KEPT_BY_SERVER):
            raise ValueError(ROLE_OF_SERVER)
        return role

    @field_validator("continuous_aggregates")
    @classmethod
    def _unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return named_once(names)

    @model_validator(mode="after")
    def _aggregates_have_their_source(self) -> Self:
        named, tables = self.continuous_aggregates, self.hypertables
        if "tradeDays" in named and "minuteBars" not in named:
            raise ValueError(DAYS_NEED_MINUTES)
        kept = tables.intraday_trades.retention_days
        if "minuteBars" in named and kept is not None and kept < DAYS_FOR_TRADE_AGGREGATES:
            raise ValueError(TRADES_TOO_SHORT)
        kept = tables.daily_bars.retention_days
        if "weeklyBars" in named and kept is not None and kept < DAYS_FOR_WEEKS:
            raise ValueError(BARS_TOO_SHORT)
        return self


class Redis(Model):
    """Redis, which caches reads of TimescaleDB. Without it reads are slower, and nothing fails."""

    connection: RedisConnection = Field(description="Connection to Redis.")
    namespace: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")
    ] = Field(
        default="emp:cache",
        description="Prefix of every key in Redis. Backbones with the same Redis and the same namespace "
        "share maxKeys.",
    )
    ttl_seconds: Whole = Field(
        default=900, ge=1, le=86_400, description="Maximum time in seconds that an entry stays in the cache."
    )
    max_keys: Whole = Field(
        default=1024,
        ge=1,
        le=1_000_000,
        description="Maximum number of entries in the cache. The least used entries are evicted first.",
    )


def request_of(timescale: Timescale, redis: Redis | None, *, serves: bool = True) -> str:
    """Hash of the desired services. A result with another hash belongs to another spec.

    The hash covers the schema that this version needs, so that a new version checks the database at once.

    `serves` is True if the institutional tier is active or requested; otherwise no policies are set.
    """
    sections = (timescale, redis)
    dumped: list[object] = [newest()]
    dumped += [item.model_dump(mode="json", by_alias=True) if item else None for item in sections]
    if not serves:
        dumped.append("Bootstrap")
    return digest(json.dumps(dumped, sort_keys=True), length=16)
