"""The canonical hash: equal for equal rows in whatever order, batches, library or engine, else different."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime
from hashlib import md5
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backbone.market.canonical import (
    TYPES,
    Engine,
    RowsHash,
    arrow_type,
    hash_sql,
    hashed_schema,
    rows_hash,
    total,
    type_of,
)
from backbone.market.dimensions import DIMENSIONS, LINEAGE, MOMENT, Dimension

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("small", pa.int32()),
        ("whole", pa.int64()),
        ("price", pa.float64()),
        ("day", pa.date32()),
        ("at", MOMENT),
    ]
)
Row = tuple[Any, ...]
few = settings(max_examples=25, deadline=None)

moments = st.datetimes(timezones=st.just(UTC))
values = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.dates(),
    moments,
)
cells = tuple(st.none() | value for value in values)
tables = st.lists(st.tuples(*cells), max_size=12)


def table(rows: list[Row]) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in SCHEMA]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def hash_of(rows: list[Row]) -> RowsHash:
    return rows_hash(table(rows), SCHEMA)


def by_the_words(rows: list[Row]) -> RowsHash:
    """The hash as the module's text has it, row by row."""
    high = low = 0
    for row in rows:
        message = b"".join(
            bytes(1 + type_of(field.type).width) if value is None else b"\1" + encoded(value, field.type)
            for value, field in zip(row, SCHEMA, strict=True)
        )
        digest = md5(message, usedforsecurity=False).digest()
        high, low = high + int.from_bytes(digest[:8]), low + int.from_bytes(digest[8:])
    return RowsHash.of(len(rows), high, low)


def encoded(value: Any, kind: pa.DataType) -> bytes:
    if isinstance(value, str):
        return md5(value.encode(), usedforsecurity=False).digest()
    if isinstance(value, float):
        return bytes.fromhex("7ff8000000000000") if math.isnan(value) else struct.pack(">d", value + 0.0)
    if isinstance(value, datetime):
        since = value - datetime(1970, 1, 1, tzinfo=UTC)
        value = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    elif isinstance(value, date):
        value = (value - date(1970, 1, 1)).days
    return struct.pack(">q", value)


@few
@given(tables)
def test_the_hash_is_what_its_description_says(rows: list[Row]) -> None:
    assert hash_of(rows) == by_the_words(rows)


@few
@given(tables, st.randoms())
def test_the_order_of_rows_is_no_part_of_it(rows: list[Row], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert hash_of(mixed) == hash_of(rows)


@few
@given(tables, st.integers(0, 12))
def test_hashes_of_parts_add_up(rows: list[Row], cut: int) -> None:
    assert total([hash_of(rows[:cut]), hash_of(rows[cut:])]) == hash_of(rows)
    parts = pa.concat_tables([table(rows[:cut]), table(rows[cut:])])
    assert rows_hash(parts, SCHEMA) == hash_of(rows)


@few
@given(st.lists(st.tuples(*cells), min_size=1, max_size=6), st.data())
def test_each_changed_cell_changes_it(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(SCHEMA) - 1))
    other = data.draw(cells[column])
    kind = SCHEMA.field(column).type
    before = rows[place][column]
    same = before == other if None in {before, other} else encoded(before, kind) == encoded(other, kind)
    changed = [*rows[place][:column], other, *rows[place][column + 1 :]]
    after = [*rows[:place], tuple(changed), *rows[place + 1 :]]
    assert (hash_of(after) == hash_of(rows)) is same


@few
@given(tables)
def test_duckdb_computes_the_same(rows: list[Row]) -> None:
    with duckdb.connect() as connection:
        connection.register("exported", table(rows))
        found = connection.execute(hash_sql(Engine.DUCKDB, SCHEMA, "exported")).fetchone()
    assert found is not None
    assert RowsHash.of(*found) == hash_of(rows)


EMPTY: Row = (None,) * len(SCHEMA)
SOME: Row = ("A", 1, 2, 3.0, date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC))


def with_price(price: float | None) -> RowsHash:
    return hash_of([(*SOME[:3], price, *SOME[4:])])


def test_minus_zero_is_zero() -> None:
    assert with_price(-0.0) == with_price(0.0)


def test_every_nan_is_one_value_and_is_no_null() -> None:
    signs = np.array([0x7FF8 << 48, 0xFFF8 << 48, (0x7FF0 << 48) + 1], np.uint64).view(np.float64)
    hashes = {rows_hash(pa.table({"price": [nan]}), pa.schema([("price", pa.float64())])) for nan in signs}
    assert len(hashes) == 1
    assert with_price(math.nan) not in {with_price(None), with_price(0.0), with_price(math.inf)}


@pytest.mark.parametrize("column", range(len(SCHEMA)), ids=SCHEMA.names)
def test_null_is_not_the_value_of_zeros(column: int) -> None:
    zero = ("", 0, 0, 0.0, date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC))[column]
    assert hash_of([EMPTY]) != hash_of([(*EMPTY[:column], zero, *EMPTY[column + 1 :])])


def test_equal_rows_count_each() -> None:
    hashes = [hash_of([SOME] * count) for count in range(5)]
    assert len({(item.high, item.low) for item in hashes}) == len(hashes)


def test_values_that_change_places_between_rows_change_it() -> None:
    other = (*SOME[:3], 4.0, date(2026, 1, 3), SOME[5])
    crossed = [(*SOME[:3], 4.0, *SOME[4:]), (*other[:3], 3.0, *other[4:])]
    assert hash_of(crossed) != hash_of([SOME, other])


def test_values_that_change_places_between_columns_change_it() -> None:
    schema = pa.schema([("open", pa.float64()), ("close", pa.float64())])
    both = pa.table({"open": [1.0], "close": [2.0]})
    assert rows_hash(both, schema) != rows_hash(pa.table({"open": [2.0], "close": [1.0]}), schema)


def test_the_spelling_of_a_library_is_no_part_of_it() -> None:
    plain = table([SOME, EMPTY])
    spelled = pa.table(
        {
            "text": plain["text"].dictionary_encode(),
            "small": plain["small"].cast(pa.int64()),
            "whole": plain["whole"],
            "price": plain["price"],
            "day": plain["day"].cast(pa.timestamp("s")),
            "at": plain["at"].cast(pa.timestamp("ns", "America/New_York")),
        }
    )
    assert rows_hash(spelled, SCHEMA) == rows_hash(plain, SCHEMA)
    large = plain.set_column(0, "text", plain["text"].cast(pa.large_string()))
    assert rows_hash(large, SCHEMA) == rows_hash(plain, SCHEMA)


def test_a_moment_between_two_microseconds_is_refused() -> None:
    nanoseconds = pa.table({"at": pa.array([1], pa.timestamp("ns", "UTC"))})
    with pytest.raises(pa.ArrowInvalid, match="lose data"):
        rows_hash(nanoseconds, pa.schema([("at", MOMENT)]))


def test_a_column_that_is_missing_is_refused() -> None:
    with pytest.raises(KeyError):
        rows_hash(pa.table({"other": [1]}), pa.schema([("whole", pa.int64())]))


def test_the_hash_of_one_row_never_changes_between_versions() -> None:
    assert str(hash_of([SOME])) == "1cc66ee56759cbe3db21c6a81cb646b3"


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda item: item.name)
def test_every_column_but_lineage_is_hashed_and_has_a_type(dimension: Dimension) -> None:
    schema = hashed_schema(dimension)
    assert set(schema.names) == set(dimension.schema.names) - {field.name for field in LINEAGE}
    assert [arrow_type(type_of(field.type).name) for field in schema] == schema.types


def test_types_are_named_once() -> None:
    assert len({item.name for item in TYPES}) == len(TYPES)
    with pytest.raises(TypeError, match="no canonical type for bool"):
        type_of(pa.bool_())


@pytest.mark.parametrize("text", ["", "0" * 31, "g" * 32, "A" * 32])
def test_another_text_is_no_hash(text: str) -> None:
    with pytest.raises(ValueError, match="not a hash"):
        RowsHash.parse(1, text)


def test_a_written_hash_reads_back() -> None:
    found = hash_of([SOME, EMPTY])
    assert RowsHash.parse(2, str(found)) == found
