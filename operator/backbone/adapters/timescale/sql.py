"""The statements on the market's tables and the journal in PostgreSQL.

Identifiers come from market.dimensions and from this file; values are always bound. COPY binds nothing, so
what a statement of `rows` needs is bound to settings of its transaction, and `bound` reads them.
"""

from __future__ import annotations

import pyarrow as pa

from ...market.defects import Defect
from ...market.dimensions import LINEAGE, MOMENT, Dimension
from ...market.knowing import ends_late
from ...vocabulary import Outcome
from .changes_sql import day, noting

_LINEAGE = frozenset(field.name for field in LINEAGE)
_TYPES = {
    pa.string(): "text",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.date32(): "date",
    MOMENT: "timestamptz",
}

OPEN_RUNS = "SELECT DISTINCT run_id FROM telemetry.ingest_runs WHERE outcome IS NULL"
CLOSE_UNFINISHED = """
    UPDATE telemetry.ingest_runs SET outcome = %s, ended_at = %s, message = %s
    WHERE outcome IS NULL AND run_id <> ALL(%s::text[])
"""
RUN = 'SELECT run_id, outcome FROM telemetry.ingest_runs WHERE "sequence" = %s'
START = """
    INSERT INTO telemetry.ingest_runs
        ("sequence", run_id, plan, plan_generation, started_at, backbone, plan_metadata, tells_changes)
    SELECT coalesce(max("sequence"), 0) + 1, %s, %s, %s, %s, %s, %s, TRUE FROM telemetry.ingest_runs
    RETURNING "sequence"
"""
OF_AN_EARLIER_VERSION = """
    UPDATE telemetry.ingest_runs SET backbone = %s WHERE backbone = '' AND plan = %s
"""
ONE_AT_A_TIME = "LOCK TABLE telemetry.ingest_runs IN SHARE ROW EXCLUSIVE MODE"
OUTCOME = 'SELECT outcome FROM telemetry.ingest_runs WHERE "sequence" = %s FOR UPDATE'
FINISH = """
    UPDATE telemetry.ingest_runs SET outcome = %s, ended_at = %s, "rows" = %s, changed = %s, message = %s
    WHERE "sequence" = %s
"""
_ENTRY = """
    SELECT "sequence", run_id, plan, plan_generation, started_at, ended_at, outcome, "rows", changed, message,
           coalesce(to_jsonb(run) ->> 'plan_metadata', '{}')
    FROM telemetry.ingest_runs AS run
"""
"""A reader of this version may come before the migration that adds `plan_metadata`."""
RUNS = f'{_ENTRY} ORDER BY "sequence" DESC LIMIT %s'
_FINISHED = f"{_ENTRY} WHERE outcome IS NOT NULL AND backbone = %(backbone)s"
_LAST = 'ORDER BY "sequence" DESC'
FINISHED = f"""
    ({_FINISHED} {_LAST} LIMIT %(count)s)
    UNION ({_FINISHED} AND plan = %(plan)s {_LAST} LIMIT %(count)s) {_LAST}
"""
"""The last runs of a backbone, and as many of one of its plans."""
CONFIRMED_LATER = """
    SELECT versions FROM telemetry.confirmations
    WHERE dimension = %s AND (observed_at, run_id) > (%s::timestamptz, %s)
"""
CONFIRM = "INSERT INTO telemetry.confirmations VALUES (%s, %s, %s, %s)"
FORGET_CONFIRMATIONS = """
    DELETE FROM telemetry.confirmations
    WHERE observed_at < (SELECT min(started_at) FROM telemetry.ingest_runs WHERE outcome IS NULL) - %s
"""
"""Those older than every run that is open are of no use any more: none of them can bring an older answer."""
ARRIVAL = "INSERT INTO telemetry.ingest_arrivals VALUES (%s, %s, %s, %s, %s, %s, %s)"
AS_OF = """
    SELECT DISTINCT ON (dimension, source) dimension, source, as_of FROM telemetry.ingest_arrivals
    ORDER BY dimension, source, "sequence" DESC
"""
PROVENANCE = """
    SELECT DISTINCT run."sequence", run.run_id, run.plan, run.plan_generation, arrival.provider
    FROM telemetry.ingest_runs AS run
    JOIN telemetry.ingest_arrivals AS arrival ON arrival."sequence" = run."sequence"
    WHERE arrival.dimension = %s ORDER BY run."sequence"
"""
JOURNAL_THERE = "SELECT to_regclass('telemetry.ingest_runs') IS NOT NULL"
FIRST_MIGRATION = """
    SELECT extract(epoch FROM applied_at) * 1000000 FROM telemetry.schema_migrations ORDER BY number LIMIT 1
"""
ANY_FINISHED = "SELECT EXISTS (SELECT FROM telemetry.ingest_runs WHERE outcome IS NOT NULL)"
CLOSED_BY_ANOTHER = Outcome.DIED_WITHOUT_MESSAGE
"""What the next run's start makes of a run that is open."""


def bound(name: str, kind: str) -> str:
    """The value that is given by a name, as a type."""
    return f"%({name})s::{kind}"


def table_of(dimension: Dimension) -> str:
    """The dimension's table."""
    return f'market."{dimension.table}"'


MOST_DECOMPRESSED = 10_000_000
"""Rows of the columnstore that the slices of one transaction may unpack."""
UNPACKING = (f"SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = {MOST_DECOMPRESSED}",)


def staging(dimension: Dimension, columns: tuple[str, ...]) -> str:
    """Make the table `staging` of this transaction alone, with these columns of the dimension."""
    chosen = f"SELECT {_columns(columns)} FROM {table_of(dimension)}"  # noqa: S608
    return f"CREATE TEMP TABLE staging ON COMMIT DROP AS {chosen} WITH NO DATA"


def known(dimension: Dimension) -> str:
    """Which of some pairs of source and entity have rows; both are bound as arrays."""
    name = f'"{dimension.entity}"'
    return f"""
        SELECT item.source, item.entity
        FROM unnest(%s::text[], %s::text[]) AS item (source, entity)
        WHERE EXISTS (SELECT FROM {table_of(dimension)} AS stored
                      WHERE stored.source = item.source AND stored.{name} = item.entity)
    """  # noqa: S608


def upsert(dimension: Dimension, staged: tuple[str, ...]) -> str:
    """Bring the table `staging` into the dimension's; how many rows that wrote, per subject of such.

    Rows of which nothing changed are not written, and days of the others noted. Bound by their names, with
    what changes_sql.noting needs, are the columns that are not `staged`,
    the staged rows' `entities`, and their `first` and `last` time. What is stored as it is staged is left out
    before the insertion, which would lock it.
    """
    names = tuple(dimension.schema.names)
    content = [name for name in names if name not in _LINEAGE and name not in dimension.key]
    differs = " OR ".join(f'stored."{name}" IS DISTINCT FROM excluded."{name}"' for name in content)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in dimension.key)
    given = {
        name: f'staging."{name}"'
        if name in staged
        else f"%({name})s::{_TYPES[dimension.schema.field(name).type]}"
        for name in names
    }
    same = [f'held."{name}" = {given[name]}' for name in dimension.key]
    same += [f'held."{name}" IS NOT DISTINCT FROM {given[name]}' for name in content]
    return f"""
        WITH written AS (
            INSERT INTO {table_of(dimension)} AS stored ({_columns(names)})
            SELECT {", ".join(given.values())} FROM staging
            WHERE NOT EXISTS (
                SELECT FROM {table_of(dimension)} AS held
                WHERE held."{dimension.entity}" = ANY(%(entities)s)
                  AND held."{dimension.time}" BETWEEN %(first)s AND %(last)s AND {" AND ".join(same)}
            )
            ON CONFLICT ({_columns(dimension.key)}) DO UPDATE SET {changes}
            WHERE ({differs}) AND {order("excluded")} > {order("stored")}
            RETURNING stored."{dimension.subject}" AS subject, stored.source, {day(dimension, "stored")}
        ), noted AS ({noting("written")})
        SELECT subject, count(*) FROM written GROUP BY 1
    """  # noqa: S608


def order(table: str) -> str:
    """What orders versions of a row: as in every store, whatever the database's language."""
    return f'({table}.revision, {table}.observed_at, {table}.run_id COLLATE "C")'


def line_of(dimension: Dimension) -> tuple[str, ...]:
    """Columns whose values name one line."""
    return (dimension.subject, "source", *(name for name in dimension.key if name == "interval_seconds"))


def before(dimension: Dimension) -> str:
    """The last rows of each line before a time: `count`, and arrays of a line's columns and of `first`."""
    line = line_of(dimension)
    time, rest = dimension.time, _rest(dimension)
    kinds = {"interval_seconds": "int[]"}
    given = ", ".join(bound(name, kinds.get(name, "text[]")) for name in line)
    first = bound("first", "date[]" if dimension.dated else "timestamptz[]")
    same = " AND ".join(f'stored."{name}" = line."{name}"' for name in line)
    latest = ", ".join(f'stored."{name}" DESC' for name in (time, *rest))
    columns = tuple(dimension.facts.names)
    return f"""
        SELECT {_columns(columns, "found")}
        FROM unnest({given}, {first}) AS line ({_columns(line)}, first)
        CROSS JOIN LATERAL (
            SELECT {_columns(columns)} FROM {table_of(dimension)} AS stored
            WHERE {same} AND stored."{time}" < line.first
            ORDER BY {latest} LIMIT {bound("count", "bigint")}
        ) AS found
    """  # noqa: S608


def spans(dimension: Dimension, *, interval: bool) -> str:
    """Per subject of a source what rows.SubjectSpan tells.

    Bound: the source, and the `interval` of bars if one is given.
    """
    time = f'"{dimension.time}"'
    where = "source = %s" + (" AND interval_seconds = %s" if interval else "")
    return f"""
        SELECT "{dimension.subject}", min({time}), max({time}), max(revision),
               max({time}) FILTER (WHERE position('{Defect.GAP_BEFORE}' IN flags) > 0)
        FROM {table_of(dimension)} WHERE {where} GROUP BY 1
    """  # noqa: S608


def latest(dimension: Dimension) -> str:
    """The last `count` rows of each of the `subjects` of a `source`, each one's by time."""
    line, order = line_of(dimension), (*line_of(dimension), dimension.time, *_rest(dimension))
    columns = _columns(tuple(dimension.facts.names))
    place = f'row_number() OVER (PARTITION BY {_columns(line)} ORDER BY "{dimension.time}" DESC)'
    named = f'"{dimension.subject}" = ANY({bound("subjects", "text[]")})'
    return f"""
        SELECT {columns} FROM (
            SELECT *, {place} AS place FROM {table_of(dimension)}
            WHERE source = {bound("source", "text")} AND {named}
        ) AS placed WHERE place <= {bound("count", "bigint")} ORDER BY {_columns(order)}
    """  # noqa: S608


def holdings(dimension: Dimension) -> str:
    """One row per source: what store.Holding tells; the last value is that of the latest row with one."""
    subject, time = f'"{dimension.subject}"', f'"{dimension.time}"'
    value = f'"{dimension.value}"' if dimension.value else "NULL::float8"
    present = f"{value} IS NOT NULL" if dimension.value else "TRUE"
    return f"""
        WITH each AS (
            SELECT source, {subject} AS subject, count(*) AS rows, min({time}) AS first_at,
                   max({time}) AS last_at, max({time}) FILTER (WHERE {present}) AS valued_at
            FROM {table_of(dimension)} GROUP BY 1, 2
        ), every AS (
            SELECT source, sum(rows)::bigint AS rows, count(*) AS subjects, min(first_at) AS first_at,
                   max(last_at) AS last_at, max(valued_at) AS valued_at
            FROM each GROUP BY source
        )
        SELECT every.source, rows, subjects, first_at, last_at, last.subject, last.value
        FROM every LEFT JOIN LATERAL (
            SELECT {subject} AS subject, {value} AS value FROM {table_of(dimension)} AS stored
            WHERE stored.source = every.source AND {time} = every.valued_at AND {present}
            ORDER BY 1 LIMIT 1
        ) AS last ON TRUE ORDER BY every.source
    """  # noqa: S608


def lines(dimension: Dimension, *, subjects: bool, until: bool) -> str:
    """What store.Line tells, latest first; bound in this order, `until` as market.knowing has it."""
    time = f'"{dimension.time}"'
    interval = "interval_seconds" if "interval_seconds" in dimension.key else "NULL::int"
    known = [f"{time} <= %s"]
    if "vintage" in dimension.key:
        known.append("vintage <= %s")
    if ends_late(dimension):
        known.append(f"{time} + interval_seconds * interval '1 second' <= %s")
    if dimension.value is not None:
        known.append(f'"{dimension.value}" IS NOT NULL')
    conditions = [
        *([f'"{dimension.subject}" = ANY(%s::text[])'] if subjects else []),
        *(known if until else []),
    ]
    return f"""
        SELECT "{dimension.subject}" AS subject, source, {interval} AS length, min({time}) AS first_at,
               max({time}) AS last_at
        FROM {table_of(dimension)} {_where(conditions)}
        GROUP BY 1, 2, 3 ORDER BY last_at DESC, subject, source, length
    """  # noqa: S608


def subjects(dimension: Dimension) -> str:
    """Symbols, series or calendars, each once."""
    return f'SELECT DISTINCT "{dimension.subject}" FROM {table_of(dimension)} ORDER BY 1'  # noqa: S608


def selection(dimension: Dimension, given: frozenset[str], *, one_line: bool) -> str:
    """Rows of a dimension in the order of subject, source and key.

    `given` are the bounds that are bound: subjects, source, interval, start, end, last.
    """
    time, line, rest = dimension.time, line_of(dimension), _rest(dimension)
    moment = "date" if dimension.dated else "timestamptz"
    conditions = {
        "subjects": f'"{dimension.subject}" = ANY({bound("subjects", "text[]")})',
        "source": f"source = {bound('source', 'text')}",
        "interval": f"interval_seconds = {bound('interval', 'int')}",
        "start": f'"{time}" >= {bound("start", moment)}',
        "end": f'"{time}" < {bound("end", moment)}',
    }
    where = _where([condition for name, condition in conditions.items() if name in given])
    columns = _columns(tuple(dimension.schema.names))
    latest = ", ".join(f'"{name}" DESC' for name in (time, *rest))
    rows = f"SELECT {columns} FROM {table_of(dimension)} {where}"  # noqa: S608
    if "last" in given:
        count = bound("last", "bigint")
        if one_line:
            rows = f"SELECT {columns} FROM ({rows} ORDER BY {latest} LIMIT {count}) AS newest"  # noqa: S608
        else:
            place = f"row_number() OVER (PARTITION BY {_columns(line)} ORDER BY {latest}) AS place"
            rows = f"""
                SELECT {columns} FROM (SELECT *, {place} FROM {table_of(dimension)} {where}) AS placed
                WHERE place <= {count}
            """  # noqa: S608
    return f"{rows} ORDER BY {_columns((*line, time, *rest))}"


def _rest(dimension: Dimension) -> tuple[str, ...]:
    """Columns of the key that tell rows of one line and time apart."""
    return tuple(name for name in dimension.key if name not in {*line_of(dimension), dimension.time})


def _where(conditions: list[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _columns(names: tuple[str, ...], table: str = "") -> str:
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)
