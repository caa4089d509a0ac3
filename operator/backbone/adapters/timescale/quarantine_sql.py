"""The quarantine's statements in PostgreSQL; what turns rows into entries and back is DuckDB's, in memory."""

from __future__ import annotations

import pyarrow as pa

from ...market.defects import Defect
from ...market.dimensions import MOMENT, Dimension
from ...ports.quarantine import RECENT, EntryState, QuarantineFilter
from ..duckdb.quarantine_sql import COLUMNS, OPEN
from .sql import bound, line_of, table_of

HELD, RELEASED, SUPERSEDED = EntryState.HELD, EntryState.RELEASED, EntryState.SUPERSEDED
SEEN_COLUMNS = ("id", "source", "subject", "time", "key", "reason", "raw", "state")
_KINDS = {
    **dict.fromkeys(("plan_generation", "times_seen"), pa.int64()),
    "schema_version": pa.int32(),
    **dict.fromkeys(("first_seen", "last_seen", "state_since"), MOMENT),
}
ENTRY = pa.schema([(name, _KINDS.get(name, pa.string())) for name in COLUMNS])
"""An entry as it is kept."""

HELD_BY_REASON = f"""
    SELECT reason, count(*) FROM telemetry.quarantine
    WHERE dimension = %s AND last_run_id = %s
      AND state IN ('{HELD}', '{EntryState.WAITING}', '{EntryState.VOID}')
    GROUP BY reason ORDER BY count(*) DESC, reason
"""  # noqa: S608
_NAMED = ", ".join(f'"{name}" text COLLATE "C"' for name in SEEN_COLUMNS)
MAKE_SEEN = f"CREATE TEMP TABLE seen ({_NAMED}, value float8, verdict bigint) ON COMMIT DROP"
FORGET_SEEN = "DROP TABLE pg_temp.seen"
INTO = ", ".join(f'"{name}"' for name in COLUMNS)
KEEP = f"""
    INSERT INTO telemetry.quarantine AS entry ({INTO})
    SELECT id, %(dimension)s, source, subject, "time", "key", reason, raw, %(provider)s, %(plan)s,
           %(generation)s, %(run)s, %(version)s, %(at)s, %(at)s, %(run)s, 1, state, %(at)s
    FROM pg_temp.seen
    ON CONFLICT (id) DO UPDATE SET
        times_seen = entry.times_seen + 1, last_seen = excluded.last_seen,
        last_run_id = excluded.last_run_id, reason = excluded.reason,
        state = CASE entry.state WHEN '{SUPERSEDED}' THEN '{HELD}' ELSE entry.state END,
        state_since = CASE entry.state WHEN '{SUPERSEDED}' THEN excluded.last_seen ELSE entry.state_since END
    WHERE entry.last_run_id <> excluded.last_run_id
"""  # noqa: S608
"""Bring `seen` into the quarantine; a row that this run is counted for already changes nothing."""

_OPEN = f"state IN {OPEN} AND reason <> '{Defect.REPEATED_ROW}'"
ANY_OPEN = f"""
    SELECT EXISTS (SELECT FROM telemetry.quarantine
                   WHERE dimension = %s AND source = ANY(%s::text[]) AND {_OPEN})
"""  # noqa: S608
OPEN_KEYS = f"""
    SELECT entry.id, entry."key", verdict.revision, verdict.observed_at, verdict.run_id
    FROM telemetry.quarantine AS entry LEFT JOIN telemetry.verdicts AS verdict ON verdict.id = entry.id
    WHERE entry.dimension = {bound("dimension", "text")} AND source = ANY({bound("sources", "text[]")})
      AND subject = ANY({bound("subjects", "text[]")}) AND {_OPEN}
"""  # noqa: S608
UNKNOWN = """
    SELECT id FROM unnest(%s::text[]) AS item (id)
    WHERE NOT EXISTS (SELECT FROM telemetry.quarantine AS entry WHERE entry.id = item.id)
"""
"""Of some ids those that no entry has."""
MAKE_MEANT = 'CREATE TEMP TABLE meant (id text COLLATE "C") ON COMMIT DROP'
FORGET_MEANT = "DROP TABLE pg_temp.meant"
CLOSE_MEANT = """
    UPDATE telemetry.quarantine AS entry SET state = %s, state_since = %s
    FROM pg_temp.meant WHERE meant.id = entry.id
"""


def chosen(wish: QuarantineFilter) -> tuple[str, dict[str, str | list[str]]]:
    """A condition on entries, and the values that it binds."""
    conditions = ["TRUE"]
    values: dict[str, str | list[str]] = {}
    for column, wanted in (
        ("dimension", wish.dimension.name if wish.dimension else None),
        ("reason", wish.reason),
        ("state", wish.state),
    ):
        if wanted is not None:
            conditions.append(f"{column} = {bound(column, 'text')}")
            values[column] = str(wanted)
    if wish.plan is not None:
        conditions.append(_of_plan(bound("plan", "text")))
        values["plan"] = wish.plan
    for name, column, several in (("subjects", "subject", wish.subjects), ("ids", "id", wish.ids)):
        if several:
            conditions.append(f"{column} = ANY({bound(name, 'text[]')})")
            values[name] = list(several)
    return " AND ".join(conditions), values


def _of_plan(plan: str) -> str:
    """Entries that a plan brought first, or of what it last asked for."""
    return f"""
        (plan = {plan} OR (dimension, subject, provider) IN (
            SELECT dimension, subject, provider FROM telemetry.ingest_attempts WHERE plan = {plan}
        ))
    """  # noqa: S608


def releasable(condition: str) -> str:
    """Entries of the dimension `table` that meet a condition and that somebody may release."""
    return f"""
        SELECT {INTO} FROM telemetry.quarantine
        WHERE {condition} AND dimension = {bound("table", "text")}
          AND state IN ('{HELD}', '{EntryState.WAITING}', '{EntryState.ACKNOWLEDGED}')
    """  # noqa: S608


def listing(condition: str) -> str:
    """Entries that meet a condition, the newest first; `count` bounds them."""
    return f"""
        SELECT {INTO} FROM telemetry.quarantine WHERE {condition}
        ORDER BY last_seen DESC, dimension, reason, subject, "time", id LIMIT %(count)s
    """  # noqa: S608


def counting(condition: str) -> str:
    """How many entries meet a condition, by dimension, reason and state."""
    return f"""
        SELECT dimension, reason, state, count(*) AS entries,
               min(first_seen) AS first_seen, max(last_seen) AS last_seen
        FROM telemetry.quarantine WHERE {condition}
        GROUP BY 1, 2, 3 ORDER BY dimension, entries DESC, reason, state
    """  # noqa: S608


def expire(condition: str) -> str:
    """Drop entries that were not seen since `before`, without those on which somebody decided."""
    decided = f"('{RELEASED}', '{EntryState.ACKNOWLEDGED}', '{EntryState.WAITING}')"
    return f"""
        DELETE FROM telemetry.quarantine
        WHERE {condition} AND last_seen < %(before)s AND state NOT IN {decided}
    """  # noqa: S608


def undecided(dimension: Dimension) -> str:
    """Held entries of `subjects` by source and time as it was written, and what `earliest` is recent there.

    Looks at the lines of subjects with entries alone.
    """
    line, time = line_of(dimension), f'"{dimension.time}"'
    columns = ", ".join(f'"{name}"' for name in line)
    same = " AND ".join(f'stored."{name}" = line."{name}"' for name in line)
    until = bound("until", "date" if dimension.dated else "timestamptz")
    return f"""
        WITH waiting AS (
            SELECT subject, source, "time" AS written, count(*) AS entries FROM telemetry.quarantine
            WHERE dimension = {bound("dimension", "text")} AND subject = ANY({bound("subjects", "text[]")})
              AND {_OPEN}
            GROUP BY 1, 2, 3
        ), line AS (
            SELECT DISTINCT {columns} FROM {table_of(dimension)}
            WHERE "{dimension.subject}" IN (SELECT subject FROM waiting)
        ), since AS (
            SELECT line."{dimension.subject}" AS subject, line.source, min(past.moment) AS earliest
            FROM line CROSS JOIN LATERAL (
                SELECT DISTINCT {time} AS moment FROM {table_of(dimension)} AS stored
                WHERE {same} AND {time} <= {until} ORDER BY 1 DESC OFFSET {RECENT - 1} LIMIT 1
            ) AS past GROUP BY 1, 2
        )
        SELECT subject, source, written, entries, earliest
        FROM waiting LEFT JOIN since USING (subject, source)
    """  # noqa: S608
