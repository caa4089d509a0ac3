"""On which days rows are: what an export's unit is made of."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from .dimensions import Dimension

_DAY = 86_400_000_000
"""In microseconds."""


def changed_days(dimension: Dimension, rows: pa.Table) -> pa.Table:
    """The distinct days (UTC) of rows by source: `source`, and `day` as a date."""
    times = rows[dimension.time].combine_chunks()
    days = times if dimension.dated else _days(times.cast(pa.int64()))
    source = rows["source"]
    if rows.num_rows and pc.all(pc.equal(source, source[0])).as_py():
        # As in most answers; it takes a tenth of grouping.
        distinct = pc.unique(days)
        found = pa.table({"source": pa.repeat(source[0], len(distinct)), "day": distinct})
    else:
        found = pa.table({"source": source, "day": days}).group_by(["source", "day"]).aggregate([])
    return found.set_column(1, "day", found["day"].cast(pa.int32()).cast(pa.date32()))


def _days(moments: pa.Array) -> pa.Array:
    days = pc.divide(moments, _DAY)
    # Division rounds toward 1970.
    return pc.subtract(days, pc.less(moments, pc.multiply(days, _DAY)).cast(pa.int64()))
