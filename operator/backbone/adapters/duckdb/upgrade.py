"""Statements that bring a DuckDB file of an earlier version to the present schema."""

from __future__ import annotations

from ...market.dimensions import DIMENSIONS, Dimension
from ...ports.journal import BY_HAND
from .quarantine_sql import rekeying as rekeyed_entries
from .sql import TYPES, table_of

NO_BACKBONE = """
    SELECT NOT EXISTS (SELECT 1 FROM information_schema.columns
                       WHERE table_schema = 'telemetry' AND table_name = 'ingest_runs'
                         AND column_name = 'backbone')
"""
"""Whether an earlier version made the journal."""
JOURNAL = (
    f"""
    UPDATE telemetry.ingest_runs SET plan = '{BY_HAND}'
    WHERE plan = 'quarantine' AND message IN ('release', 'expire')
    """,  # noqa: S608
    "ALTER TABLE telemetry.ingest_runs ADD COLUMN backbone VARCHAR DEFAULT ''",
)
"""Statements that bring it to the present schema; the one that shows it comes last."""
PLAN_METADATA = """
    ALTER TABLE telemetry.ingest_runs ADD COLUMN IF NOT EXISTS plan_metadata VARCHAR DEFAULT '{}'
"""
TELLS_NO_CHANGES = """
    SELECT NOT EXISTS (SELECT 1 FROM information_schema.columns
                       WHERE table_schema = 'telemetry' AND table_name = 'ingest_runs'
                         AND column_name = 'tells_changes')
"""
"""Whether all rows came by a version that noted no changes."""
TELLS_CHANGES = "ALTER TABLE telemetry.ingest_runs ADD COLUMN tells_changes BOOLEAN DEFAULT FALSE"
"""Shows that their days are noted."""


def outdated() -> str:
    """Tables of market data that an earlier version made, by their bare names."""
    return """
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = 'market' AND table_name NOT IN (
            SELECT table_name FROM information_schema.columns
            WHERE table_schema = 'market' AND column_name = 'provider' AND is_nullable = 'NO'
        )
    """


def migration(dimension: Dimension) -> tuple[str, ...]:
    """Statements that bring a table of an earlier version to the present schema.

    Each commits for itself and may be repeated, so a worker that dies between two leaves it to the next.
    """
    table = table_of(dimension)
    provider = """
        SELECT any_value(arrival.provider) FROM telemetry.ingest_runs AS run
        JOIN telemetry.ingest_arrivals AS arrival ON arrival."sequence" = run."sequence"
        WHERE run.run_id = item.run_id AND arrival.source = item.source AND arrival.dimension = ?
    """
    return (
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS provider VARCHAR",
        *(
            f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{field.name}" {TYPES[field.type]}'
            for field in dimension.schema
            if field.nullable
        ),
        f"UPDATE {table} AS item SET provider = coalesce(({provider}), 'unknown') "  # noqa: S608
        "WHERE provider IS NULL",
        f"ALTER TABLE {table} ALTER COLUMN provider SET NOT NULL",
    )


def unkeyed() -> str:
    """Tables of which a text of the key may be null, as in an earlier version, by their bare names."""
    columns = ", ".join(f"('{item.table}', '{item.blank}')" for item in DIMENSIONS if item.blank)
    return f"""
        SELECT table_name FROM information_schema.columns WHERE table_schema = 'market'
          AND is_nullable = 'YES' AND (table_name, column_name) IN ({columns})
    """  # noqa: S608


def rekeying(dimension: Dimension) -> tuple[str, ...]:
    """Statements that give a table of an earlier version its present key.

    Each commits for itself and may be repeated, so a worker that dies between two leaves it to the next.
    """
    table, blank = table_of(dimension), dimension.blank
    return (
        f'UPDATE {table} SET "{blank}" = \'\' WHERE "{blank}" IS NULL',  # noqa: S608
        rekeyed_entries(dimension),
        f'ALTER TABLE {table} ALTER COLUMN "{blank}" SET NOT NULL',
    )
