"""Reading a backbone's published copy. Never opens the working file, writes nothing, needs no lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ..market.dimensions import DIMENSIONS, Dimension, moment_of
from ..ports.store import Holding, JournalEntry, NothingPublished, Selection, StoreCorrupt
from . import duckdb_sql as sql
from .duckdb_session import opened, translated
from .volume import Volume

RUNS = 'SELECT * FROM telemetry.ingest_runs ORDER BY "sequence" DESC LIMIT ?'
AS_OF = """
    SELECT dimension, source, arg_max(as_of, "sequence") AS as_of
    FROM telemetry.ingest_arrivals GROUP BY dimension, source
"""
PROVENANCE = """
    SELECT DISTINCT run."sequence", run.run_id, run.plan, run.plan_generation, arrival.provider
    FROM telemetry.ingest_runs AS run
    JOIN telemetry.ingest_arrivals AS arrival ON arrival."sequence" = run."sequence"
    WHERE arrival.dimension = ? ORDER BY run."sequence"
"""


class DuckDBReader:
    """A store.Reader on one published copy, which stays the same however often runs publish meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def holdings(self) -> tuple[Holding, ...]:
        """What is stored, per dimension and source."""
        as_of = {(row["dimension"], row["source"]): row["as_of"] for row in self._table(AS_OF).to_pylist()}
        return tuple(
            Holding(
                dimension=dimension.name,
                source=row["source"],
                rows=row["rows"],
                subjects=row["subjects"],
                first_at=_moment(row["first_at"]),
                last_at=_moment(row["last_at"]),
                last_subject=row["last_subject"] or "",
                last_value=row["last_value"],
                as_of=as_of.get((dimension.name, row["source"])),
            )
            for dimension in DIMENSIONS
            for row in self._table(sql.holdings(dimension)).to_pylist()
        )

    def runs(self, count: int) -> tuple[JournalEntry, ...]:
        """The last runs, newest first."""
        return journal_entries(self._table(RUNS, count))

    def sources(self, dimension: Dimension, subject: str) -> tuple[tuple[str, datetime], ...]:
        """Sources that hold a symbol, series or calendar, with the time of their last row, latest first."""
        found = self._table(sql.sources(dimension), subject).to_pylist()
        return tuple((row["source"], _moment(row["last_at"])) for row in found)

    def spans(
        self, dimension: Dimension, subjects: tuple[str, ...], source: str | None
    ) -> tuple[tuple[str, datetime, datetime], ...]:
        """Sources of some subjects, or of all if none is named, with the times of first and last row."""
        statement = sql.spans(dimension, subjects=len(subjects), source=source is not None)
        found = self._table(statement, *subjects, *([source] if source is not None else [])).to_pylist()
        return tuple((row["source"], _moment(row["first_at"]), _moment(row["last_at"])) for row in found)

    def subjects(self, dimension: Dimension) -> tuple[str, ...]:
        """Symbols, series or calendars that are held, in alphabetical order."""
        return tuple(row["subject"] for row in self._table(sql.subjects(dimension)).to_pylist())

    def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:
        """Rows of a selection, in the dimension's schema."""
        dated = selection.dimension.dated
        bounds = [moment for moment in (selection.start, selection.end) if moment is not None]
        values: list[object] = [
            *selection.subjects,
            *([selection.source] if selection.source else []),
            *(moment.date() if dated else moment for moment in bounds),
            *([selection.last] if selection.last is not None else []),
        ]
        statement = sql.selection(
            selection.dimension,
            subjects=len(selection.subjects),
            source=selection.source is not None,
            start=selection.start is not None,
            end=selection.end is not None,
            last=selection.last is not None,
        )
        with translated("read the published copy"):
            relation = self._connection.sql(statement, params=values)
            for batch in pa.RecordBatchReader.from_stream(relation):
                yield batch.cast(selection.dimension.schema)

    def provenance(self, dimension: Dimension) -> list[dict[str, object]]:
        """The runs that brought rows to a dimension: sequence, run_id, plan, plan_generation, provider."""
        found: list[dict[str, object]] = self._table(PROVENANCE, dimension.name).to_pylist()
        return found

    def _table(self, statement: str, *values: object) -> pa.Table:
        with translated("read the published copy"):
            return utc(self._connection.sql(statement, params=list(values)).to_arrow_table())


@contextmanager
def published(root: Path) -> Iterator[DuckDBReader]:
    """A reader of a volume's published copy. Raises NothingPublished, StoreError."""
    database = Volume(root).published
    if not database.exists():
        raise NothingPublished(
            f"no run has published data under {root}; "
            f"`emp-runtime ingest-once -f FOLDER --data-dir {root}` does"
        )
    try:
        with opened(database, read_only=True) as connection:
            yield DuckDBReader(connection)
    except StoreCorrupt as error:
        raise StoreCorrupt(f"{error}; start a run: it publishes afresh") from error


def journal_entries(table: pa.Table) -> tuple[JournalEntry, ...]:
    """Rows of telemetry.ingest_runs as entries."""
    return tuple(
        JournalEntry(
            sequence=row["sequence"],
            run_id=row["run_id"],
            plan=row["plan"],
            generation=row["plan_generation"],
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            outcome=row["outcome"],
            rows=row["rows"],
            changed=row["changed"],
            message=row["message"],
        )
        for row in utc(table).to_pylist()
    )


def utc(table: pa.Table) -> pa.Table:
    """The same moments under the name UTC, whatever the session calls that zone."""
    fields = [
        pa.field(field.name, pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _moment(value: datetime) -> datetime:
    moment = moment_of(value)
    if moment is None:
        raise ValueError("a stored row without a time")
    return moment
