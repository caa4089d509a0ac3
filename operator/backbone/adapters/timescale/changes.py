"""On which days rows of TimescaleDB changed, and the last run that changed any: telemetry.ingest_changes.

As in a DuckDB store, whose module says why one row per day is enough. What a statement writes or removes is
noted by the same statement.
"""

from __future__ import annotations

import pyarrow as pa
from psycopg import Connection

from ...market.changed_days import changed_days
from ...market.dimensions import Dimension
from .changes_sql import bound_to, noting
from .session import Row

_NOTE = noting("unnest(%(sources)s::text[], %(days)s::date[]) AS item (source, day)")


def note(connection: Connection[Row], dimension: Dimension, rows: pa.Table, sequence: int | None) -> None:
    """Note the days of rows that were copied. Raises psycopg.Error."""
    if not rows.num_rows:
        return
    found = changed_days(dimension, rows)
    given = {"sources": found["source"].to_pylist(), "days": found["day"].to_pylist()}
    connection.execute(_NOTE.encode(), {**bound_to(dimension, sequence), **given})
