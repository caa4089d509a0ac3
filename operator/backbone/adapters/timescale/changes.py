"""On which days rows of TimescaleDB changed, and the last run that changed any: telemetry.ingest_changes.

As in a DuckDB store, whose module says why one row per day is enough. What a statement writes or removes is
noted by the same statement.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection

from ...market.dimensions import Dimension
from .changes_sql import bound_to, noting
from .session import Row

_NOTE = noting("unnest(%(sources)s::text[], %(days)s::date[]) AS item (source, day)")


def note(connection: Connection[Row], dimension: Dimension, rows: pa.Table, sequence: int | None) -> None:
    """Note the days of rows that were copied. Raises psycopg.Error."""
    if not rows.num_rows:
        return
    # Without its zone a moment is what a clock in UTC shows.
    times = rows[dimension.time]
    days = times if dimension.dated else pc.floor_temporal(times.cast(pa.timestamp("us")), unit="day")
    found = pa.table({"source": rows["source"], "day": days.cast(pa.date32())})
    found = found.group_by(["source", "day"]).aggregate([])
    given = {"sources": found["source"].to_pylist(), "days": found["day"].to_pylist()}
    connection.execute(_NOTE.encode(), {**bound_to(dimension, sequence), **given})
