"""Statements of TimescaleDB about the days on which rows changed.

Identifiers come from market.dimensions and from this file.
"""

from __future__ import annotations

from ...market.dimensions import Dimension

_SEQUENCE = """
    coalesce(%(sequence)s::bigint, (SELECT coalesce(max("sequence"), 0) + 1 FROM telemetry.ingest_runs))
"""
"""The number of the run that writes; beyond all others where none began."""


def noting(days: str) -> str:
    """Note the rows of a table or a query with `source` and `day`; `of` and `sequence` are bound."""
    return f"""
        INSERT INTO telemetry.ingest_changes AS known (dimension, source, day, "sequence")
        SELECT DISTINCT %(of)s::text, source, day, {_SEQUENCE} FROM {days} ORDER BY 2, 3
        ON CONFLICT (dimension, source, day) DO UPDATE SET "sequence" = excluded."sequence"
        WHERE known."sequence" < excluded."sequence"
    """  # noqa: S608


def day(dimension: Dimension, table: str) -> str:
    """The day of a row (UTC), whatever the session's zone."""
    column = f'{table}."{dimension.time}"'
    return f"{column} AS day" if dimension.dated else f"({column} AT TIME ZONE 'UTC')::date AS day"


def bound_to(dimension: Dimension, sequence: int | None) -> dict[str, str | int | None]:
    """What `noting` needs."""
    return {"of": dimension.name, "sequence": sequence}
