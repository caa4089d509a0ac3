"""Arrow into PostgreSQL's tables by binary COPY; no row passes through Python."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import Connection, sql

from .session import Row

BLOCK_ROWS = 16_384
"""Rows that are encoded at a time: a few megabytes."""


def copy_in(
    connection: Connection[Row], table: tuple[str, ...], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> int:
    """Copy batches of a schema into the columns of its names, and return how many rows it were.

    `table` is the name in its parts, from a closed list. Memory is bounded by the largest batch. Raises
    psycopg.Error, and then nothing is copied.
    """
    encoder = ArrowToPostgresBinaryEncoder(schema)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, schema.names))
    )
    rows = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for batch in batches:
            for start in range(0, batch.num_rows, BLOCK_ROWS):
                copy.write(encoder.write_batch(batch.slice(start, BLOCK_ROWS)))
            rows += batch.num_rows
        copy.write(encoder.finish())
    return rows
