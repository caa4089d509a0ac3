"""Backbones on TimescaleDB and Redis that the API takes and refuses; api_examples has all tables in one."""

from __future__ import annotations

from typing import Any

from example_objects import PATTERN, UNKNOWN, Document, Example, backbone


def timescale(**fields: Any) -> Document:
    """A backbone on TimescaleDB; more fields are those of its timescale section."""
    return backbone({"mode": "Institutional", "timescale": {"connection": {"secretName": "db"}, **fields}})


def hypertable(**fields: Any) -> Document:
    return timescale(hypertables={"dailyBars": fields})


def redis(**fields: Any) -> Document:
    document = timescale()
    document["spec"]["redis"] = {"connection": {"secretName": "cache"}, **fields}
    return document


TOO_SMALL = "greater than or equal to 1"
OF_SERVER = "readerRole names a role that PostgreSQL keeps for itself"

ACCEPTED = (
    Example("an institutional backbone", timescale()),
    Example(
        "a connection that waits for its mode", backbone({"timescale": timescale()["spec"]["timescale"]})
    ),
    Example("the largest pool", timescale(pool={"size": 16, "acquireTimeoutSeconds": 300})),
    Example("a pool with a patient server", timescale(pool={"statementTimeoutSeconds": 3600})),
    Example(
        "chunks, retention and compression",
        hypertable(chunkDays=30, retentionDays=365, compressAfterDays=90),
    ),
    Example("a retention of one day", hypertable(chunkDays=1, retentionDays=1)),
    Example("a retention of one chunk", hypertable(retentionDays=365, compressAfterDays=364)),
    Example("compression without retention", hypertable(compressAfterDays=36_500)),
    Example("every aggregate", timescale(continuousAggregates=["minuteBars", "tradeDays", "weeklyBars"])),
    Example(
        "an aggregate of trades that are kept for a week",
        timescale(
            continuousAggregates=["minuteBars"],
            hypertables={"intradayTrades": {"retentionDays": 7}, "dailyBars": {"retentionDays": 365}},
        ),
    ),
    Example("a role of readers", timescale(readerRole="market_readers")),
    Example("a cache", redis()),
    Example("a cache of its own size", redis(namespace="emp:cache:market", ttlSeconds=1, maxKeys=1_000_000)),
    Example("timescale that is taken away", backbone({}), before=timescale()),
)

REJECTED = (
    Example(
        "Institutional without a database",
        backbone({"mode": "Institutional"}),
        "needs timescale",
        "needs timescale",
    ),
    Example(
        "a database without a connection",
        timescale(connection=None),
        "connection: Field required",
        "timescale.connection: Required value",
    ),
    Example(
        "a database without a Secret",
        timescale(connection={}),
        "secretName: Field required",
        "secretName: Required value",
    ),
    Example(
        "a password in the place of a name",
        timescale(connection={"secretName": "postgresql://me@db/market"}),
        PATTERN,
        "should match",
    ),
    Example("an empty pool", timescale(pool={"size": 0}), TOO_SMALL, TOO_SMALL),
    Example("a pool for a crowd", timescale(pool={"size": 17}), "equal to 16", "equal to 16"),
    Example("no time to wait", timescale(pool={"acquireTimeoutSeconds": 0}), TOO_SMALL, TOO_SMALL),
    Example("no time for a statement", timescale(pool={"statementTimeoutSeconds": 0}), TOO_SMALL, TOO_SMALL),
    Example("a retention of nothing", hypertable(retentionDays=0), TOO_SMALL, TOO_SMALL),
    Example("chunks of no width", hypertable(chunkDays=0), TOO_SMALL, TOO_SMALL),
    Example("compression at once", hypertable(compressAfterDays=0), TOO_SMALL, TOO_SMALL),
    Example("a retention of two centuries", hypertable(retentionDays=73_000), "36500", "36500"),
    Example(
        "chunks wider than what is kept",
        hypertable(retentionDays=90),
        "chunkDays is above retentionDays",
        "chunkDays is above retentionDays",
    ),
    Example(
        "compression of what is gone",
        hypertable(retentionDays=365, compressAfterDays=365),
        "must be below retentionDays",
        "must be below retentionDays",
    ),
    Example("a table that is none", timescale(hypertables={"quotes": {}}), UNKNOWN, "unknown field"),
    Example(
        "an aggregate that is none",
        timescale(continuousAggregates=["monthlyBars"]),
        "'minuteBars', 'tradeDays'",
        "Unsupported value",
    ),
    Example(
        "an aggregate twice",
        timescale(continuousAggregates=["weeklyBars", "weeklyBars"]),
        "named twice: weeklyBars",
        "Duplicate value",
    ),
    Example(
        "an aggregate without what it is made of",
        timescale(continuousAggregates=["tradeDays"]),
        "tradeDays is made of minuteBars",
        "tradeDays is made of minuteBars",
    ),
    Example(
        "minutes of trades that are gone",
        timescale(
            continuousAggregates=["minuteBars"],
            hypertables={"intradayTrades": {"chunkDays": 1, "retentionDays": 6}},
        ),
        "need 7 days of trades",
        "need 7 days of trades",
    ),
    Example(
        "weeks of bars that are gone",
        timescale(
            continuousAggregates=["weeklyBars"],
            hypertables={"dailyBars": {"chunkDays": 7, "retentionDays": 34}},
        ),
        "needs 35 days of daily bars",
        "needs 35 days of daily bars",
    ),
    Example("a role with a quote in its name", timescale(readerRole='a"b'), PATTERN, "should match"),
    Example("everybody as readers", timescale(readerRole="public"), OF_SERVER, OF_SERVER),
    Example("a role of the server's as readers", timescale(readerRole="pg_monitor"), OF_SERVER, OF_SERVER),
    Example(
        "a cache of nothing",
        backbone({"redis": {"connection": {"secretName": "cache"}}}),
        "add timescale",
        "add timescale",
    ),
    Example("a cache without a connection", redis(connection=None), "Field required", "Required value"),
    Example("a cache that keeps nothing", redis(maxKeys=0), TOO_SMALL, TOO_SMALL),
    Example("a cache for no time", redis(ttlSeconds=0), TOO_SMALL, TOO_SMALL),
    Example("a cache for more than a day", redis(ttlSeconds=86_401), "86400", "86400"),
    Example("a namespace with a space", redis(namespace="emp cache"), PATTERN, "should match"),
)
