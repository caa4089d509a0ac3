"""Rows of PostgreSQL as Arrow: COPY in its text form, read by Arrow block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection, DataError
from pyarrow import csv

from ...market.dimensions import moment_of
from .bounded import BoundedConnection
from .session import Row
from .times import EARLIEST, LATEST

BATCH_ROWS = 16_384
"""Rows of a record batch at the most: a few megabytes."""
STREAM_LIMIT = 900.0
"""Seconds that one reading may take, the reader's own work on the rows included."""

Value = str | int | date | datetime | Sequence[object]


def streamed(
    connection: BoundedConnection, statement: str, schema: pa.Schema, values: Mapping[str, Value]
) -> Iterator[pa.RecordBatch]:
    """The same as `batches` for a reader who takes his time: STREAM_LIMIT bounds it."""
    with connection.streaming(STREAM_LIMIT):
        yield from batches(connection, statement, schema, values)


def batches(
    connection: Connection[Row], statement: str, schema: pa.Schema, values: Mapping[str, Value]
) -> Iterator[pa.RecordBatch]:
    """What a statement selects, in a schema whose columns are its own.

    COPY takes no parameters, so the driver writes the values into the statement, quoted: the server can then
    leave chunks out while it plans. Raises psycopg.Error. Memory is bounded by one batch, whatever the number
    of rows.
    """
    copying = f"COPY ({statement}) TO STDOUT (FORMAT CSV)".encode()
    # To the driver a tuple is a row and not an array.
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    with connection.cursor() as cursor, cursor.copy(copying, given) as copy:
        rows = iter(copy)
        while block := b"".join(islice(rows, BATCH_ROWS)):
            yield _read(block, schema)


def table(
    connection: Connection[Row], statement: str, schema: pa.Schema, values: Mapping[str, Value]
) -> pa.Table:
    """The same as a table."""
    return pa.Table.from_batches(batches(connection, statement, schema, values), schema)


def _read(block: bytes, schema: pa.Schema) -> pa.RecordBatch:
    try:
        columns = _columns(block, schema)
    except pa.ArrowInvalid:
        # A time that Arrow does not read, such as infinity: those of the block are read one by one.
        texts = [
            field.with_type(pa.string()) if pa.types.is_temporal(field.type) else field for field in schema
        ]
        try:
            columns = [
                column if column.type == field.type else _bounded(column, field.type)
                for column, field in zip(_columns(block, pa.schema(texts)), schema, strict=True)
            ]
        except pa.ArrowInvalid as error:
            raise DataError(f"what the server sent does not read: {error}") from None
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _bounded(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Times from their text; those that Python cannot hold become its first or its last one."""
    strange = pc.match_substring_regex(texts, r"^-?infinity$|^[0-9]{5,}-|BC$")
    before = pc.or_(pc.starts_with(texts, "-"), pc.ends_with(texts, "BC"))
    beyond = pc.if_else(before, *(pa.scalar(time).cast(kind) for time in (EARLIEST, LATEST)))
    return pc.if_else(strange, beyond, pc.if_else(strange, None, texts).cast(kind))


def _columns(block: bytes, schema: pa.Schema) -> list[pa.Array]:
    """Only what stands without quotes and is empty is null: an empty text has quotes."""
    found = csv.read_csv(
        pa.BufferReader(block),
        read_options=csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(block) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=[csv.ISO8601],
        ),
    )
    return [column.combine_chunks() for column in found.columns]


def moment(value: date | datetime) -> datetime:
    """A time column's value as a moment in UTC."""
    found = moment_of(value)
    if found is None:
        raise ValueError("a stored row without a time")
    return found
