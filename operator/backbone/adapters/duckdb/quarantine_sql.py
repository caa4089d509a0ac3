"""The quarantine's table and statements.

Identifiers come from market.dimensions and from this file; values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa

from ...market.defects import Defect
from ...market.dimensions import Dimension
from ...ports.quarantine import EntryState, QuarantineFilter

QUARANTINE = """
    CREATE TABLE IF NOT EXISTS telemetry.quarantine (
        id VARCHAR NOT NULL,
        dimension VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        "time" VARCHAR NOT NULL,
        key VARCHAR NOT NULL,
        reason VARCHAR NOT NULL,
        raw VARCHAR NOT NULL,
        provider VARCHAR NOT NULL,
        plan VARCHAR NOT NULL,
        plan_generation BIGINT NOT NULL,
        run_id VARCHAR NOT NULL,
        schema_version INTEGER NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        last_run_id VARCHAR NOT NULL,
        times_seen BIGINT NOT NULL,
        state VARCHAR NOT NULL,
        state_since TIMESTAMP WITH TIME ZONE NOT NULL
    )
"""
"""`raw` is JSON, each value as text. `run_id` and what it stands for are of the run that saw it first."""

COLUMNS = (
    *("id", "dimension", "source", "subject", "time", "key", "reason", "raw", "provider", "plan"),
    *("plan_generation", "run_id", "schema_version", "first_seen", "last_seen", "last_run_id"),
    *("times_seen", "state", "state_since"),
)
HELD, RELEASED, SUPERSEDED = EntryState.HELD, EntryState.RELEASED, EntryState.SUPERSEDED
ACKNOWLEDGED, WAITING, VOID = EntryState.ACKNOWLEDGED, EntryState.WAITING, EntryState.VOID
OPEN = f"('{HELD}', '{WAITING}')"
"""States in which an entry is held against its subject, until a later row or somebody decides."""
HELD_BY_REASON = f"""
    SELECT reason, count(*) FROM telemetry.quarantine
    WHERE dimension = ? AND last_run_id = ? AND state IN ('{HELD}', '{WAITING}', '{VOID}')
    GROUP BY reason ORDER BY count(*) DESC, reason
"""  # noqa: S608
OF_PLAN = """
    (plan = $plan OR row(dimension, subject, provider) IN (
        SELECT row(dimension, subject, provider) FROM telemetry.ingest_attempts WHERE plan = $plan
    ))
"""
PRESENT = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'quarantine'"
UNKNOWN = "SELECT id FROM (SELECT unnest(?) AS id) WHERE id NOT IN (SELECT id FROM telemetry.quarantine)"
"""Of some ids those that no entry has."""
ANY_OPEN = f"SELECT count(*) FROM telemetry.quarantine WHERE dimension = ? AND state IN {OPEN}"  # noqa: S608


def seeing(dimension: Dimension, delivered: frozenset[str]) -> str:
    """Make the table `seen` of the view `incoming`, which holds raw rows with a `reason`.

    `delivered` are the columns that came. Bound: the dimension's name. `verdict` is the revision of a verdict
    on rows of its key with its `value`; a row of which another one was kept, or that does not tell these, is
    none. What can neither be released nor superseded is Void.
    """
    typed = {
        name: f"TRY_CAST({_text(name, delivered)} AS {SQL_TYPES[str(dimension.facts.field(name).type)]})"
        for name in dimension.facts.names
    }
    if dimension.blank:
        typed[dimension.blank] = f"coalesce({typed[dimension.blank]}, '')"
    keyed = " AND ".join(f"{typed[name]} IS NOT NULL" for name in dimension.key)
    lost = f"NOT ({_fits(dimension, typed)}) AND (NOT ({keyed}) OR reason = '{Defect.OFF_SESSION}')"
    value = "CAST(NULL AS DOUBLE)" if dimension.value is None else typed[dimension.value]
    told = f"({keyed}) AND isfinite({value}) AND reason <> '{Defect.REPEATED_ROW}'"
    more = {
        "state": f"CASE WHEN {lost} THEN '{VOID}' ELSE '{HELD}' END",
        "value": value,
        "verdict": f"CASE WHEN {told} THEN {typed['revision']} END",
    }
    carried = tuple(f"{text} AS {name}" for name, text in more.items())
    return f"CREATE OR REPLACE TEMP TABLE seen AS {entries_of(dimension, delivered, carried)}"


def entries_of(dimension: Dimension, delivered: frozenset[str], carried: tuple[str, ...]) -> str:
    """What an entry has of a row of the view `incoming`, and what else is `carried`; bound: the dimension."""
    values = {name: _text(name, delivered) for name in dimension.facts.names}
    raw = ", ".join(f'"{name}" := {value}' for name, value in values.items())
    named = {name: f"coalesce({value}, '')" for name, value in values.items()}
    key = f"concat_ws('|', {', '.join(named[name] for name in dimension.key)})"
    return f"""
        SELECT md5(concat_ws('|', CAST(? AS VARCHAR), source, raw)) AS id, * FROM (
            SELECT {named["source"]} AS source, {named[dimension.subject]} AS subject,
                   {named[dimension.time]} AS "time", {key} AS key, reason,
                   CAST(to_json(struct_pack({raw})) AS VARCHAR) AS raw, {", ".join(carried)} FROM incoming
        )
    """  # noqa: S608


DOUBLED = "SELECT count(*) - count(DISTINCT id) FROM seen"
EACH_ONCE = "CREATE OR REPLACE TEMP TABLE seen AS SELECT DISTINCT ON (id) * FROM seen"
KEEP = f"""
    MERGE INTO telemetry.quarantine AS entry USING seen ON entry.id = seen.id
    WHEN MATCHED AND entry.last_run_id <> $run THEN UPDATE SET
        times_seen = entry.times_seen + 1, last_seen = $at, last_run_id = $run, reason = seen.reason,
        state = CASE entry.state WHEN '{SUPERSEDED}' THEN '{HELD}' ELSE entry.state END,
        state_since = CASE entry.state WHEN '{SUPERSEDED}' THEN $at ELSE entry.state_since END
    WHEN NOT MATCHED THEN INSERT VALUES (
        seen.id, $dimension, seen.source, seen.subject, seen."time", seen.key, seen.reason, seen.raw,
        $provider, $plan, $generation, $run, $version, $at, $at, $run, 1, seen.state, $at
    )
"""
"""Bring `seen` into the quarantine; a row that this run is counted for already changes nothing."""
FORGET_SEEN = "DROP TABLE IF EXISTS seen"


def key_text(dimension: Dimension, table: str = "incoming") -> str:
    """A kept row's key as entries write it."""
    key = ", ".join(f"coalesce(CAST({table}.\"{name}\" AS VARCHAR), '')" for name in dimension.key)
    return f"concat_ws('|', {key})"


def rekeying(dimension: Dimension) -> str:
    """Give every entry of a dimension (bound: its name) the key that its row has in the present schema."""
    values = ", ".join(f"coalesce(raw ->> '$.{name}', '')" for name in dimension.key)
    return f"UPDATE telemetry.quarantine SET key = concat_ws('|', {values}) WHERE dimension = ?"  # noqa: S608


def supersede(dimension: Dimension) -> str:
    """Close open entries, of a dimension (bound: its name), of keys that the kept rows in `incoming` have."""
    return f"""
        UPDATE telemetry.quarantine
        SET state = '{SUPERSEDED}', state_since = (SELECT max(observed_at) FROM incoming)
        WHERE dimension = $dimension AND state IN {OPEN} AND reason <> '{Defect.REPEATED_ROW}'
          AND key IN (SELECT {key_text(dimension)} FROM incoming)
          AND id NOT IN (SELECT id FROM ({newer(dimension)}))
    """  # noqa: S608


def newer(dimension: Dimension, verdicts: str = "telemetry.verdicts") -> str:
    """Entries on which the verdict is greater than the row of their key in the view `incoming`."""
    return f"""
        SELECT verdict.id FROM {verdicts} AS verdict
        JOIN incoming ON verdict.key = {key_text(dimension)}
        WHERE verdict.revision IS NOT NULL
          AND (verdict.revision, verdict.observed_at, verdict.run_id)
            > (incoming.revision, incoming.observed_at, incoming.run_id)
    """  # noqa: S608


def chosen(wish: QuarantineFilter) -> tuple[str, dict[str, object]]:
    """A condition on entries, and the values that it binds by name."""
    conditions = ["TRUE"]
    values: dict[str, object] = {}
    for column, wanted in (
        ("dimension", wish.dimension.name if wish.dimension else None),
        ("reason", wish.reason),
        ("state", wish.state),
    ):
        if wanted is not None:
            conditions.append(f"{column} = ${column}")
            values[column] = str(wanted)
    if wish.plan is not None:
        conditions.append(OF_PLAN)
        values["plan"] = wish.plan
    if wish.subjects:
        conditions.append("list_contains($subjects, subject)")
        values["subjects"] = list(wish.subjects)
    if wish.ids:
        conditions.append("list_contains($ids, id)")
        values["ids"] = list(wish.ids)
    return " AND ".join(conditions), values


def listing(condition: str) -> str:
    """Entries that meet a condition, the newest first; `$count` bounds them."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    return f"""
        SELECT {columns} FROM telemetry.quarantine WHERE {condition}
        ORDER BY last_seen DESC, dimension, reason, subject, "time", id LIMIT $count
    """  # noqa: S608


def counting(condition: str) -> str:
    """How many entries meet a condition, by dimension, reason and state."""
    return f"""
        SELECT dimension, reason, state, count(*) AS entries,
               min(first_seen) AS first_seen, max(last_seen) AS last_seen
        FROM telemetry.quarantine WHERE {condition}
        GROUP BY ALL ORDER BY dimension, entries DESC, reason, state
    """  # noqa: S608


def releasing(dimension: Dimension, condition: str, *, named: bool) -> str:
    """Make the table `releasing` of entries: the dimension's columns, `id`, `fit` and `contested`.

    Of those that are held or wait, and of acknowledged ones where ids are `named`.

    One per key, the one seen last: two entries can be versions of one fact. It is contested where another was
    seen last with it, and where it repeats a row that was kept, unless its id is `named`. A text that does
    not read as its column's type is null. A row without a value that has to be there does not fit, and
    neither does one with a value that is no finite number, or a text that not every store can hold.
    """
    repeated = "FALSE" if named else f"reason = '{Defect.REPEATED_ROW}'"
    facts = {
        field.name: f'TRY_CAST(item."{field.name}" AS {SQL_TYPES[str(field.type)]})'
        for field in dimension.facts
    }
    # A release is a version too: greater than every verdict on its key.
    facts["revision"] = f"greatest({facts['revision']}, coalesce(verdict.revision, {facts['revision']}))"
    texts = json.dumps(dict.fromkeys(facts, "VARCHAR"))
    if dimension.blank:
        # Rows of an earlier schema had a null there.
        facts[dimension.blank] = f"coalesce({facts[dimension.blank]}, '')"
    fit = _fits(dimension, {name: f'"{name}"' for name in facts})
    held = f"state IN {OPEN}" + (f" OR state = '{ACKNOWLEDGED}'" if named else "")
    columns = ", ".join(f'{value} AS "{name}"' for name, value in facts.items())
    return f"""
        CREATE OR REPLACE TEMP TABLE releasing AS SELECT *, ({fit}) AS fit FROM (
            SELECT {columns}, CAST($run AS VARCHAR) AS run_id, plan_generation,
                   CAST($version AS INTEGER) AS schema_version,
                   greatest(CAST($at AS TIMESTAMP WITH TIME ZONE), verdict.after) AS observed_at, provider,
                   'Released' AS flags, id,
                   {repeated} OR coalesce(lead(last_seen) OVER newest = last_seen, FALSE) AS contested
            FROM (SELECT *, json_transform(raw, '{texts}') AS item FROM telemetry.quarantine
                  WHERE {condition} AND dimension = $table AND ({held}))
            LEFT JOIN (
                SELECT key, max(revision) AS revision, max(observed_at) + INTERVAL 1 MICROSECOND AS after
                FROM telemetry.verdicts WHERE dimension = $table GROUP BY key
            ) AS verdict USING (key)
            WINDOW newest AS (PARTITION BY key ORDER BY last_seen DESC, id)
            QUALIFY row_number() OVER newest = 1
        )
    """  # noqa: S608


RELEASED_ROWS = """
    CREATE OR REPLACE TEMP VIEW incoming AS
    SELECT * EXCLUDE (id, fit, contested) FROM releasing WHERE fit AND NOT contested
"""
STAYING = """
    SELECT count(*) FILTER (NOT fit AND NOT contested), count(*) FILTER (contested) FROM releasing
"""
FIT = """
    SELECT source, provider, count(*) FROM releasing WHERE fit AND NOT contested
    GROUP BY source, provider ORDER BY source
"""
RELEASED_IDS = "SELECT id FROM releasing WHERE fit AND NOT contested"
SETTLE = f"""
    UPDATE telemetry.quarantine SET state = '{RELEASED}', state_since = ? WHERE id IN ({RELEASED_IDS})
"""  # noqa: S608
END_RELEASE = ("DROP VIEW IF EXISTS incoming", "DROP TABLE IF EXISTS releasing")


def expire(condition: str) -> str:
    """Drop entries that were not seen since `$before`, without those on which somebody decided."""
    decided = f"('{RELEASED}', '{ACKNOWLEDGED}', '{WAITING}')"
    return f"""
        DELETE FROM telemetry.quarantine WHERE {condition} AND last_seen < $before AND state NOT IN {decided}
    """  # noqa: S608


def moment(dimension: Dimension, text: str) -> str:
    """A time as entries write it, or null."""
    return f"TRY_CAST({text} AS {'DATE' if dimension.dated else 'TIMESTAMP WITH TIME ZONE'})"


OF_NOW = "moment IS NULL OR (moment <= $until AND (earliest IS NULL OR moment >= earliest))"
"""Whether an entry of a `moment` is recent, on a line of which `earliest` is the first recent time."""


def undecided(dimension: Dimension) -> str:
    """Recent entries by subject and source, of a table `waiting` of counts by `written` time."""
    return f"""
        SELECT subject, source, CAST(sum(entries) AS BIGINT) AS entries
        FROM (SELECT *, {moment(dimension, "written")} AS moment FROM waiting) WHERE {OF_NOW} GROUP BY ALL
    """  # noqa: S608


def _is_double(field: pa.Field) -> bool:
    return bool(pa.types.is_floating(field.type))


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type))


def _fits(dimension: Dimension, value: Mapping[str, str]) -> str:
    """Whether a row can be stored, by what its values are as the types of its columns."""
    facts = tuple(dimension.facts)
    return " AND ".join(
        [
            *(f"{value[field.name]} IS NOT NULL" for field in facts if not field.nullable),
            *(f"coalesce(isfinite({value[field.name]}), TRUE)" for field in facts if _is_double(field)),
            # No text of PostgreSQL holds the character of number 0.
            *(
                f"coalesce(NOT contains({value[field.name]}, chr(0)), TRUE)"
                for field in facts
                if _is_text(field)
            ),
        ]
    )


def _text(name: str, delivered: frozenset[str]) -> str:
    return f'CAST("{name}" AS VARCHAR)' if name in delivered else "CAST(NULL AS VARCHAR)"


SQL_TYPES = {
    "string": "VARCHAR",
    "double": "DOUBLE",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
}
