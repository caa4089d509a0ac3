"""What a published copy holds, as numbers that tests compare."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from backbone.adapters.duckdb.quarantine import published_quarantine
from backbone.adapters.duckdb.reader import published
from backbone.market.dimensions import DIMENSIONS
from backbone.ports.quarantine import QuarantineFilter
from backbone.ports.store import Selection

MOST_ENTRIES = 100_000
SCALE = 1e6
"""Prices and values are compared as whole millionths."""


def rows(folder: Path) -> dict[str, int]:
    """Rows per dimension."""
    with published(folder) as reader:
        counts = dict.fromkeys((item.name for item in DIMENSIONS), 0)
        for holding in reader.holdings():
            counts[holding.dimension] += holding.rows
    return counts


def digest(folder: Path) -> str:
    """Of every fact in the order of its key and every row in quarantine, not of who brought it and when."""
    total = hashlib.sha256()
    with published(folder) as reader:
        for dimension in DIMENSIONS:
            selection = Selection(dimension)
            for batch in reader.batches(selection):
                for name in dimension.facts.names:
                    total.update(_canonical(batch.column(name)))
    with published_quarantine(folder) as quarantine:
        entries = quarantine.entries(QuarantineFilter(), MOST_ENTRIES)
    told = (
        "\x1f".join(str(item[name]) for name in ("dimension", "raw", "reason", "state")) for item in entries
    )
    total.update("\x1e".join(sorted(told)).encode())
    return total.hexdigest()


def _canonical(column: pa.Array) -> bytes:
    if pa.types.is_floating(column.type):
        column = pc.round(pc.multiply(column, SCALE)).cast(pa.int64())
    return "\x1f".join(column.cast(pa.string()).fill_null("\x00").to_pylist()).encode()
