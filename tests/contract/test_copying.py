"""Arrow columns in PostgreSQL's tables, value by value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from backbone.adapters.timescale.copy import BLOCK_ROWS, copy_in
from backbone.adapters.timescale.session import connected
from backbone.market.dimensions import DIMENSIONS, INTRADAY_TRADES, Dimension
from databases import Database

TEXTS = ["AAPL", "BRK.B", "ÆØÅ 株式", "it's", '"; DROP TABLE market.daily_bars; --', " spaced ", ""]
NUMBERS = [1.5, -0.0, 1e308, 5e-324, 0.1, 2.0**53 + 2, 123456.789]
COUNTS = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 10]
MOMENTS = [
    datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2013, 9, 1, 17, 0, 0, 83000, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
]


def values(field: pa.Field) -> list[Any]:
    """Seven values of a column, the last one null where it may be."""
    found = {
        "string": TEXTS,
        "double": NUMBERS,
        "int32": [item % 2**31 for item in COUNTS],
        "int64": COUNTS,
        "date32[day]": [moment.date() for moment in MOMENTS],
        "timestamp[us, tz=UTC]": MOMENTS,
    }[str(field.type)]
    return [*found[:-1], None if field.nullable else found[-1]]


def rows_of(dimension: Dimension) -> pa.Table:
    columns = [pa.array(values(field), field.type) for field in dimension.schema]
    return pa.table(columns, schema=dimension.schema)


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.command_name)
def test_every_value_arrives_as_it_was(migrated_database: Database, dimension: Dimension) -> None:
    rows = rows_of(dimension)
    # Chunks from the year 1 to 9999 are a matter of hypertables; here it is about values.
    migrated_database.execute(f"CREATE TABLE market.copied (LIKE market.{dimension.table})")
    with connected(migrated_database.settings) as connection:
        assert copy_in(connection, ("market", "copied"), rows.schema, rows.to_batches()) == 7
    stored = migrated_database.execute(f'SELECT * FROM market.copied ORDER BY "{dimension.time}"')
    wanted = sorted(zip(*(column.to_pylist() for column in rows.columns), strict=True), key=by(dimension))
    assert stored == wanted


def by(dimension: Dimension) -> Any:
    index = dimension.schema.names.index(dimension.time)
    return lambda row: row[index]


def trades(count: int) -> pa.Table:
    first = datetime(2013, 9, 1, tzinfo=UTC)
    given = {
        "source": ["test"] * count,
        "symbol": ["ES"] * count,
        "ts": [first + timedelta(milliseconds=100 * number) for number in range(count)],
        "ordinal": list(range(count)),
        "price": [1630.25] * count,
        "size": [1] * count,
        "price_basis": ["asTraded"] * count,
        "revision": [0] * count,
        "run_id": ["run"] * count,
        "plan_generation": [1] * count,
        "schema_version": [3] * count,
        "observed_at": [first] * count,
        "provider": ["Test"] * count,
        "flags": [None] * count,
    }
    return pa.table(given, schema=INTRADAY_TRADES.schema)


def test_a_batch_larger_than_a_block_arrives_whole(migrated_database: Database) -> None:
    rows = trades(2 * BLOCK_ROWS + 1).combine_chunks()
    with connected(migrated_database.settings) as connection:
        copy_in(connection, ("market", "intraday_trades"), rows.schema, rows.to_batches())
    asked = "SELECT count(*), sum(ordinal), min(ts), max(ts) FROM market.intraday_trades"
    count = rows.num_rows
    assert migrated_database.execute(asked) == [
        (count, count * (count - 1) // 2, rows["ts"][0].as_py(), rows["ts"][-1].as_py())
    ]


def test_a_row_that_does_not_fit_leaves_nothing(migrated_database: Database) -> None:
    rows = trades(10)
    with connected(migrated_database.settings) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        copy_in(
            connection, ("market", "intraday_trades"), rows.schema, [*rows.to_batches(), *rows.to_batches()]
        )
    assert migrated_database.execute("SELECT count(*) FROM market.intraday_trades") == [(0,)]


def test_a_day_is_a_day(database: Database) -> None:
    database.execute("CREATE SCHEMA market")
    database.execute("CREATE TABLE market.days (day DATE)")
    days = pa.record_batch({"day": pa.array([date(1957, 1, 1), date(2024, 2, 29)], pa.date32())})
    with connected(database.settings) as connection:
        copy_in(connection, ("market", "days"), days.schema, [days])
    assert database.execute("SELECT * FROM market.days ORDER BY 1") == [
        (date(1957, 1, 1),),
        (date(2024, 2, 29),),
    ]
