"""What earlier verdicts say of rows that come to a DuckDB store. Every call raises StoreError."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...market.confirmations import Moment
from ...market.dimensions import Dimension
from ...market.verdicts import without_withdrawn
from . import verdicts_sql as sql
from .session import registered


def standing(
    connection: duckdb.DuckDBPyConnection, dimension: Dimension, moment: Moment, rows: pa.Table
) -> pa.Table:
    """Rows of one answer that no verdict is greater than, and no whole window of a later answer covers."""
    if not rows.num_rows:
        return rows
    revision = pc.min(rows["revision"]).as_py()
    version = [moment.observed_at, moment.run_id, dimension.name, revision]
    rows = without_withdrawn(dimension, rows, connection.execute(sql.WHOLE_LATER, version).fetchall())
    least = [dimension.name, revision, moment.observed_at, moment.run_id]
    verdicts = connection.sql(sql.STANDING, params=least).to_arrow_table()
    return unspoken(connection, dimension, rows, verdicts)


def unspoken(
    connection: duckdb.DuckDBPyConnection, dimension: Dimension, rows: pa.Table, verdicts: pa.Table
) -> pa.Table:
    """Rows that none of some verdicts is greater than."""
    if not verdicts.num_rows or not rows.num_rows:
        return rows
    with registered(connection, "incoming", rows), registered(connection, "verdicts", verdicts):
        return connection.sql(sql.standing(dimension)).to_arrow_table().cast(dimension.schema)
