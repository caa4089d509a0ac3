"""What policies a database has."""

from __future__ import annotations

from datetime import timedelta

from psycopg import Connection

from . import policy_sql as sql
from .policy_settings import (
    VIEWS,
    Key,
    Kind,
    PolicyHoldings,
    Setting,
    columnstore_setting,
    days_setting,
    refresh,
)
from .session import Row

_DAY = 86_400
_JOBS = {
    "policy_retention": Kind.RETENTION,
    "policy_compression": Kind.COMPRESSION,
    "policy_refresh_continuous_aggregate": Kind.REFRESH,
}


def holdings(connection: Connection[Row]) -> PolicyHoldings:
    """What is set in a database and what it remembers. Raises psycopg.Error."""
    current: dict[Key, Setting] = {}
    for table, width in _rows(connection, sql.WIDTHS):
        current[Kind.CHUNK_WIDTH, table] = _span(width)
    for table, segment_by, order_by in _rows(connection, sql.COLUMNSTORES):
        current[Kind.COLUMNSTORE, table] = columnstore_setting(segment_by, order_by)
    for view, materialized in _rows(connection, sql.AGGREGATES):
        if view in VIEWS:
            current[Kind.AGGREGATE, view] = Setting("materialized" if materialized else "in real time")
    for table, procedure, scheduled, every, span, end in _rows(connection, sql.JOBS, [list(_JOBS)]):
        setting = _refresh(every, span, end) if _JOBS[procedure] is Kind.REFRESH else _span(span)
        paused = setting if scheduled else Setting(f"{setting.text}, paused", setting.days, setting.seconds)
        current[_JOBS[procedure], table] = paused
    names = {name for (name,) in _rows(connection, sql.NAMES)}
    ((now,),) = _rows(connection, sql.NOW)
    return PolicyHoldings(
        now,
        current,
        {(Kind[kind], table): text for kind, table, text in _rows(connection, sql.REMEMBERED)},
        frozenset(name for name in names if name in VIEWS and (Kind.AGGREGATE, name) not in current),
    )


def _span(seconds: int | None) -> Setting:
    """A span of a policy; one that is not of days is not ours, and `days` are those that are whole."""
    if seconds is None:
        return Setting("of another kind")
    if seconds % _DAY:
        return Setting(str(timedelta(seconds=seconds)), seconds // _DAY)
    return days_setting(seconds // _DAY)


def _refresh(every: int, start: int | None, end: int | None) -> Setting:
    setting = refresh(every, None if start is None else start // _DAY)
    if (start or 0) % _DAY or end is not None:
        return Setting(f"{setting.text}, of another window", setting.days, every)
    return setting


def _rows(connection: Connection[Row], statement: str, values: list[object] | None = None) -> list[Row]:
    return connection.execute(statement.encode(), values).fetchall()
