"""Rows as one value of a cache: an Arrow stream, compressed, with a checksum."""

from __future__ import annotations

import struct
import zlib
from typing import TypeAlias

import pyarrow as pa

Buffer: TypeAlias = bytes | memoryview

_HEAD = struct.Struct("<4sIQ")
"""Which format, the checksum of what follows it, how many bytes there are uncompressed."""
_SIZE = struct.Struct("<Q")
_FORMAT = b"EMP1"
_CODEC = "lz4"


class CorruptValue(ValueError):
    """A value does not read back."""


def packed(rows: pa.Table) -> bytes:
    """The value of a table.

    The checksum finds what memory, wires and foreign writers do to a value; it is no proof against somebody
    who forges one.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        # One batch per value: a reader pays for each.
        writer.write_table(rows.combine_chunks())
    plain = sink.getvalue()
    body: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    return _HEAD.pack(_FORMAT, _sum(plain.size, body), plain.size) + body


def unpacked(value: Buffer) -> pa.Table:
    """The table of a value. Raises CorruptValue."""
    whole = memoryview(value)
    if len(whole) < _HEAD.size:
        raise CorruptValue(f"a value of {len(whole)} bytes")
    form, checksum, size = _HEAD.unpack_from(whole)
    body = whole[_HEAD.size :]
    if form != _FORMAT or checksum != _sum(size, body):
        raise CorruptValue("a value of another format" if form != _FORMAT else "a checksum that is wrong")
    try:
        plain = pa.decompress(pa.py_buffer(body), decompressed_size=size, codec=_CODEC)
        return pa.ipc.open_stream(plain).read_all()
    except (pa.ArrowException, OSError) as error:
        raise CorruptValue(str(error)) from error


def _sum(size: int, body: Buffer) -> int:
    return zlib.crc32(body, zlib.crc32(_SIZE.pack(size)))
