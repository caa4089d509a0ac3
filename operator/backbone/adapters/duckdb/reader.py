"""Reading a backbone's published copy. Never opens the working file, writes nothing, needs no lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ...market.defects import Defect
from ...market.dimensions import DIMENSIONS, Dimension, moment_of
from ...market.knowing import ends_late, latest_time, latest_vintage
from ...market.lineage import completed
from ...plain_text import expect_names
from ...ports.journal import JournalEntry
from ...ports.quarantine import RECENT
from ...ports.store import Holding, LastAttempt, Line, Selection
from ...ports.store_errors import NothingPublished, StoreCorrupt
from . import quarantine_sql, sql
from .session import attached, settled, translated
from .volume import Volume, naming_faults

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
LAST_ATTEMPTS = """
    WITH last AS (
        SELECT plan, max("sequence") AS "sequence", arg_max(outcome, "sequence") AS outcome
        FROM telemetry.ingest_runs WHERE outcome IS NOT NULL GROUP BY plan
    )
    SELECT attempt.subject, arrival.source, attempt.plan, attempt."sequence", attempt.outcome,
           last."sequence" AS plan_sequence, last.outcome AS plan_outcome
    FROM telemetry.ingest_attempts AS attempt
    JOIN last ON last.plan = attempt.plan
    JOIN (SELECT DISTINCT dimension, source, provider FROM telemetry.ingest_arrivals) AS arrival
      ON arrival.dimension = attempt.dimension AND arrival.provider = attempt.provider
    WHERE attempt.dimension = ? AND attempt.subject IN (SELECT unnest(?))
    ORDER BY attempt.subject, arrival.source, attempt."sequence"
"""


def _undecided(dimension: Dimension) -> str:
    """What store.Reader.undecided tells; bound by name. Looks at the lines of subjects with entries alone."""
    subject, time = f'"{dimension.subject}"', f'"{dimension.time}"'
    line = ", ".join([subject, "source", *(name for name in dimension.key if name == "interval_seconds")])
    return f"""
        WITH waiting AS (
            SELECT subject, source, {quarantine_sql.moment(dimension, '"time"')} AS moment
            FROM telemetry.quarantine
            WHERE dimension = $dimension AND subject IN (SELECT unnest($subjects))
              AND state IN {quarantine_sql.OPEN} AND reason <> $but
        ), recent AS (
            SELECT {subject} AS subject, source, {time} AS moment FROM {sql.table_of(dimension)}
            WHERE {subject} IN (SELECT subject FROM waiting) AND {time} <= $until
            QUALIFY dense_rank() OVER (PARTITION BY {line} ORDER BY {time} DESC) = $recent
        ), since AS (SELECT subject, source, min(moment) AS earliest FROM recent GROUP BY ALL)
        SELECT subject, source, count(*) AS entries FROM waiting LEFT JOIN since USING (subject, source)
        WHERE {quarantine_sql.OF_NOW} GROUP BY ALL
    """  # noqa: S608


class DuckDBReader:
    """A store.Reader on one published copy, which stays the same however often runs publish meanwhile.

    Several threads may use it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._idle: list[duckdb.DuckDBPyConnection] = []

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

    def lines(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime | None = None
    ) -> tuple[Line, ...]:
        """Lines of some subjects, or of all if none is named, the one with the latest row first."""
        expect_names(subjects)
        bound: list[object] = []
        if until is not None:
            bound += [latest_time(dimension, until)]
            bound += filter(None, [latest_vintage(dimension, until)])
            bound += [until] if ends_late(dimension) else []
        names = [list(subjects)] if len(subjects) > sql.ONE_BY_ONE else subjects
        statement = sql.lines(dimension, subjects=len(subjects), until=until is not None)
        return tuple(
            Line(
                row["subject"],
                row["source"],
                row["interval"],
                _moment(row["first_at"]),
                _moment(row["last_at"]),
            )
            for row in self._table(statement, *names, *bound).to_pylist()
        )

    def last_attempts(self, dimension: Dimension, subjects: tuple[str, ...]) -> tuple[LastAttempt, ...]:
        """How each plan fared last with some subjects, oldest first; a copy without that journal raises."""
        expect_names(subjects)
        return tuple(
            LastAttempt(**row)
            for row in self._table(LAST_ATTEMPTS, dimension.name, list(subjects)).to_pylist()
        )

    def subjects(self, dimension: Dimension) -> tuple[str, ...]:
        """Symbols, series or calendars that are held, in alphabetical order."""
        return tuple(row["subject"] for row in self._table(sql.subjects(dimension)).to_pylist())

    def undecided(
        self, dimension: Dimension, subjects: tuple[str, ...], until: datetime
    ) -> dict[tuple[str, str], int]:
        """Recent rows in quarantine that nobody has decided on, and no kept row stands for."""
        expect_names(subjects)
        values = {
            "dimension": dimension.name,
            "subjects": list(subjects),
            "but": Defect.REPEATED_ROW,
            "until": until.date() if dimension.dated else until,
            "recent": RECENT,
        }
        found = self._table(_undecided(dimension), values).to_pylist()
        return {(row["subject"], row["source"]): row["entries"] for row in found}

    def batches(self, selection: Selection) -> Iterator[pa.RecordBatch]:
        """Rows of a selection, in the dimension's schema."""
        expect_names((*selection.subjects, selection.source or ""))
        dated = selection.dimension.dated
        bounds = [moment for moment in (selection.start, selection.end) if moment is not None]
        values: list[object] = [
            *selection.subjects,
            *([selection.source] if selection.source is not None else []),
            *([selection.interval_seconds] if selection.interval_seconds is not None else []),
            *(moment.date() if dated else moment for moment in bounds),
            *([selection.last] if selection.last is not None else []),
        ]
        statement = sql.selection(
            selection.dimension,
            subjects=len(selection.subjects),
            source=selection.source is not None,
            one_line=selection.one_line,
            interval=selection.interval_seconds is not None,
            start=selection.start is not None,
            end=selection.end is not None,
            last=selection.last is not None,
        )
        with translated("read the published copy"), self._cursor() as cursor:
            relation = cursor.sql(statement, params=values)
            for batch in pa.RecordBatchReader.from_stream(relation):
                yield completed(selection.dimension, batch)

    def provenance(self, dimension: Dimension) -> list[dict[str, object]]:
        """The runs that brought rows to a dimension: sequence, run_id, plan, plan_generation, provider."""
        found: list[dict[str, object]] = self._table(PROVENANCE, dimension.name).to_pylist()
        return found

    def _table(self, statement: str, *values: object) -> pa.Table:
        """The answer to a statement; a dict alone binds by name."""
        bound = values[0] if len(values) == 1 and isinstance(values[0], dict) else list(values)
        with translated("read the published copy"), self._cursor() as cursor:
            return utc(cursor.sql(statement, params=bound).to_arrow_table())

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that no other query is using; making one takes longer than many a query."""
        try:
            cursor = self._idle.pop()
        except IndexError:
            cursor = settled(self._connection)
        try:
            yield cursor
        finally:
            self._idle.append(cursor)


def version_of(volume: Volume) -> str:
    """Which copy is published: another one after each publishing. Raises NothingPublished, StoreError."""
    with naming_faults("look at the published copy"):
        try:
            found = volume.published.stat()
        except FileNotFoundError:
            raise _nothing_published(volume.root) from None
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


@contextmanager
def published(root: Path) -> Iterator[DuckDBReader]:
    """A reader of a volume's published copy. Raises NothingPublished, StoreError."""
    database = Volume(root).published
    if not database.exists():
        raise _nothing_published(root)
    try:
        with attached(database) as connection:
            yield DuckDBReader(connection)
    except StoreCorrupt as error:
        raise StoreCorrupt(f"{error}; start a run: it publishes afresh") from error


def holds_rows(root: Path) -> bool:
    """Whether a volume's published copy holds rows of any dimension. Raises StoreError."""
    try:
        with published(root) as reader:
            return any(item.rows for item in reader.holdings())
    except NothingPublished:
        return False


def _nothing_published(root: Path) -> NothingPublished:
    return NothingPublished(
        f"no run has published data under {root}",
        f"`emp-runtime ingest-once -f FOLDER --data-dir {root}` does",
    )


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
            # An earlier version published a copy without it.
            metadata=json.loads(row.get("plan_metadata") or "{}"),
        )
        for row in utc(table).to_pylist()
    )


def utc(table: pa.Table) -> pa.Table:
    """The same moments under the name UTC, whatever the session calls that zone."""
    fields = [
        pa.field(field.name, pa.timestamp("us", "UTC")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    named = pa.schema(fields)
    return table if table.schema.equals(named) else table.cast(named)


def _moment(value: datetime) -> datetime:
    moment = moment_of(value)
    if moment is None:
        raise ValueError("a stored row without a time")
    return moment
