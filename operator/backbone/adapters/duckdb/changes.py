"""On which days rows of a DuckDB store changed, and the last run that changed any: telemetry.ingest_changes.

Whatever writes or removes rows notes their days in its own transaction. One row per day is enough: who asks
what changed after a run gets the same days as from a row per run and day, and the table grows with what is
stored and not with the number of runs. Of two runs that overlap the greater number stays, whoever writes
last: who asks for changes after a run below it gets the day, and who asks for later ones asks after both.
"""

from __future__ import annotations

from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...market.changed_days import changed_days
from ...market.dimensions import Dimension
from .changes_sql import NOTE
from .session import registered


class Numbered(Protocol):
    """A journal, as far as changes ask it: the number of the run that writes."""

    @property
    def sequence(self) -> int | None:
        """None before a run began."""
        ...


class DuckDBChanges:
    """Notes changes on the connection of a writer, within its transaction. Raises duckdb.Error."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run: Numbered) -> None:
        self._connection = connection
        self._run = run

    def noted(self, dimension: Dimension, statement: str) -> int:
        """Execute a statement that gives `source` and `day` of rows, and note them; how many rows."""
        rows = self._connection.sql(statement)
        changed = rows.aggregate("source, day, count(*) AS rows").to_arrow_table()
        self._note(dimension, changed)
        return int(pc.sum(changed["rows"]).as_py() or 0)

    def came(self, dimension: Dimension, rows: pa.Table) -> None:
        """Note rows of which each was stored."""
        self._note(dimension, changed_days(dimension, rows))

    def _note(self, dimension: Dimension, changed: pa.Table) -> None:
        if changed.num_rows:
            with registered(self._connection, "changed", changed):
                given = {"sequence": self._run.sequence, "dimension": dimension.name}
                self._connection.execute(NOTE, given).fetchall()
