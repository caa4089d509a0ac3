"""The DuckDB store's tables and statements.

Identifiers come from market.dimensions and from this file; values are always bound.
"""

from __future__ import annotations

import pyarrow as pa

from ...market.defects import Defect
from ...market.dimensions import DIMENSIONS, Dimension
from ...market.knowing import ends_late
from .changes_sql import TABLE as CHANGES
from .quarantine_sql import QUARANTINE
from .verdicts_sql import TABLES as VERDICTS

TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}

JOURNAL = (
    "CREATE SCHEMA IF NOT EXISTS telemetry",
    """
    CREATE TABLE IF NOT EXISTS telemetry.ingest_runs (
        sequence BIGINT NOT NULL,
        run_id VARCHAR NOT NULL,
        plan VARCHAR NOT NULL,
        plan_generation BIGINT NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        outcome VARCHAR,
        "rows" BIGINT NOT NULL DEFAULT 0,
        changed BIGINT NOT NULL DEFAULT 0,
        message VARCHAR NOT NULL DEFAULT '',
        backbone VARCHAR NOT NULL DEFAULT '',
        plan_metadata VARCHAR NOT NULL DEFAULT '{}',
        tells_changes BOOLEAN NOT NULL DEFAULT FALSE
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS telemetry.ingest_arrivals (
        sequence BIGINT NOT NULL,
        dimension VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        provider VARCHAR NOT NULL,
        as_of TIMESTAMP WITH TIME ZONE NOT NULL,
        "rows" BIGINT NOT NULL,
        changed BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS telemetry.ingest_attempts (
        plan VARCHAR NOT NULL,
        dimension VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        provider VARCHAR NOT NULL,
        sequence BIGINT NOT NULL,
        outcome VARCHAR NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS telemetry.confirmations (
        dimension VARCHAR NOT NULL,
        observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        run_id VARCHAR NOT NULL,
        versions VARCHAR NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS telemetry.store_recoveries (
        set_aside VARCHAR NOT NULL,
        continued_from VARCHAR NOT NULL,
        moment TIMESTAMP WITH TIME ZONE NOT NULL
    )
    """,
)
"""`outcome` is null from the start of a run to its end. `backbone` is empty: a volume has one, and the column
is there so that both tiers have the same journal. `plan_metadata` is JSON. `tells_changes` is whether the
run's worker writes telemetry.ingest_changes, which earlier versions know nothing of. An attempt is the last
of its plan and dimension. A confirmation is an answer that found rows as they are stored, as
market.confirmations packs it."""

_FINISHED = "SELECT * FROM telemetry.ingest_runs WHERE outcome IS NOT NULL"
_LAST = 'ORDER BY "sequence" DESC'
FINISHED = f"""
    ({_FINISHED} {_LAST} LIMIT $count) UNION ({_FINISHED} AND plan = $plan {_LAST} LIMIT $count) {_LAST}
"""
"""The last runs, and as many of one plan."""
OPEN_RUNS = "SELECT DISTINCT run_id FROM telemetry.ingest_runs WHERE outcome IS NULL"
RUN = 'SELECT run_id, outcome FROM telemetry.ingest_runs WHERE "sequence" = ?'
UNPUBLISHED = 'UPDATE telemetry.ingest_runs SET outcome = ?, message = ? WHERE "sequence" = ?'
CONFIRMED_LATER = """
    SELECT versions FROM telemetry.confirmations
    WHERE dimension = ? AND (observed_at, run_id) > (CAST(? AS TIMESTAMP WITH TIME ZONE), CAST(? AS VARCHAR))
"""
CONFIRM = "INSERT INTO telemetry.confirmations VALUES (?, ?, ?, ?)"
FORGET_CONFIRMATIONS = """
    DELETE FROM telemetry.confirmations
    WHERE observed_at < (SELECT min(started_at) FROM telemetry.ingest_runs WHERE outcome IS NULL) - ?
"""
"""Those older than every run that is open are of no use any more: none of them can bring an older answer."""
YOUNGER_ATTEMPTS = """
    SELECT count(*) FROM telemetry.ingest_attempts WHERE dimension = $dimension AND "sequence" > $sequence
      AND plan = (SELECT plan FROM telemetry.ingest_runs WHERE "sequence" = $sequence)
"""
"""What a run that began after this one has told already of its plan."""
TABLES = """
    SELECT schema_name, table_name FROM duckdb_tables()
    WHERE NOT internal AND database_name = current_database()
"""
ANY_RUN = "SELECT 1 FROM telemetry.ingest_runs LIMIT 1"
RECOVERIES = "SELECT set_aside, continued_from, moment FROM telemetry.store_recoveries"
KEEP_RECOVERY = "INSERT INTO telemetry.store_recoveries VALUES (?, ?, ?)"
FORGET_ATTEMPTS = """
    DELETE FROM telemetry.ingest_attempts
    WHERE dimension = $dimension AND ($rest OR list_contains($subjects, subject))
      AND plan = (SELECT plan FROM telemetry.ingest_runs WHERE "sequence" = $sequence)
"""
KEEP_ATTEMPTS = """
    INSERT INTO telemetry.ingest_attempts
    SELECT run.plan, ?, unnest(?), unnest(?), run."sequence", unnest(?)
    FROM telemetry.ingest_runs AS run WHERE run."sequence" = ?
"""
MISSED = """
    SELECT subject FROM telemetry.ingest_attempts WHERE plan = $plan AND dimension = $dimension
    QUALIFY CASE WHEN $outcome IS NULL THEN outcome <> $fine OR "sequence" < max("sequence") OVER ()
                 ELSE outcome = $outcome END
"""


def table_of(dimension: Dimension) -> str:
    """The dimension's table."""
    return f'market."{dimension.table}"'


def definitions() -> tuple[str, ...]:
    """Statements that create whatever is missing."""
    tables = (_table(item) for item in DIMENSIONS)
    return ("CREATE SCHEMA IF NOT EXISTS market", *tables, *JOURNAL, CHANGES, QUARANTINE, *VERDICTS)


def before(dimension: Dimension) -> str:
    """The last rows (bound: how many) of each line of the view `incoming` before its first row there."""
    line = ("source", dimension.subject, *(name for name in dimension.key if name == "interval_seconds"))
    rest = [name for name in dimension.key if name not in {*line, dimension.time}]
    columns = ", ".join(f'stored."{name}"' for name in dimension.facts.names)
    lines = column_list(line)
    within = ", ".join(f'stored."{name}" DESC' for name in (dimension.time, *rest))
    return f"""
        SELECT {columns} FROM {table_of(dimension)} AS stored
        JOIN (SELECT {lines}, min("{dimension.time}") AS first FROM incoming GROUP BY ALL) AS line
        USING ({lines}) WHERE stored."{dimension.time}" < line.first
        QUALIFY row_number() OVER (PARTITION BY {column_list(line, "stored")} ORDER BY {within}) <= ?
    """  # noqa: S608


def _table(dimension: Dimension) -> str:
    columns = ", ".join(
        f'"{field.name}" {TYPES[field.type]}{"" if field.nullable else " NOT NULL"}'
        for field in dimension.schema
    )
    return f"CREATE TABLE IF NOT EXISTS {table_of(dimension)} ({columns})"


def column_list(names: tuple[str, ...], table: str = "") -> str:
    """Columns as a statement lists them, of a table or of whichever has them."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def holdings(dimension: Dimension) -> str:
    """One row per source: what store.Holding tells; the last value is that of the latest row with one."""
    subject, time = f'"{dimension.subject}"', f'"{dimension.time}"'
    value = f'"{dimension.value}"' if dimension.value else "CAST(NULL AS DOUBLE)"
    present = f"{value} IS NOT NULL" if dimension.value else "TRUE"
    latest = f"{time} DESC, {subject}"
    return f"""
        SELECT source, count(*) AS "rows", count(DISTINCT {subject}) AS subjects,
               min({time}) AS first_at, max({time}) AS last_at,
               first({subject} ORDER BY {latest}) FILTER ({present}) AS last_subject,
               first({value} ORDER BY {latest}) FILTER ({present}) AS last_value
        FROM {table_of(dimension)} GROUP BY source ORDER BY source
    """  # noqa: S608


ONE_BY_ONE = 50
"""Names that a statement is given one by one; more are bound as one list, which a statement takes sooner."""


def lines(dimension: Dimension, *, subjects: int, until: bool) -> str:
    """What store.Line tells, latest first; bound in this order, `until` as market.knowing has it.

    More than ONE_BY_ONE subjects are one list.
    """
    subject, time = f'"{dimension.subject}"', f'"{dimension.time}"'
    interval = "interval_seconds" if "interval_seconds" in dimension.key else "CAST(NULL AS INTEGER)"
    known = [f"{time} <= ?"]
    if "vintage" in dimension.key:
        known.append("vintage <= ?")
    if ends_late(dimension):
        # No interval: adding one to a moment takes an extension that reading does without.
        known.append(f"epoch_us({time}) + 1000000 * interval_seconds <= epoch_us(CAST(? AS TIMESTAMPTZ))")
    if dimension.value is not None:
        known.append(f'"{dimension.value}" IS NOT NULL')
    many = [f"{subject} IN (SELECT unnest(?))"] if subjects > ONE_BY_ONE else []
    where = _where(dimension, 0 if many else subjects, False, *many, *(known if until else []))
    return f"""
        SELECT {subject} AS subject, source, {interval} AS "interval", min({time}) AS first_at,
               max({time}) AS last_at
        FROM {table_of(dimension)} {where}
        GROUP BY ALL ORDER BY last_at DESC, subject, source, "interval"
    """  # noqa: S608


def _where(dimension: Dimension, subjects: int, source: bool, *more: str) -> str:
    conditions = [
        *([f'"{dimension.subject}" IN ({", ".join("?" * subjects)})'] if subjects else []),
        *(["source = ?"] if source else []),
        *more,
    ]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def subject_spans(dimension: Dimension, *, interval: bool) -> str:
    """Per subject of a source what rows.SubjectSpan tells.

    Bound: the source, and the `interval` of bars if one is given.
    """
    time = f'"{dimension.time}"'
    where = "source = ?" + (" AND interval_seconds = ?" if interval else "")
    return f"""
        SELECT "{dimension.subject}" AS subject, min({time}) AS first_at, max({time}) AS last_at,
               max(revision) AS revision, max({time}) FILTER (flags LIKE '%{Defect.GAP_BEFORE}%') AS gap_at
        FROM {table_of(dimension)} WHERE {where} GROUP BY ALL
    """  # noqa: S608


def latest(dimension: Dimension) -> str:
    """The last rows of each subject of a source, subjects and count bound."""
    order = column_list(tuple(name for name in dimension.key if name != "source"))
    line = column_list((dimension.subject, *(name for name in dimension.key if name == "interval_seconds")))
    return f"""
        SELECT {column_list(tuple(dimension.facts.names))} FROM {table_of(dimension)}
        WHERE source = ? AND "{dimension.subject}" IN (SELECT unnest(?))
        QUALIFY row_number() OVER (PARTITION BY {line} ORDER BY "{dimension.time}" DESC) <= ?
        ORDER BY {order}
    """  # noqa: S608


def subjects(dimension: Dimension) -> str:
    """Symbols, series or calendars, each once."""
    subject = f'"{dimension.subject}"'
    return f"SELECT DISTINCT {subject} AS subject FROM {table_of(dimension)} ORDER BY subject"  # noqa: S608


def selection(
    dimension: Dimension,
    *,
    subjects: int,
    source: bool,
    interval: bool,
    start: bool,
    end: bool,
    last: bool,
    one_line: bool,
) -> str:
    """Rows of a dimension in the order of subject, source and key; bound in the order of the arguments."""
    time = f'"{dimension.time}"'
    bounds = [
        *(["interval_seconds = ?"] if interval else []),
        *([f"{time} >= ?"] if start else []),
        *([f"{time} < ?"] if end else []),
    ]
    where = _where(dimension, subjects, source, *bounds)
    line = ["source", dimension.subject, *(name for name in dimension.key if name == "interval_seconds")]
    rest = [name for name in dimension.key if name not in {*line, dimension.time}]
    within = ", ".join([f"{time} DESC", *(f'"{name}" DESC' for name in rest)])
    lines = column_list(tuple(line))
    keep = f"QUALIFY row_number() OVER (PARTITION BY {lines} ORDER BY {within}) <= ?" if last else ""
    if last and one_line:
        # The same rows without a window over all of the line's, which takes longer.
        keep = f"ORDER BY {within} LIMIT ?"
    order = ", ".join([f'"{dimension.subject}"', lines, time, *(f'"{name}"' for name in rest)])
    # A copy that an earlier version published lacks columns: those that it has are read.
    names = ", ".join(f"'{name}'" for name in dimension.schema.names)
    columns = f"COLUMNS(lambda name: name IN ({names}))"
    return f"FROM (SELECT {columns} FROM {table_of(dimension)} {where} {keep}) ORDER BY {order}"  # noqa: S608
