"""What exports read of a backbone's published copy, which stays the same however often runs publish."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ...market.dimensions import Dimension
from ...market.lineage import completed
from ...naming import digest
from ...parts.exports.merging import ORDER
from ...ports.exports import Bound, Change, Journal, Provenance, Unit
from ...ports.store_errors import NothingPublished, StoreCorrupt
from . import sql
from .reader import PROVENANCE
from .session import attached, settled, translated
from .volume import Volume

_JOURNAL = """
    SELECT coalesce(max("sequence"), 0), min("sequence") FILTER (outcome IS NULL) FROM telemetry.ingest_runs
"""
_FIRST_RUN = 'SELECT run_id, epoch_us(started_at) FROM telemetry.ingest_runs ORDER BY "sequence" LIMIT 1'
_TELLS = """
    SELECT count(*) FILTER (table_name = 'ingest_changes' AND column_name = 'day'),
           count(*) FILTER (table_name = 'ingest_runs' AND column_name = 'tells_changes')
    FROM duckdb_columns() WHERE schema_name = 'telemetry' AND database_name = current_database()
"""
_SILENT = """
    SELECT count(*) FROM telemetry.ingest_runs WHERE "sequence" > ? AND tells_changes IS NOT TRUE
"""
_CHANGES = """
    SELECT "sequence", source, day FROM telemetry.ingest_changes WHERE dimension = ? AND "sequence" > ?
"""


class DuckDBExportSource:
    """A ports.exports.ExportSource. No retention drops rows of a volume."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @property
    def identity(self) -> str:
        """The first run of the journal tells it from every other."""
        return digest("duckdb", *(str(value) for row in self._all(_FIRST_RUN) for value in row), length=20)

    def journal(self) -> Journal:
        """The newest run, and the oldest one that has not ended."""
        ((newest, oldest_open),) = self._all(_JOURNAL)
        return Journal(newest, oldest_open)

    def changes(self, dimension: Dimension, after: int) -> frozenset[Change] | None:
        """What runs after a sequence changed; None where one of them is of a version that tells none."""
        if self._all(_TELLS) != [(1, 1)] or self._all(_SILENT, after) != [(0,)]:
            return None
        return frozenset(Change(*row) for row in self._all(_CHANGES, dimension.name, after))

    def partitions(self, dimension: Dimension, unit: Unit) -> dict[tuple[str, date], int]:
        """The number of rows by source and first day of the year, month or day (UTC)."""
        time = f'"{dimension.time}"' if dimension.dated else f'make_timestamp(epoch_us("{dimension.time}"))'
        first = f"CAST(date_trunc('{unit}', {time}) AS DATE)"
        statement = f"SELECT source, {first} AS first, count(*) FROM {sql.table_of(dimension)} GROUP BY ALL"  # noqa: S608
        return {(source, day): rows for source, day, rows in self._all(statement)}

    def partition(
        self, dimension: Dimension, source: str, start: Bound, end: Bound | None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a source from `start` and before `end`."""
        time, key = f'"{dimension.time}"', ", ".join(f'"{name}"' for name in dimension.key)
        before = "" if end is None else f" AND {time} < ?"
        statement = f"""
            SELECT * FROM {sql.table_of(dimension)} WHERE source = ? AND {time} >= ?{before} ORDER BY {key}
        """  # noqa: S608
        values = [source, start, *([] if end is None else [end])]
        with translated("read the published copy"):
            relation = settled(self._connection).sql(statement, params=values)
            for batch in pa.RecordBatchReader.from_stream(relation):
                yield completed(dimension, batch)

    def removed(self, dimension: Dimension, source: str, start: Bound, end: Bound | None) -> pa.Table:
        """None that matters: nothing was dropped here, so the store's own rows are all there are."""
        return dimension.schema.empty_table().select([*dimension.key, *ORDER])

    def confirmed_from(self, dimension: Dimension) -> Bound | None:
        """None: nothing was dropped."""
        return None

    def runs(self, dimension: Dimension) -> tuple[Provenance, ...]:
        """The runs that brought rows to a dimension."""
        return tuple(
            Provenance(run, sequence, plan, generation, provider)
            for sequence, run, plan, generation, provider in self._all(PROVENANCE, dimension.name)
        )

    def _all(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with translated("read the published copy"):
            return settled(self._connection).execute(statement, list(values)).fetchall()


@contextmanager
def exporting(root: Path) -> Iterator[DuckDBExportSource]:
    """What exports read of a volume. Raises NothingPublished, StoreError."""
    database = Volume(root).published
    if not database.exists():
        raise NothingPublished(
            f"no run has published data under {root}", "the next export after the first run has rows"
        )
    try:
        with attached(database) as connection:
            yield DuckDBExportSource(connection)
    except StoreCorrupt as error:
        raise StoreCorrupt(f"{error}; start a run: it publishes afresh") from error
