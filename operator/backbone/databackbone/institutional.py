"""The institutional tier's services: the part of a backbone's spec that speaks of TimescaleDB and Redis."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

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
    "chunkDays is above retentionDays: rows go a chunk at a time, so make chunks at most as wide as what is "
    "to be kept."
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


class TimescaleConnection(Model):
    """How TimescaleDB is reached. The Secret is mounted into workers and read nowhere else."""

    secret_name: SecretName = Field(
        description="A Secret in the backbone's namespace. Its keys: uri, as in "
        "postgresql://username:password@host:5432/database; or host, port, database (or dbname), username "
        "(or user) and password; parts beside a uri must agree with it. Optional: sslmode (disable, prefer, "
        "require, verify-ca or verify-full) and ca.crt."
    )


class RedisConnection(Model):
    """How Redis is reached. The Secret is mounted into workers and read nowhere else."""

    secret_name: SecretName = Field(
        description="A Secret in the backbone's namespace. Its keys: uri, as in "
        "redis://username:password@host:6379/0, or rediss:// for TLS; or host, port, username, password, "
        "database and tls; parts beside a uri must agree with it. Optional: ca.crt."
    )


class TimescalePool(Model):
    """How a process of the worker's uses the database."""

    size: Whole = Field(
        default=4, ge=1, le=16, description="Connections that one process opens at most; threads share them."
    )
    acquire_timeout_seconds: Whole = Field(
        default=10, ge=1, le=300, description="How long a thread waits for a free connection: PoolExhausted."
    )
    statement_timeout_seconds: Whole = Field(
        default=60,
        ge=1,
        le=3600,
        description="A statement that takes longer is stopped by the server: StatementTimedOut. A server "
        "that is silent for ten seconds more is given up: ConnectionTimedOut.",
    )


def _chunk_days(default: int) -> int:
    return Field(
        default=default,
        ge=1,
        le=LONGEST_DAYS,
        description="Width of the chunks that are made from now on; those that are there keep theirs.",
    )


class Hypertable(Model):
    """A table in chunks by time: how wide they are, when they are packed and when they go."""

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
        description="Older rows are dropped, a whole chunk at a time. Left out: nothing is dropped. "
        "Where that would drop rows that are there, it waits for the annotation backbone.emp.dev/confirm.",
    )
    compress_after_days: Whole | None = Field(
        default=None,
        ge=1,
        le=LONGEST_DAYS,
        description="Chunks older than this are packed into the columnstore. Left out: none is.",
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

    daily_bars: Hypertable = Field(default_factory=Hypertable, description="Daily bars, by session date.")
    intraday_bars: IntradayBarsTable = Field(
        default_factory=IntradayBarsTable, description="Intraday bars, by their start."
    )
    intraday_trades: IntradayTradesTable = Field(
        default_factory=IntradayTradesTable, description="Trades, by their moment."
    )
    macro_series: MacroTable = Field(default_factory=MacroTable, description="Macro series, by their period.")
    macro_events: MacroTable = Field(default_factory=MacroTable, description="Macro events, by their period.")


_KEPT_TRADES = "has(self.hypertables.intradayTrades.retentionDays)"
_KEPT_BARS = "has(self.hypertables.dailyBars.retentionDays)"


class Timescale(Model):
    """TimescaleDB, which stores what the institutional tier holds."""

    model_config = ConfigDict(
        json_schema_extra=cel(
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

    connection: TimescaleConnection = Field(description="How it is reached.")
    pool: TimescalePool = Field(default_factory=TimescalePool, description="How workers use it.")
    hypertables: Hypertables = Field(
        default_factory=Hypertables, description="Chunks, retention and compression of each table."
    )
    continuous_aggregates: tuple[Aggregate, ...] = Field(
        default=(),
        max_length=3,
        json_schema_extra=SET,
        description="Views that the database keeps up to date by itself: minuteBars, bars of a minute from "
        "trades; tradeDays, bars of a day (UTC) from minuteBars; weeklyBars, bars of a week from daily bars.",
    )

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
    """Redis, which caches what is read from TimescaleDB. Without it reads are slower, and nothing fails."""

    connection: RedisConnection = Field(description="How it is reached.")
    namespace: Annotated[
        str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")
    ] = Field(
        default="emp:cache",
        description="What every key begins with. Backbones that share a Redis share the room of a namespace.",
    )
    ttl_seconds: Whole = Field(
        default=900, ge=1, le=86_400, description="How long an answer is kept at most."
    )
    max_keys: Whole = Field(
        default=1024, ge=1, le=1_000_000, description="How many answers are kept; the least used go first."
    )


def request_of(timescale: Timescale, redis: Redis | None, *, serves: bool = True) -> str:
    """Digest of what is asked of the services: what was found for another one does not speak of this.

    `serves` is whether the institutional tier does, or is asked for: else no policies are.
    """
    sections = (timescale, redis)
    dumped: list[object] = [
        item.model_dump(mode="json", by_alias=True) if item else None for item in sections
    ]
    if not serves:
        dumped.append("Bootstrap")
    return digest(json.dumps(dumped, sort_keys=True), length=16)
