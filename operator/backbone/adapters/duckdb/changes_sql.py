"""Statements of the DuckDB store about the days on which rows changed.

Identifiers come from market.dimensions and from this file.
"""

from __future__ import annotations

from ...market.dimensions import Dimension

TABLE = """
    CREATE TABLE IF NOT EXISTS telemetry.ingest_changes (
        dimension VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        day DATE NOT NULL,
        "sequence" BIGINT NOT NULL
    )
"""
NOTE = """
    MERGE INTO telemetry.ingest_changes AS known USING (
        SELECT source, day, coalesce(
            CAST($sequence AS BIGINT), (SELECT coalesce(max("sequence"), 0) + 1 FROM telemetry.ingest_runs)
        ) AS "sequence"
        FROM changed
    ) AS item ON known.dimension = $dimension AND known.source = item.source AND known.day = item.day
    WHEN MATCHED AND known."sequence" < item."sequence" THEN UPDATE SET "sequence" = item."sequence"
    WHEN NOT MATCHED THEN INSERT VALUES ($dimension, item.source, item.day, item."sequence")
"""


def taking_in(dimension: Dimension) -> str:
    """Note the days of rows that came before anything did, each by the last run of which a row is left.

    It may be repeated.
    """
    return f"""
        INSERT INTO telemetry.ingest_changes
        SELECT '{dimension.name}', source, day, "sequence" FROM (
            SELECT item.source, {day(dimension, "item.")} AS day,
                   coalesce(max(run."sequence"), 0) AS "sequence"
            FROM market."{dimension.table}" AS item LEFT JOIN telemetry.ingest_runs AS run USING (run_id)
            GROUP BY 1, 2
        ) AS found ANTI JOIN (
            SELECT source, day FROM telemetry.ingest_changes WHERE dimension = '{dimension.name}'
        ) AS known USING (source, day)
    """  # noqa: S608


def day(dimension: Dimension, table: str = "") -> str:
    """The day of a row (UTC), whatever the session's zone; it takes no extension."""
    column = f'{table}"{dimension.time}"'
    return column if dimension.dated else f"CAST(make_timestamp(epoch_us({column})) AS DATE)"


def returning(dimension: Dimension, table: str = "") -> str:
    """What a statement that writes or removes rows tells of each."""
    return f"RETURNING {table}source, {day(dimension, table)} AS day"
