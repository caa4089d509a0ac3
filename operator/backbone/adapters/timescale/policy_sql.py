"""The statements that set policies on TimescaleDB and read them back.

Identifiers come from the closed lists of policy_settings; values are bound.
"""

from __future__ import annotations

from ...ports.policies import Aggregate
from .policy_settings import SCHEDULES, TABLES, VIEWS, Kind, Setting, ordering, segments

Statement = tuple[str, list[object]]

REMEMBERED = 'SELECT kind, "table", setting FROM telemetry.policies'
REMEMBER = """
    INSERT INTO telemetry.policies (kind, "table", setting) VALUES (%s, %s, %s)
    ON CONFLICT ("table", kind) DO UPDATE SET setting = excluded.setting, since = now()
"""
FORGET = 'DELETE FROM telemetry.policies WHERE kind = %s AND "table" = %s'
FILLED = 'UPDATE telemetry.policies SET setting = %s WHERE kind = %s AND "table" = ANY(%s)'
MEMORY_THERE = "SELECT to_regclass('telemetry.policies') IS NOT NULL"
NOW = "SELECT now()"
WIDTHS = """
    SELECT hypertable_schema || '.' || hypertable_name, extract(epoch FROM time_interval)::bigint
    FROM timescaledb_information.dimensions
    WHERE hypertable_schema = 'market' AND dimension_number = 1 AND time_interval IS NOT NULL
"""
COLUMNSTORES = """
    SELECT place.nspname || '.' || item.relname, found.segmentby, found.orderby
    FROM timescaledb_information.hypertable_columnstore_settings AS found
    JOIN pg_class AS item ON item.oid = found.hypertable
    JOIN pg_namespace AS place ON place.oid = item.relnamespace
    WHERE place.nspname = 'market' AND (found.segmentby IS NOT NULL OR found.orderby IS NOT NULL)
"""
JOBS = """
    SELECT hypertable_schema || '.' || hypertable_name, proc_name, scheduled,
           extract(epoch FROM schedule_interval)::float8, extract(epoch FROM max_runtime)::float8,
           (extract(epoch FROM next_start) - extract(epoch FROM now()))::float8,
           extract(epoch FROM coalesce(config->>'drop_after', config->>'compress_after',
                                       config->>'start_offset')::interval)::float8,
           extract(epoch FROM (config->>'end_offset')::interval)::float8
    FROM timescaledb_information.jobs WHERE hypertable_schema = 'market' AND proc_name = ANY(%s)
"""
"""Spans are seconds, each of which may be infinite."""
OUTCOMES = """
    SELECT DISTINCT ON (job.job_id)
           job.hypertable_schema || '.' || job.hypertable_name, job.proc_name,
           extract(epoch FROM job.schedule_interval)::float8, wish.since,
           stats.last_run_status, stats.job_status, stats.last_run_started_at,
           stats.last_successful_finish, stats.next_start, stats.total_failures,
           failed.start_time, failed.err_message
    FROM timescaledb_information.jobs AS job
    LEFT JOIN timescaledb_information.job_stats AS stats USING (job_id)
    LEFT JOIN telemetry.policies AS wish
        ON wish."table" = job.hypertable_schema || '.' || job.hypertable_name
        AND wish.kind = %s::jsonb->>job.proc_name::text
    LEFT JOIN LATERAL (
        SELECT start_time, err_message FROM timescaledb_information.job_errors AS error
        WHERE error.job_id = job.job_id AND err_message IS NOT NULL ORDER BY start_time DESC LIMIT 1
    ) AS failed ON TRUE
    WHERE job.hypertable_schema = 'market' AND job.proc_name IN (SELECT jsonb_object_keys(%s::jsonb))
    ORDER BY job.job_id, stats.job_status = 'Running' DESC NULLS LAST
"""
"""How each job has fared; the statistics have a row for each process that works on one."""
AGGREGATES = """
    SELECT view_schema || '.' || view_name, materialized_only
    FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'market'
"""
NAMES = """
    SELECT 'market.' || relname FROM pg_class
    WHERE relnamespace = to_regnamespace('market') AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
CUTOFF = """
    SELECT max(range_end) FROM timescaledb_information.chunks
    WHERE hypertable_schema || '.' || hypertable_name = %s AND range_end <= now() - make_interval(days => %s)
"""
"""The end of the last chunk that a retention would drop now."""
PAST = """
    SELECT count(*) FILTER (WHERE due < wish.since OR due < now() - INTERVAL '1 day'),
           min(greatest(due, chunk_creation_time, wish.since))
    FROM (
        SELECT range_end + make_interval(days => %s) AS due, chunk_creation_time
        FROM timescaledb_information.chunks WHERE hypertable_schema || '.' || hypertable_name = %s
    ) AS chunk LEFT JOIN telemetry.policies AS wish ON wish.kind = %s AND wish."table" = %s
    WHERE due <= now()
"""
"""Chunks that a retention found when it was set, or its daily round left, and since when it could drop one.

One is due when all that it spans is too old; before it was made, or the retention set, no job could drop it.
"""

ROWS = """
    SELECT sum(CASE WHEN packed.chunk_id IS NULL THEN approximate_row_count(item.oid)
                    ELSE packed.numrows_pre_compression + greatest(item.reltuples, 0) END)::bigint
    FROM timescaledb_information.chunks AS chunk
    JOIN pg_namespace AS place ON place.nspname = chunk.chunk_schema
    JOIN pg_class AS item ON item.relnamespace = place.oid AND item.relname = chunk.chunk_name
    LEFT JOIN _timescaledb_catalog.chunk AS known
        ON known.schema_name = chunk.chunk_schema AND known.table_name = chunk.chunk_name
    LEFT JOIN _timescaledb_catalog.compression_chunk_size AS packed
        ON packed.chunk_id = known.id AND chunk.is_compressed
    WHERE chunk.hypertable_schema || '.' || chunk.hypertable_name = %s
"""
"""Rows as estimated: of a chunk in the columnstore those that were packed, and what came since.

The database's own estimate takes a packed chunk for empty, or for a thousand rows a batch.
"""
ROWS_PLAINLY = "SELECT approximate_row_count(%s::regclass)"

_PLACE = "extract(epoch FROM ts - TIMESTAMPTZ 'epoch') + ordinal * 0.000000000000001"
"""Of trades of one microsecond the ordinal tells the first. An aggregate compares plain values alone."""
_MINUTE_BARS = f"""
    SELECT source, symbol, time_bucket(INTERVAL '1 minute', ts) AS "start",
           first(price, {_PLACE}) AS "open", max(price) AS high, min(price) AS low,
           last(price, {_PLACE}) AS "close", sum(size) AS volume, count(*) AS trades, price_basis
    FROM market.intraday_trades
    GROUP BY source, symbol, price_basis, time_bucket(INTERVAL '1 minute', ts)
"""  # noqa: S608
_DEFINITIONS = {
    Aggregate.MINUTE_BARS: _MINUTE_BARS,
    Aggregate.TRADE_DAYS: """
        SELECT source, symbol, time_bucket(INTERVAL '1 day', "start") AS day,
               first("open", "start") AS "open", max(high) AS high, min(low) AS low,
               last("close", "start") AS "close", sum(volume) AS volume, sum(trades)::bigint AS trades,
               price_basis
        FROM market.trade_minute_bars
        GROUP BY source, symbol, price_basis, time_bucket(INTERVAL '1 day', "start")
    """,
    Aggregate.WEEKLY_BARS: """
        SELECT source, symbol, time_bucket(INTERVAL '7 days', session_date) AS week,
               first("open", session_date) AS "open", max(high) AS high, min(low) AS low,
               last("close", session_date) AS "close",
               last(adjusted_close, session_date) AS adjusted_close,
               sum(volume) AS volume, count(*) AS sessions, price_basis
        FROM market.daily_bars
        GROUP BY source, symbol, price_basis, time_bucket(INTERVAL '7 days', session_date)
    """,
}


_SCHEDULED = """
    SELECT alter_job(job_id, schedule_interval => make_interval(secs => %s),
                     max_runtime => make_interval(secs => %s))
    FROM timescaledb_information.jobs
    WHERE hypertable_schema || '.' || hypertable_name = %s AND proc_name = %s
"""
_JOBS = {
    Kind.REFRESH: (
        "SELECT remove_continuous_aggregate_policy('{table}')",
        "SELECT add_continuous_aggregate_policy('{table}', start_offset => make_interval(days => %s), "
        "end_offset => NULL, schedule_interval => make_interval(secs => %s), buckets_per_batch => {batch})",
    ),
    Kind.COMPRESSION: (
        "CALL remove_columnstore_policy('{table}')",
        "CALL add_columnstore_policy('{table}', after => make_interval(days => %s))",
    ),
    Kind.RETENTION: (
        "SELECT remove_retention_policy('{table}')",
        "SELECT add_retention_policy('{table}', drop_after => make_interval(days => %s))",
    ),
}
"""How a job of the database is ended, and how it is made."""


def statements(kind: Kind, table: str, old: Setting | None, new: Setting | None) -> list[Statement]:
    """What brings a table from one setting to another; each can be part of a transaction."""
    if kind in _JOBS:
        batch = VIEWS[table].batch if table in VIEWS else 0
        remove, add = (text.format(table=table, batch=batch) for text in _JOBS[kind])
        values: list[object] = [] if new is None else [new.days, new.seconds]
        ended: list[Statement] = [(remove, [])] if old else []
        if new is None:
            return ended
        when = SCHEDULES[kind]
        at: list[object] = [when.every or new.seconds, when.longest, table, when.procedure]
        return [*ended, (add, values[: add.count("%s")]), (_SCHEDULED, at)]
    if kind is Kind.CHUNK_WIDTH and new is not None:
        return [(f"SELECT set_chunk_time_interval('{table}', make_interval(days => %s))", [new.days])]
    return [(_columnstore(table) if kind is Kind.COLUMNSTORE else _aggregate(table, old, new), [])]


def fill(table: str, days: int | None) -> Statement:
    """Bring an aggregate up to date, as far back as some days; it cannot be part of a transaction."""
    if days is None:
        return f"CALL refresh_continuous_aggregate('{table}', NULL, NULL)", []
    kind = "date" if VIEWS[table].raw.dated else "timestamptz"
    start = f"(now() - make_interval(days => %s))::{kind}"
    return f"CALL refresh_continuous_aggregate('{table}', {start}, NULL)", [days]


def count_before(table: str) -> str:
    """How many rows of a dimension's table lie before a time (UTC), which is bound."""
    dimension = TABLES[table]
    kind = "date" if dimension.dated else "timestamptz"
    return f'SELECT count(*) FROM {table} WHERE "{dimension.time}" < %s::{kind}'  # noqa: S608


def count(view: str) -> str:
    """How many rows an aggregate has."""
    return f"SELECT count(*) FROM {view}"  # noqa: S608


def span(table: str) -> str:
    """First and last time of a dimension's table."""
    time = f'"{TABLES[table].time}"'
    return f"""
        SELECT (SELECT {time} FROM {table} ORDER BY {time} LIMIT 1),
               (SELECT {time} FROM {table} ORDER BY {time} DESC LIMIT 1)
    """  # noqa: S608


def _columnstore(table: str) -> str:
    dimension = TABLES[table]
    return (
        f"ALTER TABLE {table} SET (timescaledb.enable_columnstore, "
        f"timescaledb.segmentby = '{', '.join(segments(dimension))}', "
        f"timescaledb.orderby = '{', '.join(ordering(dimension))}')"
    )


def _aggregate(table: str, old: Setting | None, new: Setting | None) -> str:
    if new is None:
        return f"DROP MATERIALIZED VIEW {table}"
    if old is not None:
        return f"ALTER MATERIALIZED VIEW {table} SET (timescaledb.materialized_only = true)"
    definition = _DEFINITIONS[VIEWS[table].aggregate]
    return (
        f"CREATE MATERIALIZED VIEW {table} "
        f"WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS {definition} WITH NO DATA"
    )
