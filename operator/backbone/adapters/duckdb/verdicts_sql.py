"""Tables and statements of the DuckDB store on stored rows that a later answer speaks against.

Identifiers come from market.dimensions and from this file; values are always bound.
"""

from __future__ import annotations

import json

from ...market.defects import Defect
from ...market.dimensions import SCHEMA_VERSION, VERDICT, Dimension, line_of
from ...ports.quarantine import EntryState, Origin
from .changes_sql import returning
from .quarantine_sql import SQL_TYPES, entries_of, key_text

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS telemetry.verdicts (
        id VARCHAR NOT NULL,
        dimension VARCHAR NOT NULL,
        key VARCHAR NOT NULL,
        value DOUBLE,
        revision BIGINT NOT NULL,
        observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        run_id VARCHAR NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS telemetry.whole_windows (
        dimension VARCHAR NOT NULL,
        revision BIGINT NOT NULL,
        observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        run_id VARCHAR NOT NULL,
        windows VARCHAR NOT NULL
    )
    """,
)
"""A verdict is on an entry's key: on the whole of it, or on rows of it with a `value`. A row of the other
table has the windows of one answer, packed as market.verdicts does it, and their greatest revision."""

WHOLE_LATER = """
    SELECT windows, later FROM (
        SELECT *, (observed_at, run_id) > (CAST(? AS TIMESTAMP WITH TIME ZONE), CAST(? AS VARCHAR)) AS later
        FROM telemetry.whole_windows WHERE dimension = ?
    ) WHERE later OR revision > ?
"""
"""Windows that may be greater than rows of an answer, by its moment, its run and its least revision."""
KEEP_WHOLE = "INSERT INTO telemetry.whole_windows VALUES (?, ?, ?, ?, ?)"
FORGET_WHOLE = """
    DELETE FROM telemetry.whole_windows
    WHERE observed_at < (SELECT min(started_at) FROM telemetry.ingest_runs WHERE outcome IS NULL) - ?
"""
"""Those older than every run that is open, as confirmations."""
SAME_VALUE = 1e-5
"""How far values may be apart, as a share, and be the same claim: sources round anew for each answer."""
_NOT_STANDING = f"('{EntryState.RELEASED}', '{EntryState.WAITING}')"
STANDING = f"""
    SELECT verdict.key, verdict.value, verdict.revision, verdict.observed_at, verdict.run_id
    FROM telemetry.verdicts AS verdict JOIN telemetry.quarantine AS entry ON entry.id = verdict.id
    WHERE verdict.dimension = ? AND entry.state NOT IN {_NOT_STANDING}
      AND (verdict.revision, verdict.observed_at, verdict.run_id)
       >= (CAST(? AS BIGINT), CAST(? AS TIMESTAMP WITH TIME ZONE), CAST(? AS VARCHAR))
"""  # noqa: S608
"""Verdicts that may be greater than rows of an answer; bound: the dimension, and its least version."""
KEEP_VERDICTS = """
    MERGE INTO telemetry.verdicts AS verdict USING (SELECT * FROM seen WHERE verdict IS NOT NULL) AS seen
    ON verdict.id = seen.id
    WHEN MATCHED AND (seen.verdict, CAST($at AS TIMESTAMP WITH TIME ZONE), CAST($run AS VARCHAR))
                  >= (verdict.revision, verdict.observed_at, verdict.run_id)
    THEN UPDATE SET value = seen.value, revision = seen.verdict, observed_at = $at, run_id = $run
    WHEN NOT MATCHED THEN INSERT VALUES (seen.id, $dimension, seen.key, seen.value, seen.verdict, $at, $run)
"""
OVERRULED = (
    "DELETE FROM telemetry.verdicts WHERE id IN (SELECT id FROM releasing WHERE fit AND NOT contested)"
)
"""A release is a decision against the verdict on its row."""
ORPHANS = "DELETE FROM telemetry.verdicts WHERE id NOT IN (SELECT id FROM telemetry.quarantine)"

_LINEAGE = ("run_id", "plan_generation", "schema_version", "observed_at", "provider")


def kept_with(dimension: Dimension, origin: Origin) -> dict[str, object]:
    """The values that are bound where entries of a run are kept, with the verdicts that they carry."""
    return {
        "dimension": dimension.name,
        "provider": origin.provider,
        "plan": origin.plan,
        "generation": origin.generation,
        "run": origin.run_id,
        "version": SCHEMA_VERSION,
        "at": origin.at,
    }


def standing(dimension: Dimension) -> str:
    """Rows of the view `incoming` that no verdict of the view `verdicts` is greater than.

    A verdict on a value is on rows of earlier answers with that value; one on a whole key also on its own's.
    """
    same = "TRUE"
    if dimension.value is not None:
        apart = f'abs(verdict.value - incoming."{dimension.value}")'
        same = f"verdict.value IS NULL OR {apart} <= {SAME_VALUE} * abs(verdict.value)"
    version = "(verdict.revision, verdict.observed_at, verdict.run_id)"
    row = "(incoming.revision, incoming.observed_at, incoming.run_id)"
    return f"""
        SELECT * FROM incoming WHERE NOT EXISTS (
            SELECT 1 FROM verdicts AS verdict WHERE verdict.key = {key_text(dimension, "incoming")}
              AND ({same}) AND ({version} > {row} OR verdict.value IS NULL AND {version} = {row})
        )
    """  # noqa: S608


def within(dimension: Dimension) -> str:
    """Rows inside windows of the view `windows` that hold more than their `rows`."""
    columns = ", ".join(f'stored."{name}"' for name in dimension.schema.names)
    inside = [f'stored."{name}" = item."{name}"' for name in line_of(dimension)]
    inside.append(f'stored."{dimension.time}" BETWEEN item."first" AND item."last"')
    table, condition = f'market."{dimension.table}"', " AND ".join(inside)
    return f"""
        WITH fuller AS (
            SELECT item.* FROM windows AS item JOIN {table} AS stored ON {condition}
            GROUP BY ALL HAVING count(*) > item."rows"
        )
        SELECT {columns} FROM {table} AS stored JOIN fuller AS item ON {condition}
    """  # noqa: S608


def lengths(dimension: Dimension) -> str:
    """How many rows are stored of each line of the view `lines`."""
    line = ", ".join(f'"{name}"' for name in line_of(dimension))
    return f"""
        SELECT {line}, count(*) FROM market."{dimension.table}" AS stored
        JOIN (SELECT DISTINCT {line} FROM lines) AS line USING ({line}) GROUP BY ALL
    """  # noqa: S608


def leaving(dimension: Dimension) -> str:
    """Make the table `seen` of the view `incoming` of stored rows with a `reason` and a `verdict`.

    Bound: the dimension's name. They are entries on their whole key, with the lineage under which they stand.
    """
    carried = (*_LINEAGE, VERDICT)
    rows = entries_of(dimension, frozenset(dimension.facts.names), carried)
    return f"CREATE OR REPLACE TEMP TABLE seen AS SELECT *, CAST(NULL AS DOUBLE) AS value FROM ({rows})"  # noqa: S608


_PLAN = "(SELECT any_value(run.plan) FROM telemetry.ingest_runs AS run WHERE run.run_id = seen.run_id)"
KEEP_LEAVING = f"""
    MERGE INTO telemetry.quarantine AS entry USING (
        SELECT seen.*, coalesce({_PLAN}, $plan) AS plan FROM seen
    ) AS seen ON entry.id = seen.id
    WHEN MATCHED THEN UPDATE SET
        reason = seen.reason, provider = seen.provider, plan = seen.plan, run_id = seen.run_id,
        plan_generation = seen.plan_generation, schema_version = seen.schema_version,
        first_seen = least(entry.first_seen, seen.observed_at), last_seen = $at, last_run_id = $run,
        times_seen = entry.times_seen + CASE WHEN entry.last_run_id = $run THEN 0 ELSE 1 END,
        state = CASE entry.state WHEN '{EntryState.ACKNOWLEDGED}' THEN entry.state ELSE $state END,
        state_since = $at
    WHEN NOT MATCHED THEN INSERT VALUES (
        seen.id, $dimension, seen.source, seen.subject, seen."time", seen.key, seen.reason, seen.raw,
        seen.provider, seen.plan, seen.plan_generation, seen.run_id, seen.schema_version, seen.observed_at,
        $at, $run, 1, $state, $at
    )
"""  # noqa: S608
"""Bring `seen` into the quarantine, of stored rows."""
END_LEAVING = ("DROP TABLE IF EXISTS seen", "DROP TABLE IF EXISTS gone")


def gone(dimension: Dimension) -> str:
    """Make the table `gone` of the view `incoming`: keys, and the version of the verdict on each."""
    key = ", ".join(f'"{name}"' for name in dimension.key)
    return f"""
        CREATE OR REPLACE TEMP TABLE gone AS
        SELECT {key}, "{VERDICT}" AS revision, CAST($at AS TIMESTAMP WITH TIME ZONE) AS observed_at,
               CAST($run AS VARCHAR) AS run_id FROM incoming
    """  # noqa: S608


def gone_waiting(dimension: Dimension, condition: str) -> str:
    """The same of entries that wait, meet a condition, and are of the dimension named `$table`."""
    texts = json.dumps(dict.fromkeys(dimension.facts.names, "VARCHAR"))
    key = ", ".join(
        f'TRY_CAST(item."{name}" AS {SQL_TYPES[str(dimension.facts.field(name).type)]}) AS "{name}"'
        for name in dimension.key
    )
    return f"""
        CREATE OR REPLACE TEMP TABLE gone AS
        SELECT {key}, verdict.revision, verdict.observed_at, verdict.run_id
        FROM (SELECT *, json_transform(raw, '{texts}') AS item FROM telemetry.quarantine
              WHERE {condition} AND dimension = $table AND state = '{EntryState.WAITING}') AS entry
        JOIN telemetry.verdicts AS verdict ON verdict.id = entry.id
    """  # noqa: S608


def delete(dimension: Dimension) -> str:
    """Drop the stored rows of the table `gone` that are not greater and that nobody released.

    Gives source and day of each.
    """
    same = " AND ".join(f'stored."{name}" = gone."{name}"' for name in dimension.key)
    return f"""
        DELETE FROM market."{dimension.table}" AS stored USING gone WHERE {same}
          AND (stored.revision, stored.observed_at, stored.run_id)
           <= (gone.revision, gone.observed_at, gone.run_id)
          AND NOT coalesce(contains(stored.flags, '{Defect.RELEASED}'), FALSE)
        {returning(dimension, "stored.")}
    """  # noqa: S608


def acknowledge(condition: str) -> str:
    """Take note that somebody has seen entries that meet a condition; how many."""
    return f"""
        UPDATE telemetry.quarantine SET state = '{EntryState.ACKNOWLEDGED}', state_since = $at
        WHERE {condition} AND state IN ('{EntryState.HELD}', '{EntryState.WAITING}')
    """  # noqa: S608
