"""Rows as one value of a cache: their schema, a batch of Arrow's IPC, compressed, and a checksum of both."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import TypeAlias

import pyarrow as pa

Buffer: TypeAlias = bytes | memoryview

_HEAD = struct.Struct("<4sIIQ")
"""Which format, the checksum of what follows it, bytes of the schema, bytes of the batch uncompressed."""
_SIZES = struct.Struct("<IQ")
_FORMAT = b"EMP2"
# As blocks: the checksum is ours, and the frame around them would be read for nothing.
_CODEC = "lz4_raw"


class CorruptValue(ValueError):
    """A value does not read back."""


def packed(rows: pa.Table) -> bytes:
    """The value of a table, which has no column of a dictionary.

    The checksum finds what memory, wires and foreign writers do to a value; it is no proof against somebody
    who forges one.
    """
    # One batch per value: a reader pays for each.
    columns = [_whole(column) for column in rows.columns]
    schema: bytes = rows.schema.serialize().to_pybytes()
    plain = pa.RecordBatch.from_arrays(columns, schema=rows.schema).serialize()
    body: bytes = schema + pa.compress(plain, codec=_CODEC, asbytes=True)
    return _HEAD.pack(_FORMAT, _sum(len(schema), plain.size, body), len(schema), plain.size) + body


def unpacked(value: Buffer) -> pa.Table:
    """The table of a value. Raises CorruptValue."""
    whole = memoryview(value)
    if len(whole) < _HEAD.size:
        raise CorruptValue(f"a value of {len(whole)} bytes")
    form, checksum, schema_size, size = _HEAD.unpack_from(whole)
    body = whole[_HEAD.size :]
    if form != _FORMAT or checksum != _sum(schema_size, size, body):
        raise CorruptValue("a value of another format" if form != _FORMAT else "a checksum that is wrong")
    try:
        schema = _schema(bytes(body[:schema_size]))
        plain = pa.decompress(pa.py_buffer(body[schema_size:]), decompressed_size=size, codec=_CODEC)
        return pa.Table.from_batches([pa.ipc.read_record_batch(plain, schema)])
    except (pa.ArrowException, OSError) as error:
        raise CorruptValue(str(error)) from error


@lru_cache(maxsize=64)
def _schema(written: bytes) -> pa.Schema:
    """Few schemas come again and again, and each takes longer to read than a batch."""
    return pa.ipc.read_schema(pa.py_buffer(written))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _sum(schema_size: int, size: int, body: Buffer) -> int:
    return zlib.crc32(body, zlib.crc32(_SIZES.pack(schema_size, size)))
