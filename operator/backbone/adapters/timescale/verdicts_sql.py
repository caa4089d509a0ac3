"""Statements in PostgreSQL on stored rows that a later answer speaks against.

What turns rows into entries is DuckDB's, in memory. Identifiers come from market.dimensions and from this
file; values are always bound.
"""

from __future__ import annotations

from ...market.defects import Defect
from ...market.dimensions import Dimension
from ...ports.quarantine import EntryState
from .changes_sql import day, noting
from .quarantine_sql import INTO
from .sql import bound, line_of, order, table_of

ENTRY = ("id", "source", "subject", "time", "key", "reason", "raw")
_TEXT = 'text COLLATE "C"'
MAKE_LEAVING = f"""
    CREATE TEMP TABLE leaving (
        {", ".join(f'"{name}" {_TEXT}' for name in ENTRY)}, run_id {_TEXT}, plan_generation bigint,
        schema_version integer, observed_at timestamptz, provider text, verdict bigint
    ) ON COMMIT DROP
"""
LEAVING = (*ENTRY, "run_id", "plan_generation", "schema_version", "observed_at", "provider", "verdict")
_PLAN = "(SELECT min(run.plan) FROM telemetry.ingest_runs AS run WHERE run.run_id = leaving.run_id)"
KEEP_LEAVING = f"""
    INSERT INTO telemetry.quarantine AS entry (
        {", ".join(f'"{name}"' for name in ENTRY)}, dimension, provider, plan, plan_generation, run_id,
        schema_version, first_seen, last_seen, last_run_id, times_seen, state, state_since
    )
    SELECT {", ".join(f'"{name}"' for name in ENTRY)}, %(dimension)s, provider, coalesce({_PLAN}, %(plan)s),
           plan_generation, run_id, schema_version, observed_at, %(at)s, %(run)s, 1, %(state)s, %(at)s
    FROM pg_temp.leaving
    ON CONFLICT (id) DO UPDATE SET
        reason = excluded.reason, provider = excluded.provider, plan = excluded.plan,
        run_id = excluded.run_id, plan_generation = excluded.plan_generation,
        schema_version = excluded.schema_version, first_seen = least(entry.first_seen, excluded.first_seen),
        times_seen = entry.times_seen + CASE WHEN entry.last_run_id = excluded.last_run_id THEN 0 ELSE 1 END,
        last_seen = excluded.last_seen, last_run_id = excluded.last_run_id,
        state = CASE entry.state WHEN '{EntryState.ACKNOWLEDGED}' THEN entry.state ELSE excluded.state END,
        state_since = excluded.state_since
"""  # noqa: S608
"""Bring `leaving` into the quarantine: entries of stored rows, with the lineage under which they stand."""


def keep_verdicts(table: str, value: str) -> str:
    """Note the verdicts on entries of a temporary table; `value` is what restricts each."""
    return f"""
        INSERT INTO telemetry.verdicts AS known (id, dimension, "key", value, revision, observed_at, run_id)
        SELECT id, %(dimension)s, "key", {value}, verdict, %(at)s, %(run)s FROM pg_temp.{table}
        WHERE verdict IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET value = excluded.value, revision = excluded.revision,
            observed_at = excluded.observed_at, run_id = excluded.run_id
        WHERE (excluded.revision, excluded.observed_at, excluded.run_id)
           >= (known.revision, known.observed_at, known.run_id)
    """  # noqa: S608


_NOT_STANDING = f"('{EntryState.RELEASED}', '{EntryState.WAITING}')"
_GIVEN = {"dimension": "text", "revision": "bigint", "at": "timestamptz", "run": "text"}
_DIMENSION, _REVISION, _AT, _RUN = (bound(name, kind) for name, kind in _GIVEN.items())
_STANDING = f"""
    FROM telemetry.verdicts AS verdict JOIN telemetry.quarantine AS entry ON entry.id = verdict.id
    WHERE entry.state NOT IN {_NOT_STANDING} AND verdict.dimension = {_DIMENSION}
      AND (verdict.revision, verdict.observed_at, verdict.run_id) >= ({_REVISION}, {_AT}, {_RUN})
"""
ANY_STANDING = f"SELECT EXISTS (SELECT {_STANDING})"
"""Whether any verdict may be greater than rows of an answer, by the dimension and the least version of it."""
STANDING = f"""
    SELECT verdict."key", verdict.value, verdict.revision, verdict.observed_at, verdict.run_id {_STANDING}
"""
"""These verdicts."""
OVERRULED = "DELETE FROM telemetry.verdicts USING pg_temp.meant WHERE verdicts.id = meant.id"
"""A release is a decision against the verdicts on its rows."""
ORPHANS = """
    DELETE FROM telemetry.verdicts
    WHERE NOT EXISTS (SELECT FROM telemetry.quarantine AS entry WHERE entry.id = verdicts.id)
"""
WHOLE_LATER = """
    SELECT windows, later FROM (
        SELECT *, (observed_at, run_id) > (%s::timestamptz, %s) AS later
        FROM telemetry.whole_windows WHERE dimension = %s
    ) AS kept WHERE later OR revision > %s
"""
"""Windows that may be greater than rows of an answer, by its moment, its run and its least revision."""
KEEP_WHOLE = "INSERT INTO telemetry.whole_windows VALUES (%s, %s, %s, %s, %s)"
FORGET_WHOLE = """
    DELETE FROM telemetry.whole_windows
    WHERE observed_at < (SELECT min(started_at) FROM telemetry.ingest_runs WHERE outcome IS NULL) - %s
"""
"""Those older than every run that is open, as confirmations."""


def verdicts_on(condition: str) -> str:
    """Verdicts on the keys of entries of the dimension `table` that meet a condition."""
    table = bound("table", "text")
    return f"""
        SELECT id, dimension, "key", value, revision, observed_at, run_id FROM telemetry.verdicts
        WHERE dimension = {table} AND "key" IN (
            SELECT "key" FROM telemetry.quarantine WHERE {condition} AND dimension = {table}
        )
    """  # noqa: S608


def within(dimension: Dimension) -> str:
    """Rows inside windows that hold more than their `rows`; arrays by the names of the windows' columns."""
    line, time = line_of(dimension), f'stored."{dimension.time}"'
    moment = "date[]" if dimension.dated else "timestamptz[]"
    kinds = {"interval_seconds": "int[]", "first": moment, "last": moment, "rows": "bigint[]"}
    names = (*line, "first", "last", "rows")
    given = ", ".join(bound(name, kinds.get(name, "text[]")) for name in names)
    inside = [f'stored."{name}" = item."{name}"' for name in line]
    condition = " AND ".join([*inside, f'{time} BETWEEN item."first" AND item."last"'])
    columns = ", ".join(f'stored."{name}"' for name in dimension.schema.names)
    return f"""
        SELECT {columns} FROM unnest({given}) AS item ({", ".join(f'"{name}"' for name in names)})
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM {table_of(dimension)} AS stored WHERE {condition}
        ) AS met
        JOIN {table_of(dimension)} AS stored ON {condition} WHERE met.n > item."rows"
    """  # noqa: S608


def lengths(dimension: Dimension, line: tuple[str, ...]) -> str:
    """How many rows are stored of each line; an array of each column of `line` is bound."""
    given = ", ".join(f"%s::{'int[]' if name == 'interval_seconds' else 'text[]'}" for name in line)
    names = ", ".join(f'"{name}"' for name in line)
    same = " AND ".join(f'stored."{name}" = item."{name}"' for name in line)
    return f"""
        SELECT {", ".join(f'item."{name}"' for name in line)}, met.n FROM unnest({given}) AS item ({names})
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM {table_of(dimension)} AS stored WHERE {same}) AS met
        WHERE met.n > 0
    """  # noqa: S608


def make_gone(dimension: Dimension) -> str:
    """Make the table `gone` of this transaction: keys, and the version of the verdict on each."""
    columns = ", ".join(f'"{name}"' for name in (*dimension.key, "revision", "observed_at", "run_id"))
    source = f"SELECT {columns} FROM {table_of(dimension)}"  # noqa: S608
    return f"CREATE TEMP TABLE gone ON COMMIT DROP AS {source} WITH NO DATA"


def delete(dimension: Dimension) -> str:
    """Drop the stored rows of the table `gone` that are not greater and that nobody released, by subject.

    Their days are noted. Bound are what changes_sql.noting needs, and the `first` and the `last` time of
    `gone`, so that only chunks between them are looked at.
    """
    same = " AND ".join(f'stored."{name}" = gone."{name}"' for name in dimension.key)
    return f"""
        WITH gone AS (
            DELETE FROM {table_of(dimension)} AS stored USING pg_temp.gone WHERE {same}
              AND stored."{dimension.time}" BETWEEN %(first)s AND %(last)s
              AND {order("stored")} <= {order("gone")}
              AND position('{Defect.RELEASED}' IN coalesce(stored.flags, '')) = 0
            RETURNING stored."{dimension.subject}" AS subject, stored.source, {day(dimension, "stored")}
        ), noted AS ({noting("gone")})
        SELECT subject, count(*) FROM gone GROUP BY 1
    """  # noqa: S608


def waiting(condition: str) -> str:
    """Entries of the dimension `table` that wait and meet a condition, as of the whole table."""
    return f"""
        SELECT {INTO} FROM telemetry.quarantine
        WHERE {condition} AND dimension = {bound("table", "text")} AND state = '{EntryState.WAITING}'
    """  # noqa: S608


def acknowledge(condition: str) -> str:
    """Take note that somebody has seen entries that meet a condition."""
    return f"""
        UPDATE telemetry.quarantine SET state = '{EntryState.ACKNOWLEDGED}', state_since = %(at)s
        WHERE {condition} AND state IN ('{EntryState.HELD}', '{EntryState.WAITING}')
    """  # noqa: S608
