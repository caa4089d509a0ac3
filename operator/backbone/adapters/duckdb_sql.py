"""The DuckDB store's tables and statements.

Identifiers come from market.dimensions and from this file; values are always bound.
"""

from __future__ import annotations

import pyarrow as pa

from ..market.dimensions import DIMENSIONS, LINEAGE, Dimension

_TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}
_LINEAGE = frozenset(field.name for field in LINEAGE)

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
        message VARCHAR NOT NULL DEFAULT ''
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
)
"""`outcome` is null from the start of a run to its end."""


def _reading(table: str) -> str:
    # A sum, since whatever is added can cancel nothing out; it is a reason to read, and no digest to compare.
    return f"SELECT count(*), sum(CAST(hash(item) AS HUGEINT)) FROM {table} AS item"  # noqa: S608


JOURNAL_READINGS = tuple(_reading(f"telemetry.{table}") for table in ("ingest_runs", "ingest_arrivals"))


def table_of(dimension: Dimension) -> str:
    """The dimension's table."""
    return f'market."{dimension.table}"'


def definitions() -> tuple[str, ...]:
    """Statements that create whatever is missing."""
    return ("CREATE SCHEMA IF NOT EXISTS market", *(_table(item) for item in DIMENSIONS), *JOURNAL)


def _table(dimension: Dimension) -> str:
    columns = ", ".join(
        f'"{field.name}" {_TYPES[field.type]}{"" if field.nullable else " NOT NULL"}'
        for field in dimension.schema
    )
    return f"CREATE TABLE IF NOT EXISTS {table_of(dimension)} ({columns})"


def alike_keys(dimension: Dimension) -> str:
    """How many rows of the view `incoming` share the hash of their key with another; a quick first look."""
    return f"SELECT count(*) - count(DISTINCT hash({_columns(dimension.key)})) FROM incoming"  # noqa: S608


def doubled_keys(dimension: Dimension) -> str:
    """How many keys the view `incoming` holds more than once."""
    key = _columns(dimension.key)
    return f"SELECT count(*) FROM (SELECT {key} FROM incoming GROUP BY {key} HAVING count(*) > 1)"  # noqa: S608


def known_sources(dimension: Dimension) -> str:
    """Whether rows of a source of the view `incoming` are stored already."""
    incoming = "SELECT DISTINCT source FROM incoming"
    return f"SELECT EXISTS (SELECT 1 FROM {table_of(dimension)} WHERE source IN ({incoming}))"  # noqa: S608


def insert(dimension: Dimension) -> str:
    """Bring the view `incoming` into the dimension's table, where no row of its sources is."""
    return f"INSERT INTO {table_of(dimension)} BY NAME SELECT * FROM incoming"  # noqa: S608


def merge(dimension: Dimension) -> str:
    """Bring the view `incoming` into the dimension's table.

    The table has no index: the one writer joins on the key, which is faster and takes an eighth of the space.
    """
    same_key = " AND ".join(f'stored."{name}" = incoming."{name}"' for name in dimension.key)
    content = [name for name in dimension.schema.names if name not in _LINEAGE and name not in dimension.key]
    differs = " OR ".join(f'stored."{name}" IS DISTINCT FROM incoming."{name}"' for name in content)
    order = ("revision", "observed_at", "run_id")
    later = f"({_columns(order, 'incoming')}) > ({_columns(order, 'stored')})"
    return f"""
        MERGE INTO {table_of(dimension)} AS stored USING incoming ON {same_key}
        WHEN MATCHED AND ({differs}) AND {later} THEN UPDATE
        WHEN NOT MATCHED THEN INSERT
    """


def reading(dimension: Dimension) -> str:
    """Read every value of the dimension's table."""
    return _reading(table_of(dimension))


def _columns(names: tuple[str, ...], table: str = "") -> str:
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


def sources(dimension: Dimension) -> str:
    """Sources that hold a subject (bound), latest first."""
    return f"""
        SELECT source, max("{dimension.time}") AS last_at FROM {table_of(dimension)}
        WHERE "{dimension.subject}" = ? GROUP BY source ORDER BY last_at DESC, source
    """  # noqa: S608


def spans(dimension: Dimension, *, subjects: int, source: bool) -> str:
    """Sources with the times of their first and last row, latest first; bound in the order of arguments."""
    time = f'"{dimension.time}"'
    return f"""
        SELECT source, min({time}) AS first_at, max({time}) AS last_at FROM {table_of(dimension)}
        {_where(dimension, subjects, source)} GROUP BY source ORDER BY last_at DESC, source
    """  # noqa: S608


def _where(dimension: Dimension, subjects: int, source: bool, *more: str) -> str:
    conditions = [
        *([f'"{dimension.subject}" IN ({", ".join("?" * subjects)})'] if subjects else []),
        *(["source = ?"] if source else []),
        *more,
    ]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def subjects(dimension: Dimension) -> str:
    """Symbols, series or calendars, each once."""
    subject = f'"{dimension.subject}"'
    return f"SELECT DISTINCT {subject} AS subject FROM {table_of(dimension)} ORDER BY subject"  # noqa: S608


def selection(
    dimension: Dimension, *, subjects: int, source: bool, start: bool, end: bool, last: bool
) -> str:
    """Rows of a dimension in the order of subject, source and key; bound in the order of the arguments."""
    time = f'"{dimension.time}"'
    bounds = [*([f"{time} >= ?"] if start else []), *([f"{time} < ?"] if end else [])]
    where = _where(dimension, subjects, source, *bounds)
    line = ["source", dimension.subject, *(name for name in dimension.key if name == "interval_seconds")]
    rest = [name for name in dimension.key if name not in {*line, dimension.time}]
    within = ", ".join([f"{time} DESC", *(f'"{name}" DESC' for name in rest)])
    lines = _columns(tuple(line))
    keep = f"QUALIFY row_number() OVER (PARTITION BY {lines} ORDER BY {within}) <= ?" if last else ""
    order = ", ".join([f'"{dimension.subject}"', lines, time, *(f'"{name}"' for name in rest)])
    columns = _columns(tuple(dimension.schema.names))
    return f"SELECT {columns} FROM {table_of(dimension)} {where} {keep} ORDER BY {order}"  # noqa: S608
