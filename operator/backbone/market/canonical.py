"""The canonical hash of rows: equal wherever the rows are, and in whatever order they come.

A row is the concatenation of its columns, in the order of the schema. A column is one byte, 0 for null and 1
for a value, and the value in the type's width, which is zeros for null. The row's digest is the MD5 of that,
and the hash of many rows has three numbers: how many rows, and the sums of the first and the last eight bytes
of their digests, modulo 2^64. Two equal rows thereby count twice, and hashes of parts add up to that of the
whole.

Lineage is no part of it: equal rows of two stores came by different runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from hashlib import md5
from operator import add
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .digests import md5_halves
from .dimensions import FLAGS, MOMENT, Dimension

Bytes = NDArray[np.uint8]

_MODULUS = 2**64
_WRITTEN = re.compile("[0-9a-f]{32}")
_NAN = 0x7FF8 << 48
_BATCH_ROWS = 1 << 16
"""Bounds the memory of one call, whatever the table's size."""


class Engine(StrEnum):
    """A database that computes the hash by its own SQL."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class CanonicalType:
    """One type of column.

    `name` is what documents call it, `width` how many bytes a value takes. `encode` makes those bytes of an
    Arrow array, and `duckdb` and `postgres` make them of the column {} in the engine's SQL.
    """

    name: str
    arrow: pa.DataType
    width: int
    encode: Callable[[pa.Array], Bytes]
    duckdb: str
    postgres: str

    def sql(self, engine: Engine, column: str) -> str:
        """The bytes of a column, null included, in an engine's SQL."""
        value = (self.duckdb if engine is Engine.DUCKDB else self.postgres).format(f'"{column}"')
        one, null = b"\1".hex(), bytes(self.width + 1).hex()
        if engine is Engine.DUCKDB:
            return f"coalesce(unhex('{one}') || {value}, unhex('{null}'))"
        return f"coalesce('\\x{one}'::bytea || {value}, '\\x{null}'::bytea)"


def _of_numbers(numbers: NDArray[np.generic]) -> Bytes:
    return numbers.astype(numbers.dtype.newbyteorder(">")).view(np.uint8).reshape(-1, 8)


def _of_whole(column: pa.Array) -> Bytes:
    return _of_numbers(column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False))


def _of_days(column: pa.Array) -> Bytes:
    return _of_whole(column.cast(pa.int32()))


def _of_doubles(column: pa.Array) -> Bytes:
    with np.errstate(invalid="ignore"):  # a NaN that signals
        values = column.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0
    bits = values.view(np.uint64)
    bits[np.isnan(values)] = _NAN
    return _of_numbers(bits)


def _of_texts(column: pa.Array) -> Bytes:
    """Each distinct text is hashed once: a column repeats few of them."""
    found = column.dictionary_encode()
    # A text of its own for nulls, so that a column of nulls alone has one too.
    digests = b"".join(_text_digest(text.as_py()) for text in [*found.dictionary, pa.scalar("")])
    table = np.frombuffer(digests, np.uint8).reshape(-1, 16)
    places: NDArray[np.int32] = found.indices.fill_null(len(found.dictionary)).to_numpy(zero_copy_only=False)
    # take() copies rows whole; an index in brackets takes ten times as long.
    return table.take(places, axis=0)


def _text_digest(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()


_WHOLE = (_of_whole, "{}::BIGINT::BIT::BLOB", "int8send({}::bigint)")

TYPES = (
    CanonicalType(
        "string", pa.string(), 16, _of_texts, "unhex(md5({}))", "decode(md5(convert_to({}, 'UTF8')), 'hex')"
    ),
    CanonicalType("int32", pa.int32(), 8, *_WHOLE),
    CanonicalType("int64", pa.int64(), 8, *_WHOLE),
    CanonicalType(
        "double",
        pa.float64(),
        8,
        _of_doubles,
        "(CASE WHEN isnan({0}) THEN 'nan'::DOUBLE ELSE {0} + 0.0 END)::BIT::BLOB",
        "float8send(CASE WHEN {0} = 'NaN' THEN 'NaN'::float8 ELSE {0} + 0.0 END)",
    ),
    CanonicalType(
        "date",
        pa.date32(),
        8,
        _of_days,
        "({} - DATE '1970-01-01')::BIGINT::BIT::BLOB",
        "int8send(({} - DATE '1970-01-01')::bigint)",
    ),
    CanonicalType(
        "timestamp",
        MOMENT,
        8,
        _of_whole,
        "epoch_us({})::BIT::BLOB",
        "int8send((extract(epoch FROM {}) * 1000000)::bigint)",
    ),
)
"""A text is the MD5 of its UTF-8. A whole number has 64 bits, the sign in the first; a date is the days since
1970, and a timestamp the microseconds (UTC), as such a number. A double is the IEEE bits of x + 0.0, so that
-0.0 is 0.0; NaN is one value, whatever its bits."""

_BY_NAME = {item.name: item for item in TYPES}


def type_of(kind: pa.DataType) -> CanonicalType:
    """The canonical type of an Arrow type. Raises TypeError where the table has none."""
    for item in TYPES:
        if item.arrow == kind:
            return item
    raise TypeError(f"no canonical type for {kind}")


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type that documents call by this name. Raises KeyError."""
    return _BY_NAME[name].arrow


def hashed_schema(dimension: Dimension) -> pa.Schema:
    """The columns that the hash of a dimension's rows is about: key, facts and flags."""
    return pa.schema([*dimension.facts, FLAGS])


@dataclass(frozen=True, slots=True)
class RowsHash:
    """How many rows, and the two sums of their digests, modulo 2^64."""

    rows: int = 0
    high: int = 0
    low: int = 0

    @classmethod
    def of(cls, rows: int, high: int, low: int) -> Self:
        """The hash of sums as an engine has them: not reduced yet, of signed numbers or not."""
        return cls(int(rows), int(high) % _MODULUS, int(low) % _MODULUS)

    @classmethod
    def parse(cls, rows: int, text: str) -> Self:
        """The hash of a number of rows and 32 hexadecimal digits. Raises ValueError."""
        if not _WRITTEN.fullmatch(text):
            raise ValueError(f"{text[:40]!r} is not a hash of 32 hexadecimal digits")
        return cls(rows, int(text[:16], 16), int(text[16:], 16))

    def __add__(self, other: RowsHash) -> RowsHash:
        """The hash of the rows of both."""
        return RowsHash.of(self.rows + other.rows, self.high + other.high, self.low + other.low)

    def __str__(self) -> str:
        return f"{self.high:016x}{self.low:016x}"


def total(hashes: Iterable[RowsHash]) -> RowsHash:
    """The hash of the rows of all."""
    return reduce(add, hashes, RowsHash())


def rows_hash(rows: pa.Table | pa.RecordBatch, schema: pa.Schema) -> RowsHash:
    """The hash of rows over the columns of a schema.

    Columns of another spelling, such as a large string or nanoseconds, are cast to the schema's type. Raises
    KeyError for a column that is missing, TypeError for a type that is not in the table, and
    pyarrow.ArrowInvalid for a value that the schema's type cannot hold exactly.
    """
    table = rows.select(schema.names)
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    batches = table.to_batches(max_chunksize=_BATCH_ROWS)
    return total(_batch_hash(batch, schema) for batch in batches if batch.num_rows)


def _batch_hash(batch: pa.RecordBatch, schema: pa.Schema) -> RowsHash:
    types = [type_of(field.type) for field in schema]
    messages = np.zeros((batch.num_rows, sum(item.width + 1 for item in types)), np.uint8)
    place = 0
    for column, item in zip(batch.columns, types, strict=True):
        given = column.cast(item.arrow)
        messages[:, place] = 1
        messages[:, place + 1 : place + 1 + item.width] = item.encode(given)
        if given.null_count:
            nulls = pc.is_null(given).to_numpy(zero_copy_only=False)
            messages[nulls, place : place + 1 + item.width] = 0
        place += 1 + item.width
    high, low = md5_halves(messages)
    return RowsHash.of(batch.num_rows, int(high.sum(dtype=np.uint64)), int(low.sum(dtype=np.uint64)))


def hash_sql(engine: Engine, schema: pa.Schema, source: str) -> str:
    """The query whose one row is what RowsHash.of takes; `source` is a table or a query in parentheses."""
    row = " || ".join(type_of(field.type).sql(engine, field.name) for field in schema)
    if engine is Engine.DUCKDB:
        number = "('0x' || {}(digest, 16))::UBIGINT"
    else:
        number = "('x' || {}(digest, 16))::bit(64)::bigint"
    sums = ", ".join(f"coalesce(sum({number.format(side)}), 0)" for side in ("left", "right"))
    return f"SELECT count(*), {sums} FROM (SELECT md5({row}) AS digest FROM {source}) AS digests"  # noqa: S608
