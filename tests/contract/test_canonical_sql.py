"""The canonical hash by the SQL of each store is what Python computes, of odd values too."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from backbone.adapters.timescale.copy import copy_in
from backbone.adapters.timescale.session import connected
from backbone.market.canonical import Engine, RowsHash, hash_sql, hashed_schema, rows_hash
from backbone.market.dimensions import DAILY_BARS, MOMENT
from backbone.ports.store import Selection
from databases import Database
from small_copies import bar, ingest_into
from stores import OnDuckDB, Tier

KINDS = {
    "text": (pa.string(), "TEXT"),
    "small": (pa.int32(), "INTEGER"),
    "whole": (pa.int64(), "BIGINT"),
    "price": (pa.float64(), "DOUBLE PRECISION"),
    "day": (pa.date32(), "DATE"),
    "at": (MOMENT, "TIMESTAMPTZ"),
}
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in KINDS.items()])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = [EPOCH + timedelta(microseconds=number) for number in (-1, 0, 1, 999_999)]
ODD: tuple[list[Any], ...] = (
    ["", " ", "Æ株😀", "e\u0301", "\u00e9", "NaN", "x" * 5000],
    [0, -1, 2**31 - 1, -(2**31)],
    [0, -1, 2**63 - 1, -(2**63), 2**53 + 1],
    [
        0.0,
        -0.0,
        math.nan,
        -math.nan,
        math.inf,
        -math.inf,
        5e-324,
        2.2250738585072014e-308,
        0.1 + 0.2,
        1.8e308 / 2,
    ],
    [date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)],
    [datetime(1, 1, 1, tzinfo=UTC), *MOMENTS, datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)],
)


def rows(count: int = 400) -> pa.Table:
    """Every odd value, null too, and doubles of any bits."""
    chance = random.Random(7)

    def value(place: int) -> Any:
        if place == 3 and chance.random() < 0.5:
            return struct.unpack("<d", chance.randbytes(8))[0]
        return chance.choice([None, *ODD[place]])

    columns = [[value(place) for _ in range(count)] for place in range(len(SCHEMA))]
    columns = [[*ODD[place], *column][:count] for place, column in enumerate(columns)]
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
    )


@pytest.mark.parametrize("kind", ["postgres", "timescale"])
def test_a_database_computes_what_python_does(kind: str, database_of: Callable[[str], Database]) -> None:
    database, given = database_of(kind), rows()
    columns = ", ".join(f'"{name}" {of_sql}' for name, (_, of_sql) in KINDS.items())
    with connected(database.settings) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TEMP TABLE odd ({columns})".encode())
        copy_in(connection, ("pg_temp", "odd"), SCHEMA, given.to_batches())
        for part in ("odd", "(SELECT * FROM odd WHERE FALSE)"):
            found = connection.execute(
                hash_sql(Engine.POSTGRES, SCHEMA, f"{part} AS item").encode()
            ).fetchone()
            assert found is not None
            assert RowsHash.of(*found) == rows_hash(given if part == "odd" else given.slice(0, 0), SCHEMA)


def test_duckdb_computes_what_python_does() -> None:
    given = rows()
    with duckdb.connect() as connection:
        connection.register("odd", given)
        found = connection.execute(hash_sql(Engine.DUCKDB, SCHEMA, "odd")).fetchone()
    assert found is not None and RowsHash.of(*found) == rows_hash(given, SCHEMA)


def test_the_hash_of_known_rows_never_changes() -> None:
    """What manifests hold stays comparable with what is computed later."""
    assert str(rows_hash(rows(4), SCHEMA)) == "368a1698df256cb13a5daec35d67d713"


def test_stored_rows_have_the_hash_that_readers_compute(tier: Tier) -> None:
    ingest_into(tier.store(), [bar(1, close=0.1 + 0.2), bar(2, volume=2**53 + 1), bar(3, symbol="Æ株😀")])
    schema = hashed_schema(DAILY_BARS)
    engine = Engine.DUCKDB if isinstance(tier, OnDuckDB) else Engine.POSTGRES
    (found,) = tier.query(hash_sql(engine, schema, "market.daily_bars"))
    with tier.reading() as reader:
        read = pa.Table.from_batches(reader.batches(Selection(DAILY_BARS)), schema=DAILY_BARS.schema)
    assert RowsHash.of(*found) == rows_hash(read, schema)
