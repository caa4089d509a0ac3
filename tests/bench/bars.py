"""A million daily bars in the product's schema, always the same, and whether a store holds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from backbone.market.dimensions import DAILY_BARS

SYMBOLS = 200
SESSIONS = 5_000
ROWS = SYMBOLS * SESSIONS

_BARS = """
    SELECT 'generated/random-walk' AS source,
           'SYM' || lpad(CAST(number // {sessions} AS VARCHAR), 3, '0') AS symbol,
           DATE '2004-01-01' + CAST(number % {sessions} AS INTEGER) AS session_date,
           middle + 0.25 AS open, middle + 1 AS high, middle - 1 AS low,
           middle + {version} AS close, middle + {version} AS adjusted_close,
           CAST(hash(number) % 100000000 AS BIGINT) AS volume,
           'splitAdjusted' AS price_basis, CAST(0 AS BIGINT) AS revision
    FROM (SELECT range AS number, 50 + (hash(range) % 20000) / 100 AS middle FROM range({rows}))
    ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What tells whether a store holds a version of the bars, all of them and each once."""

    rows: int
    keys: int
    close: float


def make(version: int) -> pa.Table:
    """The bars; every close differs from one version to another. Ordered by symbol and session."""
    with duckdb.connect() as connection:
        query = _BARS.format(sessions=SESSIONS, rows=ROWS, version=version)
        return connection.sql(query).to_arrow_table().cast(DAILY_BARS.facts)


def save(bars: pa.Table, path: Path) -> None:
    """Write them to an Arrow file."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, bars.schema) as writer:
        writer.write_table(bars)


def load(path: Path) -> pa.Table:
    """Read them into memory."""
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def expected(bars: pa.Table) -> Content:
    """What a store of these bars holds."""
    with duckdb.connect() as connection:
        return _content(connection.register("bars", bars), "bars")


def stored(database: Path, table: str) -> Content:
    """What a published copy holds."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return _content(connection, table)


def _content(connection: duckdb.DuckDBPyConnection, table: str) -> Content:
    row = connection.execute(
        f"SELECT count(*), count(DISTINCT (source, symbol, session_date)), round(sum(close), 1) FROM {table}"
    ).fetchone()
    assert row is not None
    return Content(*row)
